/** Opens what one call needs of the host, and says how the call came to its end by itself: an exit, or more output than it may write. */
import type { AskOutside } from './sandbox.ts';
import { ExitRequest, type GuestCall } from './wasi/call.ts';
import { OutputBuffer } from './wasi/io.ts';

/** Says why a call has no answer. */
export class GuestFailure extends Error {}

export interface OpenCall extends GuestCall {
  /** Resolves with the exit code when the guest asks to end; rejects when it writes more than it may. */
  readonly ended: Promise<number>;
}

/** Gives a guest no way out. */
export const NO_EGRESS: AskOutside = () => Promise.resolve({ error: 'HTTP-request-denied' });

/** What is kept of the text that a function writes beside its answer; the rest is dropped, because it is no answer. */
export const LOG_BYTES = 4096;

/** Opens a call; `outputBytes` is what its guest may write to each of its outputs. */
export function openCall(
  given: Pick<GuestCall, 'args' | 'env' | 'egress'> & { readonly stdin: Uint8Array },
  outputBytes: number,
): OpenCall {
  const { promise: ended, resolve: exited, reject } = Promise.withResolvers<number>();
  // An end that nobody waits for any more is no fault of the process.
  ended.catch(() => undefined);
  const exceeded = (): void => reject(new GuestFailure('it wrote more than it may'));
  return {
    args: given.args,
    env: given.env,
    stdin: { rest: given.stdin },
    stdout: new OutputBuffer({ leftBytes: outputBytes }, exceeded),
    stderr: new OutputBuffer({ leftBytes: outputBytes }, exceeded),
    egress: given.egress,
    forRequests: { leftBytes: outputBytes },
    forAnswers: { leftBytes: outputBytes },
    exceeded,
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
