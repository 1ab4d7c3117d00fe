/**
 * Gives a core module's own tables a maximum: the engine holds their entries outside of any WASM memory, so no cap on memories covers them.
 * Tables that it imports belong to another module of the same function, which has a maximum itself. [WebAssembly core 5.5.7]
 */
import { Malformed, readByte, readCount, readMark, readU32 } from '../component/cursor.ts';
import { joinPieces, openSection, readSections, SECTION, type Section, writeSections, writeU32 } from './sections.ts';
import { readValueType, walkExpression } from './walk-code.ts';

const HAS_MAX = 0x01;
/** A table that says what its entries are at first begins with this. */
const HAS_FIRST_ENTRY = 0x40;
const NONE_UNASKED: Uint8Array = new Uint8Array(0);
const LOOK_AT_NOTHING = (): void => undefined;

interface OwnTable {
  /** What stands before its limits, and behind them. */
  readonly before: Uint8Array;
  readonly after: Uint8Array;
  readonly min: number;
  readonly max: number | null;
}

interface OwnTables {
  readonly sections: readonly Section[];
  readonly tables: readonly OwnTable[];
}

function readOwnTables(bytes: Uint8Array): OwnTables {
  const sections = readSections(bytes);
  const section = sections.find(({ id }) => id === SECTION.table);
  if (section === undefined) return { sections, tables: [] };
  const c = openSection(bytes, section, { left: 0 });
  const tables: OwnTable[] = [];
  for (let left = readCount(c); left > 0; left -= 1) {
    const start = c.at;
    const hasFirstEntry = bytes[start] === HAS_FIRST_ENTRY;
    if (hasFirstEntry) {
      readMark(c, HAS_FIRST_ENTRY);
      readMark(c, 0x00);
    }
    readValueType(c);
    const before = bytes.subarray(start, c.at);
    const flags = readByte(c);
    if (flags > HAS_MAX) throw new Malformed('a table is shared or has 64 bits');
    const min = readU32(c);
    const max = flags === HAS_MAX ? readU32(c) : null;
    const behind = c.at;
    if (hasFirstEntry) walkExpression(c, NONE_UNASKED, LOOK_AT_NOTHING);
    tables.push({ before, after: bytes.subarray(behind, c.at), min, max });
  }
  if (c.at !== c.end) throw new Malformed('the tables are longer than what they hold');
  return { sections, tables };
}

/** Gives how many entries each of a module's own tables begins with. */
export function tableSizes(bytes: Uint8Array): readonly number[] {
  return readOwnTables(bytes).tables.map(({ min }) => min);
}

/** Writes a module whose tables may each grow by at most so many entries; @throws Malformed when they cannot be read. */
export function capTables(bytes: Uint8Array, growth: number): Uint8Array {
  const { sections, tables } = readOwnTables(bytes);
  if (tables.length === 0) return bytes;
  const pieces = tables.flatMap(({ before, after, min, max }) => {
    const most = min + growth;
    return [before, Uint8Array.of(HAS_MAX), writeU32(min), writeU32(Math.min(max ?? most, most)), after];
  });
  const content = joinPieces([writeU32(tables.length), ...pieces]);
  return writeSections(bytes, sections, new Map([[SECTION.table, content]]), true);
}
