import { describe, expect, it } from 'vitest';
import { NumberTable } from '../../src/base/number-table.ts';

describe('a table by numbers', () => {
  it('holds what was set and not deleted, by any number that a frame can have', () => {
    const table = new NumberTable<string>();
    const numbers = [0, 1, 70_000, 2 ** 31, 2 ** 32 - 1];
    for (const number of numbers) table.set(number, `of ${number}`);
    expect(numbers.map((number) => table.get(number))).toEqual(numbers.map((number) => `of ${number}`));
    expect(table.values()).toHaveLength(5);
    table.set(1, 'anew');
    table.delete(0);
    table.delete(2 ** 32 - 1);
    table.delete(5);
    expect([table.get(0), table.get(1), table.get(2 ** 32 - 1)]).toEqual([undefined, 'anew', undefined]);
    expect(table.values().sort()).toEqual(['anew', 'of 2147483648', 'of 70000']);
  });

  it('has nothing that every object inherits', () => {
    const table = new NumberTable<unknown>();
    expect(table.get('toString' as unknown as number)).toBeUndefined();
    expect(table.values()).toEqual([]);
  });
});
