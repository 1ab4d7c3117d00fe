/** Functions of every shape behind the gate, on the terms that their owner wrote. */
import { parse } from '@bytecodealliance/jco';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encodeUtf8 } from '../../src/base/bytes.ts';
import { formatDigest, sha256 } from '../../src/base/digest.ts';
import { type FunctionFiles, singleFile } from '../../src/enclave/function-files.ts';
import { writeManifest } from '../../src/enclave/function-manifest.ts';
import { keyCredential, SecureSession } from '../../src/index.ts';
import { parseOwnerPolicy } from '../../src/policy/parse.ts';
import { buildComponent } from '../../tools/build-functions.ts';
import { bootTestWorker, functions as examples, makeSigningKey, type TestWorker } from './worker.ts';

const ada = makeSigningKey();

/** Answers with the number of queries that its instance has had, as one digit. */
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
const LOOPING = '(module (memory (export "memory") 1) (func (export "_start") (loop $l (br $l))))';
/** Answers with how many pages of memory it can have, in tens. */
const GROWING = `(module
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "_start")
    (block $full (loop $more (br_if $full (i32.eq (memory.grow (i32.const 1)) (i32.const -1))) (br $more)))
    (i32.store8 (i32.const 16) (i32.add (i32.const 0x30) (i32.div_u (memory.size) (i32.const 10))))
    (i32.store (i32.const 0) (i32.const 16))
    (i32.store (i32.const 4) (i32.const 1))
    (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))))`;
/** Answers with a file of its own, or with the number of the error. */
const READING = `(module
  (import "wasi_snapshot_preview1" "path_open" (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 64) "assets/x.json")
  (func $must (param i32) (if (local.get 0) (then (call $exit (local.get 0)))))
  (func (export "_start")
    (call $must (call $open (i32.const 3) (i32.const 0) (i32.const 64) (i32.const 13) (i32.const 0)
      (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 16)))
    (i32.store (i32.const 0) (i32.const 1024))
    (i32.store (i32.const 4) (i32.const 1024))
    (call $must (call $read (i32.load (i32.const 16)) (i32.const 0) (i32.const 1) (i32.const 8)))
    (i32.store (i32.const 4) (i32.load (i32.const 8)))
    (call $must (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
    ;; Writing to it must fail, and does: 69 is a file system that may only be read.
    (if (i32.ne (i32.const 69) (call $open (i32.const 3) (i32.const 0) (i32.const 64) (i32.const 13) (i32.const 8)
      (i64.const 64) (i64.const 0) (i32.const 0) (i32.const 16))) (then (call $exit (i32.const 1))))))`;

const ASSET = encodeUtf8('{"from":"the bundle"}');

function bundle(main: Uint8Array, asset = ASSET): FunctionFiles {
  const files = { 'main.wasm': formatDigest(sha256(main)), 'assets/x.json': formatDigest(sha256(ASSET)) };
  const manifest = encodeUtf8(writeManifest({ entry: 'main.wasm', type: 'application/json', files }));
  return {
    bytes: manifest,
    beside: new Map([
      ['main.wasm', main],
      ['assets/x.json', asset],
    ]),
  };
}

function policyOf(owner: string, files: ReadonlyMap<string, FunctionFiles>, terms: Readonly<Record<string, object>>) {
  const listed = [...files].map(([name, { bytes }]) => [name, { digest: formatDigest(sha256(bytes)), ...terms[name] }]);
  const text = {
    anchorhold: 'owner-policy/1',
    owner,
    version: '1',
    valid: { from: '2020-01-01', until: '2099-01-01' },
    functions: Object.fromEntries(listed) as object,
    callers: { ada: { key: ada.text } },
    queries: [...files.keys()].flatMap((name) => [
      { allow: 'ada', to: `POST /${name}` },
      { allow: 'ada', to: `GET /${name}` },
    ]),
    results: { max: '1 KiB', types: ['application/octet-stream', 'application/json', 'text/plain'] },
  };
  return parseOwnerPolicy(JSON.stringify(text), { file: `${owner}.yaml`, references: () => null });
}

describe('behind the gate', () => {
  let files: Map<string, FunctionFiles>;
  let t: TestWorker;
  beforeAll(async () => {
    const counting = await buildComponent(COUNTING, 'bytes');
    const looping = await parse(LOOPING);
    files = new Map([
      ['reverse', singleFile(examples.get('reverse') ?? new Uint8Array())],
      ['greeting', singleFile(examples.get('greeting') ?? new Uint8Array())],
      ['fresh', singleFile(counting)],
      ['pooled', singleFile(counting)],
      ['disputed', singleFile(counting)],
      ['sure', singleFile(counting)],
      ['late', singleFile(looping)],
      ['busy', singleFile(looping)],
      ['small', singleFile(await parse(GROWING))],
      ['reading', bundle(await parse(READING))],
    ]);
    const first = policyOf('hospital-a', files, {
      pooled: { instances: 'pooled', 'calls-per-instance': '2' },
      disputed: { instances: 'pooled' },
      sure: { instances: 'pooled', deterministic: 'required' },
      late: { deadline: '300 ms' },
      busy: { cpu: '200 ms' },
      small: { memory: '1280 KiB' },
    });
    const second = policyOf('hospital-b', new Map([...files].filter(([name]) => name === 'disputed')), {});
    // Without the owner's terms a loop would outlast the test.
    t = await bootTestWorker({ policies: [first, second], files, deadlineMs: 600_000 });
  });
  afterAll(() => t[Symbol.asyncDispose]());

  async function ask(name: string, body: string, method = 'POST') {
    await using session = new SecureSession(t.url, { trust: t.trustWith({}), credential: keyCredential(ada) });
    const response = await session.fetch(`/${name}`, method === 'GET' ? { method } : { method, body });
    const text = await response.text();
    const type = response.headers.get('content-type');
    return {
      status: response.status,
      type,
      text,
      code: type === 'application/problem+json' ? (JSON.parse(text) as { code: string }).code : null,
    };
  }

  it('bytes are given for bytes, an error is about the query, and GET is not asked', async () => {
    expect(await ask('reverse', 'abc')).toMatchObject({ status: 200, type: 'application/octet-stream', text: 'cba' });
    expect(await ask('reverse', '')).toMatchObject({ status: 400, text: 'there is nothing to turn around' });
    expect(await ask('reverse', '', 'GET')).toMatchObject({ status: 405, code: 'ERR_FUNCTION_METHOD' });
  });

  it('a program answers with its output, or not at all', async () => {
    expect(await ask('greeting', 'Ada')).toMatchObject({ status: 200, text: 'hello, Ada' });
    expect(await ask('greeting', '')).toMatchObject({ status: 500, code: 'ERR_FUNCTION_EXIT' });
  });

  it('memory is kept only where every owner says so, and never where answers must be the same', async () => {
    const thrice = async (name: string): Promise<string> =>
      `${(await ask(name, 'x')).text}${(await ask(name, 'x')).text}${(await ask(name, 'x')).text}`;
    expect([await thrice('fresh'), await thrice('pooled')]).toEqual(['111', '121']);
    expect([await thrice('disputed'), await thrice('sure')]).toEqual(['111', '111']);
  });

  it('time, processor time and memory are those of the owner', async () => {
    expect(await ask('late', '')).toMatchObject({ status: 504, code: 'ERR_FUNCTION_DEADLINE' });
    expect(await ask('busy', '')).toMatchObject({ status: 504, code: 'ERR_FUNCTION_DEADLINE' });
    expect(await ask('small', '')).toMatchObject({ status: 200, text: '2' });
  });

  it('a function of several files reads its own, and answers with the type of its manifest', async () => {
    expect(await ask('reading', '')).toMatchObject({
      status: 200,
      type: 'application/json',
      text: '{"from":"the bundle"}',
    });
    expect(t.worker.functions['reading']).toBe(formatDigest(sha256(files.get('reading')?.bytes ?? new Uint8Array())));
  });

  it('a worker does not stand with a file that is another one', async () => {
    const other = new Map([['reading', bundle(await parse(READING), encodeUtf8('{"from":"elsewhere"}'))]]);
    await expect(bootTestWorker({ policies: [policyOf('hospital-a', other, {})], files: other })).rejects.toMatchObject(
      {
        code: 'ERR_FUNCTION_DIGEST',
      },
    );
  });
});
