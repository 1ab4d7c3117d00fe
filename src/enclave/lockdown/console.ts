/** Where the kernel's messages go, and whether its command line gives out a shell: `/proc/consoles`, `/proc/cmdline`. [proc(5)] */
import type { Host } from './host.ts';

/** Parameters of kernel and init that hand a shell or a debugger to whoever sits at a console. */
const SHELLS: readonly RegExp[] = [
  /^(?:rd)?init=.*\/(?:ba|da|a|z)?sh$/,
  /^(?:rd\.)?systemd\.debug[-_]shell(?:=|$)/,
  /^(?:rd\.)?(?:break|rescue|emergency|single)(?:=|$)/,
  /^systemd\.unit=(?:rescue|emergency)\.target$/,
  /^kgdb/,
  /^kdb/,
];

/** Gives `none`, the consoles' names joined by `+`, `shell` where the command line gives one out, or `unknown`. */
export function claimConsole(host: Pick<Host, 'readFile'>): string {
  const [consoles, cmdline] = [host.readFile('/proc/consoles'), host.readFile('/proc/cmdline')];
  if (consoles === null || cmdline === null) return 'unknown';
  const parameters = cmdline.trim().split(/\s+/);
  if (parameters.some((parameter) => SHELLS.some((shell) => shell.test(parameter)))) return 'shell';
  const names = consoles
    .split('\n')
    .map((line) => line.split(/\s/)[0] ?? '')
    .filter((name) => name !== '');
  return names.length === 0 ? 'none' : names.toSorted().join('+');
}
