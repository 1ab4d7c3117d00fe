/** Opens what one call needs of the host, and says how the call came to its end by itself: an exit, or more output than it may write. */
import { LIMITS } from '../../base/limits.ts';
import type { CommandExit, CommandRequest } from './command-messages.ts';
import { type GivenFiles, openMounts } from './files/mount.ts';
import { Network } from './net/network.ts';
import { NO_OUTSIDE } from './net/outside.ts';
import type { EgressAnswer } from './sandbox.ts';
import type { ByteSink } from './wasi/byte-stream.ts';
import { ExitRequest, type GuestCall, type Outside } from './wasi/call.ts';
import { OutputBuffer } from './wasi/output-buffer.ts';

/** Says why a call has no answer. */
export class GuestFailure extends Error {}

/** What a call has for as long as it lasts. */
export interface CallTerms
  extends Pick<
    GuestCall,
    | 'stdin'
    | 'egress'
    | 'beginEgress'
    | 'sockets'
    | 'surroundings'
    | 'forRequests'
    | 'forAnswers'
    | 'exceeded'
    | 'departing'
    | 'exited'
  > {
  /** Resolves with the exit code when the guest asks to end; rejects when it writes more than it may. */
  readonly ended: Promise<number>;
  /** Ends the call, for this reason. */
  readonly fail: (reason: string) => void;
  /** Ends the call while its guest waits; its instance is dropped. */
  readonly cancel: () => void;
}

/** A call with all that is its own. */
export interface OpenCall extends CallTerms, GuestCall {}

/** Where a call puts its `cancel`, for whoever asked for it. */
export interface CancelHandle {
  cancel: () => void;
}

const REFUSED: EgressAnswer = { error: 'HTTP-request-denied' };
export const CLOSED: ByteSink = {
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
  sockets: NO_OUTSIDE,
};

/** The number of a program's own trees; those that a function was loaded with have lower ones. */
const FIRST_OF_COMMAND = 2n ** 33n;

/** What is kept of the text that a function writes beside its answer; the rest is dropped, because it is no answer. */
export const LOG_BYTES = 4096;

/** What a guest is given for one call. */
export interface Given extends Pick<GuestCall, 'args' | 'env' | 'mounts' | 'surroundings'> {
  readonly outside: Outside;
  readonly stdin: Uint8Array;
}

/** Opens the terms of a call; `outputBytes` is what its guest may write to each of its outputs. */
export function openTerms(given: Pick<Given, 'outside' | 'stdin' | 'surroundings'>, outputBytes: number): CallTerms {
  const { promise: ended, resolve: exited, reject } = Promise.withResolvers<number>();
  // An end that nobody waits for any more is no fault of the process.
  ended.catch(() => undefined);
  const fail = (reason: string): void => reject(new GuestFailure(reason));
  const exceeded = (): void => fail('it wrote more than it may');
  return {
    stdin: { rest: given.stdin },
    egress: given.outside.egress,
    beginEgress: given.outside.beginEgress,
    sockets: given.outside.sockets,
    surroundings: given.surroundings,
    forRequests: { leftBytes: outputBytes },
    forAnswers: { leftBytes: outputBytes },
    exceeded,
    departing: new Set(),
    exited,
    ended,
    fail,
    cancel: () => fail('it was cancelled'),
  };
}

/** Opens a call; `outputBytes` is what its guest may write to each of its outputs. */
export function openCall(given: Given, outputBytes: number): OpenCall {
  const terms = openTerms(given, outputBytes);
  const { args, env, mounts, outside } = given;
  const heldBytes = Math.min(outputBytes, LIMITS.bodyBytes);
  const openOutput = (): OutputBuffer => new OutputBuffer({ leftBytes: heldBytes }, terms.exceeded);
  return {
    ...terms,
    args,
    env,
    mounts,
    stdout: openOutput(),
    stderr: openOutput(),
    network: new Network(outside.sockets),
  };
}

/** What is told of the last words of a program that failed. */
const LAST_WORDS = 400;

/** Opens the call of a program; `ended` waits for its exit code and says how it ended, with what it wrote and changed. @throws FileError */
export function openCommand(
  request: CommandRequest,
  files: GivenFiles,
  given: Pick<Given, 'outside' | 'surroundings'>,
  outputBytes: number,
): { readonly call: OpenCall; readonly ended: (running: Promise<number>) => Promise<CommandExit> } {
  const now = (): bigint => given.surroundings.wallNanos();
  const trees = openMounts(request.mounts, FIRST_OF_COMMAND, now);
  const { args, env, stdin } = request;
  const call = openCall({ args, env, stdin, mounts: [...files(now), ...trees], ...given }, outputBytes);
  async function ended(running: Promise<number>): Promise<CommandExit> {
    try {
      const code = await running;
      const changes = trees.map((tree) => tree.changes());
      return { code, stdout: call.stdout.bytes(), stderr: call.stderr.bytes(), changes };
    } catch (e) {
      // What a program says before it gives up is why it gives up.
      const words = Buffer.from(call.stderr.bytes()).toString().trim().slice(-LAST_WORDS);
      throw words === '' ? e : new GuestFailure(`${reasonOf(e)}, after it wrote: ${words}`);
    }
  }
  return { call, ended };
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
