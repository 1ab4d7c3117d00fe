import { createPrivateKey, generateKeyPairSync, sign } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { encodeBase64, encodeUtf8 } from '../../../src/base/bytes.ts';
import { encodeContentDigest, encodeSignatureBase, encodeSignatureFields } from '../../../src/base/http-signature.ts';
import { componentsToSign, formatChannel, formatKeyId } from '../../../src/base/signed-request.ts';
import { keyCredential, presentCredential } from '../../../src/client/credentials.ts';
import type { PresentedRequest } from '../../../src/enclave/callers/caller.ts';
import { checkContentDigest } from '../../../src/enclave/callers/content-digest.ts';
import { openReplayCache, REPLAY_CACHE, type ReplayCache } from '../../../src/enclave/callers/replay-cache.ts';
import { type KeyRule, verifySignedRequest } from '../../../src/enclave/callers/signature.ts';
import { EnclaveError } from '../../../src/errors.ts';

const NOW = new Date('2026-11-21T12:00:00Z');
const NOW_SEC = NOW.getTime() / 1000;
const CHANNEL = new Uint8Array(32).fill(7);
const BODY = encodeUtf8('{"a":1}');

function keyRule(name: string): { rule: KeyRule; pem: string } {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const spki = Uint8Array.from(publicKey.export({ type: 'spki', format: 'der' }));
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' });
  return { rule: { kind: 'key', algorithm: 'ed25519', name, spki }, pem };
}

const nightly = keyRule('nightly');
const stranger = keyRule('stranger');

/** Everything that a signer could do otherwise; the defaults are right. */
interface Signing {
  method: string;
  target: string;
  authority: string;
  channel: Uint8Array;
  withDigest: boolean;
  components: readonly string[];
  parameters: Record<string, number | string>;
  pem: string;
  /** Headers put after the signature was made, replacing those of the same name. */
  late: readonly (readonly [string, string])[];
}

let counter = 0;

function signed(overrides: Partial<Signing> = {}): PresentedRequest {
  const withDigest = overrides.withDigest ?? true;
  const options: Signing = {
    method: 'POST',
    target: '/risk-score/batch?x=1',
    authority: 'worker.example',
    channel: CHANNEL,
    withDigest,
    components: componentsToSign(withDigest),
    pem: nightly.pem,
    late: [],
    ...overrides,
    parameters: {
      created: NOW_SEC,
      expires: NOW_SEC + 60,
      nonce: encodeBase64(new Uint8Array(16).fill(++counter % 256).fill(counter >> 8, 0, 2)),
      keyid: formatKeyId(nightly.rule.spki),
      alg: 'ed25519',
      tag: 'anchorhold',
      ...overrides.parameters,
    },
  };
  const bound: (readonly [string, string])[] = [
    ['anchorhold-channel', formatChannel(options.channel)],
    ...(withDigest ? [['content-digest', encodeContentDigest(BODY)] as const] : []),
  ];
  const entries = Object.entries(options.parameters).filter(([, value]) => value !== '');
  const input = { label: 'caller', components: options.components, parameters: new Map(entries) };
  const { method, target, authority } = options;
  const base = encodeSignatureBase({ method, target, authority, scheme: 'https', headers: bound }, input) ?? 'none';
  const fields = encodeSignatureFields({
    ...input,
    signature: sign(null, encodeUtf8(base), createPrivateKey(options.pem)),
  });
  const late = new Set(options.late.map(([name]) => name));
  return {
    method: 'POST',
    target: '/risk-score/batch?x=1',
    authority: 'worker.example',
    headers: [...[...bound, ...fields].filter(([name]) => !late.has(name)), ...options.late],
    peerCertificates: [],
    channel: CHANNEL,
  };
}

const freshCache = (): ReplayCache => openReplayCache(REPLAY_CACHE);

function codeOf(request: PresentedRequest, now = NOW, replay = freshCache(), rules = [nightly.rule]): string {
  try {
    verifySignedRequest(rules, request, { now, replay });
    return 'accepted';
  } catch (error) {
    return error instanceof EnclaveError ? error.code : `not typed: ${String(error)}`;
  }
}

describe('a caller by key', () => {
  it('is proven by a signature over the request and the connection', () => {
    const callers = verifySignedRequest([stranger.rule, nightly.rule], signed(), { now: NOW, replay: freshCache() });
    expect(callers).toEqual([
      { name: 'nightly', id: formatKeyId(nightly.rule.spki), proof: { kind: 'key', spki: nightly.rule.spki } },
    ]);
  });

  it.each<[string, Partial<Signing>]>([
    ['without a body', { withDigest: false }],
    [
      'covering authority, path and query',
      { components: ['@query', '@method', '@authority', '@path', 'content-digest', 'anchorhold-channel'] },
    ],
    ['created at most 30 seconds ahead', { parameters: { created: NOW_SEC + 30 } }],
    ['that lives five minutes', { parameters: { expires: NOW_SEC + 300 } }],
    ['with a long nonce', { parameters: { nonce: encodeBase64(new Uint8Array(64)) } }],
  ])('is proven by a signature %s', (_name, overrides) => {
    expect(codeOf(signed(overrides))).toBe('accepted');
  });

  it.each<[string, Partial<Signing>]>([
    ['over another method', { method: 'GET' }],
    ['over another path', { target: '/risk-score/other?x=1' }],
    ['over another query', { target: '/risk-score/batch?x=2' }],
    ['over another host', { authority: 'other.example' }],
    ['for another connection', { channel: new Uint8Array(32).fill(8) }],
    [
      'whose channel was changed afterwards',
      { channel: new Uint8Array(32).fill(8), late: [['anchorhold-channel', formatChannel(CHANNEL)]] },
    ],
    ['whose digest was changed afterwards', { late: [['content-digest', encodeContentDigest(encodeUtf8('x'))]] }],
    ['by another key under this name', { pem: stranger.pem }],
    ['by a key that no rule names', { pem: stranger.pem, parameters: { keyid: formatKeyId(stranger.rule.spki) } }],
    ['that does not cover the channel', { components: ['@method', '@target-uri', 'content-digest'] }],
    ['that does not cover the digest', { components: ['@method', '@target-uri', 'anchorhold-channel'] }],
    ['that does not cover the method', { components: ['@target-uri', 'content-digest', 'anchorhold-channel'] }],
    ['that has expired', { parameters: { created: NOW_SEC - 61, expires: NOW_SEC } }],
    ['created in the future', { parameters: { created: NOW_SEC + 31 } }],
    ['that lives too long', { parameters: { expires: NOW_SEC + 301 } }],
    ['that expires before it was created', { parameters: { created: NOW_SEC + 20, expires: NOW_SEC + 10 } }],
    ['with a short nonce', { parameters: { nonce: encodeBase64(new Uint8Array(15)) } }],
    ['with a nonce that is not base64', { parameters: { nonce: 'x'.repeat(33) } }],
    ['with a nonce that is too long', { parameters: { nonce: encodeBase64(new Uint8Array(65)) } }],
    ['with another algorithm', { parameters: { alg: 'hmac-sha256' } }],
    ['with another tag', { parameters: { tag: 'other' } }],
    ['without a nonce', { parameters: { nonce: '' } }],
    ['without expiry', { parameters: { expires: '' } }],
    ['with one parameter more', { parameters: { extra: 'x' } }],
    ['with times as text', { parameters: { created: String(NOW_SEC) } }],
    ['with a content-length but no digest', { withDigest: false, late: [['content-length', '7']] }],
    ['with chunks but no digest', { withDigest: false, late: [['transfer-encoding', 'chunked']] }],
    ['that is no structured field', { late: [['signature-input', 'x']] }],
    ['that is missing', { late: [['signature', '']] }],
  ])('is refused with a signature %s', (_name, overrides) => {
    expect(codeOf(signed(overrides))).toBe('ERR_POLICY_CALLER');
  });

  it.each(['signature', 'signature-input', 'anchorhold-channel', 'content-digest'])(
    'is refused with %s twice or without it',
    (name) => {
      const request = signed();
      const copy = request.headers.filter(([header]) => header === name);
      expect(copy.length).toBe(1);
      expect(codeOf({ ...request, headers: [...request.headers, ...copy] })).toBe('ERR_POLICY_CALLER');
      expect(codeOf({ ...request, headers: request.headers.filter(([header]) => header !== name) })).toBe(
        'ERR_POLICY_CALLER',
      );
    },
  );

  it('is refused with a rule whose key is not Ed25519', () => {
    const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const spki = Uint8Array.from(publicKey.export({ type: 'spki', format: 'der' }));
    const rule: KeyRule = { kind: 'key', algorithm: 'ed25519', name: 'nightly', spki };
    expect(codeOf(signed({ parameters: { keyid: formatKeyId(spki) } }), NOW, freshCache(), [rule])).toBe(
      'ERR_POLICY_CALLER',
    );
  });

  it('counts once, also when the same nonce is signed again', () => {
    const replay = freshCache();
    const request = signed();
    expect(codeOf(request, NOW, replay)).toBe('accepted');
    expect(codeOf(request, NOW, replay)).toBe('ERR_POLICY_CALLER');
    const nonce = encodeBase64(new Uint8Array(16).fill(200));
    expect(codeOf(signed({ parameters: { nonce } }), NOW, replay)).toBe('accepted');
    expect(codeOf(signed({ parameters: { nonce, expires: NOW_SEC + 200 } }), NOW, replay)).toBe('ERR_POLICY_CALLER');
  });

  it('uses up no nonce with a signature that does not hold', () => {
    const replay = openReplayCache({ maxNonces: 1, maxNoncesPerKey: 1 });
    expect(codeOf(signed({ pem: stranger.pem }), NOW, replay)).toBe('ERR_POLICY_CALLER');
    expect(codeOf(signed(), NOW, replay)).toBe('accepted');
    expect(codeOf(signed(), NOW, replay)).toBe('ERR_TRANSPORT_OVERLOADED');
  });

  it('is proven by what the client library presents', async () => {
    const credential = keyCredential({ privateKeyPem: nightly.pem });
    const url = new URL('https://worker.example:8443/risk-score/batch?x=%20y');
    for (const body of [BODY, null, new Uint8Array()]) {
      const headers = await presentCredential(credential, {
        method: 'POST',
        url,
        headers: [],
        body,
        channel: CHANNEL,
        now: NOW,
      });
      const request = {
        method: 'POST',
        target: '/risk-score/batch?x=%20y',
        authority: 'worker.example:8443',
        headers,
        peerCertificates: [],
        channel: CHANNEL,
      };
      expect(codeOf(request)).toBe('accepted');
      checkContentDigest(headers, body ?? new Uint8Array());
      expect(codeOf({ ...request, channel: new Uint8Array(32) })).toBe('ERR_POLICY_CALLER');
    }
  });
});

describe('the body of a signed request', () => {
  const code = (headers: readonly (readonly [string, string])[], body: Uint8Array): string => {
    try {
      checkContentDigest(headers, body);
      return 'accepted';
    } catch (error) {
      return error instanceof EnclaveError ? error.code : 'not typed';
    }
  };
  const digest = ['content-digest', encodeContentDigest(BODY)] as const;
  const input = ['signature-input', 'x'] as const;

  it.each<[string, readonly (readonly [string, string])[], Uint8Array, string]>([
    ['that its digest names', [input, digest], BODY, 'accepted'],
    ['that another digest names', [input, digest], encodeUtf8('{"a":2}'), 'ERR_POLICY_CALLER'],
    ['cut off', [input, digest], new Uint8Array(), 'ERR_POLICY_CALLER'],
    ['without a digest', [input], BODY, 'ERR_POLICY_CALLER'],
    ['that is empty, without a digest', [input], new Uint8Array(), 'accepted'],
    ['with two digests', [input, digest, digest], BODY, 'ERR_POLICY_CALLER'],
    ['without signature or digest', [], BODY, 'accepted'],
    ['without signature, with a wrong digest', [digest], encodeUtf8('x'), 'ERR_POLICY_CALLER'],
  ])('%s', (_name, headers, body, expected) => {
    expect(code(headers, body)).toBe(expected);
  });
});
