/**
 * The value types of the Component Model with their parts resolved, and what a core function sees of them: size, alignment and flat core
 * types. Everything is worked out once when a type is made, so that no call measures anything. [Component Model CanonicalABI.md]
 */
import { Malformed } from './cursor.ts';
import type { Labelled, Primitive } from './syntax.ts';

/** Something that only handles point at: the host's, known by interface and name, or the guest's own. */
export type Resource =
  | { readonly of: 'host'; readonly interface: string; readonly name: string }
  | { readonly of: 'guest'; readonly destructor: number | null; readonly owner: number };

export type CoreType = 'i32' | 'i64' | 'f32' | 'f64';

/** The shape of a value type; `ValueType` adds the measures. */
export type Shape =
  | { readonly kind: Primitive }
  | { readonly kind: 'record'; readonly fields: readonly Labelled<ValueType>[] }
  | { readonly kind: 'variant'; readonly cases: readonly Labelled<ValueType | null>[] }
  | { readonly kind: 'list'; readonly element: ValueType }
  | { readonly kind: 'option'; readonly element: ValueType }
  | { readonly kind: 'tuple'; readonly elements: readonly ValueType[] }
  | { readonly kind: 'flags' | 'enum'; readonly labels: readonly string[] }
  | { readonly kind: 'result'; readonly ok: ValueType | null; readonly err: ValueType | null }
  | { readonly kind: 'own' | 'borrow'; readonly resource: Resource }
  | { readonly kind: 'stream' | 'future'; readonly element: ValueType | null };

export interface Measures {
  /** Bytes in memory. */
  readonly size: number;
  readonly align: number;
  /** No more than `FLAT_KEPT`: one beyond what is ever passed flat tells that it goes through memory. */
  readonly flat: readonly CoreType[];
  /** Types in it, counted as often as they occur: what walking it costs. */
  readonly weight: number;
  /** Types inside types, itself included. */
  readonly depth: number;
}

export type ValueType = Shape & Measures;

export interface FunctionType {
  readonly params: readonly Labelled<ValueType>[];
  readonly result: ValueType | null;
  /** Whether it may wait before it returns. */
  readonly isAsync: boolean;
}

/** More flat parameters than this go through memory. [Component Model CanonicalABI.md, Flattening] */
export const MAX_FLAT_PARAMS = 16;

/** A type that refers to itself ten times in ten layers would have 10^10 parts; real ones stay under 200. */
const MAX_WEIGHT = 10_000;
/** What is made of a type is as deep as the type itself. */
const MAX_DEPTH = 64;
const MAX_LABELS = 32;
const FLAT_KEPT = MAX_FLAT_PARAMS + 1;

const PRIMITIVE: Readonly<Record<Primitive, readonly [size: number, flat: CoreType]>> = {
  bool: [1, 'i32'],
  s8: [1, 'i32'],
  u8: [1, 'i32'],
  s16: [2, 'i32'],
  u16: [2, 'i32'],
  s32: [4, 'i32'],
  u32: [4, 'i32'],
  s64: [8, 'i64'],
  u64: [8, 'i64'],
  f32: [4, 'f32'],
  f64: [8, 'f64'],
  char: [4, 'i32'],
  string: [8, 'i32'],
};

/** Rounds up to a multiple of a power of two. */
export function alignTo(offset: number, align: number): number {
  return Math.ceil(offset / align) * align;
}

/** Gives the cases of an option or result as those of a variant. */
export function casesOf(shape: Shape): readonly Labelled<ValueType | null>[] | null {
  if (shape.kind === 'variant') return shape.cases;
  if (shape.kind === 'enum') return shape.labels.map((label) => [label, null]);
  if (shape.kind === 'option')
    return [
      ['none', null],
      ['some', shape.element],
    ];
  if (shape.kind === 'result')
    return [
      ['ok', shape.ok],
      ['error', shape.err],
    ];
  return null;
}

/** Gives the bytes of a variant's discriminant. */
export function discriminantSize(cases: number): 1 | 2 | 4 {
  return cases <= 256 ? 1 : cases <= 65_536 ? 2 : 4;
}

/** Gives the offset of a variant's payload. */
export function payloadOffset(cases: readonly Labelled<ValueType | null>[]): number {
  const align = Math.max(1, ...cases.map(([, t]) => t?.align ?? 1));
  return alignTo(discriminantSize(cases.length), align);
}

/** Gives the value types that a value type is made of. */
export function partsOf(shape: Shape): readonly ValueType[] {
  const cases = casesOf(shape);
  if (cases !== null) return cases.flatMap(([, t]) => (t === null ? [] : [t]));
  if (shape.kind === 'record') return shape.fields.map(([, t]) => t);
  if (shape.kind === 'tuple') return shape.elements;
  return 'element' in shape && shape.element !== null ? [shape.element] : [];
}

function join(a: CoreType | undefined, b: CoreType): CoreType {
  if (a === undefined || a === b) return b;
  return (a === 'i32' && b === 'f32') || (a === 'f32' && b === 'i32') ? 'i32' : 'i64';
}

const depthOf = (parts: readonly ValueType[]): number => 1 + parts.reduce((most, p) => Math.max(most, p.depth), 0);

/** Refuses before anything is measured what could only be refused afterwards. */
function checkCount(parts: readonly unknown[]): void {
  if (parts.length > MAX_WEIGHT) throw new Malformed(`a type has more than ${MAX_WEIGHT} parts`);
}

function measureSequence(parts: readonly ValueType[]): Measures {
  checkCount(parts);
  let size = 0;
  for (const part of parts) size = alignTo(size, part.align) + part.size;
  const align = Math.max(1, ...parts.map((p) => p.align));
  return {
    size: alignTo(size, align),
    align,
    flat: parts.flatMap((p) => p.flat).slice(0, FLAT_KEPT),
    weight: 1 + parts.reduce((sum, p) => sum + p.weight, 0),
    depth: depthOf(parts),
  };
}

function measureCases(cases: readonly Labelled<ValueType | null>[]): Measures {
  if (cases.length === 0) throw new Malformed('a variant without cases');
  checkCount(cases);
  const payloads = cases.flatMap(([, t]) => (t === null ? [] : [t]));
  const tag = discriminantSize(cases.length);
  const align = Math.max(tag, ...payloads.map((t) => t.align));
  const flat: CoreType[] = [];
  for (const payload of payloads) for (const [i, core] of payload.flat.entries()) flat[i] = join(flat[i], core);
  return {
    size: alignTo(payloadOffset(cases) + Math.max(0, ...payloads.map((t) => t.size)), align),
    align,
    flat: (['i32', ...flat] as const).slice(0, FLAT_KEPT),
    weight: 1 + payloads.reduce((sum, t) => sum + t.weight, cases.length),
    depth: depthOf(payloads),
  };
}

function measure(shape: Shape): Measures {
  const cases = casesOf(shape);
  if (cases !== null) return measureCases(cases);
  if (shape.kind === 'record') return measureSequence(shape.fields.map(([, t]) => t));
  if (shape.kind === 'tuple') return measureSequence(shape.elements);
  const simple = (size: number, core: CoreType): Measures => ({
    size,
    align: size,
    flat: [core],
    weight: 1,
    depth: 1,
  });
  if (shape.kind === 'own' || shape.kind === 'borrow') return simple(4, 'i32');
  if (shape.kind === 'flags') {
    const count = shape.labels.length;
    if (count === 0 || count > MAX_LABELS) throw new Malformed(`flags with ${count} labels`);
    return simple(count <= 8 ? 1 : count <= 16 ? 2 : 4, 'i32');
  }
  if (shape.kind === 'stream' || shape.kind === 'future') {
    const inside = shape.element === null ? [] : [shape.element];
    const weight = inside.reduce((sum, t) => sum + t.weight, 1);
    return { ...simple(4, 'i32'), weight, depth: depthOf(inside) };
  }
  if (shape.kind !== 'string' && shape.kind !== 'list') return simple(...PRIMITIVE[shape.kind as Primitive]);
  const inside = shape.kind === 'list' ? [shape.element] : [];
  const weight = inside.reduce((sum, t) => sum + t.weight, 1);
  return { size: 8, align: 4, flat: ['i32', 'i32'], weight, depth: depthOf(inside) };
}

/** Makes a value type of a shape; @throws Malformed when it has too many parts. */
export function makeValueType(shape: Shape): ValueType {
  const measures = measure(shape);
  if (measures.weight > MAX_WEIGHT) throw new Malformed(`a type has more than ${MAX_WEIGHT} parts`);
  if (measures.depth > MAX_DEPTH) throw new Malformed(`a type is more than ${MAX_DEPTH} types deep`);
  return { ...shape, ...measures };
}

/** Gives a function's parameters as one tuple. */
export function makeParams(type: FunctionType): ValueType {
  return makeValueType({ kind: 'tuple', elements: type.params.map(([, t]) => t) });
}
