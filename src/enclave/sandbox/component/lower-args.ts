/** Lowers the arguments of a guest's function: flat as long as they are few, otherwise into memory that the guest makes room in. [Component Model CanonicalABI.md, Flattening] */
import { type LowerFlat, makeLowerFlat } from './lower-flat.ts';
import { makeRoom } from './lower-values.ts';
import { makeStore } from './store.ts';
import { MAX_FLAT_PARAMS, type ValueType } from './value-type.ts';

/** Makes what puts the parameters where a guest's function expects them. */
export function makeLowerArgs(params: ValueType): LowerFlat {
  if (params.flat.length <= MAX_FLAT_PARAMS) return makeLowerFlat(params);
  const store = makeStore(params);
  return (cx, args, flat) => {
    const pointer = makeRoom(cx, params.size, params.align);
    store(cx, pointer, args);
    flat.push(pointer);
  };
}
