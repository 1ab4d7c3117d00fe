/**
 * Lowers a host function into a core function: takes the guest's flat values, gives the host real ones, and puts the result where the
 * guest expects it. [Component Model CanonicalABI.md, canon lower]
 */
import { checkMayBlock } from './async/wait.ts';
import type { AbiContext, InstanceState } from './call-context.ts';

import { type LiftArgs, makeLiftArgs } from './lift-args.ts';
import type { CoreValue } from './lift-flat.ts';
import { makeLowerFlat } from './lower-flat.ts';
import { makeStore } from './store.ts';
import { endGuest, GuestTrap, returnToGuest } from './trap.ts';
import { type FunctionType, MAX_FLAT_PARAMS, makeParams, type ValueType } from './value-type.ts';

/** A host's function; one that `waits` may answer with a promise, and suspends the guest until it settles. [JSPI] */
export interface HostEntry<Call> {
  readonly waits: boolean;
  /** Whether it may keep what it is given beyond its own call, which then counts for as long as the guest's call lasts. */
  readonly keeps: boolean;
  readonly run: HostRun<Call>;
}

/** Says whose call it is that a guest runs for. */
export interface CallHolder<Call> {
  readonly call: Call;
}

/** Runs a host function for a call with the values of its parameters. */
export type HostRun<Call> = (call: Call, args: readonly unknown[]) => unknown;
/** A core function; with JSPI it may answer with a promise. */
export type CoreFunction = (...flat: CoreValue[]) => CoreValue | undefined | Promise<CoreValue | undefined>;

type LowerResult = (cx: AbiContext, value: unknown, flat: readonly CoreValue[]) => CoreValue | undefined;

function makeLowerResult(type: ValueType | null, params: ValueType): LowerResult {
  if (type === null) return () => undefined;
  if (type.flat.length <= 1) {
    const lower = makeLowerFlat(type);
    return (cx, value) => {
      const flat: CoreValue[] = [];
      lower(cx, value, flat);
      return flat[0];
    };
  }
  const store = makeStore(type);
  const place = params.flat.length <= MAX_FLAT_PARAMS ? params.flat.length : 1;
  return (cx, value, flat) => {
    const pointer = Number(flat[place]) >>> 0;
    cx.memory.at(pointer, type.size, type.align);
    store(cx, pointer, value);
    return undefined;
  };
}

async function settle(state: InstanceState, value: Promise<unknown>): Promise<unknown> {
  state.pending += 1;
  try {
    return await value;
  } finally {
    state.pending -= 1;
  }
}

/** Makes what lowers a host function of this type; only one that `waits` may answer with a promise. */
export function makeLower<Call>(
  type: FunctionType,
  { run, waits, keeps }: HostEntry<Call>,
): (cx: AbiContext, holder: CallHolder<Call>) => CoreFunction {
  const params = makeParams(type);
  const liftArgs: LiftArgs = makeLiftArgs(params);
  const lowerResult = makeLowerResult(type.result, params);
  function finish(cx: AbiContext, value: unknown, flat: readonly CoreValue[]): CoreValue | undefined {
    const { lent } = cx.state;
    for (const handle of lent) handle.lent -= 1;
    lent.length = 0;
    const result = lowerResult(cx, value, flat);
    returnToGuest(cx.state);
    return result;
  }
  async function finishLater(
    cx: AbiContext,
    value: Promise<unknown>,
    flat: readonly CoreValue[],
  ): Promise<CoreValue | undefined> {
    try {
      const settled = await settle(cx.state, value);
      // Its call has its answer, and nobody would stop what it does from here on.
      if (cx.state.over) return await new Promise(() => undefined);
      return finish(cx, settled, flat);
    } catch (e) {
      return endGuest(cx.state, e);
    }
  }
  return (cx, holder) =>
    (...flat) => {
      const { state } = cx;
      if (!state.mayLeave) return endGuest(state, new GuestTrap('a function was called where none may be'));
      state.mayLeave = false;
      try {
        if (!cx.memory.isThere()) throw new GuestTrap('a function was called before its memory was there');
        const { liftLeft } = state;
        const args = liftArgs(cx, flat);
        if (!keeps) state.liftLeft = liftLeft;
        state.taken.length = 0;
        const value = run(holder.call, args);
        if (!(value instanceof Promise)) return finish(cx, value, flat);
        if (!waits) throw new TypeError('the host made a guest wait where it cannot');
        if (type.isAsync) checkMayBlock(state);
        return finishLater(cx, value, flat);
      } catch (e) {
        return endGuest(state, e);
      }
    };
}
