/** A process that was started confined, however this machine starts it: what the gate has of it, and nothing of how it came about. */
import type { ChildProcess } from 'node:child_process';
import type { Duplex, Readable } from 'node:stream';

/** The child's end of the pipe to the gate. */
export const PIPE_FD = 3;

export interface ConfinedProcess {
  /** Its number; undefined while nobody has said it, or when there is no process. */
  readonly pid: number | undefined;
  /** The gate's end of its pipe; undefined when none could be made. */
  readonly pipe: Duplex | undefined;
  /** What it prints, to be read or drained; none where that goes nowhere. */
  readonly output: readonly Readable[];
  /** Kills it; does nothing when it is gone. */
  kill(): void;
  /** Resolves when it no longer exists, or could not be made. */
  readonly ended: Promise<void>;
}

/** What the kernel holds a process to. */
export interface KernelCaps {
  /** Memory that it may write to, in MiB, with the runtime's own. */
  readonly dataMiB: number;
  /** The directory of the control group that it joins; null where there are none. */
  readonly group: string | null;
}

/** Starts Node with these arguments; @throws what the system says when it has nothing left for a process. */
export type StartConfined = (args: readonly string[], caps: KernelCaps) => ConfinedProcess;

/** Sees a child process of Node's as a confined one; its pipe is the fourth of its streams. */
export function asConfined(child: ChildProcess): ConfinedProcess {
  const { promise: ended, resolve } = Promise.withResolvers<void>();
  child.on('error', () => resolve());
  child.on('exit', () => resolve());
  // A process that ran out of descriptors gets a child without streams, whatever the types say; its error comes later.
  const streams = child.stdio as ChildProcess['stdio'] | undefined;
  return {
    pid: child.pid,
    pipe: (streams?.[PIPE_FD] ?? undefined) as Duplex | undefined,
    output: [child.stdout, child.stderr].filter((stream) => stream instanceof Object),
    kill: () => void child.kill('SIGKILL'),
    ended,
  };
}
