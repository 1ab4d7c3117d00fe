/** Reads names of imports and exports, sorts, and aliases. [Component Model Binary.md, Instance Definitions, Alias Definitions] */
import { type Cursor, Malformed, readByte, readText, readU32 } from './cursor.ts';
import type { Alias, CoreSort, Sort } from './syntax.ts';

const CORE_SORTS: ReadonlyMap<number, CoreSort> = new Map([
  [0x00, 'func'],
  [0x01, 'table'],
  [0x02, 'memory'],
  [0x03, 'global'],
  [0x10, 'type'],
  [0x11, 'module'],
  [0x12, 'instance'],
]);
const SORTS: ReadonlyMap<number, Sort> = new Map([
  [0x01, 'func'],
  [0x02, 'value'],
  [0x03, 'type'],
  [0x04, 'component'],
  [0x05, 'instance'],
]);

/** Reads a sort of the core language. */
export function readCoreSort(c: Cursor): CoreSort {
  const byte = readByte(c);
  const sort = CORE_SORTS.get(byte);
  if (sort === undefined) throw new Malformed(`core sort ${byte} is not supported`);
  return sort;
}

/** Reads a sort; of the core sorts only modules can stand here. */
export function readSort(c: Cursor): Sort {
  const byte = readByte(c);
  const sort = byte === 0x00 ? (readCoreSort(c) === 'module' ? 'core-module' : undefined) : SORTS.get(byte);
  if (sort === undefined) throw new Malformed(`sort ${byte} is not supported`);
  return sort;
}

/** Reads a name of an import or export: a form byte, the name, and with form 2 a version suffix. */
export function readName(c: Cursor): string {
  const form = readByte(c);
  if (form > 2) throw new Malformed(`a name of form ${form}`);
  const name = readText(c);
  return form === 2 ? `${name}@${readText(c)}` : name;
}

/** Reads one alias. */
export function readAlias(c: Cursor): Alias {
  const first = readByte(c);
  const core = first === 0x00 ? readCoreSort(c) : null;
  const sort = core === null ? SORTS.get(first) : core === 'module' ? 'core-module' : undefined;
  const target = readByte(c);
  if (target === 0x01 && core !== null) {
    return { from: 'core-instance', sort: core, instance: readU32(c), name: readText(c) };
  }
  if (sort === undefined) throw new Malformed(`an alias of sort ${first} is not supported`);
  if (target === 0x00) return { from: 'instance', sort, instance: readU32(c), name: readText(c) };
  if (target === 0x02) return { from: 'outer', sort, levels: readU32(c), index: readU32(c) };
  throw new Malformed(`an alias with target ${target}`);
}
