/** What lowering to memory and lowering to flat values have in common: room in the guest, handles, bytes, cases, flags. [Component Model CanonicalABI.md, Storing] */
import { encodeUtf8 } from '../../../base/bytes.ts';
import type { AbiContext } from './call-context.ts';
import type { Shape } from './value-type.ts';

/** Has the guest make room; inside its allocator it must not call out, because the host is in the middle of a call. */
export function makeRoom(cx: AbiContext, size: number, align: number): number {
  return cx.memory.allocate(size, align);
}

/** Puts something of the host's into the guest's table. */
export function lowerHandle(shape: Extract<Shape, { kind: 'own' | 'borrow' }>, cx: AbiContext, value: unknown): number {
  if (shape.kind === 'borrow') throw new TypeError('the host lends nothing to a guest');
  return cx.state.handles.add(shape.resource, value);
}

/** Copies bytes in, and gives where they are. */
export function placeBytes(cx: AbiContext, bytes: Uint8Array): readonly [pointer: number, length: number] {
  const pointer = makeRoom(cx, bytes.length, 1);
  cx.memory.bytes(pointer, bytes.length).set(bytes);
  return [pointer, bytes.length];
}

/** Copies a string in, and gives where it is. */
export function placeString(cx: AbiContext, text: unknown): readonly [pointer: number, length: number] {
  return placeBytes(cx, encodeUtf8(text as string));
}

/** Makes what tells which case a host's value is of, and its payload. */
export function makeCaseFinder(
  shape: Shape,
  labels: readonly string[],
): (value: unknown) => readonly [tag: number, payload: unknown] {
  const indices = new Map(labels.map((label, i) => [label, i]));
  if (shape.kind === 'result') indices.set('err', 1);
  const find = (label: string): number => {
    const index = indices.get(label);
    if (index === undefined) throw new TypeError(`the host gave the case ${label}`);
    return index;
  };
  if (shape.kind === 'enum') return (value) => [find(value as string), undefined];
  if (shape.kind === 'option' && shape.element.kind !== 'option') {
    return (value) => (value === undefined ? [0, undefined] : [1, value]);
  }
  return (value) => {
    const { tag, val } = value as { readonly tag: string; readonly val?: unknown };
    return [find(tag), val];
  };
}

/** Gives the bits of flags from an object of booleans. */
export function bitsOf(names: readonly string[], value: unknown): number {
  const set = value as Readonly<Record<string, boolean | undefined>>;
  return names.reduce((bits, name, i) => (set[name] === true ? bits | (1 << i) : bits), 0);
}

/** Gives the number of a character. */
export function codeOf(value: unknown): number {
  return (value as string).codePointAt(0) ?? 0;
}
