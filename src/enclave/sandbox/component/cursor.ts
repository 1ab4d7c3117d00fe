/** Reads the atoms of a WASM binary: bytes, LEB128 numbers, names and counts, never past the end of what it was given. [WebAssembly core 5.2] */
import { parseUtf8 } from '../../../base/bytes.ts';

/** Says that bytes end early, or have a form that is unknown or not supported; the text is for whoever wrote the function. */
export class Malformed extends Error {}

/** A place in bytes, and where the part that is being read ends. */
export interface Cursor {
  readonly bytes: Uint8Array;
  readonly end: number;
  at: number;
  /** Items that the whole binary may still have: one byte of it can become hundreds in the host. */
  readonly items: { left: number };
}

/** A JavaScript engine of 14 MB lists under 10,000. */
const MAX_ITEMS = 200_000;

/** Opens a cursor over a whole binary. */
export function openCursor(bytes: Uint8Array): Cursor {
  return { bytes, at: 0, end: bytes.length, items: { left: MAX_ITEMS } };
}

/** Opens a cursor over the next `size` bytes and moves past them. */
export function takeCursor(c: Cursor, size: number): Cursor {
  if (size > c.end - c.at) throw new Malformed('a part is longer than what holds it');
  const taken = { bytes: c.bytes, at: c.at, end: c.at + size, items: c.items };
  c.at += size;
  return taken;
}

/** Reads one byte. */
export function readByte(c: Cursor): number {
  const byte = c.at < c.end ? c.bytes[c.at] : undefined;
  if (byte === undefined) throw new Malformed('the bytes end early');
  c.at += 1;
  return byte;
}

/** Reads an unsigned LEB128 number of at most 32 bits. */
export function readU32(c: Cursor): number {
  let value = 0;
  for (let shift = 0; shift < 35; shift += 7) {
    const byte = readByte(c);
    value += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) {
      if (value > 0xffffffff) break;
      return value;
    }
  }
  throw new Malformed('a number has more than 32 bits');
}

/** Reads a count that the bytes left can hold; otherwise four bytes could ask for an array of 2^32 entries. */
export function readCount(c: Cursor): number {
  const count = readU32(c);
  if (count > c.end - c.at) throw new Malformed('a count is larger than what holds it');
  return count;
}

/** Takes from the items that a binary may still have. */
export function spendItems(c: Cursor, count: number): void {
  c.items.left -= count;
  if (c.items.left < 0) throw new Malformed(`it has more than ${MAX_ITEMS} items`);
}

/** Reads as many items as a count before them says. */
export function readVector<T>(c: Cursor, readItem: (c: Cursor) => T): readonly T[] {
  const count = readCount(c);
  spendItems(c, count);
  return Array.from({ length: count }, () => readItem(c));
}

/** Reads a name in UTF-8. */
export function readText(c: Cursor): string {
  const { bytes, at, end } = takeCursor(c, readCount(c));
  const text = parseUtf8(bytes.subarray(at, end));
  if (text === null) throw new Malformed('a name is not UTF-8');
  return text;
}

/** Reads the next byte and demands that it is this one. */
export function readMark(c: Cursor, mark: number): void {
  const byte = readByte(c);
  if (byte !== mark) throw new Malformed(`byte ${byte} stands where ${mark} must`);
}
