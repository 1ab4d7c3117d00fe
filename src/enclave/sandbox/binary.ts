/**
 * Reads just enough of a WASM file to say what it is and what it asks for: a component with the names of its imports and exports,
 * or a core module. It does not validate: V8 and jco do that later, each in a process that has nothing to lose.
 * [WebAssembly core 5.5; Component Model Binary.md]
 */
import { parseUtf8 } from '../../base/bytes.ts';

/** What a file is; `imports` and `exports` are the full names, with versions, of a component's outer level. */
export type WasmBinary =
  | { readonly form: 'component'; readonly imports: readonly string[]; readonly exports: readonly string[] }
  | { readonly form: 'core' };

const MAGIC = 0x0061736d;
const CORE = 0x01000000;
const COMPONENT = 0x0d000100;
const IMPORT_SECTION = 10;
const EXPORT_SECTION = 11;
const LAST_COMPONENT_SECTION = 12;
const LAST_CORE_SECTION = 13;

/** Thrown inside this file only, where bytes end early or have an unknown form. */
class Malformed extends Error {}

interface Cursor {
  readonly bytes: Uint8Array;
  readonly end: number;
  at: number;
}

function readByte(c: Cursor): number {
  const byte = c.at < c.end ? c.bytes[c.at] : undefined;
  if (byte === undefined) throw new Malformed();
  c.at += 1;
  return byte;
}

/** Reads an unsigned LEB128 of at most 32 bits. */
function readU32(c: Cursor): number {
  let value = 0;
  for (let shift = 0; shift < 35; shift += 7) {
    const byte = readByte(c);
    value += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) {
      if (value > 0xffffffff) throw new Malformed();
      return value;
    }
  }
  throw new Malformed();
}

function readText(c: Cursor): string {
  const length = readU32(c);
  if (length > c.end - c.at) throw new Malformed();
  const text = parseUtf8(c.bytes.subarray(c.at, c.at + length));
  if (text === null) throw new Malformed();
  c.at += length;
  return text;
}

/** Reads a name of an import or export: a form byte, the name, and with form 2 a version suffix. */
function readName(c: Cursor): string {
  const form = readByte(c);
  if (form > 2) throw new Malformed();
  const name = readText(c);
  return form === 2 ? `${name}@${readText(c)}` : name;
}

/** Skips the description of an import or export; forms that WASI 0.2 has no use for (core modules, values) are refused. */
function skipDescription(c: Cursor): void {
  const kind = readByte(c);
  if (kind === 0x03) {
    const bound = readByte(c);
    if (bound === 0x00) readU32(c);
    else if (bound !== 0x01) throw new Malformed();
  } else if (kind === 0x01 || kind === 0x04 || kind === 0x05) readU32(c);
  else throw new Malformed();
}

function readImports(c: Cursor): string[] {
  return Array.from({ length: countOf(c) }, () => {
    const name = readName(c);
    skipDescription(c);
    return name;
  });
}

function readExports(c: Cursor): string[] {
  return Array.from({ length: countOf(c) }, () => {
    const name = readName(c);
    const sort = readByte(c);
    if (sort > 0x05) throw new Malformed();
    if (sort === 0x00) readByte(c);
    readU32(c);
    const described = readByte(c);
    if (described === 0x01) skipDescription(c);
    else if (described !== 0x00) throw new Malformed();
    return name;
  });
}

/** Reads a count that the bytes left can hold; otherwise four bytes could ask for an array of 2^32 entries. */
function countOf(c: Cursor): number {
  const count = readU32(c);
  if (count > c.end - c.at) throw new Malformed();
  return count;
}

function readSections(bytes: Uint8Array, component: boolean): WasmBinary {
  const imports: string[] = [];
  const exports: string[] = [];
  const last = component ? LAST_COMPONENT_SECTION : LAST_CORE_SECTION;
  const c: Cursor = { bytes, end: bytes.length, at: 8 };
  while (c.at < c.end) {
    const id = readByte(c);
    const size = readU32(c);
    if (id > last || size > c.end - c.at) throw new Malformed();
    const section: Cursor = { bytes, at: c.at, end: c.at + size };
    c.at += size;
    if (!component || (id !== IMPORT_SECTION && id !== EXPORT_SECTION)) continue;
    if (id === IMPORT_SECTION) imports.push(...readImports(section));
    else exports.push(...readExports(section));
    if (section.at !== section.end) throw new Malformed();
  }
  return component ? { form: 'component', imports, exports } : { form: 'core' };
}

/** Parses the outer level of a WASM file; gives null for anything that is not a well-formed sequence of sections. */
export function parseWasmBinary(bytes: Uint8Array): WasmBinary | null {
  if (bytes.length < 8) return null;
  const head = new DataView(bytes.buffer, bytes.byteOffset, 8);
  const layer = head.getUint32(4);
  if (head.getUint32(0) !== MAGIC || (layer !== CORE && layer !== COMPONENT)) return null;
  try {
    return readSections(bytes, layer === COMPONENT);
  } catch (e) {
    if (e instanceof Malformed) return null;
    throw e;
  }
}
