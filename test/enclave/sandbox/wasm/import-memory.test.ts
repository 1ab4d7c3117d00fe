/** That a module which is given its memory is the same module otherwise, and that nothing becomes valid by it. */
import { describe, expect, it } from 'vitest';
import { ENGINE } from '../../../../src/enclave/sandbox/engine.ts';
import { importMemory, OWN_MEMORY } from '../../../../src/enclave/sandbox/wasm/import-memory.ts';
import { buildModule } from '../guests.ts';

const INSTANTIATE = (bytes: Uint8Array, imports: object): Readonly<Record<string, unknown>> =>
  new ENGINE.Instance(new ENGINE.Module(bytes), imports).exports;

describe('a module with a memory', () => {
  it.each([
    ['and no imports', ''],
    ['and imports', '(import "a" "f" (func)) (import "a" "g" (global i32))'],
  ])('%s is given it', async (_, imports) => {
    const bytes = await buildModule(`(module ${imports} (memory (export "m") 2 5) (data (i32.const 3) "xy")
      (func (export "read") (result i32) (i32.load8_u (i32.const 4))))`);
    const changed = importMemory(bytes);
    expect(changed?.limits).toEqual({ initial: 2, maximum: 5 });
    const memory = new ENGINE.Memory({ initial: 2, maximum: 5 });
    const given = { a: { f: () => undefined, g: 1 }, [OWN_MEMORY.module]: { [OWN_MEMORY.name]: memory } };
    const exports = INSTANTIATE(changed?.module ?? bytes, given);
    expect(exports['m']).toBe(memory);
    expect((exports['read'] as () => number)()).toBe('y'.charCodeAt(0));
  });

  it.each([
    ['that it imports', '(module (import "a" "m" (memory 1 2)))'],
    ['that has no maximum', '(module (memory 1))'],
    ['that is not there', '(module (func))'],
  ])('%s stays as it is', async (_, wat) => {
    expect(importMemory(await buildModule(wat))).toBeNull();
  });
});

/** Sections of a module: type 0 is `() -> ()`, and what an import section may hold. */
const HEADER = [0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0];
const section = (id: number, content: readonly number[]): number[] => [id, content.length, ...content];
const MEMORY = section(5, [1, 1, 1, 1]);
const IMPORT = [1, 0x61, 1, 0x62, 0, 0];

describe('a module that is not valid stays so', () => {
  it.each([
    ['with fewer imports than it says', [2, ...IMPORT]],
    ['with more imports than it says', [0, ...IMPORT]],
    ['with an import that is cut off', [1, ...IMPORT.slice(0, 4)]],
    ['whose last import would go on in ours', [2, ...IMPORT, 21]],
  ])('%s', (_, imports) => {
    const bytes = Uint8Array.from([...HEADER, ...section(1, [1, 0x60, 0, 0]), ...section(2, imports), ...MEMORY]);
    expect(ENGINE.validate(bytes)).toBe(false);
    expect(ENGINE.validate(importMemory(bytes)?.module ?? bytes)).toBe(false);
  });

  it('and a valid one valid', () => {
    const bytes = Uint8Array.from([
      ...HEADER,
      ...section(1, [1, 0x60, 0, 0]),
      ...section(2, [1, ...IMPORT]),
      ...MEMORY,
    ]);
    expect(ENGINE.validate(importMemory(bytes)?.module ?? new Uint8Array())).toBe(true);
  });
});
