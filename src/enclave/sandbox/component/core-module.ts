/** Reads as much of a core module as it takes to see that it only forwards calls; anything else about a module is the engine's business. [WebAssembly core 5.5] */
import {
  type Cursor,
  Malformed,
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
  const c: Cursor = { bytes, at: 0, end: bytes.length };
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
  // A place of 64 and above has its sign in another byte, which `readU32` does not mind.
  readMark(body, CALL_INDIRECT);
  if (readU32(body) !== type || readU32(body) !== 0) throw new Malformed('the call is of another type or table');
  readMark(body, END);
  return slot;
}

/** A module that only forwards: exported names with the place in the table that each calls, and the name of the table. */
export interface Forwarder {
  readonly slots: ReadonlyMap<string, number>;
  readonly table: string;
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
    if (table === null || readCount(section(4)) !== 1) throw new Malformed('not one table');
    return { slots, table };
  });
}

/** A module that only fills a table: the imports it puts there from place 0 on, and the import that is the table. */
export interface Filler {
  readonly functions: readonly (readonly [module: string, name: string])[];
  readonly table: readonly [module: string, name: string];
}

/** Reads a module of types, imports and one active element segment at place 0; null for any other. */
export function readFiller(bytes: Uint8Array): Filler | null {
  return readForm(bytes, [1, 2, 9], (section) => {
    const imported: (readonly [module: string, name: string])[] = [];
    let table: readonly [string, string] | null = null;
    readVector(section(2), (c) => {
      const name = [readText(c), readText(c)] as const;
      const sort = readByte(c);
      if (sort === FUNC) {
        readU32(c);
        imported.push(name);
      } else if (sort === TABLE && table === null) {
        table = name;
        readByte(c);
        if (readByte(c) === 0x01) readU32(c);
        readU32(c);
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
    return { functions, table };
  });
}
