/**
 * Passes calls to the child process of one function, with a deadline each, and what the child says to the call that it says it of. A call past its deadline is
 * cancelled where the child says so at once, and otherwise the child is killed. A call that cannot be answered ends in a `FunctionError`, and
 * the others go on. Children are the supervisor's; whether a caller is let through is the circuits'.
 */
import { NumberTable } from '../../base/number-table.ts';
import type { FunctionCode } from '../../error-table.ts';
import { FunctionError } from '../../errors.ts';
import type { Body } from './body.ts';
import { type CallAnswer, CallInFlight, type CallOptions } from './call-in-flight.ts';
import type { ChildEnd } from './child-link.ts';
import { type CircuitsLimits, type HeldBack, openCircuits } from './circuits.ts';
import type { ConfinedProcess } from './confined-process.ts';
import { FairSlots } from './fair-slots.ts';
import type { Frame } from './frame.ts';
import type { Head } from './frame-head.ts';
import { parseChildMessage } from './messages.ts';
import { watchProcessor } from './processor-watch.ts';
import { type ChildUser, openSupervisor, type ReadyChild } from './supervisor.ts';
import type { Timers } from './timers.ts';

export interface FunctionProcessOptions {
  readonly name: string;
  /** Starts one confined child. */
  readonly launch: () => ConfinedProcess;
  /** The frame that makes a child load the function. */
  readonly load: Uint8Array;
  /** How long a child may take until it is ready. */
  readonly startDeadlineMs: number;
  /** The largest frame that a child may send. */
  readonly frameBytes: number;
  /** Calls at the same time, which callers share. */
  readonly maxCalls: number;
  /** Outgoing requests at the same time, per call. */
  readonly maxEgress: number;
  /** Processor time that the process may use from the beginning of a call to its end; counted where it is below the call's deadline. */
  readonly cpuMs: number;
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

/** What the operator is told of a function: all its calls are held back because its processes keep dying, or no longer; one was too large. */
export type FunctionNotice = 'circuit open' | 'circuit closed' | 'killed for its memory';

export interface FunctionProcess {
  /**
   * Calls the function once.
   * @throws FunctionError ERR_FUNCTION_TRAP, _DEADLINE, _UNAVAILABLE, _CIRCUIT or _PROTOCOL
   * @throws TransportError ERR_TRANSPORT_CLOSED when the body broke off
   */
  call(head: Head, body: Body, options: CallOptions): Promise<CallAnswer>;
  close(): Promise<void>;
}

/** A child that is ready, and the calls that it works on. */
interface CalledChild extends ChildUser {
  readonly child: ReadyChild;
  readonly calls: NumberTable<CallInFlight>;
  /** Who made the call that went over its deadline last, until it is decided. */
  overrunBy: string | null;
  /** Resolves when it is decided whether the child outlives the call that went over its deadline last. */
  doubt: Promise<void> | null;
}

/**
 * Starts the first child and waits until it has loaded the function.
 * @throws FunctionError ERR_FUNCTION_INVALID when the child refuses the function, ERR_FUNCTION_UNAVAILABLE when it dies or is too slow
 */
export async function openFunctionProcess(options: FunctionProcessOptions): Promise<FunctionProcess> {
  const { name, launch, load, startDeadlineMs, frameBytes, spareMs, cpuMs, graceMs, maxEgress, timers, onLog } =
    options;
  const error = (code: FunctionCode, why: string): FunctionError =>
    new FunctionError(code, `function "${name}" ${why}`);
  const circuits = openCircuits(options.circuits, (isOpen) =>
    options.onNotice(isOpen ? 'circuit open' : 'circuit closed'),
  );
  const slots = new FairSlots(options.maxCalls);
  let lastCall = 0;
  let closed = false;

  function attach(child: ReadyChild): CalledChild {
    const calls = new NumberTable<CallInFlight>();
    const called: CalledChild = {
      child,
      calls,
      overrunBy: null,
      doubt: null,
      onFrame: (frame) => take(calls, frame),
      onEnd(end) {
        const inFlight = calls.values();
        // Of a child that was killed for an overrun it is known whose call that was; the others only happened to be there.
        const callers =
          end === 'killed' && called.overrunBy !== null ? [called.overrunBy] : inFlight.map((c) => c.caller);
        if (!closed) circuits.died(new Set(callers), timers.now());
        for (const each of inFlight) each.fail(lost(end, inFlight.length));
      },
    };
    return called;
  }

  function lost(end: ChildEnd, inFlight: number): FunctionError {
    if (end === 'malformed')
      return error('ERR_FUNCTION_PROTOCOL', 'sent something that is not a frame of the protocol');
    // With one call in flight it is clear whose fault the end was; the others only happened to be there.
    if (end === 'ended' && inFlight === 1) return error('ERR_FUNCTION_TRAP', 'took its process down');
    return error('ERR_FUNCTION_UNAVAILABLE', 'lost its process while it worked');
  }

  function take(calls: CalledChild['calls'], frame: Frame): boolean {
    const message = parseChildMessage(frame);
    if (message === null || message.type === 'ready' || message.type === 'refused') return false;
    return calls.get(message.call)?.take(message) ?? false;
  }

  /** Ends a call past its deadline; until it is decided whether the child outlives that, the child gets no other calls. */
  function overrun(called: CalledChild, inFlight: CallInFlight, spent: string): void {
    const decided = Promise.withResolvers<void>();
    called.doubt = decided.promise;
    called.overrunBy = inFlight.caller;
    inFlight.overrun(error('ERR_FUNCTION_DEADLINE', `did not answer within ${spent}`), () => {
      if (called.doubt === decided.promise) [called.doubt, called.overrunBy] = [null, null];
      decided.resolve();
    });
  }

  const doubtNow = (): Promise<void> | null => supervisor.current()?.doubt ?? null;

  async function call(head: Head, body: Body, callOptions: CallOptions): Promise<CallAnswer> {
    const { deadlineMs, caller } = callOptions;
    const heldBack = circuits.admit(caller, timers.now());
    if (heldBack !== null) throw circuitError(heldBack);
    let called: CalledChild | null = null;
    let inFlight: CallInFlight | null = null;
    let isLate = false;
    let giveUp: ((none: null) => void) | null = null;
    let callOffWatch = (): void => undefined;
    const callOff = timers.after(deadlineMs, () => {
      isLate = true;
      callOffWatch();
      if (called !== null && inFlight !== null) overrun(called, inFlight, `${deadlineMs} ms`);
      else giveUp?.(null);
    });
    try {
      // A child that may be about to be killed gets no more calls; a wait is one grace, another call may begin the next, and the spare is there after it.
      for (let doubt = doubtNow(); doubt !== null; doubt = doubtNow()) await doubt;
      const late = (): Promise<null> => new Promise((resolve) => void (giveUp = resolve));
      const running = supervisor.current() ?? (await Promise.race([supervisor.next(), late()]));
      // Between its being ready and this turn it may have died already.
      if (running === null || running !== supervisor.current() || isLate)
        throw error('ERR_FUNCTION_UNAVAILABLE', 'has no running process');
      const { calls, child } = running;
      if (!slots.take(caller)) throw error('ERR_FUNCTION_UNAVAILABLE', 'has too many calls in flight');
      lastCall = (lastCall + 1) % 2 ** 32;
      const id = lastCall;
      const onOver = (end: 'answered' | 'lost'): void => {
        callOff();
        callOffWatch();
        calls.delete(id);
        slots.give(caller);
        if (end === 'answered') circuits.lived(caller);
      };
      called = running;
      const started = new CallInFlight({ id, child, timers, graceMs, maxEgress, onLog, error, onOver }, callOptions);
      inFlight = started;
      calls.set(id, started);
      child.markUsed();
      if (cpuMs < deadlineMs) {
        const end = (): void => {
          callOff();
          overrun(running, started, `${cpuMs} ms of processor time`);
        };
        callOffWatch = watchProcessor(timers, () => child.cpuMs(), cpuMs, end);
      }
      return await started.send(head, body);
    } finally {
      if (inFlight === null) callOff();
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
    frameBytes,
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
