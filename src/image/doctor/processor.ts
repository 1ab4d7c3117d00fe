/** What Linux says about the first processor of a machine: who made it, which one it is, and its flags. (Linux, Documentation/arch/x86/cpuinfo.rst) */
import type { MachineView } from './machine-view.ts';

export interface Processor {
  /** `AuthenticAMD`. */
  readonly vendor: string;
  readonly name: string;
  readonly flags: ReadonlySet<string>;
}

/** Reads /proc/cpuinfo; null where it cannot be read. */
export function readProcessor(view: Pick<MachineView, 'readFile'>): Processor | null {
  const text = view.readFile('/proc/cpuinfo');
  if (text === null) return null;
  const field = (name: string): string => new RegExp(`^${name}\\s*: (.*)$`, 'm').exec(text)?.[1]?.trim() ?? '';
  return { vendor: field('vendor_id'), name: field('model name'), flags: new Set(field('flags').split(' ')) };
}

/** Tells whether a version such as `6.12.107+deb13` has at least these two numbers; null when it begins with none. */
export function isAtLeast(version: string, major: number, minor: number): boolean | null {
  const [, first, second] = /^(\d+)\.(\d+)/.exec(version) ?? [];
  if (first === undefined || second === undefined) return null;
  return Number(first) > major || (Number(first) === major && Number(second) >= minor);
}
