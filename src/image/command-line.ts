/** The command lines of the kernel, which are measured with it: that of the image, and that of the image for debugging. [Linux 6.12 kernel-parameters.txt] */

/** Nothing of the kernel's own goes to the host, only signed modules load, and the configuration is the one that HOST_DATA names. */
export const PRODUCTION_COMMAND_LINE: string =
  'quiet panic=1 lockdown=integrity module.sig_enforce=1 init_on_alloc=1 anchorhold.config=host-data';

/** The same with a console. */
export const DEBUG_COMMAND_LINE: string = `${PRODUCTION_COMMAND_LINE.replace('quiet ', '')} console=ttyS0 anchorhold.debug=1`;
