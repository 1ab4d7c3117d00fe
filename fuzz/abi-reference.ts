/**
 * The canonical ABI's lifting a second time, as plainly as its specification says it and without its measures: what the fuzzed one is held to.
 * [Component Model CanonicalABI.md, Loading, Flat Lifting]
 */
import { type CoreType, casesOf, type Resource, type ValueType } from '../src/enclave/sandbox/component/value-type.ts';
import { nameCase } from './abi-types.ts';

/** The specification says that this is a trap. */
export class ReferenceTrap extends Error {}

interface Owned {
  readonly resource: Resource;
  readonly representation: unknown;
  lent: number;
}

function trapIf(condition: boolean): void {
  if (condition) throw new ReferenceTrap();
}

const SIZES: Readonly<Record<string, number>> = { bool: 1, s8: 1, u8: 1, s16: 2, u16: 2, s64: 8, u64: 8, f64: 8 };
const WORDS = new Set(['string', 'list']);

function alignment(type: ValueType): number {
  if (type.kind === 'record') return Math.max(...type.fields.map(([, t]) => alignment(t)));
  if (type.kind === 'tuple') return Math.max(...type.elements.map(alignment));
  if (type.kind === 'flags') return type.labels.length <= 8 ? 1 : type.labels.length <= 16 ? 2 : 4;
  const cases = casesOf(type);
  if (cases === null) return WORDS.has(type.kind) ? 4 : (SIZES[type.kind] ?? 4);
  return Math.max(tagSize(cases.length), ...cases.map(([, t]) => (t === null ? 1 : alignment(t))));
}

const tagSize = (count: number): number => (count <= 256 ? 1 : 2);
const up = (at: number, align: number): number => at + ((align - (at % align)) % align);

function sizeOf(type: ValueType): number {
  const sequence = (parts: readonly ValueType[]): number =>
    up(
      parts.reduce((at, t) => up(at, alignment(t)) + sizeOf(t), 0),
      alignment(type),
    );
  if (type.kind === 'record') return sequence(type.fields.map(([, t]) => t));
  if (type.kind === 'tuple') return sequence(type.elements);
  if (type.kind === 'flags') return alignment(type);
  const cases = casesOf(type);
  if (cases === null) return WORDS.has(type.kind) ? 8 : (SIZES[type.kind] ?? 4);
  const payload = Math.max(...cases.map(([, t]) => (t === null ? 1 : alignment(t))));
  return up(
    up(tagSize(cases.length), payload) + Math.max(...cases.map(([, t]) => (t === null ? 0 : sizeOf(t)))),
    alignment(type),
  );
}

/** Gives the core types of a type, without an end. */
export function flatten(type: ValueType): readonly CoreType[] {
  if (type.kind === 'record') return type.fields.flatMap(([, t]) => flatten(t));
  if (type.kind === 'tuple') return type.elements.flatMap(flatten);
  const cases = casesOf(type);
  if (cases === null) {
    if (WORDS.has(type.kind)) return ['i32', 'i32'];
    if (type.kind === 'f32' || type.kind === 'f64') return [type.kind];
    return [type.kind === 'u64' || type.kind === 's64' ? 'i64' : 'i32'];
  }
  const joined: CoreType[] = [];
  for (const [, payload] of cases) {
    for (const [i, core] of (payload === null ? [] : flatten(payload)).entries()) {
      const other = joined[i];
      const isNarrow = (type: CoreType): boolean => type === 'i32' || type === 'f32';
      if (other === undefined || other === core) joined[i] = core;
      else joined[i] = isNarrow(core) && isNarrow(other) ? 'i32' : 'i64';
    }
  }
  return ['i32', ...joined];
}

const view = new DataView(new ArrayBuffer(8));

/** Takes flat values one after another, each as the core type that is wanted. */
class Flat {
  readonly #values: readonly (number | bigint)[];
  readonly #types: readonly CoreType[];
  #at = 0;
  constructor(values: readonly (number | bigint)[], types: readonly CoreType[]) {
    this.#values = values;
    this.#types = types;
  }
  next(wanted: CoreType): number | bigint {
    const [value = 0, type] = [this.#values[this.#at], this.#types[this.#at]];
    this.#at += 1;
    if (type === wanted || type === undefined) return value;
    if (type === 'i64') view.setBigInt64(0, BigInt(value), true);
    else view.setInt32(0, Number(value), true);
    if (wanted === 'f32') return view.getFloat32(0, true);
    return wanted === 'f64' ? view.getFloat64(0, true) : view.getInt32(0, true);
  }
  get at(): number {
    return this.#at;
  }
  jump(at: number): void {
    this.#at = at;
  }
}

/** A guest's memory and handles, as the specification knows them. */
export class Reference {
  memory: Uint8Array = new Uint8Array(0);
  readonly handles: Map<number, Owned> = new Map();
  #lent: Owned[] = [];

  /** Lifts the arguments of a call: flat, or from memory when they are more than `maxFlat`. */
  liftArgs(params: ValueType, values: readonly (number | bigint)[], maxFlat: number): unknown {
    const types = flatten(params);
    if (types.length > maxFlat) return this.load(params, Number(values[0]) >>> 0);
    return this.#lift(params, new Flat(values, types));
  }

  /** Gives back what was lent for a call that is over. */
  giveBack(): void {
    for (const handle of this.#lent) handle.lent -= 1;
    this.#lent = [];
  }

  #handle(type: Extract<ValueType, { kind: 'own' | 'borrow' }>, index: number): unknown {
    const handle = this.handles.get(index);
    if (handle?.resource !== type.resource) throw new ReferenceTrap();
    if (type.kind === 'own') {
      trapIf(handle.lent > 0);
      this.handles.delete(index);
    } else {
      handle.lent += 1;
      this.#lent.push(handle);
    }
    return handle.representation;
  }

  #bytes(pointer: number, size: number): Uint8Array {
    trapIf(pointer + size > this.memory.length);
    return this.memory.slice(pointer, pointer + size);
  }

  #string(pointer: number, size: number): string {
    try {
      return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(this.#bytes(pointer, size));
    } catch {
      throw new ReferenceTrap();
    }
  }

  #list(element: ValueType, pointer: number, length: number): unknown {
    const size = sizeOf(element);
    trapIf(pointer % alignment(element) !== 0 || pointer + length * size > this.memory.length);
    const items: unknown[] = [];
    for (let i = 0; i < length; i++) items.push(this.load(element, pointer + i * size));
    return element.kind === 'u8' ? Uint8Array.from(items as number[]) : items;
  }

  /** Makes a value of the bits of a number that is no longer than 32 bits. */
  #narrow(kind: string, number: number): unknown {
    if (kind === 'bool') return number !== 0;
    if (kind === 'u8') return number & 0xff;
    if (kind === 's8') return (number << 24) >> 24;
    if (kind === 'u16') return number & 0xffff;
    if (kind === 's16') return (number << 16) >> 16;
    if (kind === 's32') return number | 0;
    if (kind === 'u32') return number >>> 0;
    const code = number >>> 0;
    trapIf(code > 0x10ffff || (code >= 0xd800 && code < 0xe000));
    return String.fromCodePoint(code);
  }

  /** Loads a value from memory. */
  load(type: ValueType, pointer: number): unknown {
    trapIf(pointer % alignment(type) !== 0 || pointer + sizeOf(type) > this.memory.length);
    const bytes = new DataView(this.memory.buffer, this.memory.byteOffset, this.memory.length);
    const integer = (at: number, size: number): number =>
      size === 1 ? bytes.getUint8(at) : size === 2 ? bytes.getUint16(at, true) : bytes.getUint32(at, true);
    let at = pointer;
    const part = (t: ValueType): unknown => {
      at = up(at, alignment(t));
      const value = this.load(t, at);
      at += sizeOf(t);
      return value;
    };
    if (type.kind === 'record') return Object.fromEntries(type.fields.map(([label, t]) => [label, part(t)]));
    if (type.kind === 'tuple') return type.elements.map(part);
    if (type.kind === 'own' || type.kind === 'borrow') return this.#handle(type, integer(at, 4));
    if (type.kind === 'string') return this.#string(integer(at, 4), integer(at + 4, 4));
    if (type.kind === 'list') return this.#list(type.element, integer(at, 4), integer(at + 4, 4));
    if (type.kind === 'flags') return flagsOf(type.labels, integer(at, sizeOf(type)));
    if (type.kind === 'f32') return bytes.getFloat32(at, true);
    if (type.kind === 'f64') return bytes.getFloat64(at, true);
    if (type.kind === 'u64') return bytes.getBigUint64(at, true);
    if (type.kind === 's64') return bytes.getBigInt64(at, true);
    const cases = casesOf(type);
    if (cases === null) return this.#narrow(type.kind, integer(at, sizeOf(type)));
    const found = cases[integer(at, tagSize(cases.length))];
    if (found === undefined) throw new ReferenceTrap();
    const [label, payload] = found;
    const start = up(at + tagSize(cases.length), Math.max(...cases.map(([, t]) => (t === null ? 1 : alignment(t)))));
    return nameCase(type, label, payload === null ? undefined : this.load(payload, start));
  }

  #lift(type: ValueType, flat: Flat): unknown {
    const word = (): number => Number(flat.next('i32')) >>> 0;
    if (type.kind === 'record')
      return Object.fromEntries(type.fields.map(([label, t]) => [label, this.#lift(t, flat)]));
    if (type.kind === 'tuple') return type.elements.map((t) => this.#lift(t, flat));
    if (type.kind === 'own' || type.kind === 'borrow') return this.#handle(type, word());
    if (type.kind === 'string') return this.#string(word(), word());
    if (type.kind === 'list') return this.#list(type.element, word(), word());
    if (type.kind === 'flags') return flagsOf(type.labels, word());
    if (type.kind === 'f32' || type.kind === 'f64') return flat.next(type.kind);
    if (type.kind === 'u64') return BigInt.asUintN(64, BigInt(flat.next('i64')));
    if (type.kind === 's64') return BigInt.asIntN(64, BigInt(flat.next('i64')));
    const cases = casesOf(type);
    if (cases === null) return this.#narrow(type.kind, word());
    const start = flat.at;
    const found = cases[word()];
    if (found === undefined) throw new ReferenceTrap();
    const [label, payload] = found;
    const value = payload === null ? undefined : this.#lift(payload, flat);
    flat.jump(start + flatten(type).length);
    return nameCase(type, label, value);
  }
}

function flagsOf(labels: readonly string[], bits: number): unknown {
  return Object.fromEntries(labels.map((label, i) => [label, ((bits >>> i) & 1) === 1]));
}
