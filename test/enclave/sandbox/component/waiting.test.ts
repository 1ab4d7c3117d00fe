/** Guests that wait for the host: they go on when it has an answer, and never after their call is over. */

import { describe, expect, it } from 'vitest';
import { openGuest } from '../../../../src/enclave/sandbox/guest.ts';
import { NO_EGRESS } from '../../../../src/enclave/sandbox/guest-call.ts';
import { buildComponent } from '../../../../tools/build-functions.ts';
import { bundleOf, EMPTY_RUN } from '../guests.ts';
import { buildWorld, type Functions, open } from './kit.ts';

const WIT = `interface host { wait: func() -> string; note: func(n: u32); }
world w { import host; export go: func() -> u32; }`;
const WAT = (go: string, realloc = '(i32.const 1024)') => `(module
  (import "t:w/host" "wait" (func $wait (param i32)))
  (import "t:w/host" "note" (func $note (param i32)))
  (memory (export "memory") 1)
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) ${realloc})
  (func (export "go") (result i32) ${go}))`;
const GO = '(call $note (i32.const 1)) (call $wait (i32.const 8)) (call $note (i32.const 2)) (i32.load (i32.const 12))';

async function stage(wat: string, wait: () => unknown, waiting: readonly string[] = ['t:w/host#wait']) {
  const noted: number[] = [];
  const functions: Functions = { 't:w/host#wait': wait, 't:w/host#note': (n: number) => void noted.push(n) };
  const make = await open(await buildWorld(WIT, wat), functions, { waiting });
  return { running: make(), noted };
}

describe('a guest that waits', () => {
  it('goes on with the answer', async () => {
    const { running, noted } = await stage(WAT(GO), () => Promise.resolve('four'));
    expect(await running.call('go')).toBe(4);
    expect(noted).toEqual([1, 2]);
  });

  it('need not wait for an answer that is there', async () => {
    const { running } = await stage(WAT(GO), () => 'four');
    expect(await running.call('go')).toBe(4);
  });

  it('ends with what the host could not do', async () => {
    const caught = `(block $over (try_table (catch_all $over) ${GO} (drop))) (call $note (i32.const 3)) (i32.const 0)`;
    for (const go of [GO, caught]) {
      const { running, noted } = await stage(WAT(go), () => Promise.reject(new Error('the host is sorry')));
      await expect(running.call('go')).rejects.toThrow('the host is sorry');
      expect(noted).toEqual([1]);
    }
  });

  it('ends when its allocator gives a wrong place after the wait', async () => {
    const { running, noted } = await stage(WAT(GO, '(i32.const -1)'), () => Promise.resolve('four'));
    await expect(running.call('go')).rejects.toThrow('outside of memory');
    expect(noted).toEqual([1]);
  });

  it('is never woken after its call is over', async () => {
    const answer = Promise.withResolvers<string>();
    const { running, noted } = await stage(WAT(GO), () => answer.promise);
    let settled = false;
    void running.call('go').finally(() => {
      settled = true;
    });
    running.instance.close(false);
    answer.resolve('four');
    // More turns than the answer could take.
    for (let i = 0; i < 20; i += 1) await new Promise((resolve) => setImmediate(resolve));
    expect(noted).toEqual([1]);
    expect(settled).toBe(false);
    await expect(running.call('go')).rejects.toThrow('the instance is over');
  });

  it('cannot be made to by a function that was not said to', async () => {
    const { running, noted } = await stage(WAT(GO), () => Promise.resolve('four'), []);
    await expect(running.call('go')).rejects.toThrow('the host made a guest wait where it cannot');
    expect(noted).toEqual([1]);
  });

  it('is not called a second time meanwhile', async () => {
    const answer = Promise.withResolvers<string>();
    const { running, noted } = await stage(WAT(GO), () => answer.promise);
    const first = running.call('go');
    await expect(running.call('go')).rejects.toThrow('the instance is over');
    answer.resolve('four');
    expect(await first).toBe(4);
    expect(noted).toEqual([1, 2]);
  });
});

describe('a program that asks to end', () => {
  const program = (body: string) =>
    buildComponent(
      `(module
      (import "wasi:cli/exit@0.2.12" "exit" (func $exit (param i32)))
      (import "wasi:cli/stdout@0.2.12" "get-stdout" (func $stdout (result i32)))
      (import "wasi:io/streams@0.2.12" "[method]output-stream.write" (func $write (param i32 i32 i32 i32)))
      (memory (export "memory") 1)
      (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 16))
      (func $say (call $write (call $stdout) (i32.const 100) (i32.const 3) (i32.const 8)))
      (func (export "wasi:cli/run@0.2.12#run") (result i32) ${body}))`,
      'command',
    );
  const run = async (bytes: Uint8Array) => {
    const guest = await openGuest(bundleOf('command', bytes), 4096);
    return await guest.command(EMPTY_RUN, NO_EGRESS, { cancel: () => undefined });
  };

  it.each([
    ['is over then', '(call $say) (call $exit (i32.const 1)) (i32.const 0)', 1],
    [
      'is over then, whatever it catches',
      '(call $say) (block $over (try_table (catch_all $over) (call $exit (i32.const 1)))) (call $say) (i32.const 0)',
      1,
    ],
    [
      'is over then, and loops no more',
      '(call $say) (block $over (try_table (catch_all $over) (call $exit (i32.const 0)))) (loop $l (br $l)) (i32.const 0)',
      0,
    ],
  ])('%s', async (_, body, code) => {
    const exit = await run(await program(body));
    expect([exit.code, exit.stdout.length]).toEqual([code, 3]);
  });
});
