/** Keys that an issuer publishes at a pinned address: fetched as any way out is, kept for a while, and never used for longer. */
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { connect } from 'node:net';
import { SignJWT } from 'jose';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { formatDigest, sha256 } from '../../../src/base/digest.ts';
import { LIMITS } from '../../../src/base/limits.ts';
import { type AuditLog, openAuditLog } from '../../../src/enclave/audit.ts';
import { type KeySets, openKeySets } from '../../../src/enclave/callers/key-sets.ts';
import { type TokenRule, verifyToken } from '../../../src/enclave/callers/token.ts';
import { EnclaveError, TransportError } from '../../../src/errors.ts';
import { openHttpClient } from '../../../src/io/http-client.ts';
import { authority, openServer, PUBLIC, serverCertificate, type TestServer } from '../egress/world.ts';

const START = Date.parse('2026-11-21T12:00:00Z');
const ISSUER = 'https://id.hospital-a.example';
const certificate = serverCertificate(['id.hospital-a.example']);
const PIN = formatDigest(sha256(certificate.publicKey.export({ type: 'spki', format: 'der' })));
const one = generateKeyPairSync('ed25519');
const two = generateKeyPairSync('ed25519');

type Answer = Parameters<typeof openServer>[1] & object;

function jwkOf(kid: string, key: KeyObject): object {
  return { ...key.export({ format: 'jwk' }), kid };
}

const publish =
  (keys: readonly object[], headers: Readonly<Record<string, string>> = {}): Answer =>
  (_request, response) =>
    void response.writeHead(200, { 'content-type': 'application/json', ...headers }).end(JSON.stringify({ keys }));
const ONE = [jwkOf('one', one.publicKey)];
const BOTH = [...ONE, jwkOf('two', two.publicKey)];

/** A rule of its own, because what is known of a set belongs to its rule. */
function rule(pin = PIN, url = `${ISSUER}/keys`): TokenRule {
  return {
    kind: 'token',
    name: 'clinicians',
    at: { file: 'owner.yaml', line: 7, column: 3 },
    issuer: ISSUER,
    audience: 'risk',
    claims: {},
    jwks: { url, pin },
  };
}

async function token(kid = 'one', issuer = ISSUER): Promise<string> {
  const claims = { iss: issuer, aud: 'risk', sub: 'ada', exp: START / 1000 + 10 * 86_400 };
  const signing = new SignJWT(claims).setProtectedHeader({ alg: 'EdDSA', kid, typ: 'JWT' });
  return await signing.sign(kid === 'two' ? two.privateKey : one.privateKey);
}

let server: TestServer;
let answer: Answer;
let seconds: number;
let audit: AuditLog;
let dialled: number;
let keySets: KeySets;

function open(overrides: { dns?: readonly string[]; roots?: readonly string[] } = {}): KeySets {
  return openKeySets({
    client: openHttpClient(overrides.roots ?? [authority.pem], () => {
      dialled += 1;
      return connect({ host: '127.0.0.1', port: server.port });
    }),
    resolve: async (name) => {
      if (name !== 'id.hospital-a.example') throw new TransportError('ERR_TRANSPORT_UNREACHABLE', name);
      return overrides.dns ?? [PUBLIC];
    },
    fixedNames: {},
    audit,
    now: () => new Date(START + seconds * 1000),
  });
}

async function ask(asked: TokenRule, text: string | Promise<string> = token(), sets = keySets): Promise<string> {
  try {
    const now = new Date(START + seconds * 1000);
    await verifyToken([asked], `Bearer ${await text}`, sets.of('hospital-a'), now);
    return 'accepted';
  } catch (error) {
    return error instanceof EnclaveError ? error.code : `not typed: ${String(error)}`;
  }
}

const REFUSED = 'ERR_POLICY_CALLER';

beforeEach(async () => {
  seconds = 0;
  dialled = 0;
  answer = publish(ONE);
  audit = openAuditLog({ blockHeight: 8, retainedBlocks: 2, sink: 'memory-only' });
  server = await openServer(certificate, (request, response) => answer(request, response));
  keySets = open();
});
afterEach(() => server[Symbol.asyncDispose]());

describe('published keys', () => {
  it('prove a token, are asked for once by all who wait, and each time that is written down', async () => {
    const asked = rule();
    expect(await Promise.all([ask(asked), ask(asked), ask(asked)])).toEqual(['accepted', 'accepted', 'accepted']);
    expect(await ask(asked)).toBe('accepted');
    expect(server.seen.map(({ method, url }) => `${method} ${url}`)).toEqual(['GET /keys']);
    expect(audit.recent()).toMatchObject([
      {
        kind: 'egress',
        outcome: 'allow',
        owner: 'hospital-a',
        rule: 'owner.yaml:7',
        target: 'GET https://id.hospital-a.example',
        reason: 'ok',
      },
    ]);
  });

  it('belong to one rule: another one, also of the same place, asks for itself', async () => {
    expect(await ask(rule())).toBe('accepted');
    expect(await ask(rule())).toBe('accepted');
    expect(server.seen.length).toBe(2);
  });

  it.each<[string, Readonly<Record<string, string>>, number]>([
    ['no time', {}, 300],
    ['a time', { 'cache-control': 'public, max-age=120' }, 120],
    ['a time, some of which is over', { 'cache-control': 'max-age=200', age: '100' }, 100],
    ['hardly any time', { 'cache-control': 'max-age=1' }, 60],
    ['no store', { 'cache-control': 'no-store' }, 60],
    ['no cache, beside a time', { 'cache-control': 'max-age=600, no-cache' }, 60],
    ['a year', { 'cache-control': 'max-age=31536000' }, 3600],
    ['nonsense', { 'cache-control': 'max-age=-5, s-max-age=7' }, 300],
  ])('are kept, when the issuer says %s (%o), for %i seconds', async (_name, headers, lifetime) => {
    answer = publish(ONE, headers);
    const asked = rule();
    expect(await ask(asked)).toBe('accepted');
    seconds = lifetime - 1;
    expect(await ask(asked)).toBe('accepted');
    expect(server.seen.length).toBe(1);
    seconds = lifetime;
    expect(await ask(asked)).toBe('accepted');
    expect(server.seen.length).toBe(2);
  });

  it('are not used beyond their time when the issuer cannot be had, nor when the clock was set back', async () => {
    const asked = rule();
    expect(await ask(asked)).toBe('accepted');
    answer = (_request, response) => void response.writeHead(500).end();
    seconds = 300;
    expect(await ask(asked)).toBe(REFUSED);
    answer = publish(ONE);
    seconds = 309;
    expect(await ask(asked)).toBe(REFUSED);
    expect(server.seen.length).toBe(2);
    seconds = 310;
    expect(await ask(asked)).toBe('accepted');
    seconds = 0;
    expect(await ask(asked)).toBe('accepted');
    expect(server.seen.length).toBe(4);
  });

  it('are asked for again for a key that they lack, once in a minute', async () => {
    answer = publish(ONE, { 'cache-control': 'max-age=3600' });
    const asked = rule();
    expect(await ask(asked)).toBe('accepted');
    answer = publish(BOTH, { 'cache-control': 'max-age=3600' });
    seconds = 59;
    expect(await ask(asked, token('two'))).toBe(REFUSED);
    expect(server.seen.length).toBe(1);
    seconds = 60;
    expect(await ask(asked, token('two'))).toBe('accepted');
    expect(server.seen.length).toBe(2);
    expect(await ask(asked, token('three'))).toBe(REFUSED);
    expect(await ask(asked, token('three'))).toBe(REFUSED);
    expect(server.seen.length).toBe(2);
    seconds = 120;
    expect(await Promise.all([ask(asked, token('three')), ask(asked, token('three'))])).toEqual([REFUSED, REFUSED]);
    expect(server.seen.length).toBe(3);
  });

  it('are not asked for by a token of another issuer, nor by what is no token', async () => {
    expect(await ask(rule(), token('one', 'https://other.example'))).toBe(REFUSED);
    expect(await ask(rule(), 'a.b.c')).toBe(REFUSED);
    expect(dialled).toBe(0);
  });
});

describe('a place of keys', () => {
  it('with another key than the pinned one is sent nothing', async () => {
    expect(await ask(rule(formatDigest(sha256(Buffer.from('another')))))).toBe(REFUSED);
    expect(server.seen).toEqual([]);
    expect(audit.recent()).toMatchObject([{ reason: 'TLS-certificate-error', bytesIn: 0, bytesOut: 0 }]);
    expect(await ask(rule(PIN))).toBe('accepted');
  });

  it('under no root, or at an address that is not public, is sent nothing', async () => {
    expect(await ask(rule(), token(), open({ roots: [] }))).toBe(REFUSED);
    expect(server.seen).toEqual([]);
    const before = dialled;
    expect(await ask(rule(), token(), open({ dns: ['169.254.169.254'] }))).toBe(REFUSED);
    expect(await ask(rule(), token(), open({ dns: [] }))).toBe(REFUSED);
    expect(dialled).toBe(before);
    expect(audit.recent().map(({ reason }) => reason)).toEqual([
      'TLS-certificate-error',
      'destination-IP-prohibited',
      'DNS-error',
    ]);
  });

  it.each<[string, string, Answer]>([
    ['is not there', 'status 404', (_request, response) => void response.writeHead(404).end()],
    [
      'leads elsewhere',
      'status 302',
      (_request, response) => void response.writeHead(302, { location: 'https://id.hospital-a.example/other' }).end(),
    ],
    ['is no JSON', 'no set of public keys', (_request, response) => void response.end('{')],
    ['has no keys', 'no set of public keys', publish([])],
    ['holds a private key', 'no set of public keys', publish([jwkOf('one', one.privateKey)])],
    ['holds a shared key', 'no set of public keys', publish([{ kty: 'oct', k: 'AA', kid: 'one' }])],
    ['is too large', 'HTTP-response-body-size', publish([...ONE, { kty: 'OKP', x: 'x'.repeat(LIMITS.keySetBytes) }])],
    [
      'ends in the middle',
      'connection-terminated',
      (_request, response) => {
        response.writeHead(200, { 'content-length': '1000' }).write('{"keys":', () => response.destroy());
      },
    ],
  ])('that %s proves nobody, and is left alone for ten seconds: %s', async (_name, reason, broken) => {
    answer = broken;
    const asked = rule();
    expect(await ask(asked)).toBe(REFUSED);
    expect(await ask(asked)).toBe(REFUSED);
    expect(server.seen.length).toBe(1);
    expect(audit.recent()).toMatchObject([{ reason }]);
    answer = publish(ONE);
    seconds = 10;
    expect(await ask(asked)).toBe('accepted');
  });
});
