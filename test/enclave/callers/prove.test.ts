import { generateKeyPairSync } from 'node:crypto';
import { SignJWT } from 'jose';
import { describe, expect, it } from 'vitest';
import { keyCredential, presentCredential } from '../../../src/client/credentials.ts';
import type { PresentedRequest } from '../../../src/enclave/callers/caller.ts';
import { checkCallerRules, proveCallers } from '../../../src/enclave/callers/prove.ts';
import { openReplayCache, REPLAY_CACHE } from '../../../src/enclave/callers/replay-cache.ts';
import { EnclaveError } from '../../../src/errors.ts';
import type { CallerRule } from '../../../src/policy/policy.ts';
import { issue, issueAuthority } from '../../fixtures/certificates.ts';
import { NO_KEY_SETS } from './no-key-sets.ts';

const NOW = new Date('2026-11-21T12:00:00Z');
const CHANNEL = new Uint8Array(32).fill(1);
const at = { file: 'policy.yaml', line: 1, column: 1 };
const ISSUER = 'https://id.example';

const root = issueAuthority('Research CA');
const leaf = issue([['O', 'Research']], root, {});
const foreign = issue([['O', 'Research']], issueAuthority('Other CA'), {});
const ed25519 = generateKeyPairSync('ed25519');
const spki = Uint8Array.from(ed25519.publicKey.export({ type: 'spki', format: 'der' }));
const jwks = JSON.stringify({ keys: [ed25519.publicKey.export({ format: 'jwk' })] });

const analysts: CallerRule = {
  kind: 'certificate',
  name: 'analysts',
  at,
  ca: root.pem,
  organization: 'Research',
  san: null,
  pin: null,
};
const nightly: CallerRule = { kind: 'key', name: 'nightly', at, algorithm: 'ed25519', spki };
const clinicians: CallerRule = {
  kind: 'token',
  name: 'clinicians',
  at,
  issuer: ISSUER,
  audience: 'risk',
  claims: {},
  jwks,
};
const ALL = [analysts, nightly, clinicians];

const token = await new SignJWT({ iss: ISSUER, aud: 'risk', sub: 'ada', exp: NOW.getTime() / 1000 + 60 })
  .setProtectedHeader({ alg: 'EdDSA', typ: 'JWT' })
  .sign(ed25519.privateKey);
const bearer = ['authorization', `Bearer ${token}`] as const;
const credential = keyCredential({
  privateKeyPem: ed25519.privateKey.export({ type: 'pkcs8', format: 'pem' }),
});
const sign = async (): Promise<readonly (readonly [string, string])[]> =>
  await presentCredential(credential, {
    method: 'GET',
    url: new URL('https://w.example/a'),
    headers: [],
    body: null,
    channel: CHANNEL,
    now: NOW,
  });

function request(headers: PresentedRequest['headers'], peerCertificates: readonly Uint8Array[] = []): PresentedRequest {
  return { method: 'GET', target: '/a', authority: 'w.example', headers, peerCertificates, channel: CHANNEL };
}

async function namesOf(rules: readonly CallerRule[], presented: PresentedRequest): Promise<string> {
  try {
    const callers = await proveCallers(rules, presented, {
      now: NOW,
      replay: openReplayCache(REPLAY_CACHE),
      published: NO_KEY_SETS.of(''),
    });
    return callers.map(({ name }) => name).join(' ');
  } catch (error) {
    return error instanceof EnclaveError ? error.code : `not typed: ${String(error)}`;
  }
}

describe('who is asking', () => {
  it('is nobody without a proof', async () => {
    expect(await namesOf(ALL, request([['accept', '*/*']]))).toBe('');
  });

  it('is whoever each proof shows', async () => {
    expect(await namesOf(ALL, request([], [leaf.der]))).toBe('analysts');
    expect(await namesOf(ALL, request([bearer]))).toBe('clinicians');
    expect(await namesOf(ALL, request(await sign()))).toBe('nightly');
    expect(await namesOf(ALL, request([bearer, ...(await sign())], [leaf.der]))).toBe('analysts clinicians nightly');
  });

  it('is judged by the kinds of proof that the owner has rules for', async () => {
    expect(await namesOf([nightly], request(await sign(), [foreign.der]))).toBe('nightly');
    expect(await namesOf([analysts], request([bearer], [leaf.der]))).toBe('analysts');
  });

  it('is refused with a proof of a kind that the owner names nobody by', async () => {
    expect(await namesOf([nightly], request([bearer]))).toBe('ERR_POLICY_CALLER');
    expect(await namesOf([], request([], [leaf.der]))).toBe('ERR_POLICY_CALLER');
  });

  it('is refused with a proof that does not hold, even beside one that does', async () => {
    expect(await namesOf(ALL, request([], [foreign.der]))).toBe('ERR_POLICY_CALLER');
    expect(await namesOf(ALL, request([bearer], [foreign.der]))).toBe('ERR_POLICY_CALLER');
    expect(await namesOf(ALL, request([['authorization', 'Bearer x']], [leaf.der]))).toBe('ERR_POLICY_CALLER');
    expect(await namesOf(ALL, request([['signature', 'x']], [leaf.der]))).toBe('ERR_POLICY_CALLER');
    expect(await namesOf(ALL, request([bearer, bearer]))).toBe('ERR_POLICY_CALLER');
  });

  it('uses up no nonce when another proof of the request does not hold', async () => {
    const context = { now: NOW, replay: openReplayCache(REPLAY_CACHE), published: NO_KEY_SETS.of('') };
    const headers = await sign();
    await expect(proveCallers(ALL, request(headers, [foreign.der]), context)).rejects.toMatchObject({
      code: 'ERR_POLICY_CALLER',
    });
    expect(await proveCallers(ALL, request(headers), context)).toHaveLength(1);
    await expect(proveCallers(ALL, request(headers), context)).rejects.toMatchObject({ code: 'ERR_POLICY_CALLER' });
  });
});

describe('the files of caller rules', () => {
  it('are checked before the first request', () => {
    checkCallerRules(ALL);
    expect(() => checkCallerRules([{ ...analysts, ca: leaf.pem }])).toThrow(
      expect.objectContaining({ code: 'ERR_POLICY_REFERENCE' }),
    );
    expect(() => checkCallerRules([{ ...clinicians, jwks: '{}' }])).toThrow(
      expect.objectContaining({ code: 'ERR_POLICY_REFERENCE' }),
    );
  });
});
