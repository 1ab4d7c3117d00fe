/**
 * Lifts values out of the flat core values of a call. A lifter is made once for a type and its place among them. [Component Model CanonicalABI.md, Flat
 * Lifting]
 */
import { makeLiftStream } from './async/stream-values.ts';
import type { AbiContext } from './call-context.ts';
import { camelCase } from './labels.ts';
import { caseAt, liftCharacter, liftFlags, liftHandle, liftString, makeCase, withNames } from './lift-values.ts';
import { makeListReader } from './load.ts';
import type { Labelled } from './syntax.ts';
import { type CoreType, casesOf, type ValueType } from './value-type.ts';

/** What a core function takes and gives. */
export type CoreValue = number | bigint;
export type LiftFlat = (cx: AbiContext, flat: readonly CoreValue[]) => unknown;

const SCRATCH = new DataView(new ArrayBuffer(8));

/** What is left of a number for the narrow types: the engine gives all of its 32 bits, signed. */
const NARROW: Readonly<Record<string, (value: number) => unknown>> = {
  bool: (value) => value !== 0,
  u8: (value) => value & 0xff,
  s8: (value) => (value << 24) >> 24,
  u16: (value) => value & 0xffff,
  s16: (value) => (value << 16) >> 16,
  u32: (value) => value >>> 0,
  s32: (value) => value,
  f32: (value) => value,
  f64: (value) => value,
  char: (value) => liftCharacter(value >>> 0),
};

/** Reads a flat value as its own core type, out of the wider one that a variant may have joined it into. */
function narrow(value: CoreValue, have: CoreType, wanted: CoreType): CoreValue {
  if (have === 'i64') SCRATCH.setBigInt64(0, BigInt(value), true);
  else SCRATCH.setInt32(0, Number(value), true);
  if (wanted === 'f32') return SCRATCH.getFloat32(0, true);
  return wanted === 'f64' ? SCRATCH.getFloat64(0, true) : SCRATCH.getInt32(0, true);
}

type Read = (flat: readonly CoreValue[]) => CoreValue;

function makeRead(at: number, wanted: CoreType, have: readonly CoreType[]): Read {
  const type = have[at] ?? wanted;
  if (type === wanted) return (flat) => flat[at] ?? 0;
  return (flat) => narrow(flat[at] ?? 0, type, wanted);
}

function makeReadU32(at: number, have: readonly CoreType[]): (flat: readonly CoreValue[]) => number {
  const read = makeRead(at, 'i32', have);
  return (flat) => Number(read(flat)) >>> 0;
}

function makeCasesLift(
  type: ValueType,
  cases: readonly Labelled<ValueType | null>[],
  at: number,
  have: readonly CoreType[],
): LiftFlat {
  const lifts = cases.map(([label, payload]): LiftFlat => {
    const make = makeCase(type, label);
    if (payload === null) return () => make(undefined);
    const lift = makeLiftFlat(payload, at + 1, have);
    return (cx, flat) => make(lift(cx, flat));
  });
  const tagOf = makeReadU32(at, have);
  return (cx, flat) => caseAt(lifts, tagOf(flat))(cx, flat);
}

function makeSequenceLift(
  parts: readonly ValueType[],
  at: number,
  have: readonly CoreType[],
): (cx: AbiContext, flat: readonly CoreValue[]) => unknown[] {
  let next = at;
  const lifts = parts.map((part) => {
    const lift = makeLiftFlat(part, next, have);
    next += part.flat.length;
    return lift;
  });
  return (cx, flat) => lifts.map((lift) => lift(cx, flat));
}

/** Makes the lifter of a type whose flat values begin at `at`; `have` are the core types of all flat values of the call. */
export function makeLiftFlat(type: ValueType, at: number, have: readonly CoreType[]): LiftFlat {
  const cases = casesOf(type);
  if (cases !== null) return makeCasesLift(type, cases, at, have);
  if (type.kind === 'own' || type.kind === 'borrow') {
    const read = makeReadU32(at, have);
    return (cx, flat) => liftHandle(type, cx, read(flat));
  }
  if (type.kind === 'stream' || type.kind === 'future') {
    const read = makeReadU32(at, have);
    const lift = makeLiftStream(type);
    return (cx, flat) => lift(cx, read(flat));
  }
  if (type.kind === 'string' || type.kind === 'list') {
    const read = type.kind === 'list' ? makeListReader(type.element) : liftString;
    const [pointer, length] = [makeReadU32(at, have), makeReadU32(at + 1, have)];
    return (cx, flat) => read(cx, pointer(flat), length(flat));
  }
  if (type.kind === 'flags') {
    const names = type.labels.map(camelCase);
    const read = makeReadU32(at, have);
    return (_, flat) => liftFlags(names, read(flat));
  }
  if (type.kind === 'tuple') {
    return makeSequenceLift(type.elements, at, have);
  }
  if (type.kind === 'record') {
    const names = type.fields.map(([label]) => camelCase(label));
    const parts = type.fields.map(([, t]) => t);
    const lift = makeSequenceLift(parts, at, have);
    return (cx, flat) => withNames(names, lift(cx, flat));
  }
  if (type.kind === 'u64' || type.kind === 's64') {
    const read = makeRead(at, 'i64', have);
    const as = (value: bigint): bigint => (type.kind === 'u64' ? BigInt.asUintN(64, value) : BigInt.asIntN(64, value));
    return (_, flat) => as(BigInt(read(flat)));
  }
  const read = makeRead(at, type.flat[0] ?? 'i32', have);
  const toValue = NARROW[type.kind];
  if (toValue === undefined) throw new TypeError(`no lifter for ${type.kind}`);
  return (_, flat) => toValue(Number(read(flat)));
}
