/**
 * The kernel's command lines of the image, which the launch measurement covers: the production one, and that of the debug image. Each parameter
 * is there for one reason. [Linux 6.12 Documentation/admin-guide/kernel-parameters.txt]
 */

/** Where the worker finds the digest of its configuration: a digest, or the HOST_DATA of the machine's report. */
export type ConfigBinding = 'host-data' | `sha256:${string}`;

/** What holds for both images. */
const COMMON: readonly string[] = [
  'quiet',
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

function bind(binding: ConfigBinding): string {
  return `anchorhold.config=${binding}`;
}

/** Gives the production command line. `console=null` is no console: without it the kernel would take a screen as one. */
export function productionCommandLine(binding: ConfigBinding): string {
  return [...COMMON, 'console=null', bind(binding)].join(' ');
}

/** Gives the command line of the debug image: messages of the kernel and a shell on the serial line. Its measurement is another one. */
export function debugCommandLine(binding: ConfigBinding): string {
  return [
    ...COMMON.filter((parameter) => parameter !== 'quiet'),
    'console=ttyS0',
    'anchorhold.debug=1',
    bind(binding),
  ].join(' ');
}
