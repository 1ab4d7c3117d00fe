/** A client's leaf: made of 32 bytes of nonce and 32 of channel, so that no other split of the same bytes gives it. */
import { describe, expect, it } from 'vitest';
import { freshnessLeaf, isFresh } from '../../src/attestation/freshness.ts';
import { concatBytes, encodeUtf8 } from '../../src/base/bytes.ts';
import { sha256 } from '../../src/base/digest.ts';
import { hashLeaf, inclusionPath, merkleRoot } from '../../src/base/merkle.ts';

const of = (size: number, byte: number): Uint8Array => new Uint8Array(size).fill(byte);

describe('a leaf', () => {
  it('is the hash of a zero, the role, the nonce and the channel', () => {
    const bytes = concatBytes(Uint8Array.of(0), encodeUtf8('worker'), of(32, 1), of(32, 2));
    expect(freshnessLeaf('worker', of(32, 1), of(32, 2))).toEqual(sha256(bytes));
  });

  it.each([
    [31, 32],
    [32, 31],
    [31, 33],
    [33, 31],
    [33, 32],
    [32, 33],
    [0, 64],
    [64, 0],
  ])('is not made of %i and %i bytes', (nonce, channel) => {
    expect(() => freshnessLeaf('worker', of(nonce, 1), of(channel, 2))).toThrow(RangeError);
  });

  it('is fresh in the tree that holds it, at its place', () => {
    const leaf = freshnessLeaf('worker', of(32, 1), of(32, 2));
    const leaves = [hashLeaf(of(1, 1)), leaf, hashLeaf(of(1, 3))];
    const inclusion = { index: 1, size: 3, path: inclusionPath(leaves, 1) };
    const root = merkleRoot(leaves);
    expect(isFresh(leaf, inclusion, root)).toBe(true);
    expect(isFresh(leaf, { ...inclusion, index: 0 }, root)).toBe(false);
    expect(isFresh(leaf, { ...inclusion, size: 2 }, root)).toBe(false);
    expect(isFresh(leaf, { ...inclusion, path: [] }, root)).toBe(false);
    expect(isFresh(freshnessLeaf('worker', of(32, 1), of(32, 3)), inclusion, root)).toBe(false);
    expect(isFresh(leaf, inclusion, of(32, 0))).toBe(false);
  });
});
