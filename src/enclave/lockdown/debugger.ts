/** Whether an inspector of Node runs in the worker, or can be started: by its options, by those of the environment, or by a signal. [Node 26 Debugger] */
import type { Host } from './host.ts';

/** Gives `none`, `signal` where SIGUSR1 would start one, or `open`. */
export function claimDebugger({ process }: Pick<Host, 'process'>): string {
  const { flags, environment, inspectorUrl } = process;
  const isAsked = flags.some((flag) => /^--(?:inspect|debug)/.test(flag)) || environment.includes('NODE_OPTIONS');
  if (inspectorUrl !== null || isAsked) return 'open';
  return flags.includes('--disable-sigusr1') ? 'none' : 'signal';
}
