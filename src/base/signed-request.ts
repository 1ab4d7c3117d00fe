/**
 * Our profile of a signed request, the same for who signs and who verifies: what is covered, which parameters there are, how long it may
 * live. Holds no key and no clock. [RFC 9421 1.4: an application must say what a signature covers]
 */
import { encodeBase64 } from './bytes.ts';
import { type DigestText, formatDigest, sha256 } from './digest.ts';

export const SIGNED_REQUEST = {
  tag: 'anchorhold',
  algorithm: 'ed25519',
  label: 'caller',
  /** TLS exporter that gives the channel value; another label than the evidence's, so neither can stand for the other. [RFC 8446 7.5] */
  exporterLabel: 'EXPORTER-anchorhold-caller',
  /** Carries the connection's channel value, so that the signature counts on this connection only. */
  channelHeader: 'anchorhold-channel',
  /** All six, and no other. */
  parameters: ['created', 'expires', 'nonce', 'keyid', 'alg', 'tag'],
  maxLifetimeSeconds: 300,
  /** How far ahead the signer's clock may be. */
  maxSkewSeconds: 30,
  minNonceBytes: 16,
  /** A nonce is remembered until it expires, so its size is bounded too. */
  maxNonceBytes: 64,
} as const;

/** What a signature covers besides where the request goes; the digest whenever the request carries one. */
function coveredAlways(hasDigest: boolean): string[] {
  return ['@method', ...(hasDigest ? ['content-digest'] : []), SIGNED_REQUEST.channelHeader];
}

/** Lists what a signer covers. */
export function componentsToSign(hasDigest: boolean): readonly string[] {
  return ['@target-uri', ...coveredAlways(hasDigest)];
}

/** Tells whether exactly the demanded components are covered, in any order: target-uri, or authority, path and query. */
export function coversRequest(components: readonly string[], hasDigest: boolean): boolean {
  const always = coveredAlways(hasDigest);
  return [['@target-uri'], ['@authority', '@path', '@query']].some((where) => {
    const demanded = new Set([...always, ...where]);
    return demanded.size === components.length && components.every((name) => demanded.delete(name));
  });
}

/** Names a key by the SHA-256 of its SubjectPublicKeyInfo (DER). */
export function formatKeyId(spki: Uint8Array): DigestText {
  return formatDigest(sha256(spki));
}

/** Writes the channel value as the header carries it: standard base64. */
export function formatChannel(channel: Uint8Array): string {
  return encodeBase64(channel);
}
