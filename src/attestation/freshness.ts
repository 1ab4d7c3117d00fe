/**
 * Many nonces under one report: each client's leaf commits to its nonce and its channel, the claims hold the tree's root.
 * A relay that ends the TLS connection itself has another channel value, so its leaf is not in the tree.
 */
import { concatBytes, encodeUtf8 } from '../base/bytes.ts';
import { hashLeaf, isIncluded } from '../base/merkle.ts';
import type { Role } from './claims.ts';

/** Bytes of a client's nonce. */
export const NONCE_BYTES = 32;
/** Bytes of the channel value. */
export const CHANNEL_BYTES = 32;
/** Label of the TLS exporter that gives the channel value; its context is the role. [RFC 8446 7.5] */
export const EXPORTER_LABEL = 'EXPORTER-anchorhold-attestation';

const ROLE_BYTES: Readonly<Record<Role, Uint8Array>> = { worker: encodeUtf8('worker') };

/** Where a leaf stands in the tree whose root the claims hold. */
export interface Inclusion {
  readonly index: number;
  readonly size: number;
  readonly path: readonly Uint8Array[];
}

/** Computes a client's leaf: SHA-256(0x00 || role || nonce || channel); nonce and channel are 32 bytes, so the role ends without a mark. */
export function freshnessLeaf(role: Role, nonce: Uint8Array, channel: Uint8Array): Uint8Array<ArrayBuffer> {
  if (nonce.length !== NONCE_BYTES || channel.length !== CHANNEL_BYTES)
    throw new RangeError('nonce and channel are 32 bytes each');
  return hashLeaf(concatBytes(ROLE_BYTES[role], nonce, channel));
}

/** Tells whether the tree with this root holds the client's leaf. */
export function isFresh(leaf: Uint8Array, inclusion: Inclusion, root: Uint8Array): boolean {
  return isIncluded(leaf, inclusion.index, inclusion.size, inclusion.path, root);
}
