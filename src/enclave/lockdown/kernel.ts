/** What the kernel holds everybody to, root too: no swap, and its own lockdown. `/proc/swaps`, `/sys/kernel/security/lockdown`. [kernel_lockdown(7)] */
import type { Host } from './host.ts';

/** Gives `none`, `on`, or `unknown`. */
export function claimSwap(host: Pick<Host, 'readFile'>): string {
  const swaps = host.readFile('/proc/swaps');
  if (swaps === null || !swaps.startsWith('Filename')) return 'unknown';
  return swaps.trim().split('\n').length === 1 ? 'none' : 'on';
}

/** Gives `integrity`, `confidentiality`, `none`, or `unknown` where the kernel does not say. */
export function claimKernel(host: Pick<Host, 'readFile'>): string {
  return (
    /\[(none|integrity|confidentiality)\]/.exec(host.readFile('/sys/kernel/security/lockdown') ?? '')?.[1] ?? 'unknown'
  );
}
