/** What the host knows of one call: what its guest is given, what it may still write, and who hears of its end. It holds no state of another call. */
import type { InputSource } from '../body.ts';
import type { Mount } from '../files/mount.ts';
import type { OnWire } from '../messages.ts';
import type { Network } from '../net/network.ts';
import type { Outside as SocketsOutside } from '../net/outside.ts';
import type { EgressAnswer, EgressRequest, WholeEgressRequest } from '../sandbox.ts';
import type { ByteSink } from './byte-stream.ts';
import type { OutgoingBytes } from './outgoing-bytes.ts';
import type { Allowance, OutputBuffer } from './output-buffer.ts';
import type { Surroundings } from './surroundings.ts';

/** What a guest asks by, with the whole body; never rejects: a refusal is an answer. */
export type AskOutside = (request: WholeEgressRequest) => Promise<EgressAnswer>;

/** What a guest asks by when its body follows the head, beginning with what is `held`. */
export type BeginOutside = (
  head: OnWire<EgressRequest>,
  held: Uint8Array,
) => { readonly answer: Promise<EgressAnswer>; readonly body: ByteSink };

/** The only way out of a guest. */
export interface Outside {
  readonly egress: AskOutside;
  readonly beginEgress: BeginOutside;
  /** What its sockets may ask for. */
  readonly sockets: SocketsOutside;
}

export interface GuestCall extends Outside {
  readonly args: readonly string[];
  readonly env: readonly (readonly [name: string, value: string])[];
  /** The directories that it begins with, in the order that it sees them in. */
  readonly mounts: readonly Mount[];
  readonly stdin: InputSource;
  readonly stdout: OutputBuffer;
  readonly stderr: OutputBuffer;
  /** Its sockets: they reach each other, and beyond that what the gate lets through. */
  readonly network: Network;
  /** Time and randomness. */
  readonly surroundings: Surroundings;
  /** What the guest may still write in all its outgoing requests together. */
  readonly forRequests: Allowance;
  /** What it may still write as its answer. */
  readonly forAnswers: Allowance;
  /** Is called when the guest writes more. */
  readonly exceeded: () => void;
  /** Bodies that it writes whose messages may depart, and have not. */
  readonly departing: Set<OutgoingBytes>;
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
