/** Arbitrary WIT types without resources, as text, and values of them. */
import fc from 'fast-check';
import { camelCase } from '../../../../src/enclave/sandbox/component/labels.ts';
import { PRIMITIVES } from '../../../../src/enclave/sandbox/component/syntax.ts';
import type { ValueType } from '../../../../src/enclave/sandbox/component/value-type.ts';

/** A type's text, and the declarations that it stands on, in order. */
interface Written {
  readonly text: string;
  readonly declares: readonly string[];
}

let named = 0;

function declare(form: string, body: string, parts: readonly Written[]): Written {
  named += 1;
  const text = `t${named}`;
  return { text, declares: [...parts.flatMap((p) => p.declares), `${form} ${text} { ${body} }`] };
}

const around = (before: string, parts: readonly Written[]): Written => ({
  text: `${before}<${parts.map((p) => p.text).join(', ')}>`,
  declares: parts.flatMap((p) => p.declares),
});
const NOTHING: Written = { text: '_', declares: [] };

const typeText = fc.letrec<{ type: Written; leaf: Written }>((tie) => {
  const some = (max: number) => fc.array(tie('type'), { minLength: 1, maxLength: max });
  const labels = (count: number) => Array.from({ length: count }, (_, i) => `l${i}`).join(', ');
  return {
    leaf: fc.oneof(
      { weight: 6, arbitrary: fc.constantFrom(...PRIMITIVES).map((text) => ({ text, declares: [] })) },
      { weight: 1, arbitrary: fc.integer({ min: 1, max: 32 }).map((n) => declare('flags', labels(n), [])) },
      {
        weight: 1,
        arbitrary: fc
          .oneof(fc.integer({ min: 1, max: 9 }), fc.constantFrom(256, 257))
          .map((n) => declare('enum', labels(n), [])),
      },
    ),
    type: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      tie('leaf'),
      some(4).map((parts) => declare('record', parts.map((p, i) => `f${i}-y: ${p.text}`).join(', '), parts)),
      fc.array(fc.option(tie('type')), { minLength: 1, maxLength: 4 }).map((cases) =>
        declare(
          'variant',
          cases.map((c, i) => (c === null ? `c${i}` : `c${i}(${c.text})`)).join(', '),
          cases.filter((c) => c !== null),
        ),
      ),
      tie('type').map((t) => around('list', [t])),
      // Three options inside each other are more than the oracle can carry.
      tie('type').map((t) => (t.text.startsWith('option<option') ? t : around('option', [t]))),
      some(3).map((parts) => around('tuple', parts)),
      fc.tuple(fc.option(tie('type')), fc.option(tie('type'))).map(([ok, err]) => {
        if (err !== null) return around('result', [ok ?? NOTHING, err]);
        return ok === null ? { text: 'result', declares: [] } : around('result', [ok]);
      }),
    ),
  };
}).type;

/** WIT in which the host has `f` and the guest has `go`, of one type. */
export const world: fc.Arbitrary<string> = fc
  .tuple(fc.array(typeText, { maxLength: 5 }), fc.option(typeText))
  .map(([params, result]) => {
    const declares = [...params, ...(result === null ? [] : [result])].flatMap((t) => t.declares);
    const signature = `func(${params.map((p, i) => `p${i}: ${p.text}`).join(', ')})${result === null ? '' : ` -> ${result.text}`}`;
    const names = declares.map((d) => d.split(' ')[1]).join(', ');
    const use = names === '' ? '' : `use host.{${names}};`;
    return `interface host { ${declares.join('\n')} f: ${signature}; }\nworld w { import host; ${use} export go: ${signature}; }`;
  });

const float32 = fc.oneof(fc.float({ noNaN: true }), fc.constantFrom(0, 1, -1));
const list = (type: ValueType, element: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> => {
  const items = fc.array(element, { maxLength: 4 });
  const typed = TYPED.get(type.kind);
  return typed === undefined ? items : items.map((values) => typed(values as never[]));
};
const TYPED = new Map<string, (values: never[]) => unknown>([
  ['u8', (v) => Uint8Array.from(v)],
  ['s8', (v) => Int8Array.from(v)],
  ['u16', (v) => Uint16Array.from(v)],
  ['s16', (v) => Int16Array.from(v)],
  ['u32', (v) => Uint32Array.from(v)],
  ['s32', (v) => Int32Array.from(v)],
  ['u64', (v) => BigUint64Array.from(v)],
  ['s64', (v) => BigInt64Array.from(v)],
  ['f32', (v) => Float32Array.from(v)],
  ['f64', (v) => Float64Array.from(v)],
]);

const SIMPLE: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
  bool: fc.boolean(),
  s8: fc.integer({ min: -128, max: 127 }),
  u8: fc.integer({ min: 0, max: 255 }),
  s16: fc.integer({ min: -32_768, max: 32_767 }),
  u16: fc.integer({ min: 0, max: 65_535 }),
  s32: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
  u32: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
  s64: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  u64: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  f32: float32,
  f64: fc.double({ noNaN: true }),
  char: fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
  string: fc.string({ unit: 'binary', minLength: 1, maxLength: 6 }),
};

/** Values of a type as the host has them. */
export function valueOf(type: ValueType): fc.Arbitrary<unknown> {
  const cases = (all: readonly (readonly [string, ValueType | null])[]): fc.Arbitrary<unknown> =>
    fc.oneof(...all.map(([tag, t]) => (t === null ? fc.constant({ tag }) : valueOf(t).map((val) => ({ tag, val })))));
  if (type.kind === 'record') {
    return fc.record(Object.fromEntries(type.fields.map(([label, t]) => [camelCase(label), valueOf(t)])), {
      noNullPrototype: true,
    });
  }
  if (type.kind === 'tuple') return fc.tuple(...type.elements.map(valueOf));
  if (type.kind === 'list') return list(type.element, valueOf(type.element));
  if (type.kind === 'enum') return fc.constantFrom(...type.labels);
  if (type.kind === 'flags') {
    return fc.record(Object.fromEntries(type.labels.map((l) => [camelCase(l), fc.boolean()])), {
      noNullPrototype: true,
    });
  }
  if (type.kind === 'variant') return cases(type.cases);
  if (type.kind === 'result') {
    return cases([
      ['ok', type.ok],
      ['err', type.err],
    ]);
  }
  if (type.kind === 'option') {
    if (type.element.kind === 'option') {
      return cases([
        ['none', null],
        ['some', type.element],
      ]);
    }
    return fc.option(valueOf(type.element), { nil: undefined });
  }
  return SIMPLE[type.kind] ?? fc.constant(undefined);
}

/** Makes values comparable: typed arrays are lists, an absent payload is no payload. */
export function plain(value: unknown): unknown {
  if (ArrayBuffer.isView(value)) return [...(value as Uint8Array)];
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  const parts = Object.entries(value).filter(([, part]) => part !== undefined);
  return Object.fromEntries(parts.map(([name, part]) => [name, plain(part)]));
}
