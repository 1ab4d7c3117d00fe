/**
 * Encodes deterministic CBOR of our subset: unsigned integers, byte strings, text strings, arrays, maps with text keys, true, false and null.
 * Written here because every record of the audit log is encoded, and because reading checks itself against it. [RFC 8949 4.2.1]
 */

export type Cbor = number | string | boolean | null | Uint8Array | readonly Cbor[] | CborMap;
/** A map with text keys; null prototype, so that `__proto__` is a key like any other. */
export interface CborMap {
  readonly [key: string]: Cbor;
}

const MAJOR = { unsigned: 0x00, bytes: 0x40, text: 0x60, array: 0x80, map: 0xa0 } as const;
const SIMPLE = { false: 0xf4, true: 0xf5, null: 0xf6 } as const;
const HEAD_BYTES = 9;
const FIRST_BYTES = 512;
/** Text up to here is looked at character by character, which for short text is faster than to ask the platform. */
const SHORT_TEXT = 128;

const utf8 = new TextEncoder();
const ASCII = /^[ -~]*$/;

function compareBytes(x: Uint8Array, y: Uint8Array): number {
  if (x.length !== y.length) return x.length - y.length;
  for (let i = 0; i < x.length; i++) {
    const d = (x[i] ?? 0) - (y[i] ?? 0);
    if (d !== 0) return d;
  }
  return 0;
}

/** Gives the keys of a map in the order of their encoded bytes, which for text is first by length. [RFC 8949 4.2.1] */
function keysInOrder(map: CborMap): string[] {
  const keys = Object.keys(map);
  // Nearly all keys are ASCII, where characters are bytes; encoding each for each comparison took longer than all the rest.
  return keys.every((key) => ASCII.test(key))
    ? keys.sort((a, b) => a.length - b.length || (a < b ? -1 : 1))
    : keys.sort((a, b) => compareBytes(utf8.encode(a), utf8.encode(b)));
}

class Writer {
  #bytes: Uint8Array;
  #at = 0;

  /** Begins in these bytes, and goes over to others when they do not suffice. */
  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** Makes room for so many bytes more. */
  #reserve(count: number): void {
    const wanted = this.#at + count;
    if (wanted <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(wanted, this.#bytes.length * 2));
    grown.set(this.#bytes.subarray(0, this.#at));
    this.#bytes = grown;
  }

  /** Writes a major type with its number, as short as it goes. */
  #head(major: number, value: number): void {
    if (!Number.isSafeInteger(value) || value < 0) throw new RangeError('only whole numbers from 0 can be encoded');
    this.#reserve(HEAD_BYTES);
    const size = value < 24 ? 0 : value <= 0xff ? 1 : value <= 0xffff ? 2 : value <= 0xffffffff ? 4 : 8;
    this.#bytes[this.#at] = major | (size === 0 ? value : 24 + Math.log2(size));
    this.#at += 1 + size;
    for (let i = 1, rest = value; i <= size; i++, rest = Math.floor(rest / 256)) this.#bytes[this.#at - i] = rest % 256;
  }

  #text(text: string): void {
    const { length } = text;
    if (length > SHORT_TEXT) return this.#string(MAJOR.text, utf8.encode(text));
    const before = this.#at;
    this.#head(MAJOR.text, length);
    this.#reserve(length);
    for (let i = 0; i < length; i++) {
      const code = text.charCodeAt(i);
      if (code > 0x7f) {
        this.#at = before;
        return this.#string(MAJOR.text, utf8.encode(text));
      }
      this.#bytes[this.#at + i] = code;
    }
    this.#at += length;
  }

  #string(major: number, bytes: Uint8Array): void {
    this.#head(major, bytes.length);
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#at);
    this.#at += bytes.length;
  }

  #simple(value: number): void {
    this.#reserve(1);
    this.#bytes[this.#at] = value;
    this.#at += 1;
  }

  write(value: Cbor): void {
    if (typeof value === 'string') this.#text(value);
    else if (typeof value === 'number') this.#head(MAJOR.unsigned, value);
    else if (value === null) this.#simple(SIMPLE.null);
    else if (typeof value === 'boolean') this.#simple(value ? SIMPLE.true : SIMPLE.false);
    else if (value instanceof Uint8Array) this.#string(MAJOR.bytes, value);
    else if (Array.isArray(value)) {
      this.#head(MAJOR.array, value.length);
      for (const item of value as readonly Cbor[]) this.write(item);
    } else {
      const map = value as CborMap;
      const keys = keysInOrder(map);
      this.#head(MAJOR.map, keys.length);
      for (const key of keys) {
        this.#text(key);
        this.write(map[key] ?? null);
      }
    }
  }

  bytes(): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.#bytes.subarray(0, this.#at));
  }
}

/** Where every value begins to be written: what is written is copied out before anything else can begin. */
const scratch = new Uint8Array(FIRST_BYTES);

/** Encodes a value deterministically; @throws RangeError for a number that is not whole and from 0. */
export function encodeCbor(value: Cbor): Uint8Array<ArrayBuffer> {
  const writer = new Writer(scratch);
  writer.write(value);
  return writer.bytes();
}
