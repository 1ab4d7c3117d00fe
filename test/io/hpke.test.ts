/** Sealing to a key, and that the form is RFC 9180's: opened a second time by the definitions of the RFC over node:crypto alone. */
import {
  createDecipheriv,
  createHmac,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  webcrypto,
} from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { encodeUtf8 } from '../../src/base/bytes.ts';
import { HPKE_BYTES, type HpkeKey, openSealed, sealTo } from '../../src/io/hpke.ts';

const CONTEXT = { info: encodeUtf8('info'), aad: encodeUtf8('aad') };
const PLAIN = encodeUtf8('rows of patients');

async function makeKey(): Promise<HpkeKey> {
  const pair = (await webcrypto.subtle.generateKey('X25519', false, ['deriveBits'])) as webcrypto.CryptoKeyPair;
  return {
    publicKey: new Uint8Array(await webcrypto.subtle.exportKey('raw', pair.publicKey)),
    privateKey: pair.privateKey,
  };
}

/** Opens by the text of RFC 9180: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM, base mode, sequence number 0. */
function openByTheRfc(sealed: Uint8Array, pair: ReturnType<typeof makeNodePair>): Buffer {
  const hmac = (key: Uint8Array, ...parts: readonly Uint8Array[]): Buffer =>
    createHmac('sha256', key).update(Buffer.concat(parts)).digest();
  const two = (n: number): Buffer => Buffer.from([n >> 8, n & 0xff]);
  const extract = (suite: Buffer, salt: Uint8Array, label: string, ikm: Uint8Array): Buffer =>
    hmac(salt, Buffer.from('HPKE-v1'), suite, Buffer.from(label), ikm);
  const expand = (suite: Buffer, prk: Buffer, label: string, info: Uint8Array, length: number): Buffer =>
    hmac(prk, two(length), Buffer.from('HPKE-v1'), suite, Buffer.from(label), info, Buffer.from([1])).subarray(
      0,
      length,
    );
  const none = Buffer.alloc(0);
  const kem = Buffer.concat([Buffer.from('KEM'), two(0x20)]);
  const suite = Buffer.concat([Buffer.from('HPKE'), two(0x20), two(1), two(2)]);
  const enc = Buffer.from(sealed.subarray(0, 32));
  const publicKey = createPublicKey({
    format: 'jwk',
    key: { kty: 'OKP', crv: 'X25519', x: enc.toString('base64url') },
  });
  const dh = diffieHellman({ privateKey: pair.privateKey, publicKey });
  const eae = extract(kem, none, 'eae_prk', dh);
  const secret = expand(kem, eae, 'shared_secret', Buffer.concat([enc, Buffer.from(pair.raw)]), 32);
  const context = Buffer.concat([
    Buffer.from([0]),
    extract(suite, none, 'psk_id_hash', none),
    extract(suite, none, 'info_hash', CONTEXT.info),
  ]);
  const prk = extract(suite, secret, 'secret', none);
  const key = expand(suite, prk, 'key', context, 32);
  const decipher = createDecipheriv('aes-256-gcm', key, expand(suite, prk, 'base_nonce', context, 12));
  decipher.setAAD(CONTEXT.aad);
  decipher.setAuthTag(sealed.subarray(-16));
  return Buffer.concat([decipher.update(sealed.subarray(32, -16)), decipher.final()]);
}

function makeNodePair() {
  const { publicKey, privateKey } = generateKeyPairSync('x25519');
  const raw = Uint8Array.from(Buffer.from(publicKey.export({ format: 'jwk' }).x ?? '', 'base64url'));
  return { privateKey, raw };
}

describe('a sealed message', () => {
  it('opens with the key it was sealed to, in the same context', async () => {
    const key = await makeKey();
    const sealed = await sealTo(key.publicKey, CONTEXT, PLAIN);
    expect(sealed.length).toBe(PLAIN.length + HPKE_BYTES);
    expect(await openSealed(key, CONTEXT, sealed)).toEqual(PLAIN);
    expect(await openSealed(key, CONTEXT, await sealTo(key.publicKey, CONTEXT, new Uint8Array(0)))).toHaveLength(0);
  });

  it('has the form of the RFC', async () => {
    const pair = makeNodePair();
    const sealed = await sealTo(pair.raw, CONTEXT, PLAIN);
    expect(openByTheRfc(sealed, pair)).toEqual(Buffer.from(PLAIN));
  });

  it('does not open with another key, in another context, changed or cut', async () => {
    const key = await makeKey();
    const sealed = await sealTo(key.publicKey, CONTEXT, PLAIN);
    expect(await openSealed(await makeKey(), CONTEXT, sealed)).toBeNull();
    expect(await openSealed(key, { ...CONTEXT, info: encodeUtf8('inf') }, sealed)).toBeNull();
    expect(await openSealed(key, { ...CONTEXT, aad: encodeUtf8('aae') }, sealed)).toBeNull();
    for (const at of [0, 31, 32, sealed.length - 1]) {
      const changed = Uint8Array.from(sealed);
      changed[at] = (changed[at] ?? 0) ^ 1;
      expect(await openSealed(key, CONTEXT, changed)).toBeNull();
    }
    for (const length of [0, 31, 32, 47, sealed.length - 1])
      expect(await openSealed(key, CONTEXT, sealed.subarray(0, length))).toBeNull();
  });
});
