/** Bytes in pieces: whatever the pieces, the same bytes come out, and never more than the cap. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { openByteCollector } from '../../src/base/byte-collector.ts';
import { concatBytes } from '../../src/base/bytes.ts';

describe('a byte collector', () => {
  it('joins any pieces up to its cap, and refuses a piece that goes over it whole', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 3000 })), fc.nat(8000), (pieces, cap) => {
        const collector = openByteCollector(cap);
        const kept: Uint8Array[] = [];
        for (const piece of pieces) {
          const fits = collector.size + piece.length <= cap;
          expect(collector.add(piece)).toBe(fits);
          if (fits) kept.push(piece);
        }
        expect(collector.bytes()).toEqual(concatBytes(...kept));
        expect(collector.size).toBe(collector.bytes().length);
      }),
    );
  });

  it('gives bytes that do not change when more are added', () => {
    const collector = openByteCollector(10);
    collector.add(Uint8Array.of(1));
    const early = collector.bytes();
    collector.add(Uint8Array.of(2));
    expect(early).toEqual(Uint8Array.of(1));
  });
});
