/** What the kernel says of the worker's own process: privileges, system calls, core files. `/proc/self/status` and `limits`. [proc(5)] */
import type { Host } from './host.ts';

function field(text: string | null, name: string): string | null {
  return new RegExp(`^${name}:\\s*(\\S+)`, 'm').exec(text ?? '')?.[1] ?? null;
}

/** Gives `none` (no capabilities, and none can be gained), `no-new-privs` (none can be gained), `open`, or `unknown`. */
export function claimPrivileges(host: Pick<Host, 'readFile'>): string {
  const status = host.readFile('/proc/self/status');
  const [noNew, effective] = [field(status, 'NoNewPrivs'), field(status, 'CapEff')];
  if (noNew === null || effective === null) return 'unknown';
  if (noNew !== '1') return 'open';
  return /^0+$/.test(effective) ? 'none' : 'no-new-privs';
}

/** Gives `filter`, `strict`, `none`, or `unknown`. */
export function claimSeccomp(host: Pick<Host, 'readFile'>): string {
  const mode = field(host.readFile('/proc/self/status'), 'Seccomp');
  return ({ '0': 'none', '1': 'strict', '2': 'filter' } as const)[mode ?? ''] ?? 'unknown';
}

/** Gives `none` when not even the worker itself could have a core file written, `possible` otherwise, or `unknown`. */
export function claimCore(host: Pick<Host, 'readFile'>): string {
  const limits = /^Max core file size\s+(\S+)\s+(\S+)/m.exec(host.readFile('/proc/self/limits') ?? '');
  if (limits === null) return 'unknown';
  return limits[1] === '0' && limits[2] === '0' ? 'none' : 'possible';
}
