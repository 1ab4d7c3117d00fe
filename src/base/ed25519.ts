/** Ed25519 keys and signatures, by the platform's Web Cryptography: read a private key, sign, verify. Judges nothing. [RFC 8032 5.1; RFC 8410 4, 7] */
import { SecretError } from '../errors.ts';
import { equalBytes, parseBase64, parseBase64Url } from './bytes.ts';

/** A private key that can only sign, and its public half. */
export interface SigningKey {
  /** SubjectPublicKeyInfo, DER, 44 bytes. */
  readonly spki: Uint8Array<ArrayBuffer>;
  sign(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>>;
}

/** What every Ed25519 SubjectPublicKeyInfo begins with; 32 bytes of key follow. [RFC 8410 4] */
const SPKI_HEAD = Uint8Array.of(0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00);
const SPKI_BYTES = 44;

/** Reads `ed25519:` and the base64 of a public key (SubjectPublicKeyInfo, DER, 44 bytes); gives null for anything else. */
export function parsePublicKey(text: string): Uint8Array<ArrayBuffer> | null {
  const spki = text.startsWith('ed25519:') ? parseBase64(text.slice('ed25519:'.length)) : null;
  return spki?.length === SPKI_BYTES && equalBytes(spki.subarray(0, SPKI_HEAD.length), SPKI_HEAD) ? spki : null;
}

const PEM = /^\s*-----BEGIN PRIVATE KEY-----([A-Za-z0-9+/=\s]+)-----END PRIVATE KEY-----\s*$/;

/**
 * Reads a private key from PKCS #8 PEM that is not encrypted.
 * @throws SecretError ERR_SECRET_UNREADABLE
 */
export async function importSigningKey(pem: string): Promise<SigningKey> {
  const unreadable = 'the private key is not an Ed25519 key in PKCS #8 PEM ("BEGIN PRIVATE KEY")';
  const der = parseBase64((PEM.exec(pem)?.[1] ?? '').replace(/\s/g, ''));
  if (der === null || der.length === 0) throw new SecretError('ERR_SECRET_UNREADABLE', unreadable);
  try {
    const { subtle } = globalThis.crypto;
    // The key is imported a second time only to learn its public half; that copy is the one that may be exported.
    const { x } = await subtle.exportKey('jwk', await subtle.importKey('pkcs8', der, 'Ed25519', true, ['sign']));
    const raw = parseBase64Url(x ?? '') ?? new Uint8Array(0);
    const publicKey = await subtle.importKey('raw', raw, 'Ed25519', true, ['verify']);
    const spki = new Uint8Array(await subtle.exportKey('spki', publicKey));
    const key = await subtle.importKey('pkcs8', der, 'Ed25519', false, ['sign']);
    return { spki, sign: async (bytes) => new Uint8Array(await subtle.sign('Ed25519', key, bytes)) };
  } catch (cause) {
    throw new SecretError('ERR_SECRET_UNREADABLE', unreadable, { cause });
  }
}

/** Tells whether these bytes are signed by the key; what is no Ed25519 key has signed nothing. */
export async function isSignedBy(
  spki: Uint8Array<ArrayBuffer>,
  bytes: Uint8Array<ArrayBuffer>,
  signature: Uint8Array<ArrayBuffer>,
): Promise<boolean> {
  try {
    const { subtle } = globalThis.crypto;
    const key = await subtle.importKey('spki', spki, 'Ed25519', false, ['verify']);
    return await subtle.verify('Ed25519', key, signature, bytes);
  } catch {
    return false;
  }
}
