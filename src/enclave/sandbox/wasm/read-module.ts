/**
 * Reads a core module whole: every section, and every instruction by its opcode. It decides nothing and holds no types of values; what it
 * accepts the engine may still refuse. Linear in the bytes; every count is capped before anything is made of it. [WebAssembly core 5.5]
 */
import {
  type Cursor,
  Malformed,
  readByte,
  readCount,
  readMark,
  readText,
  readU32,
  takeCursor,
} from '../component/cursor.ts';
import type { Feature, Place } from './features.ts';
import type { Body, CoreModule, ModuleExport, ModuleImport, ModuleLimits, ModuleSort } from './module.ts';
import { FEATURE_OF, FORM, FORMS, OP, OPCODE_FEATURES } from './opcodes.ts';
import { type FunctionTypes, readFunctionTypes } from './read-function-types.ts';
import { openSection, readSections, SECTION, type Section } from './sections.ts';
import { type Instruction, isReference, readValueType, skipValueType, walkExpression } from './walk-code.ts';

/** V8's own caps; a JavaScript engine of 14 MB has 20,000 functions. */
const MAX_ITEMS = 1_000_000;
const MAX_LOCALS = 50_000;

/** Opcodes that are of the first version whatever follows them, so that nothing is to be noted of them. */
const PLAIN: Uint8Array = FEATURE_OF.map((feature, op) => (feature === 0 && FORMS[op] !== FORM.blockType ? 1 : 0));
const NONE_UNASKED: Uint8Array = new Uint8Array(0);

const SORTS: readonly ModuleSort[] = ['func', 'table', 'memory', 'global', 'tag'];

const SHARED = 0x02;
const WIDE = 0x04;

function readU64(c: Cursor): bigint {
  let value = 0n;
  for (let shift = 0n; shift < 70n; shift += 7n) {
    const byte = readByte(c);
    value |= BigInt(byte & 0x7f) << shift;
    if (byte >= 0x80) continue;
    if (value >= 1n << 64n) break;
    return value;
  }
  throw new Malformed('a number has more than 64 bits');
}

class Reader {
  readonly #bytes: Uint8Array;
  readonly #items = { left: MAX_ITEMS };
  readonly imports: ModuleImport[] = [];
  readonly exports: ModuleExport[] = [];
  readonly memories: ModuleLimits[] = [];
  readonly bodies: Body[] = [];
  readonly features = new Map<Feature, Place>();
  readonly own: Record<ModuleSort, number> = { func: 0, table: 0, memory: 0, global: 0, tag: 0 };
  readonly imported: Record<ModuleSort, number> = { func: 0, table: 0, memory: 0, global: 0, tag: 0 };
  types: FunctionTypes = { count: 0, entries: 0, parameters: [], fields: [], passesReferences: [] };
  readonly #functionTypes: number[] = [];
  hasStart = false;
  reachesOthers = false;
  /** Of each global, and each tag, whether it holds references. */
  readonly #holders: Readonly<Record<'global' | 'tag', boolean[]>> = { global: [], tag: [] };
  #functionIndex: number | null = null;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  readAll(sections: readonly Section[]): void {
    for (const section of sections) {
      const c = openSection(this.#bytes, section, this.#items);
      this.#spend(1);
      this.#read(section.id, c);
      if (c.at !== c.end) throw new Malformed(`section ${section.id} is longer than what it holds`);
    }
    if (this.bodies.length !== this.own.func) throw new Malformed('functions and their code differ in number');
  }

  #spend(count: number): void {
    this.#items.left -= count;
    if (this.#items.left < 0) throw new Malformed(`a module has more than ${MAX_ITEMS} parts`);
  }

  #note(feature: Feature, offset: number): void {
    if (!this.features.has(feature)) this.features.set(feature, { functionIndex: this.#functionIndex, offset });
  }

  #each(c: Cursor, read: (i: number) => void): number {
    const count = readCount(c);
    this.#spend(count);
    for (let i = 0; i < count; i += 1) read(i);
    return count;
  }

  #read(id: number, c: Cursor): void {
    if (id === 0) {
      readText(c);
      c.at = c.end;
      return;
    }
    if (id === SECTION.type)
      this.types = readFunctionTypes(
        c,
        (count) => this.#spend(count),
        (feature) => this.#note(feature, c.at),
      );
    else if (id === SECTION.import) this.#each(c, () => this.#import(c));
    else if (id === SECTION.function) this.own.func = this.#each(c, () => void this.#functionTypes.push(readU32(c)));
    else if (id === SECTION.table) this.own.table = this.#each(c, () => this.#ownTable(c));
    else if (id === SECTION.memory) this.own.memory = this.#each(c, () => this.#memory(c));
    else if (id === SECTION.tag) this.own.tag = this.#each(c, () => this.#tag(c));
    else if (id === SECTION.global) this.own.global = this.#each(c, () => this.#ownGlobal(c));
    else if (id === SECTION.export) this.#each(c, () => this.#export(c));
    else if (id === SECTION.start) {
      readU32(c);
      this.hasStart = true;
    } else if (id === SECTION.element) this.#each(c, () => this.#element(c));
    else if (id === SECTION.dataCount) readU32(c);
    else if (id === SECTION.code) this.#each(c, (i) => this.#body(c, i));
    else this.#each(c, () => this.#data(c));
  }

  #limits(c: Cursor): ModuleLimits {
    const start = c.at;
    const flags = readByte(c);
    if (flags > 7) throw new Malformed('limits of an unknown form');
    if ((flags & SHARED) !== 0) this.#note('threads', start);
    if ((flags & WIDE) !== 0) this.#note('memory64', start);
    const read = (flags & WIDE) === 0 ? (d: Cursor) => BigInt(readU32(d)) : readU64;
    const min = read(c);
    return { min, max: (flags & 1) === 1 ? read(c) : null, start, end: c.at };
  }

  #memory(c: Cursor): void {
    if (this.memories.length > 0) this.#note('multi-memory', c.at);
    this.memories.push(this.#limits(c));
  }

  /** Reads a type of references, and what a table of them may hold. */
  #table(c: Cursor): void {
    const start = c.at;
    const type = readValueType(c);
    if (type !== 0x70) this.#note(type === 0x6f ? 'reference-types' : 'function-references', start);
    this.#limits(c);
  }

  #ownTable(c: Cursor): void {
    if (this.#bytes[c.at] !== 0x40) return this.#table(c);
    this.#note('function-references', c.at);
    readMark(c, 0x40);
    readMark(c, 0x00);
    this.#table(c);
    this.#constant(c);
  }

  #global(c: Cursor): void {
    this.#holders.global.push(isReference(readValueType(c)));
    if (readByte(c) > 1) throw new Malformed('a global that is neither constant nor mutable');
  }

  #ownGlobal(c: Cursor): void {
    this.#global(c);
    this.#constant(c);
  }

  #tag(c: Cursor): void {
    this.#note('exceptions', c.at);
    readMark(c, 0x00);
    this.#holders.tag.push(this.#passesReferences(readU32(c)));
  }

  #passesReferences(type: number): boolean {
    return this.types.passesReferences[type] ?? false;
  }

  /** Notes that a function is referred to; imported ones come first in the numbering. */
  #refer(functionIndex: number): void {
    this.reachesOthers ||= functionIndex < this.imported.func;
  }

  #import(c: Cursor): void {
    const module = readText(c);
    const name = readText(c);
    const sort = SORTS[readByte(c)];
    if (sort === undefined) throw new Malformed('an import of an unknown sort');
    if (sort === 'func') this.reachesOthers ||= this.#passesReferences(readU32(c));
    else if (sort === 'table') this.#table(c);
    else if (sort === 'memory') this.#memory(c);
    else if (sort === 'global') this.#global(c);
    else this.#tag(c);
    this.reachesOthers ||= sort === 'table' || this.#holds(sort, this.imported[sort]);
    this.imported[sort] += 1;
    this.imports.push({ module, name, sort });
  }

  #export(c: Cursor): void {
    const name = readText(c);
    const sort = SORTS[readByte(c)];
    if (sort === undefined) throw new Malformed('an export of an unknown sort');
    const index = readU32(c);
    this.exports.push({ name, sort, index });
    if (sort !== 'func') {
      this.reachesOthers ||= sort === 'table' || this.#holds(sort, index);
      return;
    }
    // What is exported may be referred to in code.
    this.#refer(index);
    this.reachesOthers ||= this.#passesReferences(this.#functionTypes[index - this.imported.func] ?? -1);
  }

  #holds(sort: ModuleSort, index: number): boolean {
    return (sort === 'global' || sort === 'tag') && (this.#holders[sort][index] ?? false);
  }

  #element(c: Cursor): void {
    const flags = readU32(c);
    if (flags > 7) throw new Malformed('elements of an unknown form');
    if (flags > 3) this.#note('reference-types', c.at);
    else if (flags > 0) this.#note('bulk-memory', c.at);
    const active = (flags & 1) === 0;
    if (active && (flags & 2) !== 0) readU32(c);
    if (active) this.#constant(c);
    const expressions = (flags & 4) !== 0;
    if ((flags & 3) !== 0) {
      const kind = readByte(c);
      if (expressions ? !skipValueType(c, kind) : kind !== 0) throw new Malformed('elements of an unknown kind');
    }
    this.#each(c, () => (expressions ? this.#constant(c) : this.#refer(readU32(c))));
  }

  #data(c: Cursor): void {
    const flags = readU32(c);
    if (flags > 2) throw new Malformed('data of an unknown form');
    if (flags === 1) this.#note('bulk-memory', c.at);
    if (flags === 2) readU32(c);
    if (flags !== 1) this.#constant(c);
    takeCursor(c, readU32(c));
  }

  readonly #look = (instruction: Instruction): void => {
    const feature = OPCODE_FEATURES[FEATURE_OF[instruction.op] ?? 0] ?? null;
    if (feature !== null) this.#note(feature, instruction.at);
    if (instruction.hasBlockSignature) this.#note('multi-value', instruction.at);
  };

  readonly #lookAtConstant = (instruction: Instruction): void => {
    this.#look(instruction);
    if (instruction.op === OP.refFunc) this.#refer(instruction.index);
    // Sums and products of i32 and i64; the first version knows constants and imported globals only.
    if (instruction.op >= 0x6a && instruction.op <= 0x7e) this.#note('extended-const', instruction.at);
  };

  #constant(c: Cursor): void {
    walkExpression(c, NONE_UNASKED, this.#lookAtConstant);
  }

  #body(c: Cursor, i: number): void {
    const body = takeCursor(c, readU32(c));
    this.#functionIndex = this.imported.func + i;
    const localGroups = readCount(body);
    const start = body.at;
    let locals = 0;
    for (let left = localGroups; left > 0; left -= 1) {
      locals += readU32(body);
      if (locals > MAX_LOCALS)
        throw new Malformed(`function ${this.#functionIndex} has more than ${MAX_LOCALS} locals`);
      readValueType(body);
    }
    const code = body.at;
    try {
      walkExpression(body, PLAIN, this.#look);
    } catch (e) {
      if (e instanceof Malformed) throw new Malformed(`function ${this.#functionIndex}: ${e.message}`);
      throw e;
    }
    if (body.at !== body.end) throw new Malformed(`function ${this.#functionIndex} goes on behind its end`);
    const parameters = this.types.parameters[this.#functionTypes[i] ?? -1] ?? 0;
    this.bodies.push({ start, localGroups, locals: parameters + locals, code, end: body.end });
    this.#functionIndex = null;
  }
}

/** Reads a core module; @throws Malformed with a reason. */
export function readModule(bytes: Uint8Array): CoreModule {
  const sections = readSections(bytes);
  const reader = new Reader(bytes);
  reader.readAll(sections);
  const { types, imports, exports, memories, bodies, features, own, imported, reachesOthers, hasStart } = reader;
  return {
    bytes,
    sections,
    types,
    imports,
    exports,
    memories,
    bodies,
    features,
    own,
    imported,
    reachesOthers,
    hasStart,
  };
}
