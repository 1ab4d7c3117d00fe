/** Azure's HCL blob: real ones, one made here with each field wrong once, and any bytes. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseHclBlob } from '../../src/attestation/hcl.ts';
import { concatBytes, encodeUtf8 } from '../../src/base/bytes.ts';
import { LIMITS } from '../../src/base/limits.ts';
import { skipUnless } from '../skips.ts';
import { VECTORS } from '../vectors.ts';
import { encodeHclBlob, integers } from './hcl-blob.ts';

const REPORT = new Uint8Array(1184).fill(7);
const CLAIMS = { keys: [{ kid: 'HCLAkPub' }], 'vm-configuration': { 'secure-boot': true } };
const DATA = encodeUtf8(JSON.stringify(CLAIMS));
const BLOB = encodeHclBlob(REPORT, DATA);

/** The blob with an integer written over it. */
function patched(at: number, value: number): Uint8Array {
  const bytes = Uint8Array.from(BLOB);
  bytes.set(integers(value), at);
  return bytes;
}

describe('an HCL blob', () => {
  it.each([
    ['without padding', BLOB],
    ['padded with zeros', concatBytes(BLOB, new Uint8Array(2600 - BLOB.length))],
    ['padded up to the cap', concatBytes(BLOB, new Uint8Array(LIMITS.hclBytes - BLOB.length))],
  ])('is taken apart %s', (_name, bytes) => {
    const value = { version: 2, report: REPORT, runtimeData: DATA, runtimeClaims: CLAIMS };
    expect(parseHclBlob(bytes)).toEqual({ value });
    expect(parseHclBlob(concatBytes(Uint8Array.of(9), bytes).subarray(1))).toEqual({ value });
  });

  it('keeps nothing of its caller’s memory, also when that is a Buffer, whose slices share it', () => {
    const memory = Buffer.from(BLOB);
    const parsed = parseHclBlob(memory);
    memory.fill(0);
    expect(parsed).toMatchObject({ value: { report: REPORT, runtimeData: DATA, runtimeClaims: CLAIMS } });
  });

  it('may be of version 1', () => {
    expect(parseHclBlob(patched(4, 1))).toMatchObject({ value: { version: 1 } });
  });

  it.each<[string, Uint8Array, string]>([
    ['another signature', patched(0, 0), 'HCLA'],
    ['version 0', patched(4, 0), 'version 0 of the header'],
    ['version 3', patched(4, 3), 'version 3 of the header'],
    ['a size that is one too small', patched(8, BLOB.length - 1), 'two headers disagree'],
    ['a size that is one too large', patched(8, BLOB.length + 1), 'two headers disagree'],
    ['another request type', patched(12, 1), 'request type 1'],
    ['a status', patched(16, 1), 'status 1'],
    ['a reserved byte that is not zero', patched(28, 1 << 24), 'reserved bytes'],
    ['runtime data of another size', patched(1216, DATA.length + 19), 'runtime data disagree'],
    ['runtime data of another version', patched(1220, 2), 'version 2 of the runtime data'],
    ['a report of Intel TDX', patched(1224, 4), 'report type 4'],
    ['another hash', patched(1228, 2), 'hash type 2'],
    ['runtime data that are said to be longer', patched(1232, 0xffffffff), 'runtime data disagree'],
    ['a byte missing', BLOB.subarray(0, -1), 'end after'],
    ['a byte after it', concatBytes(BLOB, Uint8Array.of(0, 1)), 'not zero'],
    ['its headers only', BLOB.subarray(0, 1235), 'too few'],
    ['nothing', new Uint8Array(), 'too few'],
    ['one byte over the cap', concatBytes(BLOB, new Uint8Array(LIMITS.hclBytes + 1 - BLOB.length)), 'cap'],
    ['no runtime data', encodeHclBlob(REPORT, new Uint8Array()), 'one JSON object'],
    ['runtime data that are no JSON', encodeHclBlob(REPORT, encodeUtf8('{')), 'one JSON object'],
    ['runtime data that are no object', encodeHclBlob(REPORT, encodeUtf8('[]')), 'one JSON object'],
    ['runtime data that are null', encodeHclBlob(REPORT, encodeUtf8('null')), 'one JSON object'],
    ['runtime data with a key twice', encodeHclBlob(REPORT, encodeUtf8('{"a":1,"a":2}')), 'one JSON object'],
    [
      'runtime data too deep',
      encodeHclBlob(REPORT, encodeUtf8(`{"a":${'['.repeat(99)}${']'.repeat(99)}}`)),
      'one JSON',
    ],
    ['runtime data that are not UTF-8', encodeHclBlob(REPORT, Uint8Array.of(0x7b, 0xff, 0x7d)), 'one JSON object'],
  ])('is refused in words with %s', (_name, bytes, words) => {
    expect(parseHclBlob(bytes)).toEqual({ problem: expect.stringContaining(words) });
  });

  it('is a value or a problem for any bytes and any change of one, and a value only for its own', () => {
    const changed = fc
      .tuple(fc.nat(BLOB.length - 1), fc.integer({ min: 0, max: 255 }))
      .map(([at, byte]) => BLOB.with(at, byte));
    fc.assert(
      fc.property(fc.oneof(changed, fc.uint8Array({ maxLength: 3000 })), (bytes) => {
        const parsed = parseHclBlob(bytes);
        if ('problem' in parsed) return;
        const { version, report, runtimeData } = parsed.value;
        expect(encodeHclBlob(report, runtimeData, version)).toEqual(Uint8Array.from(bytes));
      }),
      { numRuns: 2000 },
    );
  });

  const real = skipUnless(VECTORS !== null, 'no test vectors');
  for (const [version, name] of [
    [1, 'milan-v3-vcek-azure-hcl'],
    [2, 'genoa-v3-vcek-azure-hcl'],
  ] as const) {
    real(`of real hardware is read: ${name}`, () => {
      const at = (file: string): Uint8Array => Uint8Array.from(readFileSync(join(VECTORS ?? '', 'snp', name, file)));
      const runtimeClaims = {
        keys: [expect.objectContaining({ kid: 'HCLAkPub' }), expect.objectContaining({ kid: 'HCLEkPub' })],
        'vm-configuration': expect.objectContaining({ 'secure-boot': true }),
        'user-data': expect.stringMatching(/^[0-9A-F]{128}$/),
      };
      const value = expect.objectContaining({ version, report: at('report.bin'), runtimeClaims });
      expect(parseHclBlob(at('hcl.bin'))).toEqual({ value });
    });
  }
});
