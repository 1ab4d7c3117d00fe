/** That tables end where their function's cap is, whatever the module says, and that nothing else of the module changes. */
import { describe, expect, it } from 'vitest';
import { LIMITS } from '../../../../src/base/limits.ts';
import { Malformed } from '../../../../src/enclave/sandbox/component/cursor.ts';
import { prepareModules } from '../../../../src/enclave/sandbox/prepare-modules.ts';
import { capTables, tableSizes } from '../../../../src/enclave/sandbox/wasm/cap-tables.ts';
import { build, WASM } from '../component/kit.ts';
import { moduleOf, section, validate } from './encode.ts';

const RULES = { memoryPages: 1, gas: null };
const ALL = LIMITS.guestTableEntries;

/** A module that grows its table by as much as it is told, and gives its size before, or -1. */
const grower = (table: string): Promise<Uint8Array> =>
  build(`(module (table ${table}) (func (export "grow") (param i32) (result i32)
    (table.grow 0 (ref.null func) (local.get 0))))`);

async function grow(bytes: Uint8Array, by: number): Promise<unknown> {
  const { exports } = new WASM.Instance(await WASM.compile(bytes));
  return (exports['grow'] as (by: number) => number)(by);
}

describe('the maximum of a table', () => {
  it.each([
    ['3 funcref', 20, 20],
    ['3 7 funcref', 20, 4],
    ['3 400 funcref', 20, 20],
    ['3 3 funcref', 20, 0],
    ['3 funcref (ref.null func)', 20, 20],
  ])('lets (table %s) with %i entries to share grow by %i', async (table, growth, most) => {
    const capped = capTables(await grower(table), growth);
    expect(validate(capped)).toBe(true);
    expect(await grow(capped, most + 1)).toBe(-1);
    expect(await grow(capped, most)).toBe(3);
  });

  it('changes nothing else', async () => {
    const bytes = await grower('1 21 funcref');
    expect(capTables(bytes, 20)).toEqual(bytes);
    const without = await build('(module (import "a" "t" (table 1 funcref)) (func))');
    expect(capTables(without, 20)).toEqual(without);
  });

  it.each([
    ['a shared table', [1, 0x70, 3, 1, 1]],
    ['a 64-bit table', [1, 0x70, 4, 1]],
    ['tables with something behind them', [1, 0x70, 0, 1, 0]],
  ])('is not given to %s', (_, content) => {
    expect(() => tableSizes(moduleOf(section(4, content)))).toThrow(Malformed);
  });
});

describe('the tables of one instance', () => {
  it('have what there is together', async () => {
    const one = await grower('1 funcref');
    const [alone = one] = prepareModules([one], [0], RULES);
    expect(await grow(alone, ALL)).toBe(-1);
    expect(await grow(alone, ALL - 1)).toBe(1);
    const [half = one] = prepareModules([one, one], [0, 1], RULES);
    expect(await grow(half, ALL / 2)).toBe(-1);
    expect(await grow(half, ALL / 2 - 1)).toBe(1);
  });

  it('are refused when they begin with more', async () => {
    const some = await grower(`${ALL / 2} funcref`);
    expect(() => prepareModules([some], [0, 0], RULES)).not.toThrow();
    expect(() => prepareModules([some], [0, 0, 0], RULES)).toThrow(Malformed);
  });
});
