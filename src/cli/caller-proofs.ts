/** How a caller's certificate or public key in a file is named in a policy: what `caller` commands share. */
import { createPublicKey, type KeyObject, X509Certificate } from 'node:crypto';
import { encodeBase64 } from '../base/bytes.ts';
import { formatDigest, sha256 } from '../base/digest.ts';

function pinOfKey(key: KeyObject): string {
  return `spki-${formatDigest(sha256(key.export({ type: 'spki', format: 'der' })))}`;
}

/** Gives the pin of the key that a PEM certificate is for; throws what node:crypto throws when it is none. */
export function pinOf(certPem: string): string {
  return pinOfKey(new X509Certificate(certPem).publicKey);
}

/** What a file of a caller proves, in the words of a policy. */
export type FileProof =
  | { readonly kind: 'certificate'; readonly pin: string; readonly certificate: X509Certificate }
  | { readonly kind: 'key'; readonly key: string };

/** Reads a certificate or an Ed25519 public key in PEM; null when it is neither. */
export function readFileProof(pem: string): FileProof | null {
  try {
    if (pem.includes('BEGIN CERTIFICATE')) {
      const certificate = new X509Certificate(pem);
      return { kind: 'certificate', pin: pinOfKey(certificate.publicKey), certificate };
    }
    // A private key would do as well for node:crypto, but nobody should hand one around.
    if (!pem.includes('BEGIN PUBLIC KEY')) return null;
    const key = createPublicKey(pem);
    if (key.asymmetricKeyType !== 'ed25519') return null;
    return { kind: 'key', key: `ed25519:${encodeBase64(key.export({ type: 'spki', format: 'der' }))}` };
  } catch {
    return null;
  }
}
