/** That metered modules compute what the original ones do, pay the same every time, and that nothing that repeats runs for ever. */
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { Malformed } from '../../../../src/enclave/sandbox/component/cursor.ts';
import { GAS_EXPORT, gasUsed, meterModule } from '../../../../src/enclave/sandbox/wasm/meter.ts';
import { readModule } from '../../../../src/enclave/sandbox/wasm/read-module.ts';
import { build, WASM } from '../component/kit.ts';
import { body, moduleOf, section, validate, vector } from './encode.ts';
import { acceptedModules } from './opcode-modules.ts';
import { arbitraryProgram } from './programs.ts';

const RUNS = Number(process.env['ANCHORHOLD_FUZZ'] ?? 1);
const PLENTY = 1_000_000_000;

interface Outcome {
  /** The result, or that it trapped. */
  readonly value: unknown;
  readonly memory: string;
  readonly used: bigint;
}

/** Runs `go` of a module once in a fresh instance. */
async function run(bytes: Uint8Array, limit: number, ...args: readonly unknown[]): Promise<Outcome> {
  const { exports } = new WASM.Instance(await WASM.compile(bytes), { host: { touch: (n: number) => n + 1 } });
  let value: unknown;
  try {
    value = (exports['go'] as (...a: readonly unknown[]) => unknown)(...args);
  } catch (e) {
    value = e instanceof WASM.RuntimeError ? 'trap' : String(e);
  }
  const memory = exports['memory'] as { readonly buffer: ArrayBuffer } | undefined;
  return {
    value,
    memory: memory === undefined ? '' : Buffer.from(memory.buffer).toString('latin1'),
    used: gasUsed([exports], limit),
  };
}

async function metered(wat: string, limit: number): Promise<Uint8Array> {
  const bytes = meterModule(await build(wat), limit);
  expect(validate(bytes)).toBe(true);
  return bytes;
}

describe('a metered program', () => {
  it('computes the same, and pays the same every time', async () => {
    await fc.assert(
      fc.asyncProperty(arbitraryProgram, fc.integer(), fc.integer(), async (wat, a, b) => {
        const original = await build(wat);
        expect(validate(original)).toBe(true);
        const bytes = await metered(wat, PLENTY);
        const expected = await run(original, 0, a, b);
        const first = await run(bytes, PLENTY, a, b);
        expect({ ...first, used: expected.used }).toEqual(expected);
        expect(await run(bytes, PLENTY, a, b)).toEqual(first);
        // Who traps does not say what the functions with loops have counted so far.
        if (first.value === 'trap') return;
        // What it pays does not depend on what it has.
        const used = Number(first.used);
        const exact = await run(await metered(wat, used), used, a, b);
        expect(exact).toEqual(first);
        const short = await run(await metered(wat, used - 1), used - 1, a, b);
        expect(short.value === 'trap' || Number(short.used) > used - 1).toBe(true);
      }),
      { numRuns: 60 * RUNS },
    );
  });

  it('pays at least for what it runs, and not for much more', async () => {
    const loop = `(module (func (export "go") (param i32) (result i32) (local i32)
      (loop $l (local.set 1 (i32.add (local.get 1) (local.get 0)))
        (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
      (local.get 1)))`;
    const bytes = await metered(loop, PLENTY);
    const [ten, twenty] = [await run(bytes, PLENTY, 10), await run(bytes, PLENTY, 20)];
    // Nine instructions and the end of the loop, each time around.
    expect(Number(twenty.used) - Number(ten.used)).toBe(10 * 10);
  });

  it('pays once for what comes behind a loop', async () => {
    const tail = '(local.set 0 (i32.add (local.get 0) (i32.const 1)))'.repeat(50);
    const wat = (times: number): string => `(module (func (export "go") (param i32)
      (loop $l (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))) ${tail.repeat(times)}))`;
    const used = async (times: number): Promise<number> =>
      Number((await run(await metered(wat(times), PLENTY), PLENTY, 100)).used);
    expect((await used(2)) - (await used(1))).toBe(200);
  });

  it.each([
    ['memory.fill', '(memory.fill (i32.const 0) (i32.const 1) (local.get 0))', 1 / 16],
    ['memory.copy', '(memory.copy (i32.const 0) (i32.const 64) (local.get 0))', 1 / 16],
    ['memory.init', '(memory.init $d (i32.const 0) (i32.const 0) (local.get 0))', 1 / 16],
    ['memory.grow', '(drop (memory.grow (local.get 0)))', 4096],
    ['table.fill', '(table.fill (i32.const 0) (ref.null func) (local.get 0))', 1],
    ['table.copy', '(table.copy (i32.const 0) (i32.const 64) (local.get 0))', 1],
    ['table.init', '(table.init $e (i32.const 0) (i32.const 0) (local.get 0))', 1],
    ['table.grow', '(drop (table.grow (ref.null func) (local.get 0)))', 1],
    ['array.new', '(drop (array.new $a (i32.const 7) (local.get 0)))', 1],
    ['array.new_default', '(drop (array.new_default $a (local.get 0)))', 1],
    ['array.fill', '(array.fill $a (global.get $g) (i32.const 0) (i32.const 7) (local.get 0))', 1],
    ['array.copy', '(array.copy $a $a (global.get $g) (i32.const 0) (global.get $g) (i32.const 0) (local.get 0))', 1],
  ])('pays for the length of %s', async (_, code, each) => {
    const elements = Array.from({ length: 64 }, () => '$f').join(' ');
    const wat = `(module (memory 1) (table 128 1000 funcref) (type $a (array (mut i32)))
      (global $g (ref $a) (array.new_default $a (i32.const 64)))
      (func $f) (elem $e func ${elements}) (data $d "${'x'.repeat(64)}")
      (func (export "go") (param i32) ${code}))`;
    const bytes = await metered(wat, PLENTY);
    const [none, some] = [await run(bytes, PLENTY, 0), await run(bytes, PLENTY, 64)];
    expect([none.value, some.value]).toEqual([undefined, undefined]);
    expect(Number(some.used) - Number(none.used)).toBe(64 * each);
  });

  it('pays for a call of an imported function', async () => {
    const wat = (call: string): string =>
      `(module (import "host" "touch" (func $h (param i32) (result i32))) (func $own (param i32) (result i32) (local.get 0))
        (func (export "go") (drop (call ${call} (i32.const 1)))))`;
    const used = async (call: string): Promise<number> =>
      Number((await run(await metered(wat(call), PLENTY), PLENTY)).used);
    expect(await used('$h')).toBeGreaterThan((await used('$own')) + 400);
  });

  const REACHING: readonly (readonly [string, string])[] = [
    ['in its table', '(elem (i32.const 1) func $h)'],
    ['in its table, by an expression', '(elem (i32.const 1) funcref (ref.func $h))'],
    ['that it may refer to', '(elem declare func $h)'],
    ['in a global', '(global funcref (ref.func $h))'],
    ['that it exports', '(export "h" (func $h))'],
    ['that others put into its table', '(export "t" (table 0))'],
    ['that it is passed', '(func (export "take") (param funcref))'],
    ['that it passes on and gets back', '(func (export "give") (result funcref) (ref.null func))'],
    ['that others put into its global', '(global (export "g") (mut funcref) (ref.null func))'],
    ['that others throw at it', '(tag (export "x") (param funcref))'],
  ];
  const NOT_REACHING: readonly (readonly [string, string])[] = [
    ['nothing', ''],
    ['what is its own', '(elem declare func $own) (export "own" (func $own))'],
    [
      'numbers',
      '(func (export "take") (param i32 f64 v128)) (global (export "g") (mut i32) (i32.const 0)) (tag (export "x") (param i32))',
    ],
  ];
  const INDIRECT = ['call_indirect (type $t) (i32.const 0)', 'call_ref $t (ref.func $own)'];
  const indirect = (more: string, call: string): string =>
    `(module (type $t (func)) (import "host" "touch" (func $h (param i32) (result i32)))
      (table 2 funcref) (elem (i32.const 0) $own) (func $own (type $t)) ${more}
      (func (export "go") (${call})))`;
  const costOf = async (wat: string): Promise<number> => Number((await run(await metered(wat, PLENTY), PLENTY)).used);

  it.each(REACHING)('pays for an indirect call as for an import, where it may reach one %s', async (_, more) => {
    for (const call of INDIRECT) expect(await costOf(indirect(more, call))).toBeGreaterThan(500);
  });

  it.each(NOT_REACHING)(
    'pays for an indirect call as for any other, where it refers to and exchanges %s',
    async (_, more) => {
      for (const call of INDIRECT) expect(await costOf(indirect(more, call))).toBeLessThan(20);
    },
  );

  it.each([
    ['a table', '(import "host" "t" (table 1 funcref))'],
    ['a global', '(import "host" "g" (global funcref))'],
    ['a function of references', '(import "host" "f" (func (param externref)))'],
  ])('may reach others where it imports %s', async (_, imported) => {
    expect(readModule(await build(`(module ${imported})`)).reachesOthers).toBe(true);
    expect(readModule(await build('(module (import "host" "f" (func (param i32))))')).reachesOthers).toBe(false);
  });

  it('pays for the locals that a call clears, and for the fields that are made', async () => {
    const locals = (count: number): string =>
      `(module (func $f (local ${'i64 '.repeat(count)})) (func (export "go") (call $f)))`;
    expect((await costOf(locals(40_000))) - (await costOf(locals(0)))).toBe(10_000);
    const fields = (count: number): string =>
      `(module (type $s (struct ${'(field i64)'.repeat(count)})) (func (export "go") (drop (struct.new_default $s))))`;
    expect((await costOf(fields(1000))) - (await costOf(fields(0)))).toBe(1000);
  });

  it('pays while its start function runs', async () => {
    const wat = '(module (func $s (loop $l (br $l))) (start $s) (func (export "go")))';
    await expect(run(await metered(wat, 1000), 1000)).rejects.toThrow(WASM.RuntimeError);
  });
});

describe('an endless program', () => {
  const ENDLESS: readonly (readonly [name: string, wat: string])[] = [
    ['loop', '(func (export "go") (loop $l (br $l)))'],
    ['loop by condition', '(func (export "go") (loop $l (br_if $l (i32.const 1))))'],
    ['loop by table', '(func (export "go") (block $b (loop $l (br_table $b $l $l (i32.const 2)))))'],
    ['nested loops', '(func (export "go") (loop $a (loop $b (br_if $b (i32.const 0))) (br $a)))'],
    ['loop out of blocks', '(func (export "go") (loop $l (block (block (block (br $l))))))'],
    ['loop in an arm', '(func (export "go") (if (i32.const 1) (then (loop $l (br $l))) (else (nop))))'],
    ['loop with parameters', '(func (export "go") (i32.const 1) (loop $l (param i32) (br $l)))'],
    ['recursion', '(func $f (export "go") (call $f))'],
    ['recursion of two', '(func $f (export "go") (call $g)) (func $g (call $f))'],
    ['tail call', '(func $f (export "go") (return_call $f))'],
    [
      'indirect tail call',
      '(table 1 funcref) (elem (i32.const 0) $f) (func $f (export "go") (return_call_indirect (i32.const 0)))',
    ],
    [
      'tail call by reference',
      '(type $t (func)) (elem declare func $f) (func $f (export "go") (return_call_ref $t (ref.func $f)))',
    ],
    [
      'indirect call',
      '(table 1 funcref) (elem (i32.const 0) $f) (func $f (export "go") (call_indirect (i32.const 0)))',
    ],
    ['exceptions', '(tag $t) (func (export "go") (loop $l (block $b (try_table (catch $t $b) (throw $t))) (br $l)))'],
    [
      'exceptions of a function',
      '(tag $t) (func $f (throw $t)) (func (export "go") (loop $l (block $b (try_table (catch_all $b) (call $f))) (br $l)))',
    ],
    [
      'branches on null',
      '(func (export "go") (loop $l (drop (block $b (result funcref) (br_on_null $l (ref.null func)) (drop) (ref.null func)))))',
    ],
    [
      'fills',
      '(memory 1) (func (export "go") (loop $l (memory.fill (i32.const 0) (i32.const 0) (i32.const 65536)) (br $l)))',
    ],
  ];
  /** The older form of exceptions has no text any more: try, throw, catch_all, br 1, end, in a loop. */
  const LEGACY = moduleOf(
    section(1, vector([0x60, 0, 0])),
    section(3, vector([0])),
    section(13, vector([0, 0])),
    section(7, vector([2, 0x67, 0x6f, 0, 0])),
    section(10, vector(body([0x03, 0x40, 0x06, 0x40, 0x08, 0, 0x19, 0x0c, 1, 0x0b, 0x0b]))),
  );

  it.each(ENDLESS)('by %s comes to an end, at the same place each time', async (_, wat) => {
    const bytes = await metered(`(module ${wat})`, 20_000);
    const first = await run(bytes, 20_000);
    expect(first.value).toBe('trap');
    expect(Number(first.used)).toBeGreaterThan(20_000);
    expect(Number(first.used)).toBeLessThan(30_000);
    expect(await run(bytes, 20_000)).toEqual(first);
  });

  it('by exceptions of the older form comes to an end', async () => {
    expect(validate(LEGACY)).toBe(true);
    const bytes = meterModule(LEGACY, 20_000);
    expect(validate(bytes)).toBe(true);
    expect(await run(bytes, 20_000)).toMatchObject({ value: 'trap' });
  });
});

describe('metering', () => {
  let bytes: Uint8Array;
  beforeAll(async () => {
    bytes = await build(
      '(module (import "a" "g" (global i32)) (global $h (mut i32) (global.get 0)) (func (export "go")))',
    );
  });

  it('renumbers nothing: the counter is behind every other global', () => {
    const [before, after] = [readModule(bytes), readModule(meterModule(bytes, 5))];
    expect(after.own.global).toBe(before.own.global + 1);
    expect(after.exports.slice(0, before.exports.length)).toEqual(before.exports);
    expect(after.exports.at(-1)).toEqual({ name: GAS_EXPORT, sort: 'global', index: 2 });
  });

  it('leaves every opcode in a module that is still valid', () => {
    const accepted = acceptedModules();
    const broken = accepted.filter((m) => !validate(meterModule(m.bytes, 5)));
    expect(broken.map(({ opcode }) => opcode)).toEqual([]);
    expect(accepted.length).toBeGreaterThan(540);
  });

  it('takes a function with more lines than a call can have arguments', async () => {
    const lines = '(if (local.get 0) (then (call $h)))'.repeat(100_000);
    const wat = `(module (import "host" "touch" (func $t (param i32) (result i32))) (func $h (drop (call $t (i32.const 1))))
      (func (export "go") (param i32) ${lines}))`;
    expect((await run(await metered(wat, PLENTY), PLENTY, 0)).value).toBeUndefined();
  });

  it('gives a module without code back as it is', async () => {
    const without = await build('(module (memory 1) (global i32 (i32.const 1)))');
    expect(meterModule(without, 5)).toEqual(without);
  });

  it('refuses a module that takes the name of the counter', async () => {
    const wat = (name: string): string => `(module (global i64 (i64.const 1)) (func) (export "${name}" (global 0)))`;
    expect(() => meterModule(bytes, 5)).not.toThrow();
    const [taken, free] = [await build(wat(GAS_EXPORT)), await build(wat('anchorhold:gas'))];
    expect(() => meterModule(taken, 5)).toThrow(Malformed);
    expect(() => meterModule(free, 5)).not.toThrow();
  });

  it('keeps results, tags and blocks with several values', async () => {
    const wat = `(module (tag $t (param i32)) (func $two (result i32 i64) (i32.const 3) (i64.const 4))
      (func (export "go") (param i32) (result i32)
        (block $c (result i32)
          (try_table (result i32) (catch $t $c)
            (call $two) (drop)
            (if (param i32) (result i32) (local.get 0) (then (throw $t)) (else (i32.const 10) (i32.add))))
          (i32.const 100) (i32.add))))`;
    const [original, changed] = [await build(wat), await metered(wat, PLENTY)];
    for (const a of [0, 1]) expect((await run(changed, PLENTY, a)).value).toBe((await run(original, 0, a)).value);
    expect((await run(changed, PLENTY, 0)).value).toBe(113);
    expect((await run(changed, PLENTY, 1)).value).toBe(3);
  });
});
