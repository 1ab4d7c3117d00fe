/** Whole guests with the imports of Blockless, in their own process: through the gate's way out, and through nothing else. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SandboxedFunction } from '../../../../src/enclave/sandbox/load.ts';
import type { Egress, EgressRequest } from '../../../../src/enclave/sandbox/sandbox.ts';
import { buildModule, loadGuest, post, textOf } from '../guests.ts';

const OPTIONS = '{"method":"GET","headers":"{}","body":null,"connectTimeout":30,"readTimeout":30}';
/** Takes a URL as the body, gets it, and writes what came: the body, or `error ` and the number as one letter from A for 1. */
const CLIENT = `(module
  (import "blockless_http" "http_req" (func $request (param i32 i32 i32 i32 i32 i32) (result i32)))
  (import "blockless_http" "http_read_body" (func $body (param i32 i32 i32 i32) (result i32)))
  (import "blockless_http" "http_close" (func $close (param i32) (result i32)))
  (import "blockless_memory" "memory_read" (func $stdin (param i32 i32 i32) (result i32)))
  (import "blockless_memory" "env_var_read" (func $env (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 256) "${OPTIONS.replaceAll('"', '\\"')}")
  (data (i32.const 512) "error ")
  (func $write (param $at i32) (param $length i32)
    (i32.store (i32.const 0) (local.get $at))
    (i32.store (i32.const 4) (local.get $length))
    (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))))
  (func (export "_start") (local $error i32)
    (if (call $stdin (i32.const 1024) (i32.const 1024) (i32.const 16)) (then unreachable))
    (if (i32.eq (i32.load8_u (i32.const 1024)) (i32.const 0x3f)) ;; ?: what is known of the query
      (then
        (if (call $env (i32.const 4096) (i32.const 2048) (i32.const 16)) (then unreachable))
        (call $write (i32.const 4096) (i32.load (i32.const 16)))
        (return)))
    (local.set $error (call $request
      (i32.const 1024) (i32.load (i32.const 16)) (i32.const 256) (i32.const ${OPTIONS.length}) (i32.const 20) (i32.const 24)))
    (if (local.get $error)
      (then
        (i32.store8 (i32.const 518) (i32.add (local.get $error) (i32.const 0x40)))
        (call $write (i32.const 512) (i32.const 7))
        (return)))
    (loop $more
      (if (call $body (i32.load (i32.const 20)) (i32.const 4096) (i32.const 5) (i32.const 16)) (then unreachable))
      (call $write (i32.const 4096) (i32.load (i32.const 16)))
      (br_if $more (i32.load (i32.const 16))))
    (if (call $close (i32.load (i32.const 20))) (then unreachable))))`;
const URL = 'https://listed.host.test/a?b';

let client: SandboxedFunction;
beforeAll(async () => {
  client = await loadGuest(await buildModule(CLIENT));
});
afterAll(() => client.close());

describe('a guest with the imports of Blockless', () => {
  it('asks the gate, waits, and reads the answer', async () => {
    const seen: EgressRequest[] = [];
    const egress: Egress = async (request) => {
      seen.push(request);
      return { status: 200, headers: [], body: Buffer.from('from outside') };
    };
    expect(textOf(await post(client, URL, { egress }))).toBe('from outside');
    expect(seen.map((r) => `${r.method} ${r.scheme} ${r.authority} ${r.path}`)).toEqual([
      'GET https listed.host.test /a?b',
    ]);
  });

  it('is told by a number that it may not', async () => {
    // 14, permission denied.
    expect(textOf(await post(client, URL))).toBe('error N');
    expect(textOf(await post(client, 'no URL'))).toBe('error I');
  });

  it('waits without holding up others', async () => {
    const first = Promise.withResolvers<void>();
    const egress: Egress = async ({ path }) => {
      if (path === '/first') await first.promise;
      return { status: 200, headers: [], body: Buffer.from(path) };
    };
    const slow = post(client, 'https://a.test/first', { egress });
    expect(textOf(await post(client, 'https://a.test/second', { egress }))).toBe('/second');
    first.resolve();
    expect(textOf(await slow)).toBe('/first');
  });

  it('that waits too long is ended, and the next one is answered', async () => {
    const never: Egress = () => new Promise(() => undefined);
    await expect(post(client, URL, { egress: never, deadlineMs: 300 })).rejects.toMatchObject({
      code: 'ERR_FUNCTION_DEADLINE',
    });
    expect(textOf(await post(client, URL))).toBe('error N');
  });

  it('is told of its query', async () => {
    expect(JSON.parse(textOf(await post(client, '?')))).toEqual({
      BLS_REQUEST_METHOD: 'POST',
      BLS_REQUEST_PATH: '/there',
      BLS_REQUEST_QUERY: 'a=b',
      BLS_REQUEST_BODY: '?',
    });
  });

  it.each([
    ['blockless_http', 'http_call'],
    ['blockless_http', 'constructor'],
    ['blockless_ipfs', 'ipfs_command'],
    ['blockless_cgi', 'cgi_open'],
    ['bless', 'rpc_call'],
    ['constructor', 'name'],
  ])('is given nothing else: %s.%s', async (family, name) => {
    const bytes = await buildModule(
      `(module (import "${family}" "${name}" (func)) (memory (export "memory") 1) (func (export "_start")))`,
    );
    await expect(loadGuest(bytes)).rejects.toMatchObject({ code: 'ERR_FUNCTION_INVALID' });
  });

  it.each([
    [
      'asks before it is started',
      '(func $early (drop (call $request (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)))) (start $early) (func (export "_start"))',
    ],
    [
      'ends while it has asked',
      '(func (export "_start") (drop (call $request (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))) unreachable)',
    ],
  ])('that %s traps, and nothing more', async (_, body) => {
    const f = await loadGuest(
      await buildModule(`(module
        (import "blockless_http" "http_req" (func $request (param i32 i32 i32 i32 i32 i32) (result i32)))
        (memory (export "memory") 1) ${body})`),
    );
    for (let i = 0; i < 2; i++) await expect(post(f, 'x')).rejects.toMatchObject({ code: 'ERR_FUNCTION_TRAP' });
    await f.close();
  });

  it('with imports of other types than the interface has traps, and nothing more', async () => {
    const f = await loadGuest(
      await buildModule(`(module
        (import "blockless_http" "http_req" (func $request (param i64 f64) (result i64)))
        (import "blockless_memory" "memory_read" (func $read (param f64 i64) (result f32)))
        (memory (export "memory") 1)
        (func (export "_start")
          (drop (call $read (f64.const nan) (i64.const -1)))
          (drop (call $request (i64.const -1) (f64.const inf)))))`),
    );
    await expect(post(f, 'x')).rejects.toMatchObject({ code: 'ERR_FUNCTION_TRAP' });
    await f.close();
  });
});
