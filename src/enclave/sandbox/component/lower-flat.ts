/** Lowers the host's values to flat core values. A lowerer is made once for a type. [Component Model CanonicalABI.md, Flat Lowering] */
import { makeLowerStream } from './async/stream-values.ts';
import type { AbiContext } from './call-context.ts';
import { camelCase } from './labels.ts';
import type { CoreValue } from './lift-flat.ts';
import { bitsOf, codeOf, lowerHandle, makeCaseFinder, placeString } from './lower-values.ts';
import { makeListPlacer } from './store.ts';
import type { Labelled } from './syntax.ts';
import { type CoreType, casesOf, type ValueType } from './value-type.ts';

/** Appends the flat values of a value. */
export type LowerFlat = (cx: AbiContext, value: unknown, flat: CoreValue[]) => void;

const SCRATCH = new DataView(new ArrayBuffer(8));
const ZERO: Readonly<Record<CoreType, CoreValue>> = { i32: 0, i64: 0n, f32: 0, f64: 0 };

/** Turns a flat value into the wider type that a variant joined it into. */
function widen(value: CoreValue, from: CoreType, to: CoreType): CoreValue {
  if (from === to) return value;
  SCRATCH.setBigInt64(0, 0n);
  if (from === 'f32') SCRATCH.setFloat32(0, Number(value), true);
  else if (from === 'f64') SCRATCH.setFloat64(0, Number(value), true);
  else SCRATCH.setInt32(0, Number(value), true);
  return to === 'i64' ? SCRATCH.getBigInt64(0, true) : SCRATCH.getInt32(0, true);
}

function makeCasesLower(type: ValueType, cases: readonly Labelled<ValueType | null>[]): LowerFlat {
  const findCase = makeCaseFinder(
    type,
    cases.map(([label]) => label),
  );
  const payloads = cases.map(([, t]) => (t === null ? null : { flat: t.flat, lower: makeLowerFlat(t) }));
  const joined = type.flat.slice(1);
  return (cx, value, flat) => {
    const [tag, payload] = findCase(value);
    flat.push(tag);
    const start = flat.length;
    const of = payloads[tag];
    of?.lower(cx, payload, flat);
    for (const [i, to] of joined.entries()) {
      const from = of?.flat[i];
      flat[start + i] = from === undefined ? ZERO[to] : widen(flat[start + i] ?? 0, from, to);
    }
  };
}

/** Makes the lowerer of a type. */
export function makeLowerFlat(type: ValueType): LowerFlat {
  const cases = casesOf(type);
  if (cases !== null) return makeCasesLower(type, cases);
  if (type.kind === 'bool') {
    return (_, v, flat) => flat.push(v === true ? 1 : 0);
  }
  if (type.kind === 'char') {
    return (_, v, flat) => flat.push(codeOf(v));
  }
  if (type.kind === 'own' || type.kind === 'borrow') {
    return (cx, v, flat) => flat.push(lowerHandle(type, cx, v));
  }
  if (type.kind === 'stream' || type.kind === 'future') {
    const lower = makeLowerStream(type);
    return (cx, v, flat) => flat.push(lower(cx, v));
  }
  if (type.kind === 'string' || type.kind === 'list') {
    const place = type.kind === 'list' ? makeListPlacer(type.element) : placeString;
    return (cx, v, flat) => flat.push(...place(cx, v));
  }
  if (type.kind === 'flags') {
    const names = type.labels.map(camelCase);
    return (_, v, flat) => flat.push(bitsOf(names, v));
  }
  if (type.kind === 'tuple') {
    const lowers = type.elements.map(makeLowerFlat);
    return (cx, v, flat) => {
      const values = v as readonly unknown[];
      for (const [i, lower] of lowers.entries()) lower(cx, values[i], flat);
    };
  }
  if (type.kind === 'record') {
    const fields = type.fields.map(([label, t]) => [camelCase(label), makeLowerFlat(t)] as const);
    return (cx, v, flat) => {
      const record = v as Readonly<Record<string, unknown>>;
      for (const [name, lower] of fields) lower(cx, record[name], flat);
    };
  }
  return (_, v, flat) => flat.push(v as CoreValue);
}
