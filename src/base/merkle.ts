/**
 * Merkle trees over byte strings: root, inclusion path and its verification, with RFC 9162 hashing.
 * Used for freshness (many nonces under one report) and for the audit log. Leaves are hashed here, so a leaf can never pass for a node.
 */
import { concatBytes, equalBytes } from './bytes.ts';
import { sha256 } from './digest.ts';

const NODE = Uint8Array.of(1);
const LEAF = Uint8Array.of(0);

/** Computes SHA-256; who hashes much hands in the platform's own. */
type Sha256 = (bytes: Uint8Array) => Uint8Array<ArrayBuffer>;

/** Hashes one leaf: SHA-256(0x00 || data). [RFC 9162 2.1.1] */
export function hashLeaf(data: Uint8Array, hash: Sha256 = sha256): Uint8Array<ArrayBuffer> {
  return hash(concatBytes(LEAF, data));
}

/** Hashes two nodes into the one above them: SHA-256(0x01 || left || right). [RFC 9162 2.1.1] */
export function hashNode(left: Uint8Array, right: Uint8Array, hash: Sha256 = sha256): Uint8Array<ArrayBuffer> {
  return hash(concatBytes(NODE, left, right));
}

/** A tree over leaf hashes whose inner nodes are computed once, so that many paths cost no more hashing than one root. */
export interface MerkleTree {
  readonly root: Uint8Array;
  /** Gives the inclusion path of the leaf at `index`, from the leaf upwards. [RFC 9162 2.1.3.1] */
  path(index: number): Uint8Array[];
}

/** Builds the tree; pairing nodes level by level and lifting an odd last one gives the shape of RFC 9162. [RFC 9162 2.1.1] */
export function buildMerkleTree(leafHashes: readonly Uint8Array[]): MerkleTree {
  const levels: (readonly Uint8Array[])[] = [leafHashes];
  for (let level = leafHashes; level.length > 1; ) {
    const above: Uint8Array[] = [];
    for (let i = 0; i < level.length; i += 2) {
      const [left, right] = [level[i], level[i + 1]];
      if (left !== undefined) above.push(right === undefined ? left : hashNode(left, right));
    }
    levels.push(above);
    level = above;
  }
  return {
    // The root of no leaves is SHA-256 of nothing.
    root: levels.at(-1)?.[0] ?? sha256(new Uint8Array()),
    path: (index) =>
      levels.slice(0, -1).flatMap((level, height) => {
        const sibling = level[Math.floor(index / 2 ** height) ^ 1];
        return sibling === undefined ? [] : [sibling];
      }),
  };
}

/** Computes the root over leaf hashes. [RFC 9162 2.1.1] */
export function merkleRoot(leafHashes: readonly Uint8Array[]): Uint8Array {
  return buildMerkleTree(leafHashes).root;
}

/** Computes one inclusion path. [RFC 9162 2.1.3.1] */
export function inclusionPath(leafHashes: readonly Uint8Array[], index: number): Uint8Array[] {
  return buildMerkleTree(leafHashes).path(index);
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
