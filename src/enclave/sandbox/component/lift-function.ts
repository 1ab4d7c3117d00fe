/** Lifts a core function: gives a guest the host's values, and takes its result out before the guest cleans it up. [CanonicalABI.md, canon lift] */
import type { AbiContext } from './call-context.ts';
import { Malformed } from './cursor.ts';
import { type CoreValue, makeLiftFlat } from './lift-flat.ts';
import { makeLoad } from './load.ts';
import { makeLowerFlat } from './lower-flat.ts';
import { type FunctionType, MAX_FLAT_PARAMS, makeParams } from './value-type.ts';

/** A core function of an instance. */
export type GuestFunction = (...flat: CoreValue[]) => unknown;

/** Calls a core function of one instance as the function it is lifted to. */
export type LiftedCall = (
  cx: AbiContext,
  core: GuestFunction,
  postReturn: GuestFunction | null,
  args: readonly unknown[],
) => Promise<unknown>;

/** Makes what calls guest functions of this type; @throws Malformed for more parameters than a host gives. */
export function makeLift(type: FunctionType): LiftedCall {
  const params = makeParams(type);
  if (params.flat.length > MAX_FLAT_PARAMS) throw new Malformed('an exported function has too many parameters');
  const lower = makeLowerFlat(params);
  const { result } = type;
  const direct = result !== null && result.flat.length <= 1 ? makeLiftFlat(result, 0, result.flat) : null;
  const load = result === null || direct !== null ? null : makeLoad(result);
  return async (cx, core, postReturn, args) => {
    const flat: CoreValue[] = [];
    lower(cx, args, flat);
    const returned = (await core(...flat)) as CoreValue | undefined;
    const values = returned === undefined ? [] : [returned];
    const value = direct === null ? load?.(cx, Number(returned) >>> 0) : direct(cx, values);
    if (postReturn !== null) {
      // While it cleans up, a guest must not call out: its result is already taken.
      cx.state.mayLeave = false;
      postReturn(...values);
      cx.state.mayLeave = true;
    }
    return value;
  };
}
