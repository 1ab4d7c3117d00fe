/**
 * A simulated authority: an RSA-4096 key and its certificate. Whoever keeps it decides whether it lives in memory or on disk.
 * Making a key takes about a second, so each is made when it is first needed.
 */
import { createPrivateKey, createPublicKey, generateKeyPair, type KeyObject, X509Certificate } from 'node:crypto';
import { promisify } from 'node:util';
import type { Product } from '../attestation/snp/product.ts';
import { encodeCertificate } from '../io/x509-certificate.ts';
import { type AuthorityRole, describeAuthority } from './certificates.ts';

export interface Authority {
  /** RSA-4096 private key. */
  readonly key: KeyObject;
  readonly publicKey: KeyObject;
  /** DER. */
  readonly certificate: Uint8Array;
}

/** Gives the authority that is kept under this name, or makes it, keeps it and gives it; the same one to everybody, always. */
export type KeepAuthority = (name: string, make: () => Promise<Authority>) => Promise<Authority>;

/** Makes a key and a certificate that `root` signs; without a root it signs itself. */
export async function makeAuthority(product: Product, role: AuthorityRole, root: Authority | null): Promise<Authority> {
  const { privateKey, publicKey } = await promisify(generateKeyPair)('rsa', { modulusLength: 4096 });
  const description = describeAuthority(product, role, { own: publicKey, root: root?.publicKey ?? publicKey });
  return { key: privateKey, publicKey, certificate: encodeCertificate(description, root?.key ?? privateKey) };
}

/** Tells whether `root` signed the certificate of an authority. */
export function isSignedBy(authority: Authority, root: Authority): boolean {
  return new X509Certificate(authority.certificate).verify(root.publicKey);
}

/** Keeps authorities in memory for as long as the process lives. */
export function keepInMemory(): KeepAuthority {
  const kept = new Map<string, Promise<Authority>>();
  return (name, make) => {
    const authority = kept.get(name) ?? make();
    kept.set(name, authority);
    return authority;
  };
}

/** Writes an authority as PEM: private key, then certificate. */
export function encodeAuthority(authority: Authority): string {
  const key = authority.key.export({ type: 'pkcs8', format: 'pem' });
  return `${key}${new X509Certificate(authority.certificate).toString()}`;
}

/** Reads what `encodeAuthority` wrote; gives null for anything else, or when key and certificate do not belong together. */
export function parseAuthority(pem: string): Authority | null {
  try {
    const key = createPrivateKey(pem);
    const certificate = new X509Certificate(pem.slice(pem.indexOf('-----BEGIN CERTIFICATE-----')));
    if (!certificate.checkPrivateKey(key)) return null;
    return { key, publicKey: createPublicKey(key), certificate: new Uint8Array(certificate.raw) };
  } catch {
    return null;
  }
}
