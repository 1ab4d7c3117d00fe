/** Opens what one call needs of the host, and says how the call came to its end by itself: an exit, or more output than it may write. */
import { LIMITS } from '../../base/limits.ts';
import type { EgressAnswer } from './sandbox.ts';
import type { ByteSink } from './wasi/byte-stream.ts';
import { ExitRequest, type GuestCall, type Outside } from './wasi/call.ts';
import type { OutgoingBytes } from './wasi/outgoing-bytes.ts';
import { OutputBuffer } from './wasi/output-buffer.ts';

/** Says why a call has no answer. */
export class GuestFailure extends Error {}

export interface OpenCall extends GuestCall {
  /** Resolves with the exit code when the guest asks to end; rejects when the call is to fail. */
  readonly ended: Promise<number>;
  /** Ends the call, for this reason. */
  readonly fail: (reason: string) => void;
}

const REFUSED: EgressAnswer = { error: 'HTTP-request-denied' };
const CLOSED: ByteSink = {
  state: 'closed',
  room: 0,
  write: () => false,
  end: () => undefined,
  abort: () => undefined,
  changed: () => Promise.resolve(),
};

/** Gives a guest no way out. */
export const NO_EGRESS: Outside = {
  egress: () => Promise.resolve(REFUSED),
  beginEgress: () => ({ answer: Promise.resolve(REFUSED), body: CLOSED }),
};

/** What is kept of the text that a function writes beside its answer; the rest is dropped, because it is no answer. */
const LOG_BYTES = 4096;

/** Opens the call of a query: what its guest writes to its streams is only a log. */
export function openQuery(outside: Outside, outputBytes: number): OpenCall {
  const call = openCall({ args: [], stdin: new Uint8Array(0), outside }, outputBytes);
  const log = new OutputBuffer({ leftBytes: LOG_BYTES }, () => undefined);
  return { ...call, stdout: log, stderr: log };
}

/** Opens a call; `outputBytes` is what its guest may write to each of its outputs. */
export function openCall(
  given: { readonly args: readonly string[]; readonly stdin: Uint8Array; readonly outside: Outside },
  outputBytes: number,
): OpenCall {
  const { promise: ended, resolve: exited, reject } = Promise.withResolvers<number>();
  // An end that nobody waits for any more is no fault of the process.
  ended.catch(() => undefined);
  const fail = (reason: string): void => reject(new GuestFailure(reason));
  const exceeded = (): void => fail('it wrote more than it may');
  const departing = new Set<OutgoingBytes>();
  const heldBytes = Math.min(outputBytes, LIMITS.bodyBytes);
  return {
    args: given.args,
    stdin: { rest: given.stdin },
    stdout: new OutputBuffer({ leftBytes: heldBytes }, exceeded),
    stderr: new OutputBuffer({ leftBytes: heldBytes }, exceeded),
    ...given.outside,
    forRequests: { allowance: { leftBytes: outputBytes }, exceeded, departing },
    forAnswers: { allowance: { leftBytes: outputBytes }, exceeded, departing },
    waits: () => {
      for (const body of departing) body.depart();
    },
    fail,
    exited,
    ended,
  };
}

/** Gives the reason that an engine or a host gave, in words. */
export function reasonOf(e: unknown): string {
  return e instanceof Error ? e.message : typeof e === 'string' ? e : 'no reason';
}

/** Waits for a guest, or for the end that its call came to before it returned; gives `exit` with the code where it asked to end. */
export async function settle<T>(
  running: Promise<T>,
  ended: Promise<number>,
): Promise<{ readonly exit: number } | { readonly returned: T }> {
  const exit = ended.then((code) => ({ exit: code }));
  try {
    return await Promise.race([exit, running.then((returned) => ({ returned }))]);
  } catch (e) {
    if (e instanceof ExitRequest) return { exit: e.exitCode };
    if (e instanceof GuestFailure) throw e;
    throw new GuestFailure(reasonOf(e));
  }
}
