/** Lifts a core function: gives a guest the host's values, and takes its result out before the guest cleans it up. [Component Model CanonicalABI.md, canon lift] */
import type { AbiContext } from './call-context.ts';
import { type CoreValue, makeLiftFlat } from './lift-flat.ts';
import { makeLoad } from './load.ts';
import { makeLowerArgs } from './lower-args.ts';
import { reasonFor, returnToGuest } from './trap.ts';
import { type FunctionType, makeParams } from './value-type.ts';

/** A core function of an instance. */
export type GuestFunction = (...flat: CoreValue[]) => unknown;

/** Calls a core function of one instance as the function it is lifted to. */
export type LiftedCall = (
  cx: AbiContext,
  core: GuestFunction,
  postReturn: GuestFunction | null,
  args: readonly unknown[],
) => Promise<unknown>;

/** Makes what calls guest functions of this type; @throws Malformed for a type with too many parts. */
export function makeLift(type: FunctionType): LiftedCall {
  const params = makeParams(type);
  const lower = makeLowerArgs(params);
  const { result } = type;
  const direct = result !== null && result.flat.length <= 1 ? makeLiftFlat(result, 0, result.flat) : null;
  const load = result === null || direct !== null ? null : makeLoad(result);
  return async (cx, core, postReturn, args) => {
    const { state } = cx;
    if (!state.mayLeave) throw reasonFor(state);
    // Until the end only the guest's own code sets it again: a call that fails leaves the instance unusable.
    state.mayLeave = false;
    const flat: CoreValue[] = [];
    try {
      lower(cx, args, flat);
      returnToGuest(state);
      const returned = (await core(...flat)) as CoreValue | undefined;
      if (!state.mayLeave) throw reasonFor(state);
      state.mayLeave = false;
      const values = returned === undefined ? [] : [returned];
      const value = direct === null ? load?.(cx, Number(returned) >>> 0) : direct(cx, values);
      // While it cleans up, a guest must not call out: its result is already taken.
      postReturn?.(...values);
      if (state.failure !== null) throw reasonFor(state);
      state.taken.length = 0;
      state.mayLeave = true;
      return value;
    } catch (e) {
      state.mayLeave = false;
      throw state.failure === null ? e : state.failure.reason;
    }
  };
}
