/**
 * The kernel's command lines of the image, which the launch measurement covers: the production one, and that of the debug image. Each parameter
 * is there for one reason. [Linux 6.12 Documentation/admin-guide/kernel-parameters.txt]
 */

import { refuseInput } from './tree.ts';

/** Where the worker finds the digest of its configuration: a digest, or the HOST_DATA of the machine's report. */
export type ConfigBinding = 'host-data' | `sha256:${string}`;

/** What holds for both images. */
const COMMON: readonly string[] = [
  // A kernel that has failed starts again, instead of waiting with everything in memory.
  'panic=1',
  'oops=panic',
  // Not even root changes the running kernel, and only modules that Debian signed are loaded.
  'lockdown=integrity',
  'module.sig_enforce=1',
  // Memory holds nothing of who had it before.
  'init_on_alloc=1',
  'init_on_free=1',
  'slab_nomerge',
  'vsyscall=none',
  // One set of system calls; the other's numbers would mean other calls.
  'ia32_emulation=0',
  // The processor's own randomness counts, and a machine without it does not start; the host's does not.
  'random.trust_cpu=1',
  'random.trust_bootloader=0',
  // No disk is asked for another root.
  'rdinit=/init',
];

const CONFIG = ' anchorhold.config=';

/** Binds the configuration to a command line: by HOST_DATA, or by its digest where the machine's host data are somebody else's. */
function bind(parameters: readonly string[], binding: ConfigBinding): string {
  return `${parameters.join(' ')}${CONFIG}${binding}`;
}

/**
 * Gives the command line of an image with another binding.
 * @throws ConfigurationError ERR_CONFIGURATION_IMAGE for one that does not end with a binding, and with only one
 */
export function rebindCommandLine(commandLine: string, binding: ConfigBinding): string {
  const [parameters = '', bound, ...more] = commandLine.split(CONFIG);
  if (bound === undefined || bound.includes(' ') || more.length > 0)
    throw refuseInput('the command line of the image does not name one configuration at its end');
  return bind([parameters], binding);
}

/** Gives the production command line. `console=null` is no console: without it the kernel would take a screen as one. */
export function productionCommandLine(binding: ConfigBinding): string {
  return bind(['quiet', ...COMMON, 'console=null'], binding);
}

/** The production command line of machines whose HOST_DATA is their configuration's digest: QEMU's. */
export const PRODUCTION_COMMAND_LINE: string = productionCommandLine('host-data');

/** That of the debug image: the kernel's messages and a shell on the serial line. Its measurement is another one. */
export const DEBUG_COMMAND_LINE: string = bind([...COMMON, 'console=ttyS0', 'anchorhold.debug=1'], 'host-data');
