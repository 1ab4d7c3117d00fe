/** CMW records: exactly the bytes of RFC 9999, both ways, and a sentence for everything else. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  CMW_EVIDENCE,
  type CmwRecord,
  encodeCmw,
  parseCmw,
  unwrapEvidence,
  wrapEvidence,
} from '../../src/attestation/cmw.ts';
import { EVIDENCE_MEDIA_TYPE } from '../../src/attestation/evidence.ts';
import { concatBytes, encodeHex, encodeUtf8, parseHex } from '../../src/base/bytes.ts';
import { type Cbor, encodeCbor } from '../../src/base/cbor.ts';
import { LIMITS } from '../../src/base/limits.ts';

const BYTES = Uint8Array.of(1, 2, 3);
const hex = (text: string): Uint8Array => parseHex(text.replaceAll(' ', '')) ?? new Uint8Array();

const record: fc.Arbitrary<CmwRecord> = fc.record({
  type: fc.oneof(fc.string({ minLength: 1, unit: 'grapheme' }), fc.integer({ min: 0, max: 0xffff })),
  value: fc.uint8Array({ maxLength: 300 }),
  indicator: fc.option(fc.integer({ min: 1, max: 15 })),
});

describe('a CMW record', () => {
  it('is an array of type, value and indicator, as RFC 9999 has it', () => {
    expect(encodeHex(encodeCmw({ type: 'a/b', value: BYTES, indicator: 4 }))).toBe('8363612f624301020304');
    expect(encodeHex(encodeCmw({ type: 30001, value: BYTES, indicator: null }))).toBe('8219753143010203');
    expect(parseCmw(hex('83 63612f62 43010203 04'))).toEqual({
      value: { type: 'a/b', value: BYTES, indicator: CMW_EVIDENCE },
    });
  });

  it('comes back as it was', () => {
    fc.assert(
      fc.property(record, (value) => {
        expect(parseCmw(encodeCmw(value))).toEqual({ value });
      }),
    );
  });

  it('is a value or a problem for any bytes, and a value only for its own', () => {
    const near = record.chain((value) => {
      const bytes = encodeCmw(value);
      return fc
        .tuple(fc.nat(bytes.length - 1), fc.integer({ min: 0, max: 255 }))
        .map(([at, byte]) => bytes.with(at, byte));
    });
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), near), (bytes) => {
        const parsed = parseCmw(bytes);
        if ('value' in parsed) expect(encodeCmw(parsed.value)).toEqual(Uint8Array.from(bytes));
        else expect(parsed.problem).not.toBe('');
      }),
      { numRuns: 1000 },
    );
  });

  const cbor = (...items: readonly Cbor[]): Uint8Array => encodeCbor(items);
  it.each<[string, Uint8Array, string]>([
    ['nothing', new Uint8Array(), 'not a record'],
    ['a tag around bytes', concatBytes(hex('da 63740101'), encodeCbor(BYTES)), 'CBOR tag'],
    ['a collection', encodeCbor({ a: ['a/b', BYTES] }), 'collection'],
    ['no type', cbor(), 'the type'],
    ['no value', cbor('a/b'), 'the value'],
    ['an empty type', cbor('', BYTES), 'the type'],
    ['a type of another kind', cbor(BYTES, BYTES), 'the type'],
    ['a content format of three bytes', cbor(0x10000, BYTES), 'the type'],
    ['a value that is text', cbor('a/b', 'c'), 'the value'],
    ['an indicator of nothing', cbor('a/b', BYTES, 0), 'the indicator'],
    ['an unknown indicator', cbor('a/b', BYTES, 16), 'the indicator'],
    ['an indicator that is null', cbor('a/b', BYTES, null), 'the indicator'],
    ['one item more', cbor('a/b', BYTES, 4, 1), 'more than three'],
    ['a trailing byte', concatBytes(cbor('a/b', BYTES), Uint8Array.of(0)), 'not a record'],
    ['a length that is longer than it must be', hex('83 63612f62 5803010203 04'), 'not a record'],
    ['an array without length', hex('9f 63612f62 43010203 04 ff'), 'not a record'],
    ['too many bytes', cbor('a/b', new Uint8Array(LIMITS.evidenceBytes)), 'not a record'],
  ])('is refused in words with %s', (_name, bytes, words) => {
    expect(parseCmw(bytes)).toEqual({ problem: expect.stringContaining(words) });
  });
});

describe('evidence in a CMW', () => {
  it('is our media type, marked as evidence, and comes back as it was', () => {
    const wrapped = wrapEvidence(BYTES);
    expect(parseCmw(wrapped)).toEqual({ value: { type: EVIDENCE_MEDIA_TYPE, value: BYTES, indicator: 4 } });
    expect(unwrapEvidence(wrapped)).toEqual({ value: BYTES });
  });

  it('may come without indicator', () => {
    expect(unwrapEvidence(encodeCmw({ type: EVIDENCE_MEDIA_TYPE, value: BYTES, indicator: null }))).toEqual({
      value: BYTES,
    });
  });

  it.each<[string, CmwRecord]>([
    ['another media type', { type: 'application/eat+cwt', value: BYTES, indicator: 4 }],
    ['a content format', { type: 263, value: BYTES, indicator: 4 }],
    ['a parameter', { type: `${EVIDENCE_MEDIA_TYPE}; a=b`, value: BYTES, indicator: 4 }],
    ['the mark of endorsements', { type: EVIDENCE_MEDIA_TYPE, value: BYTES, indicator: 2 }],
    ['two marks', { type: EVIDENCE_MEDIA_TYPE, value: BYTES, indicator: 6 }],
  ])('is refused in words under %s', (_name, value) => {
    expect(unwrapEvidence(encodeCmw(value))).toEqual({ problem: expect.stringMatching(/ not /) });
  });

  it('is refused as broken, not as of another type, when the record is broken', () => {
    expect(unwrapEvidence(encodeUtf8('no'))).toEqual({ problem: 'not a record in deterministic CBOR' });
  });
});
