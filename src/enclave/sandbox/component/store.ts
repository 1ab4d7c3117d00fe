/**
 * Writes the host's values into a guest's memory. What the host gives is trusted to be of its type; where the guest says to write is not.
 * [Component Model CanonicalABI.md, Storing]
 */
import { makeLowerStream } from './async/stream-values.ts';
import type { AbiContext } from './call-context.ts';
import { camelCase } from './labels.ts';
import { bitsOf, codeOf, lowerHandle, makeCaseFinder, makeRoom, placeBytes, placeString } from './lower-values.ts';
import type { Labelled } from './syntax.ts';
import { alignTo, casesOf, discriminantSize, payloadOffset, type ValueType } from './value-type.ts';

export type Store = (cx: AbiContext, pointer: number, value: unknown) => void;
type Place = (cx: AbiContext, value: unknown) => readonly [pointer: number, length: number];
type Write = (view: DataView, pointer: number, value: never) => void;

const WRITE: Readonly<Record<string, Write>> = {
  bool: (view, p, v: boolean) => view.setUint8(p, v ? 1 : 0),
  u8: (view, p, v: number) => view.setUint8(p, v),
  s8: (view, p, v: number) => view.setInt8(p, v),
  u16: (view, p, v: number) => view.setUint16(p, v, true),
  s16: (view, p, v: number) => view.setInt16(p, v, true),
  u32: (view, p, v: number) => view.setUint32(p, v, true),
  s32: (view, p, v: number) => view.setInt32(p, v, true),
  u64: (view, p, v: bigint) => view.setBigUint64(p, v, true),
  s64: (view, p, v: bigint) => view.setBigInt64(p, v, true),
  f32: (view, p, v: number) => view.setFloat32(p, v, true),
  f64: (view, p, v: number) => view.setFloat64(p, v, true),
  char: (view, p, v: string) => view.setUint32(p, codeOf(v), true),
};

/** Makes what copies a list in, and gives where its items are and how many. */
export function makeListPlacer(element: ValueType): Place {
  if (element.kind === 'u8') return (cx, value) => placeBytes(cx, value as Uint8Array);
  const store = makeStore(element);
  const { size, align } = element;
  return (cx, value) => {
    const items = value as readonly unknown[];
    const pointer = makeRoom(cx, items.length * size, align);
    for (let i = 0; i < items.length; i += 1) store(cx, pointer + i * size, items[i]);
    return [pointer, items.length];
  };
}

/** Writes a discriminant, or the bits of flags. */
function writeBits(view: DataView, pointer: number, size: number, bits: number): void {
  if (size === 1) view.setUint8(pointer, bits);
  else if (size === 2) view.setUint16(pointer, bits, true);
  else view.setUint32(pointer, bits, true);
}

function makeCasesStore(type: ValueType, cases: readonly Labelled<ValueType | null>[]): Store {
  const tagSize = discriminantSize(cases.length);
  const offset = payloadOffset(cases);
  const findCase = makeCaseFinder(
    type,
    cases.map(([label]) => label),
  );
  const stores = cases.map(([, payload]) => (payload === null ? null : makeStore(payload)));
  return (cx, p, value) => {
    const [tag, payload] = findCase(value);
    writeBits(cx.memory.at(p, type.size, type.align), p, tagSize, tag);
    stores[tag]?.(cx, p + offset, payload);
  };
}

function makeSequenceStore(
  parts: readonly ValueType[],
): (cx: AbiContext, pointer: number, values: readonly unknown[]) => void {
  let end = 0;
  const stores = parts.map((part): Store => {
    const start = alignTo(end, part.align);
    end = start + part.size;
    const store = makeStore(part);
    return (cx, p, value) => store(cx, p + start, value);
  });
  return (cx, p, values) => {
    for (const [i, store] of stores.entries()) store(cx, p, values[i]);
  };
}

/** Makes the writer of a type. */
export function makeStore(type: ValueType): Store {
  const cases = casesOf(type);
  if (cases !== null) return makeCasesStore(type, cases);
  const { size, align } = type;
  if (type.kind === 'own' || type.kind === 'borrow') {
    return (cx, p, v) => {
      const index = lowerHandle(type, cx, v);
      cx.memory.at(p, size, align).setUint32(p, index, true);
    };
  }
  if (type.kind === 'stream' || type.kind === 'future') {
    const lower = makeLowerStream(type);
    return (cx, p, v) => {
      const index = lower(cx, v);
      cx.memory.at(p, size, align).setUint32(p, index, true);
    };
  }
  if (type.kind === 'string' || type.kind === 'list') {
    const place = type.kind === 'list' ? makeListPlacer(type.element) : placeString;
    return (cx, p, v) => {
      const [pointer, length] = place(cx, v);
      // Looked up after placing: making room may have moved the memory.
      const view = cx.memory.at(p, size, align);
      view.setUint32(p, pointer, true);
      view.setUint32(p + 4, length, true);
    };
  }
  if (type.kind === 'flags') {
    const names = type.labels.map(camelCase);
    return (cx, p, v) => writeBits(cx.memory.at(p, size, align), p, size, bitsOf(names, v));
  }
  if (type.kind === 'tuple') {
    const store = makeSequenceStore(type.elements);
    return (cx, p, v) => store(cx, p, v as readonly unknown[]);
  }
  if (type.kind === 'record') {
    const names = type.fields.map(([label]) => camelCase(label));
    const store = makeSequenceStore(type.fields.map(([, t]) => t));
    return (cx, p, v) => {
      const record = v as Readonly<Record<string, unknown>>;
      store(
        cx,
        p,
        names.map((name) => record[name]),
      );
    };
  }
  const write = WRITE[type.kind];
  if (write === undefined) throw new TypeError(`no writer for ${type.kind}`);
  return (cx, p, v) => write(cx.memory.at(p, size, align), p, v as never);
}
