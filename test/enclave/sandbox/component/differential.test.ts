/**
 * Our linker beside the glue that jco generates, over the same component and the same host: what the host is given, what the guest's memory
 * holds afterwards, and whether the guest trapped. Where jco differs from the Canonical ABI, the difference has a case of its own below.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  casesOf,
  type FunctionType,
  makeParams,
  type ValueType,
} from '../../../../src/enclave/sandbox/component/value-type.ts';
import { openWit } from '../../../../src/enclave/sandbox/wasi/wit/open-wit.ts';
import { coreTypeOf } from './core-imports.ts';
import { buildWorld, memoryOf, open, openOracle } from './kit.ts';
import { plain, valueOf, world } from './worlds.ts';

const RUNS = Number(process.env['ANCHORHOLD_FUZZ'] ?? 1);
/** Where the guest keeps the flat values that it was called with, and where it wants results. */
const FLATS = 1024;
const RESULT = 3072;
const HEAP = 8192;

/** Writes a guest that passes what it is called with on to the host, and the host's answer back; `raw` does so with what is at FLATS. */
function writeGuest(type: FunctionType): string {
  const { flat } = makeParams(type);
  const params = flat.length > 16 ? (['i32'] as const) : flat;
  const results = type.result?.flat ?? [];
  const direct = results.length === 1 ? ` (result ${results[0]})` : '';
  const loads = params.map((t, i) => `(${t}.load (i32.const ${FLATS + 8 * i}))`);
  const pointer = results.length > 1 ? `(i32.const ${RESULT})` : '';
  const call = (args: string) => `(call $f ${args} ${pointer}) ${pointer}`;
  const gives = results.length > 1 ? ' (result i32)' : direct;
  return `(module
    (import "t:w/host" "f" (func $f ${coreTypeOf(type)}))
    (memory (export "memory") 1)
    (global $top (mut i32) (i32.const ${HEAP}))
    (func (export "cabi_realloc") (param i32 i32) (param $align i32) (param $size i32) (result i32) (local $at i32)
      (local.set $at (i32.and
        (i32.add (global.get $top) (i32.sub (local.get $align) (i32.const 1)))
        (i32.sub (i32.const 0) (local.get $align))))
      (global.set $top (i32.add (local.get $at) (local.get $size)))
      (local.get $at))
    (func (export "raw")${gives} ${call(loads.join(' '))})
    (func (export "go") ${params.map((t) => `(param ${t})`).join(' ')}${gives}
      ${params.map((t, i) => `(${t}.store (i32.const ${FLATS + 8 * i}) (local.get ${i}))`).join('\n')}
      ${call(params.map((_, i) => `(local.get ${i})`).join(' '))}))`;
}

interface Outcome {
  readonly trap: string | null;
  readonly got: unknown;
  readonly result: unknown;
  readonly memory: Uint8Array;
}

interface Pair {
  readonly type: FunctionType;
  go(args: readonly unknown[], answer: unknown): Promise<readonly [ours: Outcome, theirs: Outcome]>;
  raw(
    memories: readonly [ours: Uint8Array, theirs: Uint8Array],
    answer: unknown,
  ): Promise<readonly [ours: Outcome, theirs: Outcome]>;
}

/** The form in which jco's glue wants what a host function gives. */
function answerOracle(type: FunctionType, answer: unknown): unknown {
  if (type.result?.kind !== 'result') return answer;
  const { tag, val } = answer as { tag: string; val?: unknown };
  if (tag === 'err') throw Object.assign(new Error('result'), { payload: val });
  return val;
}

async function openPair(wit: string): Promise<Pair> {
  const type = typeOf(wit);
  const bytes = await buildWorld(wit, writeGuest(type));
  let got: unknown = 'nothing';
  let answer: unknown;
  const ours = await open(bytes, {
    't:w/host#f': (...args: unknown[]) => {
      got = args;
      return answer;
    },
  });
  const f = (...args: unknown[]): unknown => {
    got = args;
    return answerOracle(type, answer);
  };
  const theirs = await openOracle(bytes, { 't:w/host': { f } });

  async function watch(run: () => unknown, memory: () => Uint8Array): Promise<Outcome> {
    got = 'nothing';
    let result: unknown = null;
    let trap: string | null = null;
    try {
      result = await run();
    } catch (e) {
      // jco gives an `err` as an exception, bare or as a payload; its own complaints are errors without one.
      if (!(e instanceof Error)) result = { tag: 'err', val: e };
      else if ('payload' in e) result = { tag: 'err', val: e.payload };
      else trap = `${e.constructor.name}: ${e.message}`;
    }
    return { trap, got: plain(got), result: plain(result), memory: memory().slice() };
  }
  return {
    type,
    async go(args, value) {
      answer = value;
      const [a, b] = [ours(), theirs()];
      const mine = await watch(
        () => a.call('go', ...args),
        () => memoryOf(a.cores),
      );
      const its = await watch(
        () => {
          const given = b.exports['go']?.(...args);
          return type.result?.kind === 'result' ? { tag: 'ok', val: given } : given;
        },
        () => memoryOf(b.cores),
      );
      return [mine, its];
    },
    async raw(memories, value) {
      answer = value;
      const [a, b] = [ours(), theirs()];
      for (const [i, { cores }] of [a, b].entries()) memoryOf(cores).set(memories[i] ?? []);
      const rawOf = (cores: typeof a.cores) => cores.find((c) => 'raw' in c)?.['raw'] as () => unknown;
      const mine = await watch(
        async () => {
          try {
            rawOf(a.cores)();
          } catch {
            // The reason of a trap is told to whoever calls the instance next.
            await a.call('go');
          }
        },
        () => memoryOf(a.cores),
      );
      const its = await watch(
        () => void rawOf(b.cores)(),
        () => memoryOf(b.cores),
      );
      return [mine, its];
    },
  };
}

/** Gives the type of a world's functions, as our own reader of WIT sees it: the tools build no component when it is another. */
function typeOf(wit: string): FunctionType {
  const text = wit.slice(0, wit.indexOf('world w')).replace('interface host', 'interface t:w/host');
  const type = openWit(text).functionsOf('t:w/host')?.get('f');
  if (type === undefined) throw new Error('the world has no f');
  return type;
}

/** Gives the places where two memories differ; negative numbers that a variant joined into 64 bits are filled up by jco with ones. */
function differences(ours: Uint8Array, theirs: Uint8Array): readonly string[] {
  if (Buffer.compare(ours, theirs) === 0) return [];
  const isFilling = (i: number) => i >= FLATS && i < RESULT && i % 8 >= 4 && ours[i] === 0 && theirs[i] === 0xff;
  return [...ours].flatMap((byte, i) => (byte === theirs[i] || isFilling(i) ? [] : [`${i}: ${byte} and ${theirs[i]}`]));
}

/** What jco lets pass, or refuses, other than the Canonical ABI says; each has a case of its own below. */
const LAXER = /outside of memory|is not UTF-8/;
const STRICTER = /extraneous bits|invalid bool|BigInt too big/;

/** Whether an argument that is passed flat is narrower than 32 bits: jco clamps what is too large for it, the ABI cuts it off. */
const hasNarrow = (type: ValueType): boolean => {
  if (['bool', 'u8', 's8', 'u16', 's16'].includes(type.kind)) return true;
  if (type.kind === 'record') return type.fields.some(([, t]) => hasNarrow(t));
  if (type.kind === 'tuple') return type.elements.some(hasNarrow);
  return (casesOf(type) ?? []).some(([, t]) => t !== null && hasNarrow(t));
};

describe('our linker beside the glue of jco', () => {
  it('gives and takes the same values through the same memory, and traps where that traps', async () => {
    const counts = { calls: 0, mutated: 0, trapped: 0, excused: 0 };
    const random = fc.record({
      seed: fc.nat(),
      flips: fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 }),
    });
    await fc.assert(
      fc.asyncProperty(world, random, async (wit, { seed, flips }) => {
        const pair = await openPair(wit);
        const params = makeParams(pair.type);
        const answers = pair.type.result === null ? fc.constant(undefined) : valueOf(pair.type.result);
        const args = fc.tuple(...pair.type.params.map(([, t]) => valueOf(t)));
        for (const [given, answer] of fc.sample(fc.tuple(args, answers), { numRuns: 4, seed })) {
          const [ours, theirs] = await pair.go(given, answer);
          expect(ours.trap).toBeNull();
          expect({ ...ours, memory: '' }).toEqual({ ...theirs, memory: '' });
          expect(differences(ours.memory, theirs.memory)).toEqual([]);
          expect(ours.got).toEqual(plain(given));
          expect(ours.result).toEqual(plain(answer));
          counts.calls += 1;
          for (const [i, [where, byte]] of flips.entries()) {
            const memories = [ours.memory.slice(), theirs.memory.slice()] as const;
            const flatBytes = 8 * Math.min(params.flat.length, 16);
            // One in two changes is among the flat values, the others are where the host put lists and strings.
            const isFlat = i % 2 === 0 && flatBytes > 0;
            for (const memory of memories) memory[isFlat ? FLATS + (where % flatBytes) : HEAP + (where % 256)] = byte;
            const [mine, its] = await pair.raw(memories, answer);
            counts.mutated += 1;
            if (mine.trap !== null) counts.trapped += 1;
            if (mine.trap !== null && its.trap !== null) continue;
            const excused =
              (mine.trap !== null && LAXER.test(mine.trap)) ||
              (its.trap !== null && STRICTER.test(its.trap)) ||
              (isFlat && hasNarrow(params)) ||
              // The upper half of what a variant joined into 64 bits: the ABI cuts it off.
              (isFlat && where % 8 >= 4);
            if (excused) counts.excused += 1;
            else {
              expect(mine.trap, `${where} ${byte}`).toBe(its.trap);
              expect({ ...mine, memory: '' }).toEqual({ ...its, memory: '' });
              expect(differences(mine.memory, its.memory)).toEqual([]);
            }
          }
        }
      }),
      { numRuns: 40 * RUNS, seed: 7, endOnFailure: true },
    );
    expect(counts.calls).toBe(160 * RUNS);
    expect(counts.trapped).toBeGreaterThan(20);
    expect(counts.excused).toBeLessThan(counts.mutated / 2);
  });
});

const one = (type: string, declares = '') =>
  `interface host { ${declares} f: func(p: ${type}); }\nworld w { import host; ${declares === '' ? '' : 'use host.{t};'} export go: func(p: ${type}); }`;

describe('where jco differs from the Canonical ABI, we follow the latter', () => {
  it.each<[what: string, wit: string, flat: readonly number[], ours: unknown, theirs: unknown]>([
    ['a narrow number is cut off', one('u8'), [0x1ff], [0xff], 'must be between'],
    ['a signed narrow number is cut off', one('s16'), [0x1_8000], [-0x8000], 'must be between'],
    ['any number but 0 is true', one('bool'), [2], [true], 'invalid'],
    [
      'bits without a flag mean nothing',
      one('t', 'flags t { a, b }'),
      [0xfe],
      [{ a: false, b: true }],
      'extraneous bits',
    ],
    ['a list must be inside of memory', one('list<u32>'), [65_532, 2], 'outside of memory', [[0]]],
    ['a list of nothing must be inside of memory', one('list<u8>'), [0x7fff_fff0, 0], 'outside of memory', [[]]],
    ['a text must be UTF-8', one('string'), [FLATS + 64, 1], 'is not UTF-8', ['\ufffd']],
  ])('%s', async (_, wit, flat, ours, theirs) => {
    const pair = await openPair(wit);
    const memory = new Uint8Array(65_536);
    for (const [i, value] of flat.entries()) new DataView(memory.buffer).setUint32(FLATS + 8 * i, value, true);
    memory[FLATS + 64] = 0xff;
    const outcomes = await pair.raw([memory, memory], undefined);
    for (const [i, expected] of [ours, theirs].entries()) {
      const { trap, got } = outcomes[i] as Outcome;
      if (typeof expected === 'string') expect(trap).toContain(expected);
      else expect({ trap, got }).toEqual({ trap: null, got: expected });
    }
  });

  it('a number that a variant joined into 64 bits is filled up with zeros', async () => {
    const pair = await openPair(one('result<s64, s32>'));
    const [ours, theirs] = await pair.go([{ tag: 'err', val: -1 }], undefined);
    expect([...ours.memory.subarray(FLATS + 8, FLATS + 16)]).toEqual([255, 255, 255, 255, 0, 0, 0, 0]);
    expect([...theirs.memory.subarray(FLATS + 8, FLATS + 16)]).toEqual([255, 255, 255, 255, 255, 255, 255, 255]);
  });

  it('the guest makes room for a text of nothing, too', async () => {
    const pair = await openPair(one('string'));
    const [ours, theirs] = await pair.go([''], undefined);
    expect(new DataView(ours.memory.buffer).getUint32(FLATS, true)).toBe(HEAP);
    expect(new DataView(theirs.memory.buffer).getUint32(FLATS, true)).toBe(1);
  });
});
