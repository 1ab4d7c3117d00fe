/**
 * Reads values out of a guest's memory. A loader is made once for a type, and checks every pointer, length, discriminant, character and
 * handle each time. [Component Model CanonicalABI.md, Loading]
 */
import { makeLiftStream } from './async/stream-values.ts';
import { type AbiContext, spendLift } from './call-context.ts';
import { camelCase } from './labels.ts';
import { caseAt, liftCharacter, liftFlags, liftHandle, liftString, makeCase, withNames } from './lift-values.ts';
import type { Labelled } from './syntax.ts';
import { alignTo, casesOf, discriminantSize, payloadOffset, type ValueType } from './value-type.ts';

export type Load = (cx: AbiContext, pointer: number) => unknown;
type Read = (view: DataView, pointer: number) => unknown;

/** What each part of an item costs at least in the host, whatever its size in the guest: numbers lie side by side, all else is an object. */
const NUMBER_COST = 8;
const PART_COST = 64;

const READ: Readonly<Record<string, Read>> = {
  bool: (view, p) => view.getUint8(p) !== 0,
  u8: (view, p) => view.getUint8(p),
  s8: (view, p) => view.getInt8(p),
  u16: (view, p) => view.getUint16(p, true),
  s16: (view, p) => view.getInt16(p, true),
  u32: (view, p) => view.getUint32(p, true),
  s32: (view, p) => view.getInt32(p, true),
  u64: (view, p) => view.getBigUint64(p, true),
  s64: (view, p) => view.getBigInt64(p, true),
  f32: (view, p) => view.getFloat32(p, true),
  f64: (view, p) => view.getFloat64(p, true),
  char: (view, p) => liftCharacter(view.getUint32(p, true)),
};

/** Makes the reader of a list's items, given where they are and how many. */
export function makeListReader(element: ValueType): (cx: AbiContext, pointer: number, length: number) => unknown {
  if (element.kind === 'u8') {
    return (cx, pointer, length) => {
      spendLift(cx.state, length);
      // A copy: the guest may go on writing while the host still reads.
      return cx.memory.bytes(pointer, length).slice();
    };
  }
  const load = makeLoad(element);
  const { size, align } = element;
  const cost = Math.max(size, element.kind in READ ? NUMBER_COST : PART_COST * element.weight);
  return (cx, pointer, length) => {
    cx.memory.at(pointer, length * size, align);
    spendLift(cx.state, length * cost);
    return Array.from({ length }, (_, i) => load(cx, pointer + i * size));
  };
}

/** Reads a discriminant, or the bits of flags. */
function readBits(view: DataView, pointer: number, size: number): number {
  if (size === 1) return view.getUint8(pointer);
  return size === 2 ? view.getUint16(pointer, true) : view.getUint32(pointer, true);
}

function makeCasesLoad(type: ValueType, cases: readonly Labelled<ValueType | null>[]): Load {
  const tagSize = discriminantSize(cases.length);
  const offset = payloadOffset(cases);
  const loads = cases.map(([label, payload]): Load => {
    const make = makeCase(type, label);
    if (payload === null) return () => make(undefined);
    const load = makeLoad(payload);
    return (cx, p) => make(load(cx, p + offset));
  });
  return (cx, p) => caseAt(loads, readBits(cx.memory.at(p, type.size, type.align), p, tagSize))(cx, p);
}

function makeSequenceLoad(parts: readonly ValueType[]): (cx: AbiContext, pointer: number) => unknown[] {
  let end = 0;
  const loads = parts.map((part): Load => {
    const start = alignTo(end, part.align);
    end = start + part.size;
    const load = makeLoad(part);
    return (cx, p) => load(cx, p + start);
  });
  return (cx, p) => loads.map((load) => load(cx, p));
}

/** Makes the loader of a type. */
export function makeLoad(type: ValueType): Load {
  const cases = casesOf(type);
  if (cases !== null) return makeCasesLoad(type, cases);
  const { size, align } = type;
  if (type.kind === 'own' || type.kind === 'borrow') {
    return (cx, p) => liftHandle(type, cx, cx.memory.at(p, size, align).getUint32(p, true));
  }
  if (type.kind === 'stream' || type.kind === 'future') {
    const lift = makeLiftStream(type);
    return (cx, p) => lift(cx, cx.memory.at(p, size, align).getUint32(p, true));
  }
  if (type.kind === 'string' || type.kind === 'list') {
    const read = type.kind === 'list' ? makeListReader(type.element) : liftString;
    return (cx, p) => {
      const view = cx.memory.at(p, size, align);
      return read(cx, view.getUint32(p, true), view.getUint32(p + 4, true));
    };
  }
  if (type.kind === 'flags') {
    const names = type.labels.map(camelCase);
    return (cx, p) => liftFlags(names, readBits(cx.memory.at(p, size, align), p, size));
  }
  if (type.kind === 'tuple') {
    return makeSequenceLoad(type.elements);
  }
  if (type.kind === 'record') {
    const names = type.fields.map(([label]) => camelCase(label));
    const load = makeSequenceLoad(type.fields.map(([, t]) => t));
    return (cx, p) => withNames(names, load(cx, p));
  }
  const read = READ[type.kind];
  if (read === undefined) throw new TypeError(`no loader for ${type.kind}`);
  return (cx, p) => read(cx.memory.at(p, size, align), p);
}
