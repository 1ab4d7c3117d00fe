/** That a deterministic function gives the same answers, and uses the same gas, in every process, cold or warm; and what it is given at all. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sha256 } from '../../../src/base/digest.ts';
import { isWhole } from '../../../src/enclave/sandbox/body.ts';
import { DEFAULT_FUNCTION_LIMITS, loadCommand, type SandboxedFunction } from '../../../src/enclave/sandbox/load.ts';
import { NO_GROUPS } from '../../../src/enclave/sandbox/resource-groups.ts';
import type { Egress, FunctionResponse } from '../../../src/enclave/sandbox/sandbox.ts';
import { NO_SOCKET_EGRESS } from '../../../src/enclave/sandbox/socket-egress.ts';
import { buildComponent, buildFunctions } from '../../../tools/build-functions.ts';
import { buildModule, loadGuest, NO_EGRESS } from './guests.ts';

/** What the guest does, by the first byte of the body. */
const CURIOUS = `(module
  (import "wasi:random/random@0.2.12" "get-random-bytes" (func $random (param i64 i32)))
  (import "wasi:random/insecure@0.2.12" "get-insecure-random-u64" (func $insecure (result i64)))
  (import "wasi:random/insecure-seed@0.2.12" "insecure-seed" (func $seed (param i32)))
  (import "wasi:clocks/wall-clock@0.2.12" "now" (func $wall (param i32)))
  (import "wasi:clocks/monotonic-clock@0.2.12" "now" (func $now (result i64)))
  (import "wasi:clocks/monotonic-clock@0.2.12" "subscribe-duration" (func $after (param i64) (result i32)))
  (import "wasi:io/poll@0.2.12" "[method]pollable.block" (func $block (param i32)))
  (import "wasi:cli/environment@0.2.12" "get-environment" (func $environment (param i32)))
  ;; include http.wat
  (global $atStart (mut i64) (i64.const 0))
  (func $start (global.set $atStart (call $insecure)))
  (start $start)
  (func $put_i64 (param $n i64) (i64.store (i32.const 256) (local.get $n)) (call $put (i32.const 256) (i32.const 8)))
  (func $put_f32 (param $n f32) (call $put_i64 (i64.extend_i32_u (i32.reinterpret_f32 (local.get $n)))))
  (func $put_f64 (param $n f64) (call $put_i64 (i64.reinterpret_f64 (local.get $n))))
  (func $random32
    (call $random (i64.const 32) (i32.const 0))
    (call $put (i32.load (i32.const 0)) (i32.load (i32.const 4))))
  (func $clocks
    (call $wall (i32.const 0))
    (call $put (i32.const 0) (i32.const 12))
    (call $put_i64 (call $now))
    (call $block (call $after (i64.const 3600000000000)))
    (call $put_i64 (call $now)))
  (func $all
    (call $random32)
    (call $seed (i32.const 0))
    (call $put (i32.const 0) (i32.const 16))
    (call $put_i64 (call $insecure))
    (call $put_i64 (global.get $atStart))
    (call $clocks)
    (call $environment (i32.const 0))
    (call $put_number (i32.load (i32.const 4)))
    (call $put_f32 (f32.div (f32.const 0) (f32.const 0)))
    (call $put_f64 (f64.sub (f64.const inf) (f64.const inf)))
    (call $put_f32 (f32.sqrt (f32.const -1)))
    (call $put_f32 (f32.add (f32.const nan:0x200001) (f32.const nan:0x300001)))
    (call $put_f64 (f64.mul (f64.const 1) (f64.const -nan:0x4000000000001)))
    (call $put_f64 (f64.promote_f32 (f32.const nan:0x200001))))
  (func $down (param $n i32) (result i32)
    (if (result i32) (local.get $n)
      (then (i32.add (i32.const 1) (call $down (i32.sub (local.get $n) (i32.const 1)))))
      (else (i32.const 0))))
  (func $number (param $at i32) (param $end i32) (result i32) (local $n i32)
    (loop $digit
      (local.set $n (i32.add (i32.mul (local.get $n) (i32.const 10)) (i32.sub (i32.load8_u (local.get $at)) (i32.const 0x30))))
      (br_if $digit (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 1))) (local.get $end))))
    (local.get $n))
  (func $work (param $n i32) (result i32) (local $x i32)
    (loop $more
      (local.set $x (i32.add (i32.mul (local.get $x) (i32.const 1664525)) (i32.const 1013904223)))
      (br_if $more (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $x))
  (func (export "wasi:http/incoming-handler@0.2.12#handle") (param $request i32) (param $outparam i32)
    (local $at i32) (local $length i32) (local $start i32) (local $what i32)
    (call $consume (local.get $request) (i32.const 0))
    (call $read_all (call $value))
    (local.set $length)
    (local.set $at)
    (local.set $what (i32.load8_u (local.get $at)))
    (local.set $start (global.get $top))
    (if (i32.eq (local.get $what) (i32.const 0x61)) (then (call $all))) ;; a
    (if (i32.eq (local.get $what) (i32.const 0x72)) (then (call $random32))) ;; r
    (if (i32.eq (local.get $what) (i32.const 0x63)) (then (call $clocks))) ;; c
    (if (i32.eq (local.get $what) (i32.const 0x64)) ;; d and a number: recursion of that depth
      (then (call $put_number (call $down
        (call $number (i32.add (local.get $at) (i32.const 1)) (i32.add (local.get $at) (local.get $length)))))))
    (if (i32.eq (local.get $what) (i32.const 0x77)) ;; w and a number: a loop that goes around so often
      (then (call $put_number (call $work
        (call $number (i32.add (local.get $at) (i32.const 1)) (i32.add (local.get $at) (local.get $length)))))))
    (if (i32.eq (local.get $what) (i32.const 0x6c)) (then (loop $for_ever (br $for_ever)))) ;; l
    (call $respond (local.get $outparam) (i32.const 200) (i32.const 512) (i32.const 12) (local.get $start))))`;

const GAS = 200_000_000;
const ask = (
  f: SandboxedFunction,
  body: string,
  headers: readonly (readonly [string, string])[] = [],
  egress: Egress = NO_EGRESS,
): Promise<FunctionResponse> =>
  f.call(
    { method: 'POST', path: '/', authority: 'w.test', headers, body: new TextEncoder().encode(body) },
    { deadlineMs: 60_000, egress, sockets: NO_SOCKET_EGRESS, caller: '', whenGone: () => undefined },
  );
const gasOf = ({ headers }: FunctionResponse): number =>
  Number(headers.find(([name]) => name === 'anchorhold-gas')?.[1] ?? 'NaN');
/** These answers are small, and so they come whole. */
const wholeOf = ({ body }: FunctionResponse): Uint8Array => (isWhole(body) ? body : new Uint8Array(0));
const shown = (answer: FunctionResponse): readonly [string, number] => [
  Buffer.from(wholeOf(answer)).toString('hex'),
  gasOf(answer),
];
/** What a call comes to: bytes and gas, or the code of its error. */
const outcome = (f: SandboxedFunction, body: string): Promise<unknown> =>
  ask(f, body).then(shown, (e: { readonly code: string }) => e.code);

describe('a deterministic function', () => {
  let bytes: Uint8Array;
  let first: SandboxedFunction;
  let second: SandboxedFunction;
  const load = (): Promise<SandboxedFunction> => loadGuest(bytes, { deterministic: 'required', gas: GAS, heapMiB: 64 });
  beforeAll(async () => {
    bytes = await buildComponent(CURIOUS, 'http');
    [first, second] = await Promise.all([load(), load()]);
  });
  afterAll(() => Promise.all([first.close(), second.close()]));

  it('gives the same bytes for the same gas in two processes, however often it was called before', async () => {
    const calls = ['a', 'r', 'c', 'w1000', 'd100', 'w1000000'];
    const expected: unknown[] = [];
    for (const call of calls) expected.push(await outcome(first, call));
    expect(new Set(expected.map((e) => JSON.stringify(e))).size).toBe(calls.length);
    // Long enough for V8 to compile anew what is called often, if it did that.
    for (let i = 0; i < 200; i += 1) await outcome(second, 'w10000');
    for (const [i, call] of calls.entries()) {
      expect(await outcome(second, call)).toEqual(expected[i]);
      const together = await Promise.all(Array.from({ length: 5 }, () => outcome(first, call)));
      expect(together).toEqual(Array.from({ length: 5 }, () => expected[i]));
    }
  });

  it('overflows its stack at the same depth in two processes', async () => {
    const isTooDeep = async (f: SandboxedFunction, depth: number): Promise<boolean> =>
      (await outcome(f, `d${depth}`)) === 'ERR_FUNCTION_TRAP';
    let [fits, tooDeep] = [1, 1_000_000];
    expect(await isTooDeep(first, tooDeep)).toBe(true);
    while (tooDeep - fits > 1) {
      const depth = Math.floor((fits + tooDeep) / 2);
      if (await isTooDeep(first, depth)) tooDeep = depth;
      else fits = depth;
    }
    expect(fits).toBeGreaterThan(1000);
    expect([await isTooDeep(second, fits), await isTooDeep(second, tooDeep)]).toEqual([false, true]);
    expect([await isTooDeep(first, fits), await isTooDeep(first, tooDeep)]).toEqual([false, true]);
  });

  it('ends by gas, at the same place', async () => {
    expect(await outcome(first, 'l')).toBe('ERR_FUNCTION_TRAP');
    const work = async (n: number): Promise<number> => gasOf(await ask(first, `w${n}`));
    const [some, more] = [await work(1000), await work(2000)];
    const each = (more - some) / 1000;
    const fits = Math.floor((GAS - some) / each) + 1000;
    expect(await outcome(first, `w${fits - 100}`)).not.toBe('ERR_FUNCTION_TRAP');
    for (const f of [first, second]) expect(await outcome(f, `w${fits + 100}`)).toBe('ERR_FUNCTION_TRAP');
    expect(await outcome(second, 'r')).toEqual(await outcome(first, 'r'));
  });

  it('has other randomness for another call, and the same for the same', async () => {
    const random = async (body: string, headers: readonly (readonly [string, string])[] = []): Promise<string> =>
      shown(await ask(first, body, headers))[0];
    const all = [
      await random('r'),
      await random('r '),
      await random('r', [['x', 'y']]),
      await random('r', [['x', 'z']]),
    ];
    expect(new Set(all).size).toBe(4);
    expect(await random('r', [['x', 'y']])).toBe(all[2]);
  });

  it('sees the time of its request, and a clock that goes on only while it waits', async () => {
    const clocks = async (date: string): Promise<readonly bigint[]> => {
      const view = new DataView(wholeOf(await ask(first, 'c', [['date', date]])).slice().buffer);
      return [view.getBigUint64(0, true), view.getBigUint64(12, true), view.getBigUint64(20, true)];
    };
    const begin = performance.now();
    expect(await clocks('Sun, 06 Nov 1994 08:49:37 GMT')).toEqual([784_111_777n, 0n, 3_600_000_000_000n]);
    expect(performance.now() - begin).toBeLessThan(60_000);
    for (const other of ['1994-11-06', 'Sunday, 06-Nov-94 08:49:37 GMT', '']) expect((await clocks(other))[0]).toBe(0n);
  });

  it('keeps the gas of a call for the gate, whatever the guest says of it', async () => {
    expect(gasOf(await ask(first, 'r'))).toBeGreaterThan(500);
    const plain = await loadGuest(bytes);
    expect(gasOf(await ask(plain, 'r'))).toBeNaN();
    // Without the mode, two calls have different randomness.
    expect(shown(await ask(plain, 'r'))[0]).not.toBe(shown(await ask(plain, 'r'))[0]);
    await plain.close();
  });

  it('is refused when it could not be the same everywhere', async () => {
    const relaxed = CURIOUS.replace(
      '(func $random32',
      '(func (param v128) (result v128) (i32x4.relaxed_trunc_f32x4_s (local.get 0))) (func $random32',
    );
    const guest = await buildComponent(relaxed, 'http');
    await expect(loadGuest(guest, { deterministic: 'required' })).rejects.toMatchObject({
      code: 'ERR_FUNCTION_INVALID',
    });
    await (await loadGuest(guest)).close();
  });
});

describe('a deterministic program', () => {
  it('has the same randomness and time in two processes, and other randomness for other arguments', async () => {
    const bytes = await buildModule(`(module
      (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
      (import "wasi_snapshot_preview1" "clock_time_get" (func $clock (param i32 i64 i32) (result i32)))
      (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
      (memory (export "memory") 1)
      (data (i32.const 0) "\\40\\00\\00\\00\\30\\00\\00\\00")
      (func (export "_start")
        (drop (call $random (i32.const 64) (i32.const 32)))
        (drop (call $clock (i32.const 0) (i64.const 0) (i32.const 96)))
        (drop (call $clock (i32.const 1) (i64.const 0) (i32.const 104)))
        (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 16)))))`);
    const run = async (...args: readonly string[]): Promise<string> => {
      const limits = { ...DEFAULT_FUNCTION_LIMITS, deterministic: 'required' as const, startDeadlineMs: 30_000 };
      const nothing = (): void => undefined;
      const program = await loadCommand({
        bytes,
        digest: sha256(bytes),
        name: 'p',
        limits,
        groups: NO_GROUPS,
        mounts: [],
        env: [['WHERE', 'here']],
        answerType: 'text/plain',
        onNotice: nothing,
        onLog: nothing,
      });
      const { stdout } = await program.run({ args, env: [], mounts: [], stdin: new Uint8Array(0) }, 60_000);
      await program.close();
      return Buffer.from(stdout).toString('hex');
    };
    const [one, same, other] = [await run('a', 'b'), await run('a', 'b'), await run('ab')];
    expect(one).toHaveLength(96);
    expect(one.slice(64)).toBe('0'.repeat(32));
    expect(same).toBe(one);
    expect(other).not.toBe(one);
  });
});

describe('a deterministic function that asks outside', () => {
  it('gives the same bytes for the same answers, however long they take', async () => {
    const fetcher = (await buildFunctions()).find(({ name }) => name === 'fetcher')?.bytes ?? new Uint8Array(0);
    const f = await loadGuest(fetcher, { deterministic: 'required' });
    const egress =
      (turns: number): Egress =>
      async () => {
        for (let i = 0; i < turns; i += 1) await new Promise((resolve) => void setImmediate(resolve));
        return { status: 200, headers: [], body: new TextEncoder().encode('outside') };
      };
    const answers = [];
    for (const turns of [0, 1, 50]) answers.push(shown(await ask(f, 'https://a.test/', [], egress(turns))));
    expect(answers).toEqual([answers[0], answers[0], answers[0]]);
    await f.close();
  });
});
