/**
 * The key that is sealed to, as the claims carry it: an HPKE key configuration of one X25519 key with HKDF-SHA256 and AES-256-GCM, and no other.
 * [RFC 9458 3.1; RFC 9180 7]
 */
import { concatBytes, equalBytes } from '../base/bytes.ts';

const KEY_ID = 1;
const KEM_X25519_HKDF_SHA256 = 0x0020;
const KDF_HKDF_SHA256 = 0x0001;
const AEAD_AES_256_GCM = 0x0002;
const PUBLIC_KEY_BYTES = 32;
const PUBLIC_KEY_AT = 3;

/** Encodes the configuration of an X25519 public key (32 bytes); 41 bytes. */
export function encodeKeyConfiguration(publicKey: Uint8Array): Uint8Array<ArrayBuffer> {
  const uint16 = (n: number): Uint8Array => Uint8Array.of(n >> 8, n & 0xff);
  const algorithms = concatBytes(uint16(KDF_HKDF_SHA256), uint16(AEAD_AES_256_GCM));
  return concatBytes(
    Uint8Array.of(KEY_ID),
    uint16(KEM_X25519_HKDF_SHA256),
    publicKey,
    uint16(algorithms.length),
    algorithms,
  );
}

/** Gives the public key of a configuration; null for every other algorithm, and for what is not exactly one. */
export function parseKeyConfiguration(bytes: Uint8Array): Uint8Array | null {
  const publicKey = bytes.slice(PUBLIC_KEY_AT, PUBLIC_KEY_AT + PUBLIC_KEY_BYTES);
  if (publicKey.length !== PUBLIC_KEY_BYTES) return null;
  return equalBytes(encodeKeyConfiguration(publicKey), bytes) ? publicKey : null;
}
