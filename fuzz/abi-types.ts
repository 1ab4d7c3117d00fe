/** Types of the Component Model, and values of them as a host has them, by choices. */
import { PRIMITIVES } from '../src/enclave/sandbox/component/syntax.ts';
import {
  casesOf,
  makeValueType,
  type Resource,
  type Shape,
  type ValueType,
} from '../src/enclave/sandbox/component/value-type.ts';
import type { Random } from './random.ts';

/** What handles may be for: two of the host's, so that one can be taken for the other, and one of the guest's. */
export const RESOURCES: readonly Resource[] = [
  { of: 'host', interface: 't:w/host', name: 'a' },
  { of: 'host', interface: 't:w/host', name: 'b' },
  { of: 'guest', destructor: null, owner: 0 },
];

const labels = (count: number): readonly string[] => Array.from({ length: count }, (_, i) => `l${i}`);

/** Makes a type; one that may `lend` holds borrowed handles, too. */
export function makeType(random: Random, depth: number, lend: boolean): ValueType {
  const inner = (): ValueType => makeType(random, depth - 1, lend);
  const maybe = (): ValueType | null => (random.chance(0.6) ? inner() : null);
  const some = <T>(most: number, make: () => T): readonly T[] => Array.from({ length: 1 + random.below(most) }, make);
  const named = <T>(parts: readonly T[]): readonly (readonly [string, T])[] => parts.map((part, i) => [`l${i}`, part]);
  const shapes: readonly (() => Shape)[] = [
    () => ({ kind: random.pick(PRIMITIVES) }),
    () => ({ kind: 'own', resource: random.pick(RESOURCES) }),
    () => ({ kind: lend ? 'borrow' : 'own', resource: random.pick(RESOURCES) }),
    () => ({ kind: 'enum', labels: labels(random.pick([1, 3, 4, 257])) }),
    () => ({ kind: 'flags', labels: labels(random.pick([1, 8, 9, 32])) }),
    () => ({ kind: 'list', element: inner() }),
    () => ({ kind: 'list', element: inner() }),
    () => ({ kind: 'record', fields: named(some(5, inner)) }),
    () => ({ kind: 'tuple', elements: some(4, inner) }),
    () => ({ kind: 'variant', cases: named(some(4, maybe)) }),
    () => ({ kind: 'option', element: inner() }),
    () => ({ kind: 'result', ok: maybe(), err: maybe() }),
  ];
  return makeValueType((shapes[random.below(depth > 0 ? shapes.length : 5)] ?? shapes[0])?.() ?? { kind: 'u8' });
}

const bits = (random: Random, size: number): bigint =>
  random.bytes(size).reduce((value, byte) => value * 256n + BigInt(byte), 0n);

function makePrimitive(kind: string, random: Random): unknown {
  const number = Number(bits(random, 4));
  switch (kind) {
    case 'bool':
      return number % 2 === 1;
    case 'u8':
      return number & 0xff;
    case 's8':
      return (number << 24) >> 24;
    case 'u16':
      return number & 0xffff;
    case 's16':
      return (number << 16) >> 16;
    case 'u32':
      return number;
    case 's32':
      return number | 0;
    case 'u64':
      return bits(random, 8);
    case 's64':
      return BigInt.asIntN(64, bits(random, 8));
    case 'f32':
      return Math.fround(number / 3);
    case 'f64':
      return number / 3;
    case 'char':
      return random.pick(['a', 'é', '\u{10ffff}', '\0']);
    default:
      return random.pick(['', 'text', 'é€\u{1f600}', 'x'.repeat(300)]);
  }
}

/** Makes a host's value of a type; `own` gives what stands for a handle. */
export function makeValue(type: ValueType, random: Random, own: () => unknown): unknown {
  const make = (part: ValueType): unknown => makeValue(part, random, own);
  if (type.kind === 'own' || type.kind === 'borrow') return own();
  if (type.kind === 'list') {
    const items = Array.from({ length: random.below(4) }, () => make(type.element));
    return type.element.kind === 'u8' ? Uint8Array.from(items as number[]) : items;
  }
  if (type.kind === 'tuple') return type.elements.map(make);
  if (type.kind === 'record') return Object.fromEntries(type.fields.map(([label, part]) => [label, make(part)]));
  if (type.kind === 'flags') return Object.fromEntries(type.labels.map((label) => [label, random.chance(0.5)]));
  const cases = casesOf(type);
  if (cases === null) return makePrimitive(type.kind, random);
  const [label, payload] = random.pick(cases);
  return nameCase(type, label, payload === null ? undefined : make(payload));
}

/** Gives the value of a case as a host has it. */
export function nameCase(type: ValueType, label: string, val: unknown): unknown {
  if (type.kind === 'enum') return label;
  if (type.kind === 'option' && type.element.kind !== 'option') return val;
  return { tag: type.kind === 'result' && label === 'error' ? 'err' : label, val };
}
