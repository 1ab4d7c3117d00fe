/** The sections of a core module: where each one is, and a module with other contents in some of them. [WebAssembly core 5.5.2] */
import { type Cursor, Malformed, openCursor, readByte, readMark, readU32, takeCursor } from '../component/cursor.ts';

const HEADER: readonly number[] = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00];

/** The numbers of the sections that are asked for by name. */
export const SECTION = {
  custom: 0,
  type: 1,
  import: 2,
  function: 3,
  table: 4,
  memory: 5,
  global: 6,
  export: 7,
  start: 8,
  element: 9,
  code: 10,
  data: 11,
  dataCount: 12,
  tag: 13,
} as const;

/** The order that sections other than custom ones have. */
const ORDER: readonly number[] = [1, 2, 3, 4, 5, 13, 6, 7, 8, 9, 12, 10, 11];

/** A section's number, and where its content is. */
export interface Section {
  readonly id: number;
  readonly start: number;
  readonly end: number;
}

/** V8's own cap on functions and types; a module has few sections besides custom ones. */
const MAX_SECTIONS = 100_000;

/** Lists the sections of a module in order; each is there once, custom ones as often as they like. */
export function readSections(bytes: Uint8Array): readonly Section[] {
  const c = openCursor(bytes);
  for (const byte of HEADER) readMark(c, byte);
  const sections: Section[] = [];
  let last = -1;
  while (c.at < c.end) {
    const id = readByte(c);
    const { at, end } = takeCursor(c, readU32(c));
    if (sections.length === MAX_SECTIONS) throw new Malformed(`a module has more than ${MAX_SECTIONS} sections`);
    sections.push({ id, start: at, end });
    if (id === SECTION.custom) continue;
    const place = ORDER.indexOf(id);
    if (place < 0) throw new Malformed(`there is no section ${id}`);
    if (place <= last) throw new Malformed(`section ${id} is there twice, or too late`);
    last = place;
  }
  return sections;
}

/** Opens a cursor over a section; `items` is what the module may still have of parts. */
export function openSection(bytes: Uint8Array, section: Section, items: Cursor['items']): Cursor {
  return { bytes, at: section.start, end: section.end, items };
}

/** Joins any number of pieces: a function alone can have more of them than a call can have arguments. */
export function joinPieces(pieces: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(pieces.reduce((size, piece) => size + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}

/** Writes an unsigned LEB128 number. */
export function writeU32(value: number): Uint8Array {
  const bytes: number[] = [];
  for (let left = value; ; left = Math.floor(left / 128)) {
    if (left < 128) return Uint8Array.from([...bytes, left]);
    bytes.push((left % 128) + 128);
  }
}

/** Writes a module anew: contents that are given take the place of what was there, custom sections stay only when `keepsCustom` says so. */
export function writeSections(
  bytes: Uint8Array,
  sections: readonly Section[],
  contents: ReadonlyMap<number, Uint8Array>,
  keepsCustom: boolean,
): Uint8Array {
  const parts: Uint8Array[] = [Uint8Array.from(HEADER)];
  const write = (id: number, content: Uint8Array): void =>
    void parts.push(Uint8Array.of(id), writeU32(content.length), content);
  const missing = new Map([...contents].filter(([id]) => !sections.some((s) => s.id === id)));
  const writeMissingBefore = (place: number): void => {
    for (const id of ORDER.slice(0, place)) {
      const content = missing.get(id);
      if (content !== undefined) write(id, content);
      missing.delete(id);
    }
  };
  for (const { id, start, end } of sections) {
    if (id === SECTION.custom && !keepsCustom) continue;
    if (id !== SECTION.custom) writeMissingBefore(ORDER.indexOf(id));
    write(id, contents.get(id) ?? bytes.subarray(start, end));
  }
  writeMissingBefore(ORDER.length);
  return joinPieces(parts);
}
