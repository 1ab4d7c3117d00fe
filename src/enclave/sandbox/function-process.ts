/**
 * Passes calls to the child process of one function, and what the child says to the call that it says it of. A call that cannot be answered
 * ends in a `FunctionError`, and the others go on. Children are the supervisor's.
 */
import type { ChildProcess } from 'node:child_process';
import type { FunctionCode } from '../../error-table.ts';
import { FunctionError } from '../../errors.ts';
import type { Body } from './body.ts';
import { type CallAnswer, CallInFlight, type CallOptions } from './call-in-flight.ts';
import type { ChildEnd } from './child-link.ts';
import type { Frame } from './frame.ts';
import type { Head } from './frame-head.ts';
import { parseChildMessage } from './messages.ts';
import { type ChildUser, openSupervisor, type ReadyChild } from './supervisor.ts';

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

export interface FunctionProcess {
  /**
   * Calls the function once.
   * @throws FunctionError ERR_FUNCTION_TRAP, _DEADLINE, _UNAVAILABLE or _PROTOCOL
   * @throws TransportError ERR_TRANSPORT_CLOSED when the body broke off
   */
  call(head: Head, body: Body, options: CallOptions): Promise<CallAnswer>;
  close(): Promise<void>;
}

/** A child that is ready, and the calls that it works on. */
interface CalledChild extends ChildUser {
  readonly child: ReadyChild;
  readonly calls: Map<number, CallInFlight>;
}

/**
 * Starts the first child and waits until it has loaded the function.
 * @throws FunctionError ERR_FUNCTION_INVALID when the child refuses the function, ERR_FUNCTION_UNAVAILABLE when it dies or is too slow
 */
export async function openFunctionProcess(options: FunctionProcessOptions): Promise<FunctionProcess> {
  const { name, launch, load, startDeadlineMs, onLog } = options;
  const error = (code: FunctionCode, why: string): FunctionError =>
    new FunctionError(code, `function "${name}" ${why}`);
  let lastCall = 0;

  function attach(child: ReadyChild): CalledChild {
    const calls = new Map<number, CallInFlight>();
    return {
      child,
      calls,
      onFrame: (frame) => take(calls, frame),
      onEnd(end) {
        const error = lost(end, calls.size);
        for (const inFlight of calls.values()) inFlight.fail(error);
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

  function take(calls: CalledChild['calls'], frame: Frame): boolean {
    const message = parseChildMessage(frame);
    if (message === null || message.type === 'ready' || message.type === 'refused') return false;
    return calls.get(message.call)?.take(message) ?? false;
  }

  /** Waits for a child that is ready, no longer than the deadline. */
  async function waitForChild(deadlineMs: number): Promise<CalledChild | null> {
    const { promise, resolve } = Promise.withResolvers<null>();
    const timer = setTimeout(() => resolve(null), deadlineMs);
    try {
      return await Promise.race([supervisor.next(), promise]);
    } finally {
      clearTimeout(timer);
    }
  }

  async function call(head: Head, body: Body, callOptions: CallOptions): Promise<CallAnswer> {
    const { deadlineMs } = callOptions;
    let msLeft = deadlineMs;
    let running = supervisor.current();
    if (running === null) {
      const from = performance.now();
      running = await waitForChild(deadlineMs);
      msLeft = Math.max(0, deadlineMs - (performance.now() - from));
    }
    // Between its being ready and this turn it may have died already.
    if (running === null || running !== supervisor.current())
      throw error('ERR_FUNCTION_UNAVAILABLE', 'has no running process');
    const { calls, child } = running;
    if (calls.size >= options.maxCalls) throw error('ERR_FUNCTION_UNAVAILABLE', 'has too many calls in flight');
    child.markUsed();
    lastCall = (lastCall + 1) % 2 ** 32;
    const id = lastCall;
    const place = { id, child, maxEgress: options.maxEgress, onLog, error, onOver: () => calls.delete(id) };
    const inFlight = new CallInFlight(place, callOptions, msLeft);
    calls.set(id, inFlight);
    return await inFlight.send(head, body);
  }

  const supervisor = await openSupervisor({ name, launch, load, startDeadlineMs, attach, onPrint: onLog });
  return { call, close: () => supervisor.close() };
}
