/** That what counts gas was valid before, and that no module can name the counter. */
import { describe, expect, it } from 'vitest';
import { Malformed } from '../../../src/enclave/sandbox/component/cursor.ts';
import { prepareModules } from '../../../src/enclave/sandbox/prepare-modules.ts';
import { GAS_EXPORT } from '../../../src/enclave/sandbox/wasm/meter.ts';
import { buildModule } from './guests.ts';

const RULES = { memoryPages: 100, gas: 1000 };
const writing = (global: number): Promise<Uint8Array> =>
  buildModule(`(module (global (mut i64) (i64.const 0)) (func (export "f") (global.set ${global} (i64.const 9))))`);

describe('a module whose gas is counted', () => {
  it('may write to its own globals, and not to the place where the counter will be', async () => {
    expect(prepareModules([await writing(0)], [0], RULES)).toHaveLength(1);
    const beyond = await writing(1);
    expect(() => prepareModules([beyond], [0], RULES)).toThrow(Malformed);
  });

  it('has a counter whose name is another in each process', () => {
    expect(GAS_EXPORT).toMatch(/^anchorhold:gas:[0-9a-f]{32}$/);
  });
});
