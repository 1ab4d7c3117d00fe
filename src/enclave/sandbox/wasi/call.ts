/** What the host knows of one call: what its guest is given, what it may still write, and who hears of its end. It holds no state of another call. */
import type { InputSource } from '../body.ts';
import type { OnWire } from '../messages.ts';
import type { EgressAnswer, EgressRequest } from '../sandbox.ts';
import type { ByteSink } from './byte-stream.ts';
import type { OutgoingTerms } from './outgoing-bytes.ts';
import type { OutputBuffer } from './output-buffer.ts';

/** What a guest asks by, with the whole body; never rejects: a refusal is an answer. */
export type AskOutside = (request: EgressRequest & { readonly body: Uint8Array }) => Promise<EgressAnswer>;

/** What a guest asks by when its body follows the head, beginning with what is `held`. */
export type BeginOutside = (
  head: OnWire<EgressRequest>,
  held: Uint8Array,
) => { readonly answer: Promise<EgressAnswer>; readonly body: ByteSink };

/** The only way out of a guest. */
export interface Outside {
  readonly egress: AskOutside;
  readonly beginEgress: BeginOutside;
}

export interface GuestCall extends Outside {
  readonly args: readonly string[];
  readonly stdin: InputSource;
  readonly stdout: OutputBuffer;
  readonly stderr: OutputBuffer;
  /** What the guest may still write in all its outgoing requests together. */
  readonly forRequests: OutgoingTerms;
  /** What it may still write as its answer. */
  readonly forAnswers: OutgoingTerms;
  /** Is called before the guest waits: what it has written so far goes out. */
  readonly waits: () => void;
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
