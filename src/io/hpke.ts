/**
 * Seals a message to a public key and opens it: hybrid public key encryption in base mode with X25519, HKDF-SHA256 and AES-256-GCM, one message for
 * one encapsulation. The one door to hpke; who sealed is not known from it. [RFC 9180 5.1.1, 6.1]
 */
import type { webcrypto } from 'node:crypto';
import { AEAD_AES_256_GCM, CipherSuite, KDF_HKDF_SHA256, KEM_DHKEM_X25519_HKDF_SHA256 } from 'hpke';
import { concatBytes } from '../base/bytes.ts';

const SUITE = new CipherSuite(KEM_DHKEM_X25519_HKDF_SHA256, KDF_HKDF_SHA256, AEAD_AES_256_GCM);
const ENCAPSULATED_BYTES = 32;
const TAG_BYTES = 16;

/** What sealing adds, in bytes: the encapsulated key before the ciphertext, and a tag at its end. */
export const HPKE_BYTES: number = ENCAPSULATED_BYTES + TAG_BYTES;

/** What both ends know beside the message; a message that was sealed in another context does not open. */
export interface HpkeContext {
  readonly info: Uint8Array;
  readonly aad: Uint8Array;
}

/** An X25519 key: the public half as 32 bytes, the private one for `deriveBits`. */
export interface HpkeKey {
  readonly publicKey: Uint8Array;
  readonly privateKey: webcrypto.CryptoKey;
}

/** Seals a message to an X25519 public key (32 bytes): the encapsulated key, then the ciphertext. */
export async function sealTo(
  publicKey: Uint8Array,
  { info, aad }: HpkeContext,
  plain: Uint8Array,
): Promise<Uint8Array<ArrayBuffer>> {
  const key = await SUITE.DeserializePublicKey(publicKey);
  const { encapsulatedSecret, ciphertext } = await SUITE.Seal(key, plain, { info, aad });
  return concatBytes(encapsulatedSecret, ciphertext);
}

/** Opens a sealed message; null when it was not sealed to this key in this context, or was changed. */
export async function openSealed(
  { publicKey, privateKey }: HpkeKey,
  { info, aad }: HpkeContext,
  sealed: Uint8Array,
): Promise<Uint8Array | null> {
  if (sealed.length < HPKE_BYTES) return null;
  try {
    const pair = { publicKey: await SUITE.DeserializePublicKey(publicKey), privateKey };
    const [secret, ciphertext] = [sealed.subarray(0, ENCAPSULATED_BYTES), sealed.subarray(ENCAPSULATED_BYTES)];
    return await SUITE.Open(pair, secret, ciphertext, { info, aad });
  } catch {
    return null;
  }
}
