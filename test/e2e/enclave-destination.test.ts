/** One worker's function asks another worker's function through `enclave://`, both on simulated machines; or asks nothing, when that is another worker than was meant. */
import { generateKeyPairSync } from 'node:crypto';
import { SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { formatTrustFile, type TrustFile } from '../../src/attestation/trust-file.ts';
import { formatDigest, sha256 } from '../../src/base/digest.ts';
import { singleFile } from '../../src/enclave/function-files.ts';
import { keyCredential, SecureSession } from '../../src/index.ts';
import { parseOwnerPolicy } from '../../src/policy/parse.ts';
import { buildModule } from '../enclave/sandbox/guests.ts';
import { bootTestWorker, makeSigningKey, policyOf, type TestWorker } from './worker.ts';

const ada = makeSigningKey();
const issuerKey = generateKeyPairSync('ed25519');
const ISSUER = 'https://id.hospital-a.example';

/** Sends the query's body, a URL, what it always sends, and answers with what came, or with `error ` and the number as a letter. */
function askingGuest(options: string): string {
  return `(module
  (import "blockless_http" "http_req" (func $request (param i32 i32 i32 i32 i32 i32) (result i32)))
  (import "blockless_http" "http_read_body" (func $body (param i32 i32 i32 i32) (result i32)))
  (import "blockless_memory" "memory_read" (func $stdin (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 8192) "${options.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}")
  (data (i32.const 512) "error ")
  (func $write (param $at i32) (param $length i32)
    (i32.store (i32.const 0) (local.get $at))
    (i32.store (i32.const 4) (local.get $length))
    (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))))
  (func (export "_start") (local $error i32)
    (if (call $stdin (i32.const 1024) (i32.const 1024) (i32.const 16)) (then unreachable))
    (local.set $error (call $request (i32.const 1024) (i32.load (i32.const 16))
      (i32.const 8192) (i32.const ${options.length}) (i32.const 20) (i32.const 24)))
    (if (local.get $error)
      (then
        (i32.store8 (i32.const 518) (i32.add (local.get $error) (i32.const 0x40)))
        (call $write (i32.const 512) (i32.const 7))
        (return)))
    (loop $more
      (if (call $body (i32.load (i32.const 20)) (i32.const 4096) (i32.const 64) (i32.const 16)) (then unreachable))
      (call $write (i32.const 4096) (i32.load (i32.const 16)))
      (br_if $more (i32.load (i32.const 16))))))`;
}

/** Boots the worker whose functions are asked by whoever has a token of the issuer. */
async function bootAsked(): Promise<TestWorker> {
  const jwks = JSON.stringify({ keys: [{ ...issuerKey.publicKey.export({ format: 'jwk' }), kid: 'one' }] });
  const sections = `callers:
  asker: { token: { issuer: "${ISSUER}", audience: scorer, jwks: ./jwks.json } }
queries:
  - { allow: asker, to: POST /reverse }
results: { max: 1 KiB, types: [application/octet-stream] }`;
  return await bootTestWorker({
    policies: [policyOf(['reverse'], sections, { './jwks.json': jwks })],
    functions: ['reverse'],
  });
}

/** Boots the worker whose function asks, under an owner whose rule has this trust file. */
async function bootAsking(guest: Uint8Array, to: string, trust: string): Promise<TestWorker> {
  const text = `anchorhold: owner-policy/1
owner: hospital-b
version: 1
valid: { from: 2020-01-01, until: 2099-01-01 }
functions: { asking: "${formatDigest(sha256(guest))}" }
callers: { ada: { key: "${ada.text}" } }
queries:
  - { allow: ada, to: POST /asking }
egress:
  - { to: "${to}", methods: [POST], trust: ./scorer.trust.json }
results: { max: 1 KiB, types: [application/octet-stream] }
`;
  const policy = parseOwnerPolicy(text, { file: 'hospital-b.yaml', references: () => Buffer.from(trust) });
  return await bootTestWorker({ policies: [policy], files: new Map([['asking', singleFile(guest)]]) });
}

describe('a function that asks another worker', () => {
  let asked: TestWorker;
  let guest: Uint8Array;
  let to: string;
  beforeAll(async () => {
    asked = await bootAsked();
    to = `${asked.url.replace('https:', 'enclave:')}/reverse`;
    const token = await new SignJWT({ iss: ISSUER, aud: 'scorer', sub: 'worker', exp: 4_000_000_000 })
      .setProtectedHeader({ alg: 'EdDSA', typ: 'JWT', kid: 'one' })
      .sign(issuerKey.privateKey);
    const headers = JSON.stringify({ authorization: `Bearer ${token}` });
    guest = await buildModule(askingGuest(JSON.stringify({ method: 'POST', headers, body: 'scored' })));
  });
  afterAll(() => asked[Symbol.asyncDispose]());

  /** Has a worker with this trust file ask; gives its answer, and how many queries reached the other worker. */
  async function ask(change: Partial<TrustFile> = {}): Promise<{ answer: string; reached: number }> {
    const before = asked.worker.checkpoint().size;
    await using asking = await bootAsking(guest, to, formatTrustFile({ ...asked.trust, ...change }));
    await using session = new SecureSession(asking.url, {
      trust: asking.trustWith({}),
      credential: keyCredential(ada),
    });
    const response = await session.post('/asking', to);
    return { answer: await response.text(), reached: asked.worker.checkpoint().size - before };
  }

  it('has its answer, when that is the worker that its owner means', async () => {
    expect(await ask()).toEqual({ answer: 'derocs', reached: 1 });
  });

  it.each<[string, () => Partial<TrustFile>]>([
    ['no enclave under this root', () => ({ roots: { simulated: ['ab'.repeat(32)] } })],
    ['another image', () => ({ code: { ...asked.trust.code, measurements: ['00'.repeat(48)] } })],
    [
      'not isolated as demanded',
      () => ({
        isolation: {
          ...asked.trust.isolation,
          lockdown: { ...asked.trust.isolation.lockdown, console: 'none at all' },
        },
      }),
    ],
  ])('gets an error and sends nothing, when it is %s', async (_name, change) => {
    const { answer, reached } = await ask(change());
    expect(answer).toMatch(/^error [A-Z]$/);
    expect(reached).toBe(0);
  });
});
