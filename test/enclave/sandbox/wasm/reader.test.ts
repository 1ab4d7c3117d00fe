/** That our reader of core modules reads what V8 accepts and to the same end, names its features, and ends in a typed way on any other bytes. */
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { concatBytes } from '../../../../src/base/bytes.ts';
import { Malformed } from '../../../../src/enclave/sandbox/component/cursor.ts';
import { readModule } from '../../../../src/enclave/sandbox/wasm/read-module.ts';
import { build } from '../component/kit.ts';
import { body, leb, moduleOf, section, text, validate, vector } from './encode.ts';
import { acceptedModules, moduleWith } from './opcode-modules.ts';

const RUNS = Number(process.env['ANCHORHOLD_FUZZ'] ?? 1);

/** Gives what reading came to: the features, or the problem. */
function outcome(bytes: Uint8Array): string {
  try {
    return [...readModule(bytes).features.keys()].sort().join(' ');
  } catch (e) {
    if (e instanceof Malformed) return 'malformed';
    throw e;
  }
}

const CASES: readonly (readonly [features: string, wat: string])[] = [
  ['', '(module (memory (export "m") 1) (func (export "f") (param i32) (result i32) (i32.load (local.get 0))))'],
  ['sign-extension', '(module (func (param i32) (result i32) (i32.extend8_s (local.get 0))))'],
  ['saturating-conversions', '(module (func (param f32) (result i32) (i32.trunc_sat_f32_s (local.get 0))))'],
  ['bulk-memory', '(module (memory 1) (func (memory.fill (i32.const 0) (i32.const 0) (i32.const 9))))'],
  ['bulk-memory', '(module (memory 1) (data "abc"))'],
  ['reference-types', '(module (table 1 externref))'],
  ['reference-types', '(module (func $f) (elem declare func $f) (func (drop (ref.func $f))))'],
  ['multi-value', '(module (func (result i32 i32) (i32.const 1) (i32.const 2)))'],
  ['multi-value', '(module (func (i32.const 1) (block (param i32) (drop))))'],
  ['tail-calls', '(module (func $f (return_call $f)))'],
  ['simd', '(module (func (result v128) (i8x16.splat (i32.const 1))))'],
  [
    'relaxed-simd simd',
    '(module (func (param v128) (result v128) (f32x4.relaxed_madd (local.get 0) (local.get 0) (local.get 0))))',
  ],
  ['threads', '(module (memory 1 1 shared))'],
  ['threads', '(module (memory 1) (func (drop (i32.atomic.rmw.add (i32.const 0) (i32.const 1)))))'],
  ['threads', '(module (func (atomic.fence)))'],
  ['exceptions', '(module (tag $t) (func (block $b (try_table (catch $t $b) (throw $t)))))'],
  ['function-references', '(module (type $t (func)) (func (param (ref $t)) (call_ref $t (local.get 0))))'],
  ['gc', '(module (type $s (struct (field i32))) (func (drop (struct.new_default $s))))'],
  ['memory64', '(module (memory i64 1))'],
  ['memory64', '(module (table i64 1 funcref))'],
  ['multi-memory', '(module (memory 1) (memory 1))'],
  ['extended-const', '(module (global i32 (i32.add (i32.const 1) (i32.const 2))))'],
];

describe('the features of a module', () => {
  it.each(CASES)('are named: %s, in %s', async (features, wat) => {
    const bytes = await build(wat);
    expect(validate(bytes)).toBe(true);
    const found = outcome(bytes).split(' ');
    for (const feature of features.split(' ')) expect(found).toContain(feature);
  });

  it('are none in a module of the first version', async () => {
    expect(outcome(await build(CASES[0]?.[1] ?? ''))).toBe('');
  });

  it('say where they were met first', async () => {
    const wat = '(module (import "a" "b" (func)) (func) (func (result i32) (i32.extend8_s (i32.const 1))))';
    expect(readModule(await build(wat)).features.get('sign-extension')?.functionIndex).toBe(2);
  });
});

describe('the opcodes', () => {
  it('that V8 accepts are all read, to the same end, and most of them are tried', () => {
    const accepted = acceptedModules();
    expect(accepted.filter(({ bytes }) => outcome(bytes) === 'malformed')).toEqual([]);
    expect(new Set(accepted.map(({ opcode }) => opcode)).size).toBeGreaterThan(540);
  });

  it('that nobody knows are refused', () => {
    for (const opcode of [[0x16], [0xfa], [0xff, 0], [0xfc, 0x13], [0xfd, ...leb(0x9a)], [0xfd, ...leb(0x114)]]) {
      expect([opcode, outcome(moduleWith(opcode))]).toEqual([opcode, 'malformed']);
    }
  });
});

describe('any other bytes', () => {
  let seeds: readonly Uint8Array[] = [];
  beforeAll(async () => {
    seeds = await Promise.all(CASES.map(([, wat]) => build(wat)));
  });

  const HUGE = [0xff, 0xff, 0xff, 0xff, 0x0f];
  it.each([
    ['an empty file', new Uint8Array(0)],
    ['a section that is cut', moduleOf(Uint8Array.of(1, 5, 0))],
    ['a section twice', moduleOf(section(1, [0]), section(1, [0]))],
    ['sections in another order', moduleOf(section(3, [0]), section(1, [0]))],
    ['an unknown section', moduleOf(section(14, [0]))],
    ['a section with something behind its end', moduleOf(section(1, [0, 0]))],
    ['a function without code', moduleOf(section(1, vector([0x60, 0, 0])), section(3, vector([0])))],
    ['code without a function', moduleOf(section(10, vector(body([]))))],
    ['a count that nothing can hold', moduleOf(section(1, HUGE))],
    ['parameters that nothing can hold', moduleOf(section(1, [1, 0x60, ...HUGE]))],
    [
      'locals without end',
      moduleOf(
        section(1, vector([0x60, 0, 0])),
        section(3, vector([0])),
        section(10, vector([9, 1, ...HUGE, 0x7f, 0x0b, 0x0b])),
      ),
    ],
    ['limits of an unknown form', moduleOf(section(5, vector([8, 1])))],
    ['a global of an unknown kind', moduleOf(section(6, vector([0x7f, 2, 0x41, 0, 0x0b])))],
    ['an import of an unknown sort', moduleOf(section(2, vector([...text('a'), ...text('b'), 5, 0])))],
    ['an export of an unknown sort', moduleOf(section(7, vector([...text('a'), 9, 0])))],
    ['an expression without end', moduleOf(section(6, vector([0x7f, 0, 0x41, 0])))],
    ['elements of an unknown form', moduleOf(section(9, vector([8])))],
    ['data of an unknown form', moduleOf(section(11, vector([3])))],
  ])('%s is malformed', (_, bytes) => {
    expect(outcome(bytes)).toBe('malformed');
    expect(validate(bytes)).toBe(false);
  });

  it('give a value or a typed problem, and never accept what they cut off', () => {
    fc.assert(
      fc.property(
        fc.nat(),
        fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 4 }),
        fc.nat(),
        (s, changes, cut) => {
          const bytes = Uint8Array.from(seeds[s % seeds.length] ?? []);
          for (const [at, value] of changes) bytes[at % bytes.length] = value;
          const part = bytes.subarray(0, 1 + (cut % bytes.length));
          // Whatever V8 takes, the reader has to understand: else a function that works would be refused.
          if (validate(part)) expect(outcome(part)).not.toBe('malformed');
          else outcome(part);
        },
      ),
      { numRuns: 3000 * RUNS },
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => void outcome(concatBytes(moduleOf(), bytes))),
      { numRuns: 3000 * RUNS },
    );
  });

  it('take time in proportion to their length', () => {
    const blocks = (n: number): Uint8Array =>
      moduleOf(
        section(1, vector([0x60, 0, 0])),
        section(3, vector([0])),
        section(10, vector(body([...Array.from({ length: n }, () => [0x02, 0x40]).flat(), ...Array(n).fill(0x0b)]))),
      );
    expect(outcome(blocks(300_000))).toBe('');
  });
});
