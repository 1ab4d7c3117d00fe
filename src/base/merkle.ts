/**
 * Merkle trees over byte strings: root, inclusion path and its verification, with RFC 9162 hashing.
 * Used for freshness (many nonces under one report) and for the audit log. Leaves are hashed here, so a leaf can never pass for a node.
 */
import { concatBytes, equalBytes } from './bytes.ts';
import { sha256 } from './digest.ts';

const NODE = Uint8Array.of(1);
const LEAF = Uint8Array.of(0);

/** Hashes one leaf: SHA-256(0x00 || data). [RFC 9162 2.1.1] */
export function hashLeaf(data: Uint8Array): Uint8Array<ArrayBuffer> {
  return sha256(concatBytes(LEAF, data));
}

function hashNode(left: Uint8Array, right: Uint8Array): Uint8Array<ArrayBuffer> {
  return sha256(concatBytes(NODE, left, right));
}

/** Largest power of two smaller than `n`, for n > 1. */
function splitPoint(n: number): number {
  return 2 ** Math.floor(Math.log2(n - 1));
}

/** Computes the root over leaf hashes; the root of no leaves is SHA-256 of nothing. [RFC 9162 2.1.1] */
export function merkleRoot(leafHashes: readonly Uint8Array[]): Uint8Array {
  const [first] = leafHashes;
  if (first === undefined) return sha256(new Uint8Array());
  if (leafHashes.length === 1) return first;
  const k = splitPoint(leafHashes.length);
  return hashNode(merkleRoot(leafHashes.slice(0, k)), merkleRoot(leafHashes.slice(k)));
}

/** Computes the inclusion path of the leaf at `index`, from the leaf upwards. [RFC 9162 2.1.3.1] */
export function inclusionPath(leafHashes: readonly Uint8Array[], index: number): Uint8Array[] {
  if (leafHashes.length <= 1) return [];
  const k = splitPoint(leafHashes.length);
  const left = leafHashes.slice(0, k);
  const right = leafHashes.slice(k);
  return index < k
    ? [...inclusionPath(left, index), merkleRoot(right)]
    : [...inclusionPath(right, index - k), merkleRoot(left)];
}

/** Computes the root that a path leads to, or null when the path does not fit index and size. [RFC 9162 2.1.3.2] */
export function rootFromInclusion(
  leafHash: Uint8Array,
  index: number,
  size: number,
  path: readonly Uint8Array[],
): Uint8Array | null {
  if (!Number.isSafeInteger(size) || !Number.isSafeInteger(index) || index < 0 || index >= size) return null;
  let fn = index;
  let sn = size - 1;
  let root = leafHash;
  for (const sibling of path) {
    if (sn === 0 || sibling.length !== 32) return null;
    if (fn % 2 === 1 || fn === sn) {
      root = hashNode(sibling, root);
      while (fn % 2 === 0 && fn !== 0) {
        fn = Math.floor(fn / 2);
        sn = Math.floor(sn / 2);
      }
    } else {
      root = hashNode(root, sibling);
    }
    fn = Math.floor(fn / 2);
    sn = Math.floor(sn / 2);
  }
  return sn === 0 ? root : null;
}

/** Tells whether the leaf is at `index` in the tree of `size` leaves with this root. */
export function isIncluded(
  leafHash: Uint8Array,
  index: number,
  size: number,
  path: readonly Uint8Array[],
  root: Uint8Array,
): boolean {
  const computed = rootFromInclusion(leafHash, index, size, path);
  return computed !== null && equalBytes(computed, root);
}
