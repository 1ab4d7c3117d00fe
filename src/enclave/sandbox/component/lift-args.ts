/** Lifts the values that a guest passes to a function: flat as long as there are few, otherwise from memory. [Component Model CanonicalABI.md, Flattening] */
import type { AbiContext } from './call-context.ts';
import { type CoreValue, makeLiftFlat } from './lift-flat.ts';
import { makeLoad } from './load.ts';
import { MAX_FLAT_PARAMS, type ValueType } from './value-type.ts';

export type LiftArgs = (cx: AbiContext, flat: readonly CoreValue[]) => readonly unknown[];

/** Makes what lifts values, as one tuple; more than `maxFlat` core values lie in memory. */
export function makeLiftArgs(params: ValueType, maxFlat: number = MAX_FLAT_PARAMS): LiftArgs {
  if (params.flat.length <= maxFlat) return makeLiftFlat(params, 0, params.flat) as LiftArgs;
  const load = makeLoad(params);
  return (cx, flat) => load(cx, Number(flat[0]) >>> 0) as readonly unknown[];
}
