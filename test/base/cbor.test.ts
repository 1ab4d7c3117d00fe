import { encode as cborgEncode } from 'cborg';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Cbor, encodeCbor, parseCbor } from '../../src/base/cbor.ts';

const value = fc.letrec<{ value: Cbor }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.maxSafeNat(),
    fc.string({ unit: 'binary', maxLength: 300 }),
    fc.boolean(),
    fc.constant(null),
    fc.uint8Array({ maxLength: 300 }),
    fc.array(tie('value'), { maxLength: 30 }),
    fc.dictionary(fc.string({ maxLength: 40 }), tie('value'), { maxKeys: 30, noNullPrototype: false }),
  ),
})).value;

describe('deterministic CBOR', () => {
  it('decodes what it encodes, and encodes as cborg does', () => {
    fc.assert(
      fc.property(value, (v) => {
        const bytes = encodeCbor(v);
        expect(Buffer.from(bytes).toString('hex')).toBe(Buffer.from(cborgEncode(v)).toString('hex'));
        expect(parseCbor(bytes, 1 << 20)?.value).toEqual(v);
      }),
      { numRuns: 2000 },
    );
  });

  it('gives a value or null for any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const decoded = parseCbor(bytes, 200);
        if (decoded !== null) expect(encodeCbor(decoded.value)).toEqual(bytes);
      }),
      { numRuns: 20_000 },
    );
  });

  it.each([
    ['a long integer', '1800'],
    ['a map with a key twice', 'a2616101616102'],
    ['keys out of order', 'a2616201616101'],
    ['an indefinite array', '9f01ff'],
    ['a tag', 'c101'],
    ['a negative integer', '20'],
    ['a float', 'f93c00'],
    ['undefined', 'f7'],
    ['a trailing byte', '0100'],
    ['a map with an integer key', 'a10101'],
    ['bad UTF-8', '61ff'],
    ['nothing', ''],
    ['a cut byte string', '4401'],
    ['nesting beyond the cap', `${'81'.repeat(20)}00`],
    ['a huge announced array', '9affffffff'],
    ['tags that would overflow a stack', `${'c1'.repeat(100_000)}00`],
    ['deep nesting that would overflow a stack', `${'81'.repeat(50_000)}00`],
  ])('refuses %s', (_name, hex) => {
    expect(parseCbor(Uint8Array.from(Buffer.from(hex, 'hex')), 1 << 20)).toBeNull();
  });

  it('refuses more bytes than the cap', () => {
    expect(parseCbor(encodeCbor('abc'), 3)).toBeNull();
    expect(parseCbor(encodeCbor('abc'), 4)?.value).toBe('abc');
  });
});
