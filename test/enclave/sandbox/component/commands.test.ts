/** Programs as toolchains make them: a core module of preview1 with the adapter around it, and what the host calls of a component. */

import { readFileSync } from 'node:fs';
import { findPackageJSON } from 'node:module';
import { dirname, join } from 'node:path';
import { componentNew } from '@bytecodealliance/jco';
import { describe, expect, it } from 'vitest';
import type { CommandExit } from '../../../../src/enclave/sandbox/command-messages.ts';
import { makePlan } from '../../../../src/enclave/sandbox/component/make-plan.ts';
import { shortenPlan } from '../../../../src/enclave/sandbox/component/shorten-plan.ts';
import { openGuest } from '../../../../src/enclave/sandbox/guest.ts';
import { GuestFailure, NO_EGRESS } from '../../../../src/enclave/sandbox/guest-call.ts';
import { buildModule, bundleOf, EMPTY_RUN, writePreview1 } from '../guests.ts';
import { build } from './kit.ts';

const jco = dirname(findPackageJSON('@bytecodealliance/jco', import.meta.url) ?? '');
const adapter = readFileSync(join(jco, 'lib/wasi_snapshot_preview1.command.wasm'));

/** Makes a component of a preview1 program, the way wasi-libc's tools do. */
async function adapt(start: string): Promise<Uint8Array> {
  return componentNew(await buildModule(writePreview1(start)), [['wasi_snapshot_preview1', adapter]]);
}

async function run(bytes: Uint8Array, stdin = '', args: readonly string[] = ['guest']): Promise<CommandExit> {
  const guest = await openGuest(bundleOf('command', bytes), 4096);
  const request = { ...EMPTY_RUN, args, stdin: new TextEncoder().encode(stdin) };
  return await guest.command(request, NO_EGRESS, { cancel: () => undefined });
}
const textOf = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

/** Writes what lies at 200, this long. */
const write = (fd: number, length: string) =>
  `(i32.store (i32.const 8) (i32.const 200)) (i32.store (i32.const 12) ${length})
   (drop (call $write (i32.const ${fd}) (i32.const 8) (i32.const 1) (i32.const 16)))`;
const read = `(i32.store (i32.const 8) (i32.const 200)) (i32.store (i32.const 12) (i32.const 100))
  (drop (call $read (i32.const 0) (i32.const 8) (i32.const 1) (i32.const 16)))`;

describe('a program of preview1 in the adapter', () => {
  it('has nothing of its own forwarding left out that the adapter needs', async () => {
    const plan = makePlan(await adapt(''));
    expect(plan.steps.length).toBe(4);
    expect(shortenPlan(plan).steps.length).toBeGreaterThanOrEqual(2);
  });

  it('reads its input and writes its output', async () => {
    const exit = await run(await adapt(`${read} ${write(1, '(i32.load (i32.const 16))')}`), 'some input');
    expect({ ...exit, stdout: textOf(exit.stdout) }).toMatchObject({ code: 0, stdout: 'some input' });
  });

  it('sees its arguments, and no environment and no directory', async () => {
    const start = `
      (drop (call $sizes (i32.const 100) (i32.const 104)))
      (i32.store8 (i32.const 200) (i32.add (i32.const 0x30) (i32.load (i32.const 100))))
      (drop (call $environ (i32.const 100) (i32.const 104)))
      (i32.store8 (i32.const 201) (i32.add (i32.const 0x30) (i32.load (i32.const 100))))
      (i32.store8 (i32.const 202) (i32.add (i32.const 0x30) (call $prestat (i32.const 3) (i32.const 100))))
      ${write(1, '(i32.const 3)')}`;
    // 8 is badf.
    expect(textOf((await run(await adapt(start), '', ['guest', 'a', 'b'])).stdout)).toBe('308');
  });

  it.each([
    ['zero', '(call $exit (i32.const 0))', 0],
    // The interface knows failure only, not its number.
    ['another', '(call $exit (i32.const 3))', 1],
    ['none', '', 0],
  ])('ends with %s exit code', async (_, start, code) => {
    expect((await run(await adapt(start))).code).toBe(code);
  });

  it('that traps has no answer', async () => {
    await expect(run(await adapt('unreachable'))).rejects.toThrow(GuestFailure);
  });
});

describe('a module of preview1', () => {
  it.each(['constructor', 'toString', '__proto__', 'valueOf'])(
    'imports nothing that every object has: %s',
    async (name) => {
      const bytes = await buildModule(
        `(module (import "wasi_snapshot_preview1" "${name}" (func)) (func (export "_start")))`,
      );
      const opened = openGuest(bundleOf('preview1', bytes), 4096);
      await expect(opened).rejects.toThrow(`it imports wasi_snapshot_preview1.${name}`);
    },
  );
});

describe('what a component is called by', () => {
  const exporting = (from: string, name: string, type: string, core: string, imports = '') => `(component ${imports}
    (core module $m (memory (export "memory") 1)
      (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 64)) (func (export "go") ${core}))
    (core instance $i (instantiate $m))
    (func $go ${type} (canon lift (core func $i "go") (memory (core memory $i "memory")) (realloc (core func $i "realloc"))))
    (instance $x (export "${name}" (func $go)))
    (export "${from}" (instance $x)))`;

  it('is a function of the right type, of any version', async () => {
    const bytes = await build(
      exporting('wasi:cli/run@0.2.3', 'run', '(result (result))', '(result i32) (i32.const 1)'),
    );
    expect((await run(bytes)).code).toBe(1);
  });

  it.each([
    ['gives nothing', '', ''],
    ['gives a number', '(result u32)', '(result i32) (i32.const 0)'],
    ['takes something', '(param "a" u32) (result (result))', '(param i32) (result i32) (i32.const 0)'],
    ['gives a result with something in it', '(result (result u8))', '(result i32) (i32.const 0)'],
  ])('is not called when it %s', async (_, type, core) => {
    const bytes = await build(exporting('wasi:cli/run@0.2.3', 'run', type, core));
    await expect(run(bytes)).rejects.toThrow('what it exports is not of the type that is called');
  });

  it('is given no object of the host as anything but its handle', async () => {
    // With numbers as parameters, a module that takes references would be given the host's own objects.
    const bytes = await build(
      exporting(
        'wasi:http/incoming-handler@0.2.3',
        'handle',
        '(param "a" u32) (param "b" u32)',
        '(param externref externref)',
      ),
    );
    const opened = openGuest(bundleOf('http', bytes), 4096);
    await expect(opened).rejects.toThrow('what it exports is not of the type that is called');
  });
});
