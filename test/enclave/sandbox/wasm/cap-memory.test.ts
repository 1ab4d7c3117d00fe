/** That a memory ends where its function's cap is, whatever the module says, and that nothing else of the module changes. */
import { describe, expect, it } from 'vitest';
import { Malformed } from '../../../../src/enclave/sandbox/component/cursor.ts';
import { prepareModules } from '../../../../src/enclave/sandbox/prepare-modules.ts';
import { capMemory } from '../../../../src/enclave/sandbox/wasm/cap-memory.ts';
import { readModule } from '../../../../src/enclave/sandbox/wasm/read-module.ts';
import { build, WASM } from '../component/kit.ts';
import { moduleOf, section, validate } from './encode.ts';

/** A module that grows its memory page by page as far as it goes, and gives how many pages it has then. */
const grower = (limits: string): Promise<Uint8Array> =>
  build(`(module (memory (export "memory") ${limits}) (data (i32.const 8) "kept")
    (func (export "grow") (result i32)
      (loop $more (br_if $more (i32.ne (memory.grow (i32.const 1)) (i32.const -1))))
      (memory.size)))`);

async function pagesOf(bytes: Uint8Array): Promise<unknown> {
  const { exports } = new WASM.Instance(await WASM.compile(bytes));
  return (exports['grow'] as () => number)();
}

describe('the maximum of a memory', () => {
  it.each([
    ['1', 20, 20],
    ['1 8', 20, 8],
    ['1 400', 20, 20],
    ['20', 20, 20],
    ['0 0', 20, 0],
    ['300', 300, 300],
  ])('of (memory %s) under a cap of %i pages is %i', async (limits, cap, pages) => {
    const capped = capMemory(await grower(limits), cap);
    expect(validate(capped)).toBe(true);
    expect(readModule(capped).memories).toMatchObject([{ max: BigInt(pages) }]);
    if (pages < 8) return;
    expect(await pagesOf(capped)).toBe(pages);
  });

  it('is refused when the memory begins with more', async () => {
    const bytes = await grower('21');
    expect(() => capMemory(bytes, 20)).toThrow(Malformed);
    expect(() => capMemory(bytes, 21)).not.toThrow();
  });

  it('changes nothing else', async () => {
    const bytes = await grower('1 20');
    expect(capMemory(bytes, 20)).toEqual(bytes);
    const without = await build('(module (import "a" "m" (memory 1)) (func))');
    expect(capMemory(without, 20)).toEqual(without);
    // Custom sections stay: their places mean something to nobody but people.
    const named = moduleOf(section(5, [1, 0, 1]), section(0, [1, 0x61, 1, 2, 3]));
    expect(capMemory(named, 20)).toEqual(moduleOf(section(5, [1, 1, 1, 20]), section(0, [1, 0x61, 1, 2, 3])));
  });

  it.each([
    ['several memories', [2, 0, 1, 0, 1]],
    ['a shared memory', [1, 3, 1, 1]],
    ['a 64-bit memory', [1, 4, 1]],
    ['a memory with bytes behind it', [1, 0, 1, 0, 1]],
    ['a memory of more than 65536 pages', [1, 1, 1, 0x81, 0x80, 4]],
  ])('is not given to %s', (_, content) => {
    expect(() => capMemory(moduleOf(section(5, content)), 20)).toThrow(Malformed);
  });

  it('is given to a memory that may have all 65536 pages', () => {
    expect(capMemory(moduleOf(section(5, [1, 1, 1, 0x80, 0x80, 4])), 20)).toEqual(moduleOf(section(5, [1, 1, 1, 20])));
  });
});

describe('the memories of one instance', () => {
  const maxima = (modules: readonly Uint8Array[]): unknown =>
    modules.map((m) => readModule(m).memories[0]?.max ?? null);

  it('have what there is together', async () => {
    const one = await build('(module (memory 1))');
    const none = await build('(module (func))');
    const rules = { memoryPages: 21, gas: null };
    expect(maxima(prepareModules([one, none], [0, 1, 1], rules))).toEqual([21n, null]);
    expect(maxima(prepareModules([one, none, one], [0, 1, 2], rules))).toEqual([10n, null, 10n]);
    expect(maxima(prepareModules([one], [0, 0, 0], rules))).toEqual([7n]);
    expect(() => prepareModules([one], Array(22).fill(0), rules)).toThrow(Malformed);
  });
});
