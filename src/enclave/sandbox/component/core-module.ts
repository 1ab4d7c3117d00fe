/** Reads as much of a core module as it takes to see that it only forwards calls; anything else about a module is the engine's business. [WebAssembly core 5.5] */
import {
  type Cursor,
  Malformed,
  openCursor,
  readByte,
  readCount,
  readMark,
  readText,
  readU32,
  readVector,
  takeCursor,
} from './cursor.ts';

const HEADER: readonly number[] = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00];
const FUNC = 0x00;
const TABLE = 0x01;
const FUNCTION_REFERENCES = 0x70;
const LOCAL_GET = 0x20;
const I32_CONST = 0x41;
const CALL_INDIRECT = 0x11;
const END = 0x0b;

/** Tells whether bytes begin as a core module does. */
export function isCoreModule(bytes: Uint8Array): boolean {
  return HEADER.every((byte, i) => bytes[i] === byte);
}

/** Gives the sections of a module by number; null when one is there twice. Custom sections mean nothing. */
function readSections(bytes: Uint8Array): ReadonlyMap<number, Cursor> {
  const c = openCursor(bytes);
  takeCursor(c, HEADER.length);
  const sections = new Map<number, Cursor>();
  while (c.at < c.end) {
    const id = readByte(c);
    const section = takeCursor(c, readU32(c));
    if (id === 0) continue;
    if (sections.has(id)) throw new Malformed(`section ${id} is there twice`);
    sections.set(id, section);
  }
  return sections;
}

function readForm<T>(
  bytes: Uint8Array,
  ids: readonly number[],
  read: (section: (id: number) => Cursor) => T,
): T | null {
  try {
    const sections = readSections(bytes);
    if (sections.size !== ids.length) return null;
    return read((id) => {
      const section = sections.get(id);
      if (section === undefined) throw new Malformed(`there is no section ${id}`);
      return section;
    });
  } catch (e) {
    if (e instanceof Malformed) return null;
    throw e;
  }
}

/** Reads a function body that passes its parameters to the function at a constant place of table 0, and gives that place. */
function readForward(c: Cursor, type: number): number {
  const body = takeCursor(c, readU32(c));
  readMark(body, 0x00);
  for (let i = 0; body.bytes[body.at] === LOCAL_GET; i += 1) {
    readMark(body, LOCAL_GET);
    if (readU32(body) !== i) throw new Malformed('parameters are not passed on in order');
  }
  readMark(body, I32_CONST);
  const slot = readU32(body);
  // The number is signed: with this bit in its last byte it is negative, and the call would trap.
  if (((body.bytes[body.at - 1] ?? 0) & 0x40) !== 0) throw new Malformed('the place is negative');
  readMark(body, CALL_INDIRECT);
  if (readU32(body) !== type || readU32(body) !== 0) throw new Malformed('the call is of another type or table');
  readMark(body, END);
  return slot;
}

/** Reads a table of functions, and gives how many places it has at least. */
function readTable(c: Cursor): number {
  readMark(c, FUNCTION_REFERENCES);
  const limits = readByte(c);
  if (limits > 1) throw new Malformed('another kind of table');
  const least = readU32(c);
  if (limits === 1) readU32(c);
  return least;
}

/** A module that only forwards: exported names with the place in the table that each calls, and the name of the table. */
export interface Forwarder {
  readonly slots: ReadonlyMap<string, number>;
  readonly table: string;
  /** Places in the table. */
  readonly places: number;
}

/** Reads a module of types, functions, one table, exports and code in which every function forwards; null for any other. */
export function readForwarder(bytes: Uint8Array): Forwarder | null {
  return readForm(bytes, [1, 3, 4, 7, 10], (section) => {
    const types = readVector(section(3), readU32);
    const code = section(10);
    if (readCount(code) !== types.length) throw new Malformed('functions without code');
    const forwards = types.map((type) => readForward(code, type));
    const slots = new Map<string, number>();
    let table: string | null = null;
    readVector(section(7), (c) => {
      const name = readText(c);
      const sort = readByte(c);
      const index = readU32(c);
      const slot = forwards[index];
      if (sort === TABLE && table === null) table = name;
      else if (sort === FUNC && slot !== undefined) slots.set(name, slot);
      else throw new Malformed('another export');
    });
    const tables = section(4);
    if (table === null || readCount(tables) !== 1) throw new Malformed('not one table');
    return { slots, table, places: readTable(tables) };
  });
}

/** A module that only fills a table: the imports it puts there from place 0 on, and the import that is the table. */
export interface Filler {
  readonly functions: readonly (readonly [module: string, name: string])[];
  readonly table: readonly [module: string, name: string];
  /** Places that the table must have. */
  readonly places: number;
}

/** Reads a module of types, imports and one active element segment at place 0; null for any other. */
export function readFiller(bytes: Uint8Array): Filler | null {
  return readForm(bytes, [1, 2, 9], (section) => {
    const imported: (readonly [module: string, name: string])[] = [];
    let table: readonly [string, string] | null = null;
    let places = 0;
    readVector(section(2), (c) => {
      const name = [readText(c), readText(c)] as const;
      const sort = readByte(c);
      if (sort === FUNC) {
        readU32(c);
        imported.push(name);
      } else if (sort === TABLE && table === null) {
        table = name;
        places = readTable(c);
      } else throw new Malformed('another import');
    });
    const elements = section(9);
    readMark(elements, 1);
    for (const mark of [0x00, I32_CONST, 0x00, END]) readMark(elements, mark);
    const functions = readVector(elements, readU32).map((index) => {
      const name = imported[index];
      if (name === undefined) throw new Malformed('a function that is not imported');
      return name;
    });
    if (table === null) throw new Malformed('no table');
    return { functions, table, places: Math.max(places, functions.length) };
  });
}
