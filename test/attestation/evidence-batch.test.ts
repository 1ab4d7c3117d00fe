/** Evidence that is encoded for a whole batch is byte for byte what would be encoded for each alone. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { encodeEvidence, parseEvidence } from '../../src/attestation/evidence.ts';
import { openEvidenceBatch } from '../../src/attestation/evidence-batch.ts';
import { LIMITS } from '../../src/base/limits.ts';

it('gives the bytes of encodeEvidence for any batch and place', () => {
  const bytes = fc.uint8Array({ maxLength: 300 });
  const hash = fc.uint8Array({ minLength: 32, maxLength: 32 });
  fc.assert(
    fc.property(
      fc.record({
        report: bytes,
        certificates: fc.array(bytes, { maxLength: LIMITS.certificates }),
        crl: fc.option(bytes),
        claims: bytes,
        size: fc.integer({ min: 1, max: 2 ** 33 }),
      }),
      fc.array(fc.tuple(fc.integer({ min: 0, max: 2 ** 33 }), fc.array(hash, { maxLength: LIMITS.inclusionPath })), {
        minLength: 1,
        maxLength: 5,
      }),
      (shared, places) => {
        const encode = openEvidenceBatch(shared);
        for (const [index, path] of places) {
          const encoded = encode(index, path);
          expect(encoded).toEqual(encodeEvidence({ ...shared, index, path }));
          expect(parseEvidence(encoded)).toEqual({ value: { ...shared, index, path } });
        }
      },
    ),
  );
});
