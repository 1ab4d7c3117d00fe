/**
 * Owners entrust data and secrets to a running worker: sealed by their client, mounted for the functions that they list, put into requests by the gate,
 * and gone when they take them back. The guest that looks everywhere gives out all that the host ever wrote into its memory.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from '@bytecodealliance/jco';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { formatTrustFile } from '../../src/attestation/trust-file.ts';
import { encodeHex, encodeUtf8 } from '../../src/base/bytes.ts';
import { formatDigest, sha256 } from '../../src/base/digest.ts';
import type { OwnerChannel } from '../../src/client/owner-channel.ts';
import { forget, type OwnedName, putData, putSecret } from '../../src/client/owner-uploads.ts';
import type { WorkerOptions } from '../../src/enclave/boot.ts';
import { singleFile } from '../../src/enclave/function-files.ts';
import { openFileKey } from '../../src/enclave/keys/file-key.ts';
import { keyCredential, SecureSession } from '../../src/index.ts';
import { SIMULATED_MEASUREMENT } from '../../src/testing/index.ts';
import { buildComponent, FUNCTIONS_FOLDER } from '../../tools/build-functions.ts';
import { authority, openServer, serverCertificate, type TestServer } from '../enclave/egress/world.ts';
import { makeTestFolder } from '../enclave/store/folder.ts';
import { codeOf } from '../policy/signing/keys.ts';
import {
  anyPolicies,
  openChannel,
  ownerKeys,
  type PolicyText,
  parsePolicy,
  policyRequest,
  policyText,
  revokeRequest,
} from './owner.ts';
import { bootTestWorker, makeSigningKey, type TestWorker } from './worker.ts';

const SECRET = 'Bearer 0123456789abcdef';
const caller = makeSigningKey();
const [first, second] = await ownerKeys(2);
const [ofB] = await ownerKeys(1);
if (first === undefined || second === undefined || ofB === undefined) throw new Error('no keys');

/** Answers with /data/patients.csv and what the other owner calls /data/b/rows.csv. */
const READER = `(module
  (import "wasi_snapshot_preview1" "path_open"
    (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 1024) "patients.csv")
  (data (i32.const 1040) "b/rows.csv")
  (func $show (param $name i32) (param $length i32)
    (if (call $open (i32.const 3) (i32.const 0) (local.get $name) (local.get $length)
          (i32.const 0) (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 0))
      (then unreachable))
    (i32.store (i32.const 16) (i32.const 2048))
    (i32.store (i32.const 20) (i32.const 1000))
    (if (call $read (i32.load (i32.const 0)) (i32.const 16) (i32.const 1) (i32.const 24)) (then unreachable))
    (i32.store (i32.const 20) (i32.load (i32.const 24)))
    (if (call $write (i32.const 1) (i32.const 16) (i32.const 1) (i32.const 24)) (then unreachable)))
  (func (export "_start")
    (call $show (i32.const 1024) (i32.const 12))
    (call $show (i32.const 1040) (i32.const 10))))`;

/** The fetcher, which also asks for all that there is to ask for, and answers with its whole memory. */
const LOOKS_EVERYWHERE = readFileSync(join(FUNCTIONS_FOLDER, 'fetcher/fetcher.wat'), 'utf8')
  .replace(
    '(module',
    `(module
  (import "wasi:cli/environment@0.2.12" "get-environment" (func $environment (param i32)))
  (import "wasi:cli/environment@0.2.12" "get-arguments" (func $arguments (param i32)))
  (import "wasi:filesystem/preopens@0.2.12" "get-directories" (func $directories (param i32)))
  (import "wasi:http/types@0.2.12" "[method]incoming-request.headers" (func $request_headers (param i32) (result i32)))
  (import "wasi:http/types@0.2.12" "[method]incoming-response.headers" (func $response_headers (param i32) (result i32)))
  (import "wasi:http/types@0.2.12" "[method]fields.entries" (func $entries (param i32 i32)))`,
  )
  .replace(
    '(call $consume (local.get $incoming)',
    `(call $environment (i32.const 0))
    (call $arguments (i32.const 0))
    (call $directories (i32.const 0))
    (call $entries (call $request_headers (local.get $incoming)) (i32.const 0))
    (call $consume (local.get $incoming)`,
  )
  .replace(
    '(local.set $response (i32.load (i32.const 24)))',
    `(local.set $response (i32.load (i32.const 24)))
    (call $entries (call $response_headers (local.get $response)) (i32.const 0))`,
  )
  .replace(
    '(local.set $start (call $fetch (local.get $request)))',
    '(drop (call $fetch (local.get $request)))\n    (local.set $start (i32.const 65536))',
  );

const reader = await parse(READER);
const spy = await buildComponent(LOOKS_EVERYWHERE, 'http');
const digestOf = (bytes: Uint8Array): string => formatDigest(sha256(bytes));
const files = new Map([
  ['reader', singleFile(reader)],
  ['spy', singleFile(spy)],
]);

const MACHINE = `machine: { products: [Genoa], tcb: any, smt: any, images: ["${encodeHex(SIMULATED_MEASUREMENT)}"] }`;
const COMMON = `${MACHINE}
callers: { nightly: { key: "${caller.text}" } }
results: { max: 1 MiB, types: [application/octet-stream, text/plain] }`;
const QUERIES = 'queries: [{ allow: nightly, to: POST /reader }, { allow: nightly, to: POST /spy }]';

let server: TestServer;
beforeAll(async () => {
  server = await openServer(serverCertificate(['api.example.com']), (request, response) => {
    const sent = request.headers.authorization ?? 'none';
    if (request.url === '/echo-body') response.end(`you sent ${sent}`);
    else if (request.url === '/echo-header') response.setHeader('x-you-sent', sent).end('fine');
    else response.end('fine');
  });
});
afterAll(async () => await server[Symbol.asyncDispose]());

const policyOfA = (
  change: Partial<PolicyText> = {},
  data = 'data: { patients: { mount: /data/patients.csv, max: 1 MiB } }',
): string =>
  policyText({
    functions: { reader: digestOf(reader), spy: digestOf(spy) },
    keys: [first, second],
    needed: 2,
    sections: `${COMMON}\n${QUERIES}\n${data}
secrets: [lookup-token]
egress:
  - to: https://api.example.com:${server.port}/**
    methods: [GET]
    credential: { header: authorization, secret: lookup-token }`,
    ...change,
  });
const policyOfB = (): string =>
  policyText({
    owner: 'hospital-b',
    functions: { reader: digestOf(reader) },
    keys: [ofB],
    sections: `${COMMON}\nqueries: [{ allow: nightly, to: POST /reader }]\ndata: { rows: { mount: /data/b/rows.csv, max: 1 MiB } }`,
  });

interface World extends AsyncDisposable {
  readonly worker: TestWorker;
  readonly channel: OwnerChannel;
  ask(path: string, body?: string): Promise<{ status: number; body: string }>;
}

async function openWorld(options: Partial<Pick<WorkerOptions, 'policies' | 'store'>> = {}): Promise<World> {
  const worker = await bootTestWorker({
    policies: [parsePolicy(policyOfA()), parsePolicy(policyOfB())],
    files,
    egress: { names: { 'api.example.com': '127.0.0.1' }, roots: [authority.pem] },
    ...options,
  });
  const channel = await openChannel(worker.trust);
  return {
    worker,
    channel,
    async ask(path, body = '') {
      // Policies change in these tests, so each question is asked by somebody who accepts them as they are.
      const { functions, policies, lockdown } = worker.worker;
      const code = { ...worker.trust.code, functions };
      const trust = { ...worker.trust, code, isolation: { policies, others: 'refused' as const, lockdown } };
      await using session = new SecureSession(worker.url, {
        trust: JSON.parse(formatTrustFile(trust)) as object,
        credential: keyCredential(caller),
      });
      const response = await session.post(path, body);
      return { status: response.status, body: Buffer.from(await response.arrayBuffer()).toString('latin1') };
    },
    async [Symbol.asyncDispose]() {
      await channel[Symbol.asyncDispose]();
      await worker[Symbol.asyncDispose]();
    },
  };
}

const PATIENTS: OwnedName = { owner: 'hospital-a', name: 'patients', keys: [first, second], now: new Date() };
const ROWS: OwnedName = { owner: 'hospital-b', name: 'rows', keys: [ofB], now: new Date() };
const TOKEN: OwnedName = { ...PATIENTS, name: 'lookup-token' };
const now = (owned: OwnedName): OwnedName => ({ ...owned, now: new Date() });

describe('data that owners load', () => {
  it('is read by the functions that they list, once all of it is there, and no more when one takes it back', async () => {
    await using world = await openWorld();
    const before = await world.ask('/reader');
    expect([before.status, before.body]).toEqual([503, expect.stringContaining('ERR_FUNCTION_DATA')]);
    const put = await putData(world.channel, now(PATIENTS), encodeUtf8('Ada,36\n'));
    expect(put.notice).toMatchObject({ kind: 'data', owner: 'hospital-a', name: 'patients', before: null });
    const half = await world.ask('/reader');
    expect(half.body).toContain('hospital-b has not loaded rows');
    expect(half.body).not.toContain('hospital-a has not');
    await putData(world.channel, now(ROWS), encodeUtf8('Grace,37\n'));
    expect(await world.ask('/reader')).toEqual({ status: 200, body: 'Ada,36\nGrace,37\n' });
    await putData(world.channel, now(ROWS), encodeUtf8('Alan,41\n'));
    expect(await world.ask('/reader')).toEqual({ status: 200, body: 'Ada,36\nAlan,41\n' });
    const gone = await forget(world.channel, 'data', now(ROWS));
    expect(gone.notice).toMatchObject({ kind: 'forget', name: 'rows', after: null });
    expect((await world.ask('/reader')).status).toBe(503);
  });

  it('may be large, and is refused before it comes when it is too large', async () => {
    const data = 'data: { patients: { mount: /data/patients.csv, max: 4 MiB } }';
    await using world = await openWorld({ policies: [parsePolicy(policyOfA({}, data))] });
    const content = new Uint8Array(4 * 1024 * 1024).fill(0x61);
    const { notice } = await putData(world.channel, now(PATIENTS), content);
    expect(notice.after?.digest).toMatch(/^sha256:/);
    const more = new Uint8Array(content.length + 1);
    expect(await codeOf(() => putData(world.channel, now(PATIENTS), more))).toBe('ERR_POLICY_DENIED_UPLOAD');
  });

  it('is gone when its owner revokes the policy, and what the next policy does not name any more', async () => {
    await using world = await openWorld();
    await putData(world.channel, now(PATIENTS), encodeUtf8('Ada,36\n'));
    await putSecret(world.channel, now(TOKEN), encodeUtf8(SECRET));
    await putData(world.channel, now(ROWS), encodeUtf8('Grace,37\n'));
    expect((await world.ask('/reader')).status).toBe(200);
    await using channel = await openChannel(anyPolicies(world.worker.trust));
    await channel.request(await policyRequest(policyOfA({ version: 2 }), [first, second]));
    // The next version names the same, so nobody has to load it again.
    expect((await world.ask('/reader')).body).toBe('Ada,36\nGrace,37\n');
    await using next = await openChannel(anyPolicies(world.worker.trust));
    await next.request(await policyRequest(policyOfA({ version: 3 }, ''), [first, second]));
    await using third = await openChannel(anyPolicies(world.worker.trust));
    await third.request(await policyRequest(policyOfA({ version: 4 }), [first, second]));
    expect((await world.ask('/reader')).body).toContain('hospital-a has not loaded patients');
    await using last = await openChannel(anyPolicies(world.worker.trust));
    await last.request(await revokeRequest(last, parsePolicy(policyOfB()), [ofB]));
    expect(world.worker.worker.functions).not.toHaveProperty('reader');
  });

  it('is there after a restart with a sealed store, and has to be loaded again without one', async () => {
    const folder = makeTestFolder();
    const sealed = { folder: join(folder, 'store'), keySource: openFileKey(join(folder, 'storage.key')) };
    for (const [store, after] of [
      [sealed, 200],
      ['memory', 503],
    ] as const) {
      {
        await using world = await openWorld({ store });
        await putData(world.channel, now(PATIENTS), encodeUtf8('Ada,36\n'));
        await putData(world.channel, now(ROWS), encodeUtf8('Grace,37\n'));
        expect((await world.ask('/reader')).status).toBe(200);
      }
      await using world = await openWorld({ store });
      expect((await world.ask('/reader')).status).toBe(after);
    }
  });
});

describe('a secret that an owner hands to the worker', () => {
  it('reaches the destination, and is seen by the function nowhere', async () => {
    await using world = await openWorld();
    await putData(world.channel, now(PATIENTS), encodeUtf8('Ada,36\n'));
    const url = (path: string): string => `https://api.example.com:${server.port}${path}`;
    const without = await world.ask('/spy', url('/plain'));
    expect(without.body).toContain('error HTTP-request-denied');
    expect(server.seen).toEqual([]);

    await putSecret(world.channel, now(TOKEN), encodeUtf8(SECRET));
    for (const path of ['/plain', '/echo-body', '/echo-header']) {
      const { status, body } = await world.ask('/spy', url(path));
      expect(status).toBe(200);
      expect(server.seen.at(-1)?.rawHeaders).toContain(SECRET);
      // It sees its own query and what came back, so it did look.
      expect(body).toContain(url(path));
      expect(body).toContain(path === '/plain' ? 'fine' : 'error HTTP-response-incomplete');
      expect(body).not.toMatch(/Bearer|0123456789abcdef|authorization/);
    }
    await forget(world.channel, 'secret', now(TOKEN));
    const seen = server.seen.length;
    expect((await world.ask('/spy', url('/plain'))).body).toContain('error HTTP-request-denied');
    expect(server.seen).toHaveLength(seen);
  });
});

describe('a worker', () => {
  let world: World;
  beforeAll(async () => {
    world = await openWorld();
  });
  afterAll(async () => await world[Symbol.asyncDispose]());

  it('needs for each of them as many of the owner’s keys as the policy says, and those of nobody else', async () => {
    for (const keys of [[ofB], [first], [first, ofB]])
      expect(await codeOf(() => putData(world.channel, { ...now(PATIENTS), keys }, encodeUtf8('x')))).toBe(
        'ERR_POLICY_SIGNATURE',
      );
    expect(await codeOf(() => forget(world.channel, 'data', { ...now(PATIENTS), keys: [first] }))).toBe(
      'ERR_POLICY_SIGNATURE',
    );
    expect(await codeOf(() => putData(world.channel, { ...now(PATIENTS), name: 'others' }, encodeUtf8('x')))).toBe(
      'ERR_POLICY_DENIED_UPLOAD',
    );
  });

  it('comes only after somebody signed for it, and once', async () => {
    await using other = await openChannel(world.worker.trust);
    expect(await codeOf(() => other.sendContent(encodeUtf8('unsigned')))).toBe('ERR_POLICY_STATEMENT');
    await putData(world.channel, now(PATIENTS), encodeUtf8('x'));
    await using again = await openChannel(world.worker.trust);
    expect(await codeOf(() => again.sendContent(encodeUtf8('x')))).toBe('ERR_POLICY_STATEMENT');
  });

  it('takes no secret that cannot be a header, or is sealed for a policy that is not in force', async () => {
    expect(await codeOf(() => putSecret(world.channel, now(TOKEN), encodeUtf8('short')))).toBe(
      'ERR_POLICY_DENIED_UPLOAD',
    );
    const policies = { ...world.channel.claims.policies, 'hospital-a': new Uint8Array(32) };
    const mistaken = { ...world.channel, claims: { ...world.channel.claims, policies } };
    expect(await codeOf(() => putSecret(mistaken, now(TOKEN), encodeUtf8(SECRET)))).toBe('ERR_SECRET_SEAL');
  });
});
