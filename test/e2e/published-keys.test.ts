/** A worker whose owner names the place of an issuer's keys: it fetches them itself, and lets nobody in while it cannot. */
import { generateKeyPairSync } from 'node:crypto';
import { SignJWT } from 'jose';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { formatDigest, sha256 } from '../../src/base/digest.ts';
import { SecureSession, tokenCredential } from '../../src/index.ts';
import { authority, openServer, serverCertificate, type TestServer } from '../enclave/egress/world.ts';
import { bootTestWorker, policyOf } from './worker.ts';

const HOST = 'id.hospital-a.example';
const ISSUER = `https://${HOST}`;
const certificate = serverCertificate([HOST]);
const PIN = formatDigest(sha256(certificate.publicKey.export({ type: 'spki', format: 'der' })));
const keys = generateKeyPairSync('ed25519');

let issuer: TestServer;
beforeAll(async () => {
  const set = JSON.stringify({ keys: [{ ...keys.publicKey.export({ format: 'jwk' }), kid: 'one' }] });
  issuer = await openServer(certificate, (_request, response) => void response.end(set));
});
afterAll(() => issuer[Symbol.asyncDispose]());

/** Boots a worker that holds the issuer to this pin, and asks it twice with the same token. */
async function ask(pin: string): Promise<readonly string[]> {
  const sections = `callers:
  nurse: { token: { issuer: "${ISSUER}", audience: risk, jwks: { url: "${ISSUER}:${issuer.port}/keys", pin: "spki-${pin}" } } }
queries:
  - { allow: nurse, to: POST /reverse }
results: { max: 1 KiB, types: [application/octet-stream] }`;
  await using t = await bootTestWorker({
    policies: [policyOf(['reverse'], sections)],
    functions: ['reverse'],
    egress: { names: { [HOST]: '127.0.0.1' }, roots: [authority.pem] },
  });
  const token = await new SignJWT({ iss: ISSUER, aud: 'risk', sub: 'ada', exp: 4_000_000_000 })
    .setProtectedHeader({ alg: 'EdDSA', typ: 'JWT', kid: 'one' })
    .sign(keys.privateKey);
  await using session = new SecureSession(t.url, { trust: t.trustWith({}), credential: tokenCredential({ token }) });
  const answers: string[] = [];
  for (let i = 0; i < 2; i++) {
    const response = await session.post('/reverse', 'abc');
    const text = await response.text();
    answers.push(response.status === 200 ? text : (JSON.parse(text) as { code: string }).code);
  }
  return answers;
}

it('fetches the keys once, from the server with the pinned key, and takes tokens by them', async () => {
  const before = issuer.seen.length;
  expect(await ask(PIN)).toEqual(['cba', 'cba']);
  expect(issuer.seen.length - before).toBe(1);
});

it('takes no token while the server there has another key, and asks it nothing', async () => {
  const before = issuer.seen.length;
  expect(await ask(`sha256:${'0'.repeat(64)}`)).toEqual(['ERR_POLICY_CALLER', 'ERR_POLICY_CALLER']);
  expect(issuer.seen.length).toBe(before);
});
