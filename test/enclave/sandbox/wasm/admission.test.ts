/** What is refused before it is compiled, wherever in the file it is, and that its neighbour without the feature is not. */
import { describe, expect, it } from 'vitest';
import { admitModules } from '../../../../src/enclave/sandbox/admit.ts';
import { isCoreModule } from '../../../../src/enclave/sandbox/component/core-module.ts';
import { findRefusals, formatRefusal, readCoreModules } from '../../../../src/enclave/sandbox/wasm/admission.ts';
import { EnclaveError } from '../../../../src/errors.ts';
import { build } from '../component/kit.ts';

function codeOf(bytes: Uint8Array, deterministic: boolean): string {
  try {
    admitModules(bytes, 'f', deterministic ? 'required' : 'any');
    return 'admitted';
  } catch (e) {
    return e instanceof EnclaveError ? e.code : 'not ours';
  }
}

/** Puts a module into a component, and that into another. */
const nested = (module: string): Promise<Uint8Array> =>
  build(`(component (core module) (component (core module (memory 1)) ${module.replace('(module', '(core module')}))`);

const RELAXED = '(func (param v128) (result v128) (i32x4.relaxed_trunc_f32x4_s (local.get 0)))';

describe('admission', () => {
  it.each([
    ['an unshared memory', '(module (memory 1 1))', 'admitted'],
    ['a shared memory', '(module (memory 1 1 shared))', 'ERR_FUNCTION_INVALID'],
    ['a load', '(module (memory 1) (func (drop (i32.load (i32.const 0)))))', 'admitted'],
    ['an atomic load', '(module (memory 1) (func (drop (i32.atomic.load (i32.const 0)))))', 'ERR_FUNCTION_INVALID'],
    ['a 64-bit memory', '(module (memory i64 1))', 'ERR_FUNCTION_INVALID'],
    ['a table', '(module (table 1 funcref))', 'admitted'],
    ['a 64-bit table', '(module (table i64 1 funcref))', 'ERR_FUNCTION_INVALID'],
    ['two memories', '(module (memory 1) (memory 1))', 'ERR_FUNCTION_INVALID'],
    ['SIMD', '(module (func (drop (i8x16.splat (i32.const 1)))))', 'admitted'],
  ])('decides %s', async (_, wat, code) => {
    for (const bytes of [await build(wat), await nested(wat)]) {
      expect([codeOf(bytes, false), codeOf(bytes, true)]).toEqual([code, code]);
    }
  });

  it('refuses relaxed SIMD in deterministic mode only', async () => {
    for (const bytes of [await build(`(module ${RELAXED})`), await nested(`(module ${RELAXED})`)]) {
      expect([codeOf(bytes, false), codeOf(bytes, true)]).toEqual(['admitted', 'ERR_FUNCTION_INVALID']);
    }
  });

  it.each([
    ['wasi_snapshot_preview1', '(func)', 'admitted'],
    ['env', '(func)', 'ERR_FUNCTION_INVALID'],
    ['wasi_snapshot_preview1', '(memory 1)', 'ERR_FUNCTION_INVALID'],
    ['wasi_snapshot_preview1', '(global i32)', 'ERR_FUNCTION_INVALID'],
  ])('decides an import from %s as a %s', async (from, sort, code) => {
    expect(codeOf(await build(`(module (import "${from}" "x" ${sort}))`), false)).toBe(code);
  });

  it('names module, function and feature', async () => {
    const shown = async (bytes: Uint8Array): Promise<readonly string[]> =>
      findRefusals(readCoreModules(bytes), { isComponent: !isCoreModule(bytes), deterministic: true }).map(
        formatRefusal,
      );
    const wat = `(module (import "wasi_snapshot_preview1" "x" (func)) ${RELAXED} (func (atomic.fence)))`;
    expect(await shown(await build(wat))).toEqual([
      'the module, function 1: it uses relaxed SIMD, which gives other results on other processors',
      'the module, function 2: it uses threads (shared memory and atomics), which no function may',
    ]);
    expect(await shown(await nested('(module (memory 1) (memory 1))'))).toEqual([
      'core module 1 of component 0: it uses several memories, which no function may',
    ]);
  });

  it('refuses bytes that it cannot read to their end', async () => {
    const bytes = await build('(module (func (nop)))');
    expect(codeOf(bytes, false)).toBe('admitted');
    const nop = bytes.lastIndexOf(0x0b) - 1;
    expect(codeOf(bytes.with(nop, 0x16), false)).toBe('ERR_FUNCTION_INVALID');
    expect(codeOf(bytes.subarray(0, bytes.length - 1), false)).toBe('ERR_FUNCTION_INVALID');
  });
});
