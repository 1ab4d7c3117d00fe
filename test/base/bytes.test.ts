import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  concatBytes,
  encodeBase64,
  encodeHex,
  encodeUtf8,
  equalBytes,
  parseBase64,
  parseHex,
  parseUtf8,
} from '../../src/base/bytes.ts';
import { formatDigest, parseDigest, sha256 } from '../../src/base/digest.ts';
import { parseDay, parseInstant } from '../../src/base/time.ts';

describe('text forms of bytes', () => {
  it('read what they write', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        expect(parseHex(encodeHex(bytes))).toEqual(bytes);
        expect(parseBase64(encodeBase64(bytes))).toEqual(bytes);
        expect(encodeBase64(bytes)).toBe(Buffer.from(bytes).toString('base64'));
        expect(equalBytes(concatBytes(bytes, bytes).subarray(bytes.length), bytes)).toBe(true);
      }),
    );
  });

  it.each(['A', 'AA', 'AA=', 'AB==', 'A A=', 'AA==\n', '-_==', 'AAAA='])('refuse base64 %j', (text) => {
    expect(parseBase64(text)).toBeNull();
  });

  it.each(['a', 'AB', '0x', 'zz', ' ab'])('refuse hex %j', (text) => {
    expect(parseHex(text)).toBeNull();
  });

  it('refuse hex of another length', () => {
    expect(parseHex('abcd', 2)).not.toBeNull();
    expect(parseHex('abcd', 3)).toBeNull();
  });

  it('refuse UTF-8 that is not well-formed', () => {
    expect(parseUtf8(Uint8Array.of(0xc3, 0x28))).toBeNull();
    expect(parseUtf8(encodeUtf8('\ufeffé'))).toBe('\ufeffé');
  });

  it('keep digests in one form only', () => {
    const text = formatDigest(sha256(encodeUtf8('abc')));
    expect(text).toBe('sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
    expect(parseDigest(text)).toHaveLength(32);
    for (const wrong of [text.toUpperCase(), text.slice(0, -2), `${text}00`, text.replace('256', '384')]) {
      expect(parseDigest(wrong)).toBeNull();
    }
  });
});

describe('instants', () => {
  it.each([
    ['2026-11-21T09:00:00Z', '2026-11-21T09:00:00.000Z'],
    ['2026-11-21T09:00:00.5+01:00', '2026-11-21T08:00:00.500Z'],
  ])('read %s', (text, iso) => {
    expect(parseInstant(text)?.toISOString()).toBe(iso);
  });

  it.each([
    '2026-11-21',
    '2026-02-30T00:00:00Z',
    '2026-11-21T24:00:00Z',
    '2026-11-21T09:00:00',
    '2026-11-21 09:00:00Z',
    '',
    'now',
  ])('refuse %j', (text) => {
    expect(parseInstant(text)).toBeNull();
  });

  it('read days that exist', () => {
    expect(parseDay('2028-02-29')?.toISOString()).toBe('2028-02-29T00:00:00.000Z');
    for (const wrong of ['2026-02-29', '2026-13-01', '2026-1-1', '20260101']) expect(parseDay(wrong)).toBeNull();
  });
});
