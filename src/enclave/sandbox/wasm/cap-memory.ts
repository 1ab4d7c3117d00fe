/**
 * Gives a core module's own memory a maximum, so that it cannot grow past what its function may use. Memories that it imports belong to
 * another module of the same function, which has a maximum itself.
 */
import { concatBytes } from '../../../base/bytes.ts';
import { Malformed, readByte, readCount, readU32 } from '../component/cursor.ts';
import { openSection, readSections, SECTION, type Section, writeSections, writeU32 } from './sections.ts';

const HAS_MAX = 0x01;
/** All that 32 bits can address. [WebAssembly core 3.2.16] */
const MAX_PAGES = 65_536;

interface OwnMemory {
  readonly sections: readonly Section[];
  readonly min: number;
  readonly max: number | null;
}

/** Reads the one memory that a module may have; null when it has none. */
export function readOwnMemory(bytes: Uint8Array): OwnMemory | null {
  const sections = readSections(bytes);
  const section = sections.find(({ id }) => id === SECTION.memory);
  if (section === undefined) return null;
  const c = openSection(bytes, section, { left: 1 });
  const count = readCount(c);
  if (count === 0) return null;
  if (count > 1) throw new Malformed('a module has several memories');
  const flags = readByte(c);
  if (flags > HAS_MAX) throw new Malformed('a memory is shared or has 64 bits');
  const min = readU32(c);
  const max = flags === HAS_MAX ? readU32(c) : null;
  // What the engine would refuse must not become valid by being written anew.
  if (c.at !== c.end) throw new Malformed('the memories are longer than what they hold');
  if (max !== null && max > MAX_PAGES) throw new Malformed(`a memory may have more than ${MAX_PAGES} pages of 64 KiB`);
  return { sections, min, max };
}

/** Tells whether a module makes a memory of its own. */
export function makesMemory(bytes: Uint8Array): boolean {
  return readOwnMemory(bytes) !== null;
}

/** Writes a module whose memory has at most so many pages of 64 KiB; @throws Malformed when it begins with more. */
export function capMemory(bytes: Uint8Array, pages: number): Uint8Array {
  const memory = readOwnMemory(bytes);
  if (memory === null) return bytes;
  const { sections, min, max } = memory;
  if (min > pages) throw new Malformed(`a memory begins with ${min} pages of 64 KiB; it may have ${pages}`);
  const capped = Math.min(max ?? pages, pages);
  const content = concatBytes(Uint8Array.of(1, HAS_MAX), writeU32(min), writeU32(capped));
  return writeSections(bytes, sections, new Map([[SECTION.memory, content]]), true);
}
