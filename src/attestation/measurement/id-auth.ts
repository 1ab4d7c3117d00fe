/**
 * ID auth: the signature over an ID block, the key it is made with, and, where an author vouches for that key, the author's. A valid
 * signature says nothing until the keys are the expected ones, so verifying takes their digests. [SNP-ABI 1.58 ID_AUTH]
 */
import { concatBytes, encodeHex, equalBytes, isZero } from '../../base/bytes.ts';
import { ConfigurationError } from '../../errors.ts';
import { isSignedP384 } from '../snp/signature.ts';
import { encodeIdBlock, type IdBlock } from './id-block.ts';
import {
  encodeIdKey,
  encodeNumber,
  ID_KEY_SIZE,
  type IdSigner,
  idKeyDigest,
  parseIdKey,
  parseNumber,
} from './id-key.ts';

type Bytes = Uint8Array<ArrayBuffer>;

/** A public key (SubjectPublicKeyInfo in DER) and what it signed: r and s, 48 bytes each, big-endian. */
export interface SignedBy {
  readonly spki: Bytes;
  readonly signature: Bytes;
}

/** Who signs: the ID key the block, the author key the ID key. */
export interface IdAuth {
  readonly idKey: SignedBy;
  /** null when no author vouches for the ID key. */
  readonly author: SignedBy | null;
}

/** The keys that may have signed, by their digests of 48 bytes; `author` null demands that there is none. */
export interface ExpectedKeys {
  readonly idKey: Uint8Array;
  readonly author: Uint8Array | null;
}

/** Length of ID auth in bytes. */
export const ID_AUTH_SIZE: number = 4096;

/** Where the fields stand; all between them is zero. */
const AUTHOR_ALGORITHM = 0x004;
const BLOCK_SIGNATURE = 0x040;
const ID_KEY = 0x240;
const KEY_SIGNATURE = 0x680;
const AUTHOR_KEY = 0x880;

const ECDSA_P384_SHA384 = '01000000';
const NUMBER_SIZE = 48;
const FIELD_SIZE = 72;
const SIGNATURE_SIZE = 2 * NUMBER_SIZE;

/** Encodes a signature as the firmware wants it: 144 bytes. */
function encodeSignature(signature: Uint8Array): Bytes {
  if (signature.length !== SIGNATURE_SIZE) {
    throw new ConfigurationError('ERR_CONFIGURATION_USAGE', `a P-384 signature has 96 bytes, not ${signature.length}`);
  }
  return concatBytes(encodeNumber(signature.subarray(0, NUMBER_SIZE)), encodeNumber(signature.subarray(NUMBER_SIZE)));
}

/**
 * Encodes ID auth: 4096 bytes.
 * @throws ConfigurationError ERR_CONFIGURATION_USAGE or ERR_CONFIGURATION_FILE for a signature or key that is not P-384's
 */
export function encodeIdAuth({ idKey, author }: IdAuth): Bytes {
  const bytes = new Uint8Array(ID_AUTH_SIZE);
  bytes[0] = 1;
  bytes.set(encodeSignature(idKey.signature), BLOCK_SIGNATURE);
  bytes.set(encodeIdKey(idKey.spki), ID_KEY);
  if (author !== null) {
    bytes[AUTHOR_ALGORITHM] = 1;
    bytes.set(encodeSignature(author.signature), KEY_SIGNATURE);
    bytes.set(encodeIdKey(author.spki), AUTHOR_KEY);
  }
  return bytes;
}

function refuse(why: string): ConfigurationError {
  return new ConfigurationError('ERR_CONFIGURATION_FILE', `the ID auth ${why}`);
}

function parseSignedBy(bytes: Uint8Array, signatureAt: number, keyAt: number): SignedBy {
  const field = (at: number): Uint8Array => bytes.subarray(signatureAt + at, signatureAt + at + FIELD_SIZE);
  const [r, s] = [parseNumber(field(0)), parseNumber(field(FIELD_SIZE))];
  if (r === null || s === null) throw refuse('has a signature with numbers of more than 384 bits');
  return { spki: parseIdKey(bytes.subarray(keyAt, keyAt + ID_KEY_SIZE)), signature: concatBytes(r, s) };
}

/**
 * Reads ID auth of 4096 bytes. Every byte counts: what would be written differently is refused.
 * @throws ConfigurationError ERR_CONFIGURATION_FILE
 */
export function parseIdAuth(bytes: Uint8Array): IdAuth {
  if (bytes.length !== ID_AUTH_SIZE) throw refuse(`has ${bytes.length} bytes instead of ${ID_AUTH_SIZE}`);
  const algorithm = (at: number): string => encodeHex(bytes.subarray(at, at + 4));
  const withAuthor = !isZero(bytes.subarray(AUTHOR_ALGORITHM, AUTHOR_ALGORITHM + 4));
  if (algorithm(0) !== ECDSA_P384_SHA384) throw refuse('names another algorithm than ECDSA P-384 with SHA-384');
  if (withAuthor && algorithm(AUTHOR_ALGORITHM) !== ECDSA_P384_SHA384) {
    throw refuse('names another algorithm of the author than ECDSA P-384 with SHA-384');
  }
  const auth: IdAuth = {
    idKey: parseSignedBy(bytes, BLOCK_SIGNATURE, ID_KEY),
    author: withAuthor ? parseSignedBy(bytes, KEY_SIGNATURE, AUTHOR_KEY) : null,
  };
  if (!equalBytes(encodeIdAuth(auth), bytes)) throw refuse('has bytes where nothing may stand');
  return auth;
}

/**
 * Signs an ID block with the ID key, and the ID key with the author's when there is one.
 * @throws ConfigurationError as encodeIdBlock and encodeIdKey do; whatever a signer throws passes through
 */
export async function signIdBlock(block: IdBlock, idKey: IdSigner, author: IdSigner | null): Promise<IdAuth> {
  const signature = await idKey.sign(encodeIdBlock(block));
  const vouched = author === null ? null : { spki: author.spki, signature: await author.sign(encodeIdKey(idKey.spki)) };
  return { idKey: { spki: idKey.spki, signature }, author: vouched };
}

function isSignedBy({ spki, signature }: SignedBy, data: Bytes): Promise<boolean> {
  const number = (at: number): bigint => BigInt(`0x${encodeHex(signature.subarray(at, at + NUMBER_SIZE))}`);
  return signature.length === SIGNATURE_SIZE
    ? isSignedP384(spki, number(0), number(NUMBER_SIZE), data)
    : Promise.resolve(false);
}

/**
 * Verifies that the expected keys signed an ID block; returns nothing, so that there is no answer to overlook.
 * @throws ConfigurationError ERR_CONFIGURATION_FILE
 */
export async function verifyIdAuth(block: IdBlock, auth: IdAuth, expected: ExpectedKeys): Promise<void> {
  const { idKey, author } = auth;
  if (!equalBytes(idKeyDigest(idKey.spki), expected.idKey)) throw refuse('is by another ID key than the expected one');
  if (!(await isSignedBy(idKey, encodeIdBlock(block)))) throw refuse('does not sign this ID block');
  if (author === null && expected.author === null) return;
  if (author === null || expected.author === null) {
    throw refuse(
      author === null ? 'has no author key, but one is expected' : 'has an author key, but none is expected',
    );
  }
  if (!equalBytes(idKeyDigest(author.spki), expected.author))
    throw refuse('is by another author than the expected one');
  if (!(await isSignedBy(author, encodeIdKey(idKey.spki)))) throw refuse('is not vouched for by its author');
}
