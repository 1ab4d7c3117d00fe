/**
 * Keys of an ID block: P-384 keys in the firmware's own form of 1028 bytes, the digest by which a report names them, and what signs with
 * them. [SNP-ABI 1.58 ECDSA_P384_PUBKEY]
 */
import { concatBytes, encodeHex, isZero, parseBase64, parseHex } from '../../base/bytes.ts';
import { sha384 } from '../../base/digest.ts';
import { ConfigurationError, SecretError } from '../../errors.ts';
import { isP384Key } from '../snp/signature.ts';

type Bytes = Uint8Array<ArrayBuffer>;

/** Length of a key in the firmware's form in bytes. */
export const ID_KEY_SIZE: number = 0x404;

/** Something that signs with a P-384 key: a file's key (`openIdSigner`), or a device that keeps it. */
export interface IdSigner {
  /** The public key, SubjectPublicKeyInfo in DER. */
  readonly spki: Bytes;
  /** Signs with ECDSA and SHA-384; gives r and s, 48 bytes each, big-endian. */
  sign(data: Bytes): Promise<Bytes>;
}

const CURVE_P384 = 2;
const NUMBER_SIZE = 48;
const FIELD_SIZE = 72;

/** SubjectPublicKeyInfo of a P-384 key up to its point. [RFC 5480 2] */
const SPKI_START: Bytes = parseHex('3076301006072a8648ce3d020106052b8104002203620004') ?? new Uint8Array();

/** Writes a big-endian number of 48 bytes as the firmware does: 72 bytes, little-endian. */
export function encodeNumber(number: Uint8Array): Bytes {
  const field = new Uint8Array(FIELD_SIZE);
  field.set(Uint8Array.from(number).reverse());
  return field;
}

/** Reads a number of 72 bytes, little-endian, as 48 bytes, big-endian; gives null when it is larger. */
export function parseNumber(field: Uint8Array): Bytes | null {
  return isZero(field.subarray(NUMBER_SIZE)) ? Uint8Array.from(field.subarray(0, NUMBER_SIZE)).reverse() : null;
}

/**
 * Encodes a public key (SubjectPublicKeyInfo in DER, uncompressed P-384) in the firmware's form: 1028 bytes.
 * @throws ConfigurationError ERR_CONFIGURATION_FILE
 */
export function encodeIdKey(spki: Uint8Array): Bytes {
  if (!isP384Key(spki)) {
    throw new ConfigurationError('ERR_CONFIGURATION_FILE', 'an ID key must be an elliptic-curve key on P-384');
  }
  const point = spki.subarray(SPKI_START.length);
  const key = new Uint8Array(ID_KEY_SIZE);
  key[0] = CURVE_P384;
  key.set(encodeNumber(point.subarray(0, NUMBER_SIZE)), 4);
  key.set(encodeNumber(point.subarray(NUMBER_SIZE)), 4 + FIELD_SIZE);
  return key;
}

/**
 * Reads a public key in the firmware's form; gives SubjectPublicKeyInfo in DER. Whether it is a point of the curve shows when it verifies.
 * @throws ConfigurationError ERR_CONFIGURATION_FILE
 */
export function parseIdKey(key: Uint8Array): Bytes {
  const x = parseNumber(key.subarray(4, 4 + FIELD_SIZE));
  const y = parseNumber(key.subarray(4 + FIELD_SIZE, 4 + 2 * FIELD_SIZE));
  const curve = encodeHex(key.subarray(0, 4));
  if (key.length !== ID_KEY_SIZE || curve !== '02000000' || x === null || y === null || !isZero(key.subarray(148))) {
    throw new ConfigurationError('ERR_CONFIGURATION_FILE', 'the ID auth has a key that is not a P-384 key');
  }
  return concatBytes(SPKI_START, x, y);
}

/**
 * Gives the digest of a public key that reports show as ID key or author key digest: 48 bytes.
 * @throws ConfigurationError ERR_CONFIGURATION_FILE
 */
export function idKeyDigest(spki: Uint8Array): Bytes {
  return sha384(encodeIdKey(spki));
}

/** Reads a number of a JSON Web Key: base64url of exactly 48 bytes. [RFC 7518 6.2.1] */
function readCoordinate(text: string | undefined): Bytes | null {
  return parseBase64((text ?? '').replaceAll('-', '+').replaceAll('_', '/'));
}

/**
 * Opens a private key (PKCS#8 in DER, P-384) for signing.
 * @throws SecretError ERR_SECRET_UNREADABLE
 */
export async function openIdSigner(pkcs8: Bytes): Promise<IdSigner> {
  const { subtle } = globalThis.crypto;
  try {
    const algorithm = { name: 'ECDSA', namedCurve: 'P-384' };
    const key = await subtle.importKey('pkcs8', pkcs8, algorithm, true, ['sign']);
    const { x, y } = await subtle.exportKey('jwk', key);
    const spki = concatBytes(SPKI_START, readCoordinate(x) ?? new Uint8Array(), readCoordinate(y) ?? new Uint8Array());
    encodeIdKey(spki);
    return {
      spki,
      sign: async (data) => new Uint8Array(await subtle.sign({ name: 'ECDSA', hash: 'SHA-384' }, key, data)),
    };
  } catch (cause) {
    throw new SecretError('ERR_SECRET_UNREADABLE', 'the ID key or author key is not a private key on P-384', { cause });
  }
}
