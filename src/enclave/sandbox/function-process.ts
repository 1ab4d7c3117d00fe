/**
 * Keeps one child process for one function: starts it, passes calls, kills it at a deadline or a malformed frame, and starts the next.
 * The child is never asked to stop. A call that cannot be answered ends in a `FunctionError`, and the others go on.
 */
import type { ChildProcess } from 'node:child_process';
import { LIMITS } from '../../base/limits.ts';
import type { FunctionCode } from '../../error-table.ts';
import { FunctionError } from '../../errors.ts';
import { type ChildEnd, type ChildLink, openChildLink } from './child-link.ts';
import { encodeFrame, type Frame } from './frame.ts';
import type { Head } from './frame-head.ts';
import { type ChildMessage, FRAME, parseChildMessage, writeEgressAnswerHead } from './messages.ts';
import type { Egress, EgressAnswer, EgressRequest } from './sandbox.ts';

export interface FunctionProcessOptions {
  readonly name: string;
  /** Starts one confined child. */
  readonly launch: () => ChildProcess;
  /** The frame that makes a child load the function. */
  readonly load: Uint8Array;
  /** How long a child may take until it is ready. */
  readonly startDeadlineMs: number;
  /** Calls at the same time. */
  readonly maxCalls: number;
  /** Outgoing requests at the same time, per call. */
  readonly maxEgress: number;
  /** Gets lines that the child or the guest wrote; they may hold what was asked, so they must not leave the enclave. */
  readonly onLog: (line: string) => void;
}

/** What ends a call well. */
export type CallAnswer = Extract<ChildMessage, { type: 'answer' | 'exit' }>;

export interface CallOptions {
  readonly deadlineMs: number;
  readonly egress: Egress;
  /** Which of the two answers this function may give. */
  readonly expects: CallAnswer['type'];
}

export interface FunctionProcess {
  /** @throws FunctionError ERR_FUNCTION_TRAP, _DEADLINE, _UNAVAILABLE or _PROTOCOL */
  call(head: Head, body: Uint8Array, options: CallOptions): Promise<CallAnswer>;
  close(): Promise<void>;
}

interface PendingCall {
  readonly options: CallOptions;
  readonly resolve: (answer: CallAnswer) => void;
  readonly reject: (e: FunctionError) => void;
  egressNow: number;
  /** Is aborted when the call is over, however it ended; made for the first outgoing request, because most calls make none. */
  over: AbortController | null;
  logged: boolean;
}

/** One child from its start to its end. */
interface Generation {
  readonly link: ChildLink;
  readonly calls: Map<number, PendingCall>;
  isReady: boolean;
  wasCalled: boolean;
}

const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 10_000;
const NOTHING = new Uint8Array(0);
const TOO_MANY: EgressAnswer = { error: 'connection-limit-reached' };

/** The gate's egress never rejects; if it does all the same, the guest gets an error and the gate goes on. */
async function askEgress({ egress }: CallOptions, request: EgressRequest, ended: AbortSignal): Promise<EgressAnswer> {
  try {
    return await egress(request, ended);
  } catch {
    return { error: 'internal-error' };
  }
}

/**
 * Starts the first child and waits until it has loaded the function.
 * @throws FunctionError ERR_FUNCTION_INVALID when the child refuses the function, ERR_FUNCTION_UNAVAILABLE when it dies or is too slow
 */
export async function openFunctionProcess(options: FunctionProcessOptions): Promise<FunctionProcess> {
  const { name } = options;
  const error = (code: FunctionCode, why: string): FunctionError =>
    new FunctionError(code, `function "${name}" ${why}`);
  let closed = false;
  let failedStarts = 0;
  let lastCall = 0;
  let pause: NodeJS.Timeout | undefined;
  let current: Generation | null = null;
  let ready = Promise.withResolvers<Generation>();
  const first = Promise.withResolvers<void>();
  /** Children that still exist, killed or not. */
  const existing = new Set<Promise<void>>();

  function start(): void {
    let child: ChildProcess;
    try {
      child = options.launch();
    } catch {
      // The system has no memory or no process left just now; that is no reason to end the gate.
      failedStarts += 1;
      return startLater();
    }
    const generation: Generation = {
      calls: new Map(),
      isReady: false,
      wasCalled: false,
      link: openChildLink(child, LIMITS.frameBytes, {
        onFrame: (frame) => take(generation, frame),
        onEnd: (end) => finish(generation, end),
        onPrint: options.onLog,
      }),
    };
    current = generation;
    const timer = setTimeout(() => {
      if (!generation.isReady) generation.link.kill('killed');
    }, options.startDeadlineMs);
    const { gone } = generation.link;
    existing.add(gone);
    void gone.then(() => {
      clearTimeout(timer);
      return existing.delete(gone);
    });
    void generation.link.send(options.load);
  }

  /** Starts the next child: at once, unless children keep dying before they were of any use. */
  function startLater(): void {
    first.reject(error('ERR_FUNCTION_UNAVAILABLE', 'did not start'));
    if (closed) return;
    const pauseMs = failedStarts === 0 ? 0 : Math.min(FIRST_PAUSE_MS * 2 ** (failedStarts - 1), LONGEST_PAUSE_MS);
    pause = setTimeout(start, pauseMs);
  }

  /** Fails what was in flight, and has the next child started. */
  function finish(generation: Generation, end: ChildEnd): void {
    for (const pending of generation.calls.values()) pending.reject(lost(generation, end));
    generation.calls.clear();
    if (current === generation) current = null;
    if (generation.isReady) ready = Promise.withResolvers<Generation>();
    // Ready is only what the child says: one that dies before its first call would otherwise be started without end.
    if (!generation.wasCalled) failedStarts += 1;
    startLater();
  }

  function lost(generation: Generation, end: ChildEnd): FunctionError {
    if (end === 'malformed')
      return error('ERR_FUNCTION_PROTOCOL', 'sent something that is not a frame of the protocol');
    // With one call in flight it is clear whose fault the end was; the others only happened to be there.
    if (end === 'ended' && generation.calls.size === 1) return error('ERR_FUNCTION_TRAP', 'took its process down');
    return error('ERR_FUNCTION_UNAVAILABLE', 'lost its process while it worked');
  }

  function take(generation: Generation, frame: Frame): boolean {
    const message = parseChildMessage(frame);
    if (message === null) return false;
    if (message.type === 'ready' || message.type === 'refused')
      return !generation.isReady && begin(generation, message);
    const pending = generation.calls.get(message.call);
    if (pending === undefined) return false;
    if (message.type === 'log') {
      if (pending.logged) return false;
      pending.logged = true;
      options.onLog(message.text);
    } else if (message.type === 'egress') {
      void passEgress(generation, pending, message);
    } else if (message.type === 'trap') {
      generation.calls.delete(message.call);
      options.onLog(`trap: ${message.text}`);
      pending.reject(error('ERR_FUNCTION_TRAP', 'trapped or answered nothing'));
    } else {
      if (message.type !== pending.options.expects) return false;
      // From here on there is no such call: whatever else is said about it is not of the protocol.
      generation.calls.delete(message.call);
      pending.resolve(message);
    }
    return true;
  }

  function begin(generation: Generation, message: Extract<ChildMessage, { type: 'ready' | 'refused' }>): boolean {
    if (message.type === 'refused') {
      first.reject(error('ERR_FUNCTION_INVALID', `could not be loaded: ${message.text}`));
      generation.link.kill('killed');
      return true;
    }
    generation.isReady = true;
    ready.resolve(generation);
    first.resolve();
    return true;
  }

  /** A request counts until its answer is taken, so that a child that does not read cannot pile up answers here. */
  async function passEgress(
    generation: Generation,
    pending: PendingCall,
    message: Extract<ChildMessage, { type: 'egress' }>,
  ): Promise<void> {
    const refused = pending.egressNow >= options.maxEgress;
    pending.egressNow += 1;
    pending.over ??= new AbortController();
    const answer = refused ? TOO_MANY : await askEgress(pending.options, message.request, pending.over.signal);
    if (generation.calls.get(message.call) === pending) {
      const head = writeEgressAnswerHead(message.number, answer);
      const body = 'error' in answer ? NOTHING : answer.body;
      await generation.link.send(encodeFrame(FRAME.egressAnswer, message.call, head, body));
    }
    pending.egressNow -= 1;
  }

  async function call(head: Head, body: Uint8Array, callOptions: CallOptions): Promise<CallAnswer> {
    const { promise, resolve, reject } = Promise.withResolvers<CallAnswer>();
    let generation: Generation | null = null;
    let started: PendingCall | null = null;
    const timer = setTimeout(() => {
      if (generation === null) return reject(error('ERR_FUNCTION_UNAVAILABLE', 'has no running process'));
      reject(error('ERR_FUNCTION_DEADLINE', `did not answer within ${callOptions.deadlineMs} ms and was killed`));
      generation.link.kill('killed');
    }, callOptions.deadlineMs);
    lastCall = (lastCall + 1) % 2 ** 32;
    const id = lastCall;
    try {
      const running = await Promise.race([ready.promise, promise.then(() => null)]);
      // Between its being ready and this turn it may have died already.
      if (running === null || closed || running !== current)
        throw error('ERR_FUNCTION_UNAVAILABLE', 'has no running process');
      if (running.calls.size >= options.maxCalls)
        throw error('ERR_FUNCTION_UNAVAILABLE', 'has too many calls in flight');
      generation = running;
      running.wasCalled = true;
      failedStarts = 0;
      const pending: PendingCall = {
        options: callOptions,
        resolve,
        reject,
        over: null,
        egressNow: 0,
        logged: false,
      };
      started = pending;
      running.calls.set(id, pending);
      void running.link.send(encodeFrame(FRAME.call, id, head, body));
      return await promise;
    } finally {
      clearTimeout(timer);
      started?.over?.abort();
      generation?.calls.delete(id);
    }
  }

  async function close(): Promise<void> {
    closed = true;
    clearTimeout(pause);
    current?.link.kill('killed');
    ready.promise.catch(() => undefined);
    ready.reject(error('ERR_FUNCTION_UNAVAILABLE', 'is closed'));
    await Promise.all(existing);
  }

  start();
  try {
    await first.promise;
  } catch (e) {
    await close();
    throw e;
  }
  return { call, close };
}
