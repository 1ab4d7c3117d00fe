/** The ground floor: what one connection's evidence costs to decode, hash and find in its tree, against bare SHA-256 of the same bytes. */
import { createHash } from 'node:crypto';
import { encodeEvidence, parseEvidence } from '../../src/attestation/evidence.ts';
import { freshnessLeaf, isFresh } from '../../src/attestation/freshness.ts';
import { sha256 } from '../../src/base/digest.ts';
import { inclusionPath, merkleRoot } from '../../src/base/merkle.ts';
import { type BenchCase, compared, figure } from '../case.ts';
import { sideBySide } from '../side-by-side.ts';

export const foundation: BenchCase = {
  name: 'foundation',
  about: 'decoding evidence and finding a leaf among 1024, against native SHA-256 over the evidence',
  async run() {
    const leaves = Array.from({ length: 1024 }, (_, i) =>
      freshnessLeaf('worker', new Uint8Array(32).fill(i), new Uint8Array(32).fill(i >> 8)),
    );
    const leaf = leaves[700] ?? new Uint8Array(32);
    const inclusion = { index: 700, size: leaves.length, path: inclusionPath(leaves, 700) };
    const root = merkleRoot(leaves);
    const evidence = encodeEvidence({
      report: new Uint8Array(1184),
      certificates: [1400, 1700, 1700].map((size) => new Uint8Array(size)),
      crl: new Uint8Array(900),
      claims: new Uint8Array(600),
      ...inclusion,
    });
    if (!('value' in parseEvidence(evidence)) || !isFresh(leaf, inclusion, root))
      throw new Error('the example is not valid');
    const us = await sideBySide({
      native: () => createHash('sha256').update(evidence).digest(),
      pure: () => sha256(evidence),
      decode: () => parseEvidence(evidence),
      fresh: () => isFresh(leaf, inclusion, root),
    });
    const native = figure('native SHA-256 of the evidence', 'us', us.native);
    return [
      native,
      compared('SHA-256 in the pure room', us.pure, native),
      compared('decode evidence', us.decode, native),
      compared('find a leaf among 1024', us.fresh, native),
    ];
  },
};
