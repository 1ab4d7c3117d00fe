import { gzipSync, zstdCompressSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { concatBytes, encodeUtf8, parseBase64 } from '../../src/base/bytes.ts';
import { LIMITS } from '../../src/base/limits.ts';
import { decompress } from '../../src/image/decompress.ts';
import { codeOf } from './codes.ts';

const TEXT = 'held in xz\n';
const PACKED = {
  gz: gzipSync(TEXT),
  zst: zstdCompressSync(TEXT),
  xz:
    parseBase64('/Td6WFoAAATm1rRGAgAhARwAAAAQz1jMAQAKaGVsZCBpbiB4egoAABzW9c2dtADiAAEjC8Ib/QkftvN9AQAAAAAEWVo=') ??
    new Uint8Array(),
};
const FORMS = ['gz', 'zst', 'xz'] as const;

describe('decompression', () => {
  it.each(FORMS)('gives back what was packed (%s)', async (form) => {
    expect(await decompress(PACKED[form], form, 'it')).toEqual(encodeUtf8(TEXT));
  });

  it.each(FORMS)('refuses what is cut short, changed or empty (%s)', async (form) => {
    const packed = PACKED[form];
    const changed = packed.slice();
    changed[1] = 0;
    for (const wrong of [packed.subarray(0, -6), changed, new Uint8Array()]) {
      expect(await codeOf(() => decompress(wrong, form, 'it'))).toBe('ERR_CONFIGURATION_IMAGE');
    }
  });

  it('takes what fits exactly, and refuses one byte more', async () => {
    const most = zstdCompressSync(new Uint8Array(LIMITS.unpackedBytes));
    expect((await decompress(most, 'zst', 'it')).length).toBe(LIMITS.unpackedBytes);
    const over = concatBytes(most, zstdCompressSync(new Uint8Array(1)));
    expect(over.length).toBeLessThan(128 * 1024);
    expect(await codeOf(() => decompress(over, 'zst', 'it'))).toBe('ERR_CONFIGURATION_IMAGE');
  });
});
