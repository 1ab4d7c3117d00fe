/**
 * Remembers facts about certificates and revocation lists, so that a chain that comes again costs no more than the report under it: what
 * exact bytes decode to and say by themselves, keys, and signatures that verified. Never a verdict: dates, roots and demands are judged anew
 * by every appraisal.
 */
import { encodeHex, equalBytes } from '../../base/bytes.ts';
import { sha256 } from '../../base/digest.ts';
import { type ChainStructure, checkStructure } from './chain-structure.ts';
import { parseCertificate, parseCrl, type Signed, type X509Certificate, type X509Crl } from './der.ts';
import type { Path } from './path.ts';
import { importP384Key, importPssKey, isP384Signature, isPssSignature } from './signature.ts';

/** Two whole bundles; what a worker sends beyond that pushes out what is oldest, which costs time and nothing else. */
const MAX_CERTIFICATES = 16;
const MAX_CRLS = 2;

/** Reads and verifies what chains are made of; belongs to whoever appraises, and is given to each appraisal. */
export interface ChainCache {
  /** Decodes a certificate as `parseCertificate` does; the same bytes give the same object as long as they are remembered. */
  parseCertificate(der: Uint8Array): X509Certificate | null;
  /** Decodes a revocation list as `parseCrl` does; the same bytes give the same object as long as they are remembered. */
  parseCrl(der: Uint8Array): X509Crl | null;
  /** Makes the checks that the certificates of a path decide by themselves; the same certificates give the same object. */
  structure(path: Path): ChainStructure;
  /** Gives the SHA-256 of a certificate's DER in hex, by which roots are named. */
  fingerprint(certificate: X509Certificate): string;
  /** Tells whether the RSASSA-PSS signature of a certificate or a revocation list verifies under the key of `parent`. */
  isSignedBy(signed: Signed, parent: X509Certificate): Promise<boolean>;
  /** Tells whether an ECDSA P-384 signature verifies under the key of `signer`; only the key is remembered. */
  isSignedP384(signer: X509Certificate, r: bigint, s: bigint, data: Uint8Array<ArrayBuffer>): Promise<boolean>;
}

/** Starts with nothing remembered; one made for a single appraisal is the same as none. */
export function createChainCache(): ChainCache {
  const parseRememberedCertificate = remember(parseCertificate, MAX_CERTIFICATES);
  const parseRememberedCrl = remember(parseCrl, MAX_CRLS);
  const pssKey = rememberKey(importPssKey);
  const p384Key = rememberKey(importP384Key);
  const fingerprints = new WeakMap<X509Certificate, string>();
  const structures = new WeakMap<X509Certificate, { readonly path: Path; readonly structure: ChainStructure }>();
  // Keyed by the decoded objects, which nobody changes: gone as soon as what they are about is forgotten.
  const verified = new WeakMap<Signed, WeakSet<X509Certificate>>();

  return {
    parseCertificate: parseRememberedCertificate,
    parseCrl: parseRememberedCrl,
    structure(path) {
      const known = structures.get(path.vek);
      // The product line is the root's own name, so three same certificates are the same path.
      if (known?.path.ask === path.ask && known.path.ark === path.ark) return known.structure;
      const structure = checkStructure(path);
      structures.set(path.vek, { path, structure });
      return structure;
    },
    fingerprint(certificate) {
      const fingerprint = fingerprints.get(certificate) ?? encodeHex(sha256(certificate.der));
      fingerprints.set(certificate, fingerprint);
      return fingerprint;
    },
    async isSignedBy(signed, parent) {
      const signers = verified.get(signed) ?? new WeakSet();
      if (signers.has(parent)) return true;
      const key = await pssKey(parent);
      if (key === null || !(await isPssSignature(key, signed.signature, signed.tbs))) return false;
      verified.set(signed, signers.add(parent));
      return true;
    },
    async isSignedP384(signer, r, s, data) {
      const key = await p384Key(signer);
      return key !== null && (await isP384Signature(key, r, s, data));
    },
  };
}

/** Gives the same value for the same bytes, for the last `capacity` of them that could be decoded. */
function remember<T extends { readonly der: Uint8Array }>(
  parse: (der: Uint8Array) => T | null,
  capacity: number,
): (der: Uint8Array) => T | null {
  let values: readonly T[] = [];
  return (der) => {
    // All bytes are compared and none are hashed: a hit is as certain as decoding again.
    const known = values.find((value) => equalBytes(value.der, der));
    if (known !== undefined) return known;
    const value = parse(der);
    if (value !== null) values = [...values, value].slice(-capacity);
    return value;
  };
}

/** Imports the key of a certificate once. */
function rememberKey(
  importKey: (spki: Uint8Array<ArrayBuffer>) => Promise<CryptoKey | null>,
): (certificate: X509Certificate) => Promise<CryptoKey | null> {
  const keys = new WeakMap<X509Certificate, Promise<CryptoKey | null>>();
  return async (certificate) => {
    const known = keys.get(certificate);
    if (known !== undefined) return await known;
    // Kept as a promise, so that signatures that are checked at the same time share one import.
    const importing = importKey(certificate.spki);
    keys.set(certificate, importing);
    const key = await importing;
    if (key === null) keys.delete(certificate);
    return key;
  };
}
