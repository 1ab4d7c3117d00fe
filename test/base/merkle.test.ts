import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeHex } from '../../src/base/bytes.ts';
import { hashLeaf, inclusionPath, isIncluded, merkleRoot } from '../../src/base/merkle.ts';

const leavesOf = (n: number): Uint8Array[] =>
  Array.from({ length: n }, (_, i) => hashLeaf(Uint8Array.of(i & 255, i >> 8)));

describe('Merkle trees', () => {
  it('hash nothing and one leaf as RFC 9162 says', () => {
    expect(encodeHex(merkleRoot([]))).toBe('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
    expect(encodeHex(hashLeaf(new Uint8Array()))).toBe(
      '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
    );
  });

  it('prove every leaf of every size up to 70, and nothing else', () => {
    for (let size = 1; size <= 70; size++) {
      const leaves = leavesOf(size);
      const root = merkleRoot(leaves);
      for (const [index, leaf] of leaves.entries()) {
        const path = inclusionPath(leaves, index);
        expect(isIncluded(leaf, index, size, path, root)).toBe(true);
        expect(isIncluded(hashLeaf(Uint8Array.of(9, 9, 9)), index, size, path, root)).toBe(false);
        expect(isIncluded(leaf, (index + 1) % size, size, path, root)).toBe(size === 1);
        expect(isIncluded(leaf, index, size, [...path, leaf], root)).toBe(false);
        if (path.length > 0) expect(isIncluded(leaf, index, size, path.slice(1), root)).toBe(false);
      }
    }
  });

  it('give false, never an error, for any index, size and path', () => {
    fc.assert(
      fc.property(
        fc.double(),
        fc.double(),
        fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 70 }),
        (index, size, path) => {
          expect(isIncluded(hashLeaf(new Uint8Array()), index, size, path, new Uint8Array(32))).toBe(false);
        },
      ),
      { numRuns: 5000 },
    );
  });
});
