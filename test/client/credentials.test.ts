import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { parseSignatureFields } from '../../src/base/http-signature.ts';
import { formatKeyId } from '../../src/base/signed-request.ts';
import {
  type Credential,
  certificateCredential,
  keyCredential,
  type OutgoingRequest,
  presentCredential,
  tokenCredential,
} from '../../src/client/credentials.ts';

const NOW = new Date('2026-11-21T12:00:00Z');
const pem = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' });

function outgoing(overrides: Partial<OutgoingRequest> = {}): OutgoingRequest {
  const url = new URL('https://worker.example/risk-score');
  return {
    method: 'POST',
    url,
    headers: [],
    body: Uint8Array.of(1),
    channel: new Uint8Array(32),
    now: NOW,
    ...overrides,
  };
}

async function headersOf(
  credential: Credential | null,
  overrides: Partial<OutgoingRequest> = {},
): Promise<Map<string, string>> {
  return new Map(await presentCredential(credential, outgoing(overrides)));
}

describe('what a caller presents', () => {
  it('is nothing without a credential, and nothing in the request for a certificate', async () => {
    expect((await headersOf(null)).size).toBe(0);
    const certificate = certificateCredential({ certPem: 'c', keyPem: 'k' });
    expect(certificate).toEqual({ kind: 'certificate', certPem: 'c', keyPem: 'k' });
    expect((await headersOf(certificate)).size).toBe(0);
  });

  it('is a bearer token, fetched anew for each request', async () => {
    let count = 0;
    const credential = tokenCredential({ token: async () => `t${++count}.x.y` });
    expect((await headersOf(credential)).get('authorization')).toBe('Bearer t1.x.y');
    expect((await headersOf(credential)).get('authorization')).toBe('Bearer t2.x.y');
    expect((await headersOf(tokenCredential({ token: 'abc' }))).get('authorization')).toBe('Bearer abc');
  });

  it('is a signature of a minute with a nonce of its own, named after the key', async () => {
    const credential = keyCredential({ privateKeyPem: pem });
    const seen = new Set<unknown>();
    for (let i = 0; i < 20; i++) {
      const headers = await headersOf(credential);
      expect([...headers.keys()]).toEqual(['content-digest', 'anchorhold-channel', 'signature-input', 'signature']);
      const signed = parseSignatureFields(headers.get('signature-input') ?? '', headers.get('signature') ?? '');
      expect(signed?.parameters.get('created')).toBe(NOW.getTime() / 1000);
      expect(signed?.parameters.get('expires')).toBe(NOW.getTime() / 1000 + 60);
      seen.add(signed?.parameters.get('nonce'));
    }
    expect(seen.size).toBe(20);
    const spki = Uint8Array.from(createPublicKey(pem).export({ type: 'spki', format: 'der' }));
    expect(await credential.keyId()).toBe(formatKeyId(spki));
  });

  it('has no digest for a request without a body', async () => {
    expect((await headersOf(keyCredential({ privateKeyPem: pem }), { body: null })).has('content-digest')).toBe(false);
  });

  it.each<[string, Credential, string]>([
    ['authorization', tokenCredential({ token: 'abc' }), 'authorization'],
    ['signature-input', keyCredential({ privateKeyPem: pem }), 'signature-input'],
    ['anchorhold-channel', keyCredential({ privateKeyPem: pem }), 'anchorhold-channel'],
    ['content-digest', keyCredential({ privateKeyPem: pem }), 'content-digest'],
  ])('does not stand beside a header %s of the request', async (_name, credential, header) => {
    const presented = presentCredential(credential, outgoing({ headers: [[header, 'x']] }));
    await expect(presented).rejects.toMatchObject({ code: 'ERR_CONFIGURATION_USAGE' });
  });

  it.each(['', 'a b', 'a\r\nx: y', 'Bearer abc', 'ä'])('is never the token %j', async (token) => {
    const presented = presentCredential(tokenCredential({ token }), outgoing());
    await expect(presented).rejects.toMatchObject({ code: 'ERR_CONFIGURATION_USAGE' });
  });

  it.each([
    ['no PEM', 'key'],
    ['an empty block', '-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----'],
    [
      'another kind of key',
      generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'pem' }),
    ],
    ['a public key', createPublicKey(pem).export({ type: 'spki', format: 'pem' })],
  ])('is no signature by %s', async (_name, privateKeyPem) => {
    const presented = presentCredential(keyCredential({ privateKeyPem }), outgoing());
    await expect(presented).rejects.toMatchObject({ code: 'ERR_SECRET_UNREADABLE' });
  });
});
