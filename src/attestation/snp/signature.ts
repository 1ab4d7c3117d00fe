/**
 * The two signature algorithms of SEV-SNP over WebCrypto: RSASSA-PSS for certificates and CRLs, ECDSA P-384 for reports. Keys and
 * algorithm identifiers are compared as whole encodings, so no parameter can be varied. [RFC 8017 8.1; FIPS 186-5 6]
 */
import { equalBytes, parseHex } from '../../base/bytes.ts';

type Bytes = Uint8Array<ArrayBuffer>;

/** Reads a constant of this file. */
function literal(hex: string): Bytes {
  const bytes = parseHex(hex);
  if (bytes === null) throw new TypeError('a constant is not hex');
  return bytes;
}

const SHA384 = '300d06096086480165030402020500';
const PSS_OID = '06092a864886f70d01010a';
const PSS_PARAMETERS = `a00f${SHA384}a11c301a06092a864886f70d010108${SHA384}a203020130`;

/** RSASSA-PSS with SHA-384, MGF1-SHA-384, salt 48, trailer 1; AMD writes the trailer out in some certificates, though it is the default. */
const PSS_ALGORITHMS: readonly Bytes[] = [
  literal(`3041${PSS_OID}3034${PSS_PARAMETERS}`),
  literal(`3046${PSS_OID}3039${PSS_PARAMETERS}a303020101`),
];

/** SubjectPublicKeyInfo of an RSA key with a modulus of exactly 4096 bits and exponent 65537. */
const RSA_4096_START = literal('30820222300d06092a864886f70d01010105000382020f003082020a0282020100');
const RSA_4096_END = literal('0203010001');
const RSA_4096_SIZE = 550;

/** SubjectPublicKeyInfo of an uncompressed point on P-384. */
const P384_START = literal('3076301006072a8648ce3d020106052b8104002203620004');
const P384_SIZE = 120;

/** Length of a number of a P-384 signature. */
const P384_BYTES = 48;

/** The order of P-384's group. */
const P384_ORDER = 0xffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973n;

/** Tells whether a DER AlgorithmIdentifier is the one RSASSA-PSS that AMD uses. */
export function isAmdSignatureAlgorithm(algorithm: Uint8Array): boolean {
  return PSS_ALGORITHMS.some((known) => equalBytes(known, algorithm));
}

const startsWith = (bytes: Uint8Array, start: Uint8Array): boolean =>
  equalBytes(bytes.subarray(0, start.length), start);

/** Tells whether a DER SubjectPublicKeyInfo is an RSA key of 4096 bits with exponent 65537. */
export function isRsa4096Key(spki: Uint8Array): boolean {
  if (spki.length !== RSA_4096_SIZE) return false;
  const high = (spki[RSA_4096_START.length] ?? 0) >= 0x80;
  return high && startsWith(spki, RSA_4096_START) && equalBytes(spki.subarray(-RSA_4096_END.length), RSA_4096_END);
}

/** Tells whether a DER SubjectPublicKeyInfo is an uncompressed P-384 key. */
export function isP384Key(spki: Uint8Array): boolean {
  return spki.length === P384_SIZE && startsWith(spki, P384_START);
}

type KeyType =
  | { readonly name: 'RSA-PSS'; readonly hash: 'SHA-384' }
  | { readonly name: 'ECDSA'; readonly namedCurve: 'P-384' };

async function importKey(spki: Bytes, algorithm: KeyType): Promise<CryptoKey | null> {
  try {
    return await globalThis.crypto.subtle.importKey('spki', spki, algorithm, false, ['verify']);
  } catch {
    return null;
  }
}

/** Reads a SubjectPublicKeyInfo as a key for RSASSA-PSS with SHA-384; gives null for one that WebCrypto refuses. */
export function importPssKey(spki: Bytes): Promise<CryptoKey | null> {
  return importKey(spki, { name: 'RSA-PSS', hash: 'SHA-384' });
}

/** Reads a SubjectPublicKeyInfo as a key for ECDSA on P-384; gives null for one that WebCrypto refuses. */
export function importP384Key(spki: Bytes): Promise<CryptoKey | null> {
  return importKey(spki, { name: 'ECDSA', namedCurve: 'P-384' });
}

/** Tells whether RSASSA-PSS with SHA-384 and a salt of 48 bytes verifies. */
export async function isPssSignature(key: CryptoKey, signature: Bytes, data: Bytes): Promise<boolean> {
  try {
    return await globalThis.crypto.subtle.verify({ name: 'RSA-PSS', saltLength: 48 }, key, signature, data);
  } catch {
    return false;
  }
}

/** Tells whether both numbers of a P-384 signature are in 1 to n-1. [FIPS 186-5 6.4.2] */
export function isP384Range(r: bigint, s: bigint): boolean {
  return r > 0n && r < P384_ORDER && s > 0n && s < P384_ORDER;
}

/** Encodes both numbers as WebCrypto wants them: 48 bytes each, big-endian. They must be in range. */
function encodeP384(r: bigint, s: bigint): Bytes {
  const out = new DataView(new ArrayBuffer(2 * P384_BYTES));
  for (let at = 0; at < P384_BYTES; at += 8) {
    const bits = BigInt(8 * (P384_BYTES - 8 - at));
    // Writes the low 64 bits of what it is given.
    out.setBigUint64(at, r >> bits);
    out.setBigUint64(P384_BYTES + at, s >> bits);
  }
  return new Uint8Array(out.buffer);
}

/** Tells whether ECDSA P-384 with SHA-384 verifies. A high `s` is as good as a low one, so never use signature bytes as an identity. */
export async function isP384Signature(key: CryptoKey, r: bigint, s: bigint, data: Bytes): Promise<boolean> {
  if (!isP384Range(r, s)) return false;
  try {
    return await globalThis.crypto.subtle.verify({ name: 'ECDSA', hash: 'SHA-384' }, key, encodeP384(r, s), data);
  } catch {
    return false;
  }
}

/** Tells whether ECDSA P-384 with SHA-384 verifies under the key of a SubjectPublicKeyInfo; one that WebCrypto refuses verifies nothing. */
export async function isSignedP384(spki: Bytes, r: bigint, s: bigint, data: Bytes): Promise<boolean> {
  const key = await importP384Key(spki);
  return key !== null && (await isP384Signature(key, r, s, data));
}
