import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import fc from 'fast-check';
import { type JWTHeaderParameters, SignJWT, UnsecuredJWT } from 'jose';
import { describe, expect, it } from 'vitest';
import { type TokenRule, verifyToken } from '../../../src/enclave/callers/token.ts';
import { EnclaveError } from '../../../src/errors.ts';
import { NO_KEY_SETS } from './no-key-sets.ts';

const NOW = new Date('2026-11-21T12:00:00Z');
const NOW_SEC = NOW.getTime() / 1000;
const ISSUER = 'https://id.hospital-a.example';

interface Signer {
  readonly alg: string;
  readonly kid: string;
  readonly privateKey: KeyObject;
  readonly jwk: object;
}

function signer(alg: string, kid: string, keys: { publicKey: KeyObject; privateKey: KeyObject }): Signer {
  return { alg, kid, privateKey: keys.privateKey, jwk: { ...keys.publicKey.export({ format: 'jwk' }), kid } };
}

const eddsa = signer('EdDSA', 'one', generateKeyPairSync('ed25519'));
const es256 = signer('ES256', 'two', generateKeyPairSync('ec', { namedCurve: 'P-256' }));
const es384 = signer('ES384', 'three', generateKeyPairSync('ec', { namedCurve: 'P-384' }));
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const ps256 = signer('PS256', 'four', rsa);
const rs256 = signer('RS256', 'four', rsa);
const stranger = signer('EdDSA', 'one', generateKeyPairSync('ed25519'));
const JWKS = JSON.stringify({ keys: [eddsa, es256, es384, ps256].map(({ jwk }) => jwk) });

function rule(overrides: Partial<TokenRule> = {}): TokenRule {
  return {
    kind: 'token',
    at: { file: 'owner.yaml', line: 7, column: 3 },
    name: 'clinicians',
    issuer: ISSUER,
    audience: 'risk',
    claims: { role: 'clinician' },
    jwks: JWKS,
    ...overrides,
  };
}

type Claims = Readonly<Record<string, unknown>>;

const CLAIMS: Claims = {
  iss: ISSUER,
  aud: 'risk',
  sub: 'ada',
  role: 'clinician',
  exp: NOW_SEC + 300,
  nbf: NOW_SEC - 10,
};

async function token(claims: Claims = {}, header: Partial<JWTHeaderParameters> = {}, by = eddsa): Promise<string> {
  const payload = Object.fromEntries(
    Object.entries({ ...CLAIMS, ...claims }).filter(([, value]) => value !== undefined),
  );
  const signing = new SignJWT(payload).setProtectedHeader({ alg: by.alg, kid: by.kid, typ: 'JWT', ...header });
  return await signing.sign(by.privateKey);
}

async function codeOf(authorization: string, rules = [rule()]): Promise<string> {
  try {
    await verifyToken(rules, authorization, NO_KEY_SETS.of(''), NOW);
    return 'accepted';
  } catch (error) {
    return error instanceof EnclaveError ? error.code : `not typed: ${String(error)}`;
  }
}

describe('a caller by token', () => {
  it('is proven by a token of the issuer with the claims that the rule demands', async () => {
    const callers = await verifyToken(
      [rule(), rule({ name: 'others', claims: { role: 'x' } })],
      `Bearer ${await token()}`,
      NO_KEY_SETS.of(''),
      NOW,
    );
    expect(callers).toEqual([
      { name: 'clinicians', id: `${ISSUER} ada`, proof: { kind: 'token', issuer: ISSUER, subject: 'ada', id: null } },
    ]);
  });

  it.each<[string, Claims, Partial<JWTHeaderParameters>, Signer]>([
    ['signed with ES256', {}, {}, es256],
    ['signed with ES384', {}, {}, es384],
    ['signed with PS256', {}, {}, ps256],
    ['signed with RS256', {}, {}, rs256],
    ['for several audiences', { aud: ['other', 'risk'] }, {}, eddsa],
    ['whose claim is a list that holds the value', { role: ['nurse', 'clinician'] }, {}, eddsa],
    ['of the type at+jwt', {}, { typ: 'at+jwt' }, eddsa],
    ['of the type application/at+jwt', {}, { typ: 'application/at+jwt' }, eddsa],
    ['that expired within the tolerance', { exp: NOW_SEC - 29 }, {}, eddsa],
    ['that begins within the tolerance', { nbf: NOW_SEC + 30 }, {}, eddsa],
    ['without a start', { nbf: undefined }, {}, eddsa],
  ])('is proven by a token %s', async (_name, claims, header, by) => {
    expect(await codeOf(`Bearer ${await token(claims, header, by)}`)).toBe('accepted');
  });

  it('is known by its jti, so that an owner can take it back', async () => {
    const [caller] = await verifyToken([rule()], `Bearer ${await token({ jti: 't-1' })}`, NO_KEY_SETS.of(''), NOW);
    expect(caller?.proof).toEqual({ kind: 'token', issuer: ISSUER, subject: 'ada', id: 't-1' });
  });

  it.each<[string, Claims, Partial<JWTHeaderParameters>, Signer]>([
    ['of another issuer', { iss: `${ISSUER}.evil.test` }, {}, eddsa],
    ['without an issuer', { iss: undefined }, {}, eddsa],
    ['for another audience', { aud: 'risky' }, {}, eddsa],
    ['without an audience', { aud: undefined }, {}, eddsa],
    ['that expired', { exp: NOW_SEC - 30 }, {}, eddsa],
    ['without expiry', { exp: undefined }, {}, eddsa],
    ['that has not begun', { nbf: NOW_SEC + 31 }, {}, eddsa],
    ['without a subject', { sub: undefined }, {}, eddsa],
    ['with an empty subject', { sub: '' }, {}, eddsa],
    ['with a jti that is no text', { jti: 7 }, {}, eddsa],
    ['with a huge subject', { sub: 'x'.repeat(257) }, {}, eddsa],
    ['with another claim', { role: 'clinicians' }, {}, eddsa],
    ['without the claim', { role: undefined }, {}, eddsa],
    ['whose claim is a list without the value', { role: ['clinicians'] }, {}, eddsa],
    ['whose claim is a map', { role: { clinician: 'clinician' } }, {}, eddsa],
    ['of another type', {}, { typ: 'logout+jwt' }, eddsa],
    ['of no type', {}, { typ: undefined as unknown as string }, eddsa],
    ['by another key under the same id', {}, {}, stranger],
    ['by a key that is not in the set', {}, { kid: 'nine' }, eddsa],
    ['with another algorithm than its key has', {}, { kid: 'two' }, eddsa],
    ['with a key of its own', {}, { jwk: stranger.jwk }, stranger],
    ['with an extension that must be understood', {}, { crit: ['b64'], b64: true }, stranger],
  ])('is refused with a token %s', async (_name, claims, header, by) => {
    expect(await codeOf(`Bearer ${await token(claims, header, by)}`)).toBe('ERR_POLICY_CALLER');
  });

  it('is refused without a signature, and with one by a shared key, also one made of the public key', async () => {
    const none = new UnsecuredJWT(CLAIMS).encode();
    expect(await codeOf(`Bearer ${none}`)).toBe('ERR_POLICY_CALLER');
    const secrets = [
      new Uint8Array(32),
      Buffer.from(JWKS),
      Buffer.from(rsa.publicKey.export({ type: 'spki', format: 'pem' })),
    ];
    for (const secret of secrets) {
      const hmac = await new SignJWT(CLAIMS).setProtectedHeader({ alg: 'HS256', kid: 'four', typ: 'JWT' }).sign(secret);
      expect(await codeOf(`Bearer ${hmac}`)).toBe('ERR_POLICY_CALLER');
    }
  });

  it('is refused with a claim that only the prototype has', async () => {
    const claims = JSON.parse('{"constructor":"x"}') as Record<string, string>;
    expect(await codeOf(`Bearer ${await token()}`, [rule({ claims })])).toBe('ERR_POLICY_CALLER');
  });

  it.each([
    ['no token', 'Bearer '],
    ['another scheme', 'Basic dXNlcjpwYXNz'],
    ['two tokens', 'Bearer a.b.c, Bearer d.e.f'],
    ['no JWT', 'Bearer abc'],
    ['an encrypted JWT', 'Bearer a.b.c.d.e'],
    ['a huge token', `Bearer ${'a'.repeat(9000)}`],
  ])('is refused with %s', async (_name, authorization) => {
    expect(await codeOf(authorization)).toBe('ERR_POLICY_CALLER');
  });

  it.each<[string, string]>([
    ['is not JSON', '{'],
    ['has no keys', '{"keys":[]}'],
    ['has no list', '{"keys":{}}'],
    ['is a list', '[]'],
    ['holds a shared key', '{"keys":[{"kty":"oct","k":"AAAA"}]}'],
    ['holds a private key', JSON.stringify({ keys: [eddsa.privateKey.export({ format: 'jwk' })] })],
    ['holds null', '{"keys":[null]}'],
    ['is too large', ' '.repeat(1024 * 1024 + 1)],
  ])('is refused when the key set %s', async (_name, jwks) => {
    expect(await codeOf(`Bearer ${await token()}`, [rule({ jwks })])).toBe('ERR_POLICY_REFERENCE');
  });

  it('is refused with any changed character of the signed part', async () => {
    const text = await token();
    const end = text.lastIndexOf('.');
    for (let i = 0; i < end; i += 3) {
      const changed = text.slice(0, i) + (text[i] === 'A' ? 'B' : 'A') + text.slice(i + 1);
      expect(await codeOf(`Bearer ${changed}`)).toBe('ERR_POLICY_CALLER');
    }
  });

  it('is refused with a typed error whatever text is sent', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string(), fc.base64String(), async (text, part) => {
        expect(await codeOf(text)).toBe('ERR_POLICY_CALLER');
        expect(await codeOf(`Bearer ${part}.${part}.${part}`)).toBe('ERR_POLICY_CALLER');
      }),
      { numRuns: 300 },
    );
  });
});
