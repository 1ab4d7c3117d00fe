/** What the host knows of one call: what its guest is given, what it may still write, and who hears of its end. It holds no state of another call. */
import type { Mount } from '../files/mount.ts';
import type { Network } from '../net/network.ts';
import type { AskOutside } from '../sandbox.ts';
import type { Allowance, InputSource, OutputBuffer } from './io.ts';
import type { Surroundings } from './surroundings.ts';

export interface GuestCall {
  readonly args: readonly string[];
  readonly env: readonly (readonly [name: string, value: string])[];
  /** The directories that it begins with, in the order that it sees them in. */
  readonly mounts: readonly Mount[];
  readonly stdin: InputSource;
  readonly stdout: OutputBuffer;
  readonly stderr: OutputBuffer;
  readonly egress: AskOutside;
  /** Its sockets: they reach each other, and beyond that what the gate lets through. */
  readonly network: Network;
  /** Time and randomness. */
  readonly surroundings: Surroundings;
  /** What the guest may still write in all its outgoing requests together: bodies lie outside of every other cap on the process's memory. */
  readonly forRequests: Allowance;
  /** What it may still write as its answer. */
  readonly forAnswers: Allowance;
  /** Is called when the guest writes more. */
  readonly exceeded: () => void;
  /** Is told the exit code before the guest is unwound, because a guest can catch what unwinds it. */
  readonly exited: (exitCode: number) => void;
}

/** Unwinds a guest that asked to end; whoever started it takes the code from here. */
export class ExitRequest extends Error {
  readonly exitCode: number;
  constructor(exitCode: number) {
    super(`exit ${exitCode}`);
    this.exitCode = exitCode;
  }
}
