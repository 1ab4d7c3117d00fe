/**
 * A strict reader of DER: each kind of value in its one encoding, and nothing left over. Knows bytes and tags, not what they are for (der.ts
 * does). Gives views into what it reads and copies nothing. [X.690 8, 10, 11]
 */
import { parseUtf8 } from '../../base/bytes.ts';
import { LIMITS } from '../../base/limits.ts';

type Bytes = Uint8Array<ArrayBuffer>;

/** Tags of the universal class, with the bit for constructed ones. [X.680 8.6] */
export const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  oid: 0x06,
  utf8String: 0x0c,
  printableString: 0x13,
  teletexString: 0x14,
  ia5String: 0x16,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const;

const UTC_TIME = /^(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})Z$/;
const GENERALIZED_TIME = /^(\d{4})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})Z$/;

/** Is thrown inside `readDer` only, which makes it null. */
class MalformedDer extends Error {
  override readonly name = 'MalformedDer';
}

/**
 * Tells whether the bytes are one DER element with definite, shortest lengths throughout, nested no deeper than the cap: depth without a
 * cap costs memory that an attacker chooses.
 */
export function isDerElement(bytes: Uint8Array): boolean {
  const ends: number[] = [bytes.length];
  let at = 0;
  let topLevel = 0;
  while (at < bytes.length) {
    if (ends.length === 1 && ++topLevel > 1) return false;
    const tag = bytes[at++] ?? 0;
    if ((tag & 0x1f) === 0x1f) return false;
    let size = bytes[at++] ?? 0x80;
    if (size >= 0x80) {
      const octets = size & 0x7f;
      if (octets === 0 || octets > 3 || bytes[at] === 0) return false;
      size = 0;
      for (let i = 0; i < octets; i++) size = size * 256 + (bytes[at++] ?? 0);
      if (size < 0x80) return false;
    }
    const end = at + size;
    if (end > (ends.at(-1) ?? 0)) return false;
    if ((tag & 0x20) === 0) at = end;
    else if (ends.push(end) > LIMITS.nesting) return false;
    while (ends.length > 1 && at === ends.at(-1)) ends.pop();
  }
  return topLevel === 1 && at === bytes.length && ends.length === 1;
}

/** Reads exactly one element with everything below it; gives null when `read` does not find what it asks for, or leaves something. */
export function readDer<T>(bytes: Bytes, read: (reader: DerReader) => T): T | null {
  if (!isDerElement(bytes)) return null;
  try {
    const reader = new DerReader(bytes, 0, bytes.length);
    const value = read(reader);
    reader.finish();
    return value;
  } catch (error) {
    if (error instanceof MalformedDer) return null;
    throw error;
  }
}

function latin1(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}

/** Decodes UTF-8; most names are ASCII, which is the same in both and costs less without a decoder. */
function utf8(bytes: Uint8Array): string | null {
  for (const byte of bytes) if (byte >= 0x80) return parseUtf8(bytes);
  return latin1(bytes);
}

/** Goes through the elements between two offsets, in order; lengths are known to be good, because `isDerElement` comes first. */
export class DerReader {
  readonly #bytes: Bytes;
  readonly #end: number;
  #at: number;

  /** Starts at `at`; elements end at `end`. */
  constructor(bytes: Bytes, at: number, end: number) {
    this.#bytes = bytes;
    this.#at = at;
    this.#end = end;
  }

  /** Gives the tag of the next element; null after the last one. */
  get tag(): number | null {
    return this.#at < this.#end ? (this.#bytes[this.#at] ?? null) : null;
  }

  /** Demands that nothing is left. */
  finish(): void {
    if (this.#at !== this.#end) this.refuse();
  }

  /** Ends the reading: what was read is not what it has to be. */
  refuse(): never {
    throw new MalformedDer();
  }

  /** Gives the next element, whatever it is, with tag and length. */
  element(): Bytes {
    if (this.tag === null) throw new MalformedDer();
    const start = this.#at;
    this.#skipHeader();
    return this.#bytes.subarray(start, this.#at);
  }

  /** Gives the content of the next element, which must have this tag. */
  content(tag: number): Bytes {
    if (this.tag !== tag) throw new MalformedDer();
    const from = this.#skipHeader();
    return this.#bytes.subarray(from, this.#at);
  }

  /** Reads the content of the next element, which must have this tag, to its end. */
  inside<T>(tag: number, read: (reader: DerReader) => T): T {
    if (this.tag !== tag) throw new MalformedDer();
    const from = this.#skipHeader();
    const reader = new DerReader(this.#bytes, from, this.#at);
    const value = read(reader);
    reader.finish();
    return value;
  }

  /** Reads as `inside` does; gives the element with tag and length beside the value. */
  whole<T>(tag: number, read: (reader: DerReader) => T): { readonly der: Bytes; readonly value: T } {
    const start = this.#at;
    const value = this.inside(tag, read);
    return { der: this.#bytes.subarray(start, this.#at), value };
  }

  /** Reads all elements inside the next one. */
  all<T>(tag: number, read: (reader: DerReader) => T): readonly T[] {
    return this.inside(tag, (reader) => {
      const values: T[] = [];
      while (reader.tag !== null) values.push(read(reader));
      return values;
    });
  }

  /** Reads with `read` when the next element has this tag; gives null and stays where it is otherwise. */
  optional<T>(tag: number, read: (reader: DerReader) => T): T | null {
    return this.tag === tag ? read(this) : null;
  }

  /** Reads a BOOLEAN that is false when absent, and so must not be written when false. [X.690 11.1, 11.5] */
  flag(): boolean {
    if (this.tag !== TAG.boolean) return false;
    const value = this.content(TAG.boolean);
    if (value.length !== 1 || value[0] !== 0xff) throw new MalformedDer();
    return true;
  }

  /** Gives the octets of an INTEGER, two's complement and as few as possible. [X.690 8.3] */
  integer(): Bytes {
    const value = this.content(TAG.integer);
    const [first = 0, second = 0] = value;
    const padded = value.length > 1 && (first === 0 ? second < 0x80 : first === 0xff && second >= 0x80);
    if (value.length === 0 || padded) throw new MalformedDer();
    return value;
  }

  /** Reads an INTEGER of at most three octets; nothing that is read as a number is larger. */
  smallInteger(): number {
    const value = this.integer();
    if (value.length > 3) throw new MalformedDer();
    const unsigned = value.reduce((n, b) => n * 256 + b, 0);
    return (value[0] ?? 0) < 0x80 ? unsigned : unsigned - 256 ** value.length;
  }

  /** Gives the octets of a BIT STRING of whole octets. */
  octetBits(tag: number = TAG.bitString): Bytes {
    const value = this.content(tag);
    if (value[0] !== 0) throw new MalformedDer();
    return value.subarray(1);
  }

  /** Gives the octets of a BIT STRING of any length; bits that do not count are 0. [X.690 11.2.1] */
  bits(): Bytes {
    const [unused = 8, ...octets] = this.content(TAG.bitString);
    const last = octets.at(-1);
    if (unused > 7 || (last === undefined ? unused > 0 : (last & ((1 << unused) - 1)) !== 0)) throw new MalformedDer();
    return Uint8Array.from(octets);
  }

  /** Reads an OBJECT IDENTIFIER as dotted text. [X.690 8.19] */
  oid(): string {
    const value = this.content(TAG.oid);
    const last = value.at(-1) ?? 0x80;
    if (last >= 0x80) throw new MalformedDer();
    let text = '';
    let arc = 0;
    for (const byte of value) {
      // 0x80 at the start of an arc is padding; beyond this no arc is exact any more.
      if ((arc === 0 && byte === 0x80) || arc >= 2 ** 45) throw new MalformedDer();
      arc = arc * 128 + (byte & 0x7f);
      if (byte >= 0x80) continue;
      if (text === '') {
        // The first number holds the first two arcs.
        const top = Math.min(Math.floor(arc / 40), 2);
        text = `${top}.${arc - top * 40}`;
      } else text += `.${arc}`;
      arc = 0;
    }
    return text;
  }

  /** Reads a UTCTime or GeneralizedTime to the second in UTC, the one form that certificates may have. [RFC 5280 4.1.2.5] */
  time(): Date {
    const utc = this.tag === TAG.utcTime;
    const text = latin1(this.content(utc ? TAG.utcTime : TAG.generalizedTime));
    const parts = (utc ? UTC_TIME : GENERALIZED_TIME).exec(text);
    if (parts === null) throw new MalformedDer();
    const [, year = '', month, day, hours, minutes, seconds] = parts;
    const century = utc ? (year < '50' ? '20' : '19') : '';
    const iso = `${century}${year}-${month}-${day}T${hours}:${minutes}:${seconds}.000Z`;
    const date = new Date(iso);
    // Written so that no date meets it neither; the 30th of February and 24 o'clock are another day after they were read.
    if (date.getUTCDate() !== Number(day)) throw new MalformedDer();
    return date;
  }

  /** Reads a string of one of the kinds that names are written in. */
  text(): string {
    const tag = this.tag;
    if (tag === TAG.utf8String) return utf8(this.content(tag)) ?? this.refuse();
    if (tag === TAG.printableString || tag === TAG.teletexString || tag === TAG.ia5String)
      return latin1(this.content(tag));
    return this.refuse();
  }

  /** Steps over the next element; gives where its content starts. */
  #skipHeader(): number {
    const first = this.#bytes[this.#at + 1] ?? 0;
    const octets = first < 0x80 ? 0 : first & 0x7f;
    const from = this.#at + 2 + octets;
    let size = octets === 0 ? first : 0;
    for (let i = this.#at + 2; i < from; i++) size = size * 256 + (this.#bytes[i] ?? 0);
    this.#at = from + size;
    return from;
  }
}
