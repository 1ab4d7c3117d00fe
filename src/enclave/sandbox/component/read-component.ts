/**
 * Reads a component's binary into definitions, in order, nested components included. It understands the forms of WASI 0.2 and 0.3 and
 * refuses every other by name; core modules stay bytes, which the engine validates. [Component Model Binary.md]
 */
import {
  type Cursor,
  Malformed,
  openCursor,
  readByte,
  readMark,
  readText,
  readU32,
  readVector,
  spendItems,
  takeCursor,
} from './cursor.ts';
import { readCanonical } from './read-canonical.ts';
import { readAlias, readCoreSort, readName, readSort } from './read-names.ts';
import { readDescription, readType } from './read-types.ts';
import type { CoreSort, Definition, Labelled, NamedIndex } from './syntax.ts';

/** Components inside components: tools nest one deep, composing tools a few. */
const MAX_DEPTH = 8;
const HEADER_BYTES = 8;

const readNamedIndex = (c: Cursor): NamedIndex => [readName(c), readSort(c), readU32(c)];

function readCoreArgument(c: Cursor): Labelled<number> {
  const name = readText(c);
  readMark(c, 0x12);
  return [name, readU32(c)];
}

function readCoreInstance(c: Cursor): Definition {
  const form = readByte(c);
  if (form === 0x00) {
    return { kind: 'core-instance', of: { module: readU32(c), args: readVector(c, readCoreArgument) } };
  }
  if (form !== 0x01) throw new Malformed(`a core instance of form ${form}`);
  const readExport = (d: Cursor): readonly [string, CoreSort, number] => [readText(d), readCoreSort(d), readU32(d)];
  return { kind: 'core-instance', of: { exports: readVector(c, readExport) } };
}

function readInstance(c: Cursor): Definition {
  const form = readByte(c);
  if (form === 0x00) {
    const component = readU32(c);
    const readArgument = (d: Cursor): NamedIndex => [readText(d), readSort(d), readU32(d)];
    return { kind: 'instance', of: { component, args: readVector(c, readArgument) } };
  }
  if (form !== 0x01) throw new Malformed(`an instance of form ${form}`);
  return { kind: 'instance', of: { exports: readVector(c, readNamedIndex) } };
}

function readExport(c: Cursor): Definition {
  const [name, sort, index] = readNamedIndex(c);
  const described = readByte(c);
  if (described > 1) throw new Malformed(`byte ${described} says neither yes nor no`);
  // Ascribing a narrower type changes nothing for whoever calls by the wider one.
  if (described === 1) readDescription(c);
  return { kind: 'export', name, sort, index };
}

const READERS: ReadonlyMap<number, (c: Cursor) => Definition> = new Map([
  [2, readCoreInstance],
  [5, readInstance],
  [6, (c: Cursor): Definition => ({ kind: 'alias', alias: readAlias(c) })],
  [7, (c: Cursor): Definition => ({ kind: 'type', type: readType(c, 0) })],
  [8, (c: Cursor): Definition => ({ kind: 'canonical', canonical: readCanonical(c) })],
  [10, (c: Cursor): Definition => ({ kind: 'import', name: readName(c), description: readDescription(c) })],
  [11, readExport],
]);

function readSection(id: number, c: Cursor, depth: number): readonly Definition[] {
  if (id === 0) {
    readText(c);
    c.at = c.end;
    return [];
  }
  if (id === 1) {
    const bytes = c.bytes.subarray(c.at, c.end);
    c.at = c.end;
    return [{ kind: 'core-module', bytes }];
  }
  if (id === 3) {
    // Types of core modules and functions: nothing that runs depends on them.
    c.at = c.end;
    return [];
  }
  if (id === 4) return [{ kind: 'component', definitions: readDefinitions(c, depth + 1) }];
  const reader = READERS.get(id);
  if (reader === undefined) throw new Malformed(`section ${id} is not supported`);
  return readVector(c, reader);
}

function readDefinitions(c: Cursor, depth: number): readonly Definition[] {
  if (depth > MAX_DEPTH) throw new Malformed('components are nested too deeply');
  const header = takeCursor(c, HEADER_BYTES);
  const view = new DataView(header.bytes.buffer, header.bytes.byteOffset + header.at, HEADER_BYTES);
  if (view.getUint32(0) !== 0x0061736d || view.getUint32(4) !== 0x0d000100) throw new Malformed('not a component');
  const definitions: Definition[] = [];
  while (c.at < c.end) {
    const id = readByte(c);
    const section = takeCursor(c, readU32(c));
    spendItems(c, 1);
    for (const definition of readSection(id, section, depth)) definitions.push(definition);
    if (section.at !== section.end) throw new Malformed(`section ${id} is longer than what it holds`);
  }
  return definitions;
}

/** Reads a component; @throws Malformed with a reason. */
export function readComponent(bytes: Uint8Array): readonly Definition[] {
  return readDefinitions(openCursor(bytes), 0);
}
