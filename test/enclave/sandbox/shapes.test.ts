/** Each shape of a function: how a query is put to it, what its end becomes, and that an export of another type is never called. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SandboxedFunction } from '../../../src/enclave/sandbox/load.ts';
import { queryVariables } from '../../../src/enclave/sandbox/query-variables.ts';
import type { EgressRequest } from '../../../src/enclave/sandbox/sandbox.ts';
import { buildComponent, buildFunctions, FUNCTIONS_FOLDER } from '../../../tools/build-functions.ts';
import { drain, wholeOf } from '../bodies.ts';
import { buildWorld } from './component/kit.ts';
import { buildRogue, CLOSED_TERMS, loadGuest, post, textOf } from './guests.ts';

const OCTETS = [['content-type', 'application/octet-stream']];
const examples = new Map<string, Uint8Array>();
beforeAll(async () => {
  for (const { name, bytes } of await buildFunctions()) examples.set(name, bytes);
});
const example = (name: string): Uint8Array => examples.get(name) ?? new Uint8Array(0);

const open: SandboxedFunction[] = [];
async function load(...args: Parameters<typeof loadGuest>): Promise<SandboxedFunction> {
  const f = await loadGuest(...args);
  open.push(f);
  return f;
}
afterAll(() => Promise.all(open.map((f) => f.close())));

/** A function of the plain type that counts its calls in an instance and answers with the number, as one digit. */
const COUNTING = `(module
  (memory (export "memory") 1)
  (global $calls (mut i32) (i32.const 0x30))
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 4096))
  (func (export "run") (param i32 i32) (result i32)
    (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
    (i32.store8 (i32.const 16) (global.get $calls))
    (i32.store (i32.const 0) (i32.const 16))
    (i32.store (i32.const 4) (i32.const 1))
    (i32.const 0)))`;
/** One that says where its answer is: the bytes of the query are the address and the length. */
const POINTING = `(module
  (memory (export "memory") 1)
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 4096))
  (func (export "run") (param i32 i32) (result i32) (local.get 0)))`;

describe('bytes for bytes', () => {
  let reverse: SandboxedFunction;
  beforeAll(async () => {
    reverse = await load(example('reverse'));
  });

  it('answers with what the function returns', async () => {
    const response = await post(reverse, 'anchorhold');
    expect([response.status, response.headers, textOf(response)]).toEqual([200, OCTETS, 'dlohrohcna']);
    expect(reverse.kind).toBe('bytes');
  });

  it('answers with a large body', async () => {
    const response = await post(reverse, `${'a'.repeat(2 ** 21)}b`);
    const body = await drain(response.body);
    expect([body.length, Buffer.from(body.subarray(0, 3)).toString()]).toEqual([2 ** 21 + 1, 'baa']);
  });

  it('answers 400 with the text of an error', async () => {
    const response = await post(reverse, '');
    expect([response.status, response.headers]).toEqual([400, [['content-type', 'text/plain; charset=utf-8']]]);
    expect(textOf(response)).toBe('there is nothing to turn around');
  });

  it('takes POST and nothing else', async () => {
    const request = { method: 'GET', path: '/', authority: 'a', headers: [], body: new Uint8Array(1) };
    const options = CLOSED_TERMS;
    await expect(reverse.call(request, options)).rejects.toMatchObject({ code: 'ERR_FUNCTION_METHOD' });
    expect((await reverse.call({ ...request, method: 'POST' }, options)).status).toBe(200);
  });

  it('has a fresh instance for each query, or a pooled one for as many as the owner says', async () => {
    const bytes = await buildComponent(COUNTING, 'bytes');
    const ask = async (f: SandboxedFunction): Promise<string> => textOf(await post(f, 'x'));
    const fresh = await load(bytes);
    expect([await ask(fresh), await ask(fresh), await ask(fresh)]).toEqual(['1', '1', '1']);
    const pooled = await load(bytes, { instances: { kind: 'pooled', calls: 2 } });
    expect([await ask(pooled), await ask(pooled), await ask(pooled)]).toEqual(['1', '2', '1']);
  });

  it('traps when the answer lies outside of its memory, or is more than it may write', async () => {
    const f = await load(await buildComponent(POINTING, 'bytes'), { outputBytes: 100 });
    const ask = async (pointer: number, length: number): Promise<number> => {
      const body = new Uint8Array(Uint32Array.of(pointer, length).buffer);
      const request = { method: 'POST', path: '/', authority: 'a', headers: [], body };
      return wholeOf((await f.call(request, CLOSED_TERMS)).body).length;
    };
    expect([await ask(4096, 100), await ask(65_536 - 50, 50)]).toEqual([100, 50]);
    for (const [pointer, length] of [
      [4096, 101],
      [65_536 - 50, 51],
      [65_537, 0],
      [2 ** 32 - 1, 2 ** 32 - 1],
    ] as const)
      await expect(ask(pointer, length)).rejects.toMatchObject({ code: 'ERR_FUNCTION_TRAP' });
    expect(await ask(4096, 1)).toBe(1);
  });

  const LIST = '(param i32 i32) (result i32) (i32.const 0)';
  it.each([
    ['func(input: list<u8>) -> list<u8>', LIST, null],
    ['func(input: list<u8>) -> result<list<u8>, string>', LIST, null],
    ['func(input: string) -> list<u8>', LIST, 'ERR_FUNCTION_INVALID'],
    ['func(input: list<u8>) -> string', LIST, 'ERR_FUNCTION_INVALID'],
    ['func(input: list<u8>) -> result<list<u8>>', LIST, 'ERR_FUNCTION_INVALID'],
    ['func(input: list<u8>) -> result<list<u8>, list<u8>>', LIST, 'ERR_FUNCTION_INVALID'],
    ['func(input: list<s8>) -> list<u8>', LIST, 'ERR_FUNCTION_INVALID'],
    ['func(input: list<u8>)', '(param i32 i32)', 'ERR_FUNCTION_INVALID'],
    ['func() -> list<u8>', '(result i32) (i32.const 0)', 'ERR_FUNCTION_INVALID'],
    ['func(a: list<u8>, b: u32) -> list<u8>', `(param i32) ${LIST}`, 'ERR_FUNCTION_INVALID'],
  ])('is exactly run: %s', async (type, core, expected) => {
    const bytes = await buildWorld(
      `world w { export run: ${type}; }`,
      `(module (memory (export "memory") 1)
        (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 4096))
        (func (export "run") ${core}))`,
    );
    const loaded = load(bytes);
    if (expected === null) expect((await loaded).kind).toBe('bytes');
    else await expect(loaded).rejects.toMatchObject({ code: expected });
  });
});

describe('a program', () => {
  it('that is a preview1 module answers with what it wrote', async () => {
    const f = await load(example('greeting'));
    const response = await post(f, 'Ada');
    expect([f.kind, response.status, response.headers, textOf(response)]).toEqual([
      'preview1',
      200,
      OCTETS,
      'hello, Ada',
    ]);
    const long = 'x'.repeat(2 ** 21);
    expect(Buffer.from(await drain((await post(f, long)).body)).toString()).toBe(`hello, ${long}`);
  });

  it('that ends with another code than 0 has not answered', async () => {
    const f = await load(example('greeting'));
    await expect(post(f, '')).rejects.toMatchObject({ code: 'ERR_FUNCTION_EXIT' });
    const failing = await load(
      await buildComponent('(module (func (export "wasi:cli/run@0.2.12#run") (result i32) (i32.const 1)))', 'command'),
    );
    await expect(post(failing, '')).rejects.toMatchObject({ code: 'ERR_FUNCTION_EXIT' });
    expect(textOf(await post(f, 'Ada'))).toBe('hello, Ada');
  });

  it('that writes more than it may, or nothing at all, is not mistaken for another', async () => {
    const f = await load(example('greeting'), { outputBytes: 10 });
    expect(textOf(await post(f, 'Ada'))).toBe('hello, Ada');
    await expect(post(f, 'Eve!')).rejects.toMatchObject({ code: expect.stringMatching(/^ERR_FUNCTION_(TRAP|EXIT)$/) });
    const quiet = await load(
      await buildComponent('(module (func (export "wasi:cli/run@0.2.12#run") (result i32) (i32.const 0)))', 'command'),
    );
    expect(await post(quiet, 'x')).toEqual({ status: 200, headers: OCTETS, body: new Uint8Array(0) });
  });

  it('is told of the query in its environment, and what its owners say', async () => {
    const wat = `(module
      (import "wasi:cli/environment@0.2.12" "get-environment" (func $environment (param i32)))
      (import "wasi:cli/stdout@0.2.12" "get-stdout" (func $get_stdout (result i32)))
      (import "wasi:io/streams@0.2.12" "[method]output-stream.blocking-write-and-flush"
        (func $write (param i32 i32 i32 i32)))
      (memory (export "memory") 2)
      (global $top (mut i32) (i32.const 65536))
      (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
        (global.set $top (i32.and (i32.add (global.get $top) (i32.const 7)) (i32.const -8)))
        (global.get $top)
        (global.set $top (i32.add (global.get $top) (local.get 3))))
      (data (i32.const 1024) "=\\n")
      (func (export "wasi:cli/run@0.2.12#run") (result i32) (local $out i32) (local $at i32) (local $left i32)
        (local.set $out (call $get_stdout))
        (call $environment (i32.const 0))
        (local.set $at (i32.load (i32.const 0)))
        (local.set $left (i32.load (i32.const 4)))
        (loop $next
          (call $write (local.get $out) (i32.load (local.get $at)) (i32.load offset=4 (local.get $at)) (i32.const 16))
          (call $write (local.get $out) (i32.const 1024) (i32.const 1) (i32.const 16))
          (call $write (local.get $out) (i32.load offset=8 (local.get $at)) (i32.load offset=12 (local.get $at)) (i32.const 16))
          (call $write (local.get $out) (i32.const 1025) (i32.const 1) (i32.const 16))
          (local.set $at (i32.add (local.get $at) (i32.const 16)))
          (br_if $next (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
        (i32.const 0)))`;
    const f = await load(await buildComponent(wat, 'command'), {}, undefined, { env: [['MODEL', 'small']] });
    expect(textOf(await post(f, 'abc')).split('\n')).toEqual([
      'REQUEST_METHOD=POST',
      'PATH_INFO=/there',
      'QUERY_STRING=a=b',
      'CONTENT_LENGTH=3',
      'CONTENT_TYPE=text/plain',
      'MODEL=small',
      '',
    ]);
  });

  it('is told nothing else, whatever the query says', () => {
    const headers = [
      ['proxy', 'http://evil.test'],
      ['path-info', '/x'],
      ['x-request-method', 'y'],
    ] as const;
    const body = new Uint8Array(0);
    expect(queryVariables({ method: 'GET', path: '/a%2Fb?c?d', authority: 'h', headers, body }, 0)).toEqual([
      ['REQUEST_METHOD', 'GET'],
      ['PATH_INFO', '/a%2Fb'],
      ['QUERY_STRING', 'c?d'],
      ['CONTENT_LENGTH', '0'],
    ]);
  });
});

describe('an HTTP handler', () => {
  it.each([
    ['what its owners say, and nothing else', { scratchBytes: 1024 }, true, true],
    ['no scratch where they say nothing of it', {}, true, false],
    ['no variables where it must be deterministic', { deterministic: 'required', scratchBytes: 1024 }, false, true],
  ] as const)('finds %s', async (_, limits, hasVariable, hasScratch) => {
    const f = await load(await buildRogue(), limits, undefined, { env: [['MODEL', 'small']] });
    const text = textOf(await post(f, 'p'));
    expect([text.includes('MODELsmall'), text.includes('/tmp')]).toEqual([hasVariable, hasScratch]);
  });
});

describe('every shape', () => {
  const [outgoing = ''] = readFileSync(join(FUNCTIONS_FOLDER, 'fetcher/fetcher.wat'), 'utf8').split(
    '  (func (export "wasi:http/incoming-handler',
  );
  const URL = 'https://listed.host.test/a';
  const BYTES = `${outgoing}
    (func (export "run") (param $at i32) (param $length i32) (result i32) (local $start i32)
      (local.set $start (call $fetch (call $make_request (local.get $at) (i32.add (local.get $at) (local.get $length)))))
      (i32.store (i32.const 8) (local.get $start))
      (i32.store (i32.const 12) (i32.sub (global.get $top) (local.get $start)))
      (i32.const 8)))`;
  const COMMAND = `${outgoing.replace('(module', '(module (import "wasi:cli/stdout@0.2.12" "get-stdout" (func $get_stdout (result i32)))')}
    (data (i32.const 4096) "${URL}")
    (func (export "wasi:cli/run@0.2.12#run") (result i32) (local $start i32)
      (local.set $start (call $fetch (call $make_request (i32.const 4096) (i32.const ${4096 + URL.length}))))
      (call $write (call $get_stdout) (local.get $start) (i32.sub (global.get $top) (local.get $start)) (i32.const 0))
      (i32.const 0)))`;

  it.each([
    ['bytes', BYTES],
    ['command', COMMAND],
  ] as const)('reaches outside through the gate and in no other way: %s', async (world, wat) => {
    const f = await load(await buildComponent(wat, world));
    const seen: EgressRequest[] = [];
    const response = await post(f, URL, {
      egress: async (request) => {
        seen.push(request);
        return { status: 203, headers: [], body: Buffer.from('from outside') };
      },
    });
    expect(textOf(response)).toBe('status 203\nfrom outside');
    expect(seen.map((r) => `${r.method} ${r.scheme}://${r.authority}${r.path}`)).toEqual([`GET ${URL}`]);
    expect(textOf(await post(f, URL))).toBe('error HTTP-request-denied\n');
  });
});
