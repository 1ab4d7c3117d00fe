/** SHA-2 over bytes, synchronous, the same in Node and in a browser. The one door to @noble/hashes. [FIPS 180-4] */
import { sha256 as nobleSha256, sha384 as nobleSha384, sha512 as nobleSha512 } from '@noble/hashes/sha2.js';
import { encodeHex, parseHex } from './bytes.ts';

/** Computes SHA-256 (32 bytes). */
export function sha256(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return nobleSha256(bytes);
}

/** Computes SHA-384 (48 bytes). */
export function sha384(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return nobleSha384(bytes);
}

/** Computes SHA-512 (64 bytes). */
export function sha512(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return nobleSha512(bytes);
}

/** A digest in the text form of policies, trust files and claims: `sha256:` and 64 lower-case hex digits. */
export type DigestText = `sha256:${string}`;

/** Writes a 32-byte digest as `sha256:<hex>`. */
export function formatDigest(digest: Uint8Array): DigestText {
  return `sha256:${encodeHex(digest)}`;
}

/** Reads `sha256:<64 hex>`; gives null for anything else. */
export function parseDigest(text: string): Uint8Array<ArrayBuffer> | null {
  return text.startsWith('sha256:') ? parseHex(text.slice(7), 32) : null;
}
