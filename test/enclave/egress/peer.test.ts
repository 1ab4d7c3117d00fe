/** Other workers as destinations: appraised on the very connection that is used, and told nothing by whoever does not satisfy the trust file. */
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer, type Server } from 'node:tls';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { formatTrustFile, type TrustFile } from '../../../src/attestation/trust-file.ts';
import { encodeUtf8 } from '../../../src/base/bytes.ts';
import { formatDigest } from '../../../src/base/digest.ts';
import { checkTrustFiles } from '../../../src/enclave/peer-appraisal.ts';
import { type GenuineListener, openGenuineListener } from '../../e2e/genuine-listener.ts';
import { openServer, openWorld, outcomeOf, PUBLIC, policyOf, serverCertificate, type World } from './world.ts';

const RULE = '- to: enclave://scorer.example/a\n  methods: [POST]\n  trust: ./scorer.trust.json';
const URL = 'enclave://scorer.example/a';
const DNS = { 'scorer.example': [PUBLIC] };

let other: GenuineListener;
/** What reached the other worker's gate. */
let asked: string[] = [];
beforeAll(async () => {
  other = await openGenuineListener(async (request) => {
    asked.push(`${request.method} ${request.target} ${Buffer.from(await request.readBody(100)).toString()}`);
    return { status: 200, headers: [['content-type', 'text/plain']], body: encodeUtf8('scored') };
  });
});
beforeEach(() => {
  asked = [];
});
afterAll(() => other[Symbol.asyncDispose]());

const portOf = (url: string): number => Number(new globalThis.URL(url).port);
const trusting = (change: Partial<TrustFile> = {}): string => formatTrustFile({ ...other.trust, ...change });

function world(
  trust: string = trusting(),
  overrides: Partial<Parameters<typeof openWorld>[0]> = {},
  rule = RULE,
): World {
  return openWorld({
    policies: [policyOf(rule, { trust })],
    dns: DNS,
    ports: { 443: portOf(other.url) },
    ...overrides,
  });
}

const post = async (w: World): Promise<string> =>
  outcomeOf(await w.ask(URL, { method: 'POST', body: encodeUtf8('question') }));

const OTHER_DIGEST = `sha256:${'f'.repeat(64)}` as const;
const OTHER_ROOT = 'ab'.repeat(32);

describe('a worker that an enclave:// rule names', () => {
  it('gets the request on the connection that was appraised, with its key held to the pin', async () => {
    const pin = `  pin: spki-${formatDigest(other.identity.spkiDigest)}`;
    const w = world(trusting(), {}, `${RULE}\n${pin}`);
    const answer = await w.ask(URL, { method: 'POST', body: encodeUtf8('question') });
    expect(answer).toMatchObject({ status: 200, body: encodeUtf8('scored') });
    expect(asked).toEqual(['POST /a question']);
    expect(w.dialled).toEqual([`${PUBLIC} 443`]);
    expect(w.audit.recent()).toMatchObject([
      { outcome: 'allow', target: 'POST enclave://scorer.example', reason: 'ok' },
    ]);
  });

  it.each<[string, string, () => Partial<TrustFile>]>([
    ['under another root', 'ERR_NOT_AN_ENCLAVE_CHAIN: ', () => ({ roots: { simulated: [OTHER_ROOT] } })],
    [
      'of another image',
      'ERR_INVALID_ENCLAVE_CODE_MEASUREMENT: ',
      () => ({ code: { ...other.trust.code, measurements: ['00'.repeat(48)] } }),
    ],
    [
      'with another function',
      'ERR_INVALID_ENCLAVE_CODE_FUNCTION: code-functions',
      () => ({ code: { ...other.trust.code, functions: { a: OTHER_DIGEST } } }),
    ],
    [
      'whose function nobody listed',
      'ERR_INVALID_ENCLAVE_CODE_FUNCTION: the trust file',
      () => ({ code: { ...other.trust.code, functions: {} } }),
    ],
    [
      'without the owner’s policy',
      'ERR_NOT_ISOLATED_POLICY: ',
      () => ({ isolation: { ...other.trust.isolation, policies: { someone: OTHER_DIGEST } } }),
    ],
    [
      'that is locked down in another way',
      'ERR_NOT_ISOLATED_LOCKDOWN: ',
      () => ({
        isolation: { ...other.trust.isolation, lockdown: { ...other.trust.isolation.lockdown, console: 'off' } },
      }),
    ],
  ])('gets nothing when it is one %s', async (_name, reason, change) => {
    const w = world(trusting(change()));
    expect(await post(w)).toBe('TLS-certificate-error');
    expect(asked).toEqual([]);
    const [entry] = w.audit.recent();
    expect(entry).toMatchObject({ outcome: 'deny', owner: 'hospital-a', rule: 'policy.yaml:7', bytesOut: 0 });
    expect(entry?.reason.slice(0, reason.length)).toBe(reason);
  });

  it('gets nothing when the trust file of one of two owners refuses it, and that owner is named', async () => {
    const strict = trusting({
      isolation: { ...other.trust.isolation, lockdown: { ...other.trust.isolation.lockdown, console: 'off' } },
    });
    const policies = [policyOf(RULE, { trust: trusting() }), policyOf(RULE, { owner: 'hospital-b', trust: strict })];
    const w = world(undefined, { policies });
    expect(await post(w)).toBe('TLS-certificate-error');
    expect(asked).toEqual([]);
    expect(w.audit.recent()).toMatchObject([{ outcome: 'deny', owner: 'hospital-b' }]);
    const both = [policyOf(RULE, { trust: trusting() }), policyOf(RULE, { owner: 'hospital-b', trust: trusting() })];
    expect(await post(world(undefined, { policies: both }))).toBe('200');
  });

  it('gets nothing, not even the request for evidence, when its key is not the pinned one', async () => {
    const w = world(trusting(), {}, `${RULE}\n  pin: spki-${OTHER_DIGEST}`);
    expect(await post(w)).toBe('TLS-certificate-error');
    expect(asked).toEqual([]);
    expect(w.audit.recent()).toMatchObject([{ outcome: 'allow', reason: 'TLS-certificate-error', bytesOut: 0 }]);
  });

  it('is refused for a trust file that is none, before a worker stands and when it is asked', async () => {
    const policy = policyOf(RULE, { trust: '{"anchorhold":"trust/1"}' });
    expect(() => checkTrustFiles(policy.egress)).toThrow(expect.objectContaining({ code: 'ERR_POLICY_REFERENCE' }));
    expect(checkTrustFiles(policyOf(RULE, { trust: trusting() }).egress)).toBe(undefined);
    const w = world('{"anchorhold":"trust/1"}');
    expect(await post(w)).toBe('internal-error');
    expect(w.dialled).toEqual([]);
    expect(asked).toEqual([]);
  });
});

describe('a server that is no worker', () => {
  it('sees the request for evidence and nothing else', async () => {
    await using plain = await openServer(serverCertificate(['scorer.example']));
    const w = world(trusting(), { ports: { 443: plain.port } });
    expect(await post(w)).toBe('TLS-certificate-error');
    expect(plain.seen.map(({ method, url }) => `${method} ${url}`)).toEqual([
      'POST /.well-known/anchorhold/attestation',
    ]);
    expect(w.audit.recent()).toMatchObject([
      { outcome: 'deny', reason: 'ERR_NOT_AN_ENCLAVE_NO_EVIDENCE: evidence-present' },
    ]);
  });

  it.each([503, 504])('and has no evidence now (%i) is not available', async (status) => {
    await using busy = await openServer(serverCertificate(['scorer.example']), (_request, response) => {
      response.writeHead(status, { 'content-type': 'text/plain', 'content-length': 0 }).end();
    });
    expect(await post(world(trusting(), { ports: { 443: busy.port } }))).toBe('destination-unavailable');
    expect(busy.seen.length).toBe(1);
  });

  it.each<[string, string, (server: Server) => void]>([
    ['ends the connection', 'connection-terminated', (s) => s.on('secureConnection', (socket) => socket.end())],
    ['is silent', 'connection-timeout', (s) => s.on('secureConnection', (socket) => socket.resume())],
  ])('and %s: %s', async (_name, outcome, behave) => {
    const { pem, privateKeyPem } = serverCertificate(['scorer.example']);
    const server = createServer({ cert: pem, key: privateKeyPem });
    behave(server);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const ports = { 443: (server.address() as AddressInfo).port };
    expect(await post(world(trusting(), { ports, limits: { connectTimeoutMs: 200 } }))).toBe(outcome);
    server.close();
  });

  it('and speaks only TLS 1.2 is refused before anything is asked', async () => {
    const { pem, privateKeyPem } = serverCertificate(['scorer.example']);
    const server = createServer({ cert: pem, key: privateKeyPem, maxVersion: 'TLSv1.2' });
    let connections = 0;
    server.on('secureConnection', () => {
      connections += 1;
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const ports = { 443: (server.address() as AddressInfo).port };
    expect(await post(world(trusting(), { ports }))).toBe('TLS-protocol-error');
    expect(connections).toBe(0);
    server.close();
  });
});
