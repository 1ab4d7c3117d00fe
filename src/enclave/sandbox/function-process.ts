/**
 * Passes calls to the child process of one function, with a deadline each, and the egress that they ask for. The child is never asked to
 * stop: it is killed. A call that cannot be answered ends in a `FunctionError`, and the others go on. Children are the supervisor's.
 */
import type { ChildProcess } from 'node:child_process';
import type { FunctionCode } from '../../error-table.ts';
import { FunctionError } from '../../errors.ts';
import type { ChildEnd } from './child-link.ts';
import { encodeFrame, type Frame } from './frame.ts';
import type { Head } from './frame-head.ts';
import { type ChildMessage, FRAME, parseChildMessage, writeEgressAnswerHead } from './messages.ts';
import type { Egress, EgressAnswer, EgressRequest } from './sandbox.ts';
import { type ChildUser, openSupervisor, type ReadyChild } from './supervisor.ts';

export interface FunctionProcessOptions {
  readonly name: string;
  /** Starts one confined child. */
  readonly launch: () => ChildProcess;
  /** The frame that makes a child load the function. */
  readonly load: Uint8Array;
  /** How long a child may take until it is ready. */
  readonly startDeadlineMs: number;
  /** The largest frame that a child may send. */
  readonly frameBytes: number;
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

/** A child that is ready, and the calls that it works on. */
interface CalledChild extends ChildUser {
  readonly child: ReadyChild;
  readonly calls: Map<number, PendingCall>;
}

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
  const { name, launch, load, startDeadlineMs, frameBytes, onLog } = options;
  const error = (code: FunctionCode, why: string): FunctionError =>
    new FunctionError(code, `function "${name}" ${why}`);
  let lastCall = 0;

  function attach(child: ReadyChild): CalledChild {
    const calls = new Map<number, PendingCall>();
    return {
      child,
      calls,
      onFrame: (frame) => take(child, calls, frame),
      onEnd(end) {
        for (const pending of calls.values()) pending.reject(lost(end, calls.size));
        calls.clear();
      },
    };
  }

  function lost(end: ChildEnd, inFlight: number): FunctionError {
    if (end === 'malformed')
      return error('ERR_FUNCTION_PROTOCOL', 'sent something that is not a frame of the protocol');
    // With one call in flight it is clear whose fault the end was; the others only happened to be there.
    if (end === 'ended' && inFlight === 1) return error('ERR_FUNCTION_TRAP', 'took its process down');
    return error('ERR_FUNCTION_UNAVAILABLE', 'lost its process while it worked');
  }

  function take(child: ReadyChild, calls: Map<number, PendingCall>, frame: Frame): boolean {
    const message = parseChildMessage(frame);
    if (message === null || message.type === 'ready' || message.type === 'refused') return false;
    const pending = calls.get(message.call);
    if (pending === undefined) return false;
    if (message.type === 'log') {
      if (pending.logged) return false;
      pending.logged = true;
      onLog(message.text);
    } else if (message.type === 'egress') {
      void passEgress(child, () => calls.get(message.call) === pending, pending, message);
    } else if (message.type === 'trap') {
      calls.delete(message.call);
      onLog(`trap: ${message.text}`);
      pending.reject(error('ERR_FUNCTION_TRAP', 'trapped or answered nothing'));
    } else {
      if (message.type !== pending.options.expects) return false;
      // From here on there is no such call: whatever else is said about it is not of the protocol.
      calls.delete(message.call);
      pending.resolve(message);
    }
    return true;
  }

  /** A request counts until its answer is taken, so that a child that does not read cannot pile up answers here. */
  async function passEgress(
    child: ReadyChild,
    isOpen: () => boolean,
    pending: PendingCall,
    message: Extract<ChildMessage, { type: 'egress' }>,
  ): Promise<void> {
    const refused = pending.egressNow >= options.maxEgress;
    pending.egressNow += 1;
    pending.over ??= new AbortController();
    const answer = refused ? TOO_MANY : await askEgress(pending.options, message.request, pending.over.signal);
    if (isOpen()) {
      const head = writeEgressAnswerHead(message.number, answer);
      const body = 'error' in answer ? NOTHING : answer.body;
      await child.send(encodeFrame(FRAME.egressAnswer, message.call, head, body));
    }
    pending.egressNow -= 1;
  }

  async function call(head: Head, body: Uint8Array, callOptions: CallOptions): Promise<CallAnswer> {
    const { promise, resolve, reject } = Promise.withResolvers<CallAnswer>();
    let called: CalledChild | null = null;
    let started: PendingCall | null = null;
    const timer = setTimeout(() => {
      if (called === null) return reject(error('ERR_FUNCTION_UNAVAILABLE', 'has no running process'));
      reject(error('ERR_FUNCTION_DEADLINE', `did not answer within ${callOptions.deadlineMs} ms and was killed`));
      called.child.kill('killed');
    }, callOptions.deadlineMs);
    lastCall = (lastCall + 1) % 2 ** 32;
    const id = lastCall;
    try {
      const running = supervisor.current() ?? (await Promise.race([supervisor.next(), promise.then(() => null)]));
      // Between its being ready and this turn it may have died already.
      if (running === null || running !== supervisor.current())
        throw error('ERR_FUNCTION_UNAVAILABLE', 'has no running process');
      if (running.calls.size >= options.maxCalls)
        throw error('ERR_FUNCTION_UNAVAILABLE', 'has too many calls in flight');
      called = running;
      running.child.markUsed();
      started = { options: callOptions, resolve, reject, over: null, egressNow: 0, logged: false };
      running.calls.set(id, started);
      void running.child.send(encodeFrame(FRAME.call, id, head, body));
      return await promise;
    } finally {
      clearTimeout(timer);
      started?.over?.abort();
      called?.calls.delete(id);
    }
  }

  const supervisor = await openSupervisor({ name, launch, load, startDeadlineMs, frameBytes, attach, onPrint: onLog });
  return { call, close: () => supervisor.close() };
}
