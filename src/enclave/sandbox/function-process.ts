/**
 * Passes calls to the child process of one function, with a deadline each, and the egress that they ask for. A call past its deadline is
 * cancelled where the child says so at once, and otherwise the child is killed. A call that cannot be answered ends in a `FunctionError`, and
 * the others go on. Children are the supervisor's; whether a caller is let through is the circuits'.
 */
import type { ChildProcess } from 'node:child_process';
import type { FunctionCode } from '../../error-table.ts';
import { FunctionError } from '../../errors.ts';
import type { ChildEnd } from './child-link.ts';
import { type CircuitsLimits, type HeldBack, openCircuits } from './circuits.ts';
import { encodeFrame, type Frame } from './frame.ts';
import type { Head } from './frame-head.ts';
import { type ChildMessage, FRAME, parseChildMessage, writeEgressAnswerHead } from './messages.ts';
import type { CallTerms, EgressAnswer, EgressRequest } from './sandbox.ts';
import { type ChildUser, openSupervisor, type ReadyChild } from './supervisor.ts';
import type { Timers } from './timers.ts';

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
  /** How long a child may take to drop a call that is past its deadline, before it is killed. */
  readonly graceMs: number;
  /** How long after its last call a function keeps a spare child; 0 keeps none. */
  readonly spareMs: number;
  readonly circuits: CircuitsLimits;
  readonly timers: Timers;
  /** Hears what the operator should know, in fixed words that hold nothing of what was asked. */
  readonly onNotice: (notice: FunctionNotice) => void;
  /** Gets lines that the child or the guest wrote; they may hold what was asked, so they must not leave the enclave. */
  readonly onLog: (line: string) => void;
}

/** What the operator is told of a function: all its calls are held back because its processes keep dying, and no longer are. */
export type FunctionNotice = 'circuit open' | 'circuit closed';

/** What ends a call well. */
export type CallAnswer = Extract<ChildMessage, { type: 'answer' | 'exit' }>;

export interface CallOptions extends CallTerms {
  /** Which of the two answers this function may give. */
  readonly expects: CallAnswer['type'];
}

export interface FunctionProcess {
  /** @throws FunctionError ERR_FUNCTION_TRAP, _DEADLINE, _UNAVAILABLE, _CIRCUIT or _PROTOCOL */
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
  /** Calls off the kill; there once the call is past its deadline and the child was told to drop it. */
  callOffKill: (() => void) | null;
}

/** A child that is ready, and the calls that it works on. */
interface CalledChild extends ChildUser {
  readonly child: ReadyChild;
  readonly calls: Map<number, PendingCall>;
  /** Resolves when it is decided whether the child outlives the call that went over its deadline last. */
  doubt: Promise<void> | null;
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
  const { name, launch, load, startDeadlineMs, spareMs, timers, onLog } = options;
  const error = (code: FunctionCode, why: string): FunctionError =>
    new FunctionError(code, `function "${name}" ${why}`);
  const circuits = openCircuits(options.circuits, (isOpen) =>
    options.onNotice(isOpen ? 'circuit open' : 'circuit closed'),
  );
  let lastCall = 0;
  let closed = false;

  function attach(child: ReadyChild): CalledChild {
    const calls = new Map<number, PendingCall>();
    return {
      child,
      calls,
      doubt: null,
      onFrame: (frame) => take(child, calls, frame),
      onEnd(end) {
        const pendings = [...calls.values()];
        calls.clear();
        if (!closed) circuits.died(new Set(pendings.map((pending) => pending.options.caller)), timers.now());
        for (const pending of pendings) {
          pending.callOffKill?.();
          pending.reject(lost(end, pendings.length));
        }
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
      return true;
    }
    if (message.type === 'egress') {
      void passEgress(child, () => calls.get(message.call) === pending, pending, message);
      return true;
    }
    if (message.type === 'cancelled' && pending.callOffKill === null) return false;
    if ((message.type === 'answer' || message.type === 'exit') && message.type !== pending.options.expects)
      return false;
    // From here on there is no such call: whatever else is said about it is not of the protocol.
    calls.delete(message.call);
    pending.callOffKill?.();
    circuits.lived(pending.options.caller);
    if (message.type === 'trap') {
      onLog(`trap: ${message.text}`);
      pending.reject(error('ERR_FUNCTION_TRAP', 'trapped or answered nothing'));
    } else if (message.type !== 'cancelled') pending.resolve(message);
    return true;
  }

  /**
   * Ends a call past its deadline: the child may say at once that it dropped it, which it can while the guest waits; a child that does not is
   * killed. The word counts for the neighbours' sake only: the caller has its error already, and a child that lies gains nothing that it had not.
   */
  function overrun(called: CalledChild, id: number, pending: PendingCall): void {
    const { child, calls } = called;
    const decided = Promise.withResolvers<void>();
    called.doubt = decided.promise;
    const callOff = timers.after(options.graceMs, () => {
      // What the child has said by now may still wait to be read; the event loop reads before it comes to this.
      setImmediate(() => {
        if (calls.get(id) === pending) child.kill('killed');
      });
    });
    pending.callOffKill = () => {
      callOff();
      if (called.doubt === decided.promise) called.doubt = null;
      decided.resolve();
    };
    void child.send(encodeFrame(FRAME.cancel, id, {}));
  }

  /** A request counts until its answer is taken, so that a child that does not read cannot pile up answers here. */
  async function passEgress(
    child: ReadyChild,
    isOpen: () => boolean,
    pending: PendingCall,
    message: Extract<ChildMessage, { type: 'egress' }>,
  ): Promise<void> {
    if (pending.callOffKill !== null) return;
    const refused = pending.egressNow >= options.maxEgress;
    pending.egressNow += 1;
    pending.over ??= new AbortController();
    const answer = refused ? TOO_MANY : await askEgress(pending.options, message.request, pending.over.signal);
    if (isOpen() && pending.callOffKill === null) {
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
    const heldBack = circuits.admit(callOptions.caller, timers.now());
    if (heldBack !== null) throw circuitError(heldBack);
    const callOff = timers.after(callOptions.deadlineMs, () => {
      if (called === null || started === null)
        return reject(error('ERR_FUNCTION_UNAVAILABLE', 'has no running process'));
      reject(error('ERR_FUNCTION_DEADLINE', `did not answer within ${callOptions.deadlineMs} ms`));
      overrun(called, id, started);
    });
    lastCall = (lastCall + 1) % 2 ** 32;
    const id = lastCall;
    try {
      // A child that is about to be killed gets no more calls; the wait is one grace, and the spare is there after it.
      const { doubt = null } = supervisor.current() ?? {};
      if (doubt !== null) await doubt;
      const running = supervisor.current() ?? (await Promise.race([supervisor.next(), promise.then(() => null)]));
      // Between its being ready and this turn it may have died already.
      if (running === null || running !== supervisor.current())
        throw error('ERR_FUNCTION_UNAVAILABLE', 'has no running process');
      if (running.calls.size >= options.maxCalls)
        throw error('ERR_FUNCTION_UNAVAILABLE', 'has too many calls in flight');
      called = running;
      started = { options: callOptions, resolve, reject, over: null, egressNow: 0, logged: false, callOffKill: null };
      running.calls.set(id, started);
      running.child.markUsed();
      void running.child.send(encodeFrame(FRAME.call, id, head, body));
      return await promise;
    } finally {
      callOff();
      started?.over?.abort();
    }
  }

  function circuitError({ who, waitMs }: HeldBack): FunctionError {
    const calls = who === 'all' ? 'its calls are' : "this caller's calls are";
    const why = `keeps ending its process: ${calls} held back for now`;
    return new FunctionError('ERR_FUNCTION_CIRCUIT', `function "${name}" ${why}`, {
      retryAfterSeconds: Math.ceil(waitMs / 1000),
    });
  }

  const supervisor = await openSupervisor({
    name,
    launch,
    load,
    startDeadlineMs,
    spareMs,
    timers,
    attach,
    onFailedStart: () => circuits.died(new Set(), timers.now()),
    onPrint: onLog,
  });
  return {
    call,
    async close() {
      closed = true;
      await supervisor.close();
    },
  };
}
