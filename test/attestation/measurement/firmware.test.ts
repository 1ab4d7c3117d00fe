import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Firmware, parseFirmware } from '../../../src/attestation/measurement/firmware.ts';
import { ConfigurationError } from '../../../src/errors.ts';
import { AMD_SEV_SECTIONS, type FirmwareImage, firmwareImage, GUIDS, words } from './firmware-image.ts';

/** Parses, and gives the code of a typed refusal; anything else that is thrown fails the test. */
function outcome(bytes: Uint8Array): Firmware | string {
  try {
    return parseFirmware(bytes);
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    return error.code;
  }
}

const REFUSED = 'ERR_CONFIGURATION_FILE';

describe('parseFirmware', () => {
  it('reads where the firmware lies, its sections in order, its hash table and where processors begin', () => {
    const bytes = firmwareImage();
    const firmware = parseFirmware(bytes);
    expect(firmware.bytes).toBe(bytes);
    expect(firmware.address).toBe(0xffffe000);
    expect(firmware.sections.map(({ kind }) => kind)).toEqual([
      'memory',
      'memory',
      'secrets',
      'cpuid',
      'calling-area',
      'memory',
      'kernel-hashes',
    ]);
    expect(firmware.sections.map(({ address, size }) => [address, size])).toEqual(
      AMD_SEV_SECTIONS.map(({ address, size }) => [address, size]),
    );
    expect(firmware.hashTable).toEqual({ address: 0x810c00, size: 0x400 });
    expect(firmware.resetAddress).toBe(0x80b004);
  });

  it('reads a firmware that lies in the middle of a buffer', () => {
    const buffer = Buffer.concat([Buffer.alloc(3), firmwareImage()]);
    expect(parseFirmware(buffer.subarray(3)).sections).toEqual(parseFirmware(firmwareImage()).sections);
  });

  it.each<[string, Partial<FirmwareImage>, Partial<Firmware>]>([
    ['no hash table', { hashTable: null }, { hashTable: null }],
    ['a hash table that is zero', { hashTable: [0, 0] }, { hashTable: null }],
    ['no reset block', { resetAddress: null }, { resetAddress: null }],
    ['no sections at all', { sections: [] }, { sections: [] }],
    ['entries that nobody knows', { entries: [[GUIDS.other, words(1)]] }, { resetAddress: 0x80b004 }],
    ['an empty entry', { entries: [[GUIDS.other, words()]] }, { resetAddress: 0x80b004 }],
  ])('takes %s', (_name, changes, expected) => {
    expect(parseFirmware(firmwareImage(changes))).toMatchObject(expected);
  });

  const section = (address: number, size: number, type: number) => ({ sections: [{ address, size, type }] });
  const header = (at: number, value: number): Partial<FirmwareImage> => ({
    metadata: (fields) => fields.with(at, value) as [number, number, number, number],
  });
  /** Writes no metadata, but says that there is some, so far from the end. */
  const at = (distance: number): Partial<FirmwareImage> => ({
    metadata: null,
    entries: [[GUIDS.metadata, words(distance)]],
  });
  const many = Array.from({ length: 65 }, (_, i) => ({ address: i * 0x1000, size: 0x1000, type: 1 }));

  it.each<[string, Partial<FirmwareImage>]>([
    ['no metadata', { metadata: null }],
    ['metadata at distance zero', at(0)],
    ['metadata that would begin before the file', at(0x2001)],
    ['metadata without room for its header', at(15)],
    ['metadata without room for its sections', at(16)],
    ['metadata with another signature', header(0, 0x56455342)],
    ['metadata of another size than its count says', header(1, 99)],
    ['metadata of another version', header(2, 2)],
    ['metadata with another count than its size says', header(3, 6)],
    ['metadata with a count without end', header(3, 0xffffffff)],
    ['more sections than the cap', { sections: many, distance: 0x1800 }],
    ['more pages than the cap', section(0x1000, 0x4001000, 1)],
    ['a section of an unknown type', section(0x1000, 0x1000, 5)],
    ['a section that begins inside a page', section(0x1001, 0x1000, 1)],
    ['a section that ends inside a page', section(0x1000, 0x1001, 1)],
    ['an empty section', section(0x1000, 0, 1)],
    ['secrets of two pages', section(0x1000, 0x2000, 2)],
    ['CPUID of two pages', section(0x1000, 0x2000, 3)],
    ['kernel hashes of two pages', section(0x1000, 0x2000, 0x10)],
    ['a section in the memory of the firmware', section(0xffffe000, 0x1000, 1)],
    ['a section that ends beyond 4 GiB', section(0xfffff000, 0x2000, 1)],
    [
      'sections that overlap',
      {
        sections: [
          { address: 0x2000, size: 0x2000, type: 1 },
          { address: 0x1000, size: 0x2000, type: 1 },
        ],
      },
    ],
    [
      'two CPUID sections',
      {
        sections: [
          { address: 0x1000, size: 0x1000, type: 3 },
          { address: 0x2000, size: 0x1000, type: 3 },
        ],
      },
    ],
    ['a hash table entry that is too long', { hashTable: null, entries: [[GUIDS.hashTable, words(1, 2, 3)]] }],
    ['a reset block that is too short', { resetAddress: null, entries: [[GUIDS.resetBlock, new Uint8Array(3)]] }],
    ['the same entry twice', { entries: [[GUIDS.resetBlock, words(1)]] }],
  ])('refuses %s', (_name, changes) => {
    expect(outcome(firmwareImage(changes))).toBe(REFUSED);
  });

  /** Where the footer stands: its length, then its name, up to 32 bytes before the end. */
  const footerLength = firmwareImage().length - 50;

  it.each<[string, (bytes: Uint8Array) => Uint8Array]>([
    ['nothing', () => new Uint8Array()],
    ['half a page', (bytes) => bytes.subarray(-2048)],
    ['one byte too many', (bytes) => Buffer.concat([Buffer.alloc(1), bytes])],
    ['more than the cap', () => new Uint8Array(16 * 1024 * 1024 + 4096)],
    ['a page of zeros', () => new Uint8Array(4096)],
    ['a table that is longer than the file', (bytes) => (bytes.set([0xff, 0xff], footerLength), bytes)],
    ['a table that is shorter than its footer', (bytes) => (bytes.set([17, 0], footerLength), bytes)],
    ['a table that ends inside an entry', (bytes) => (bytes.set([30, 0], footerLength), bytes)],
    ['an entry that is shorter than its name', (bytes) => (bytes.set([17, 0], footerLength - 18), bytes)],
    ['an entry that is longer than the table', (bytes) => (bytes.set([0xff, 0xff], footerLength - 18), bytes)],
  ])('refuses a file of %s', (_name, change) => {
    expect(outcome(change(firmwareImage()))).toBe(REFUSED);
  });

  it('gives a value or a typed error for any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 4096 }), (end) => {
        const bytes = new Uint8Array(4096);
        bytes.set(end, 4096 - end.length);
        outcome(bytes);
        outcome(end);
      }),
    );
  });

  it('gives a value or a typed error for any change of an image', () => {
    const image = firmwareImage({ pages: 1 });
    const inTables = fc.integer({ min: 4096 - 0x620, max: 4095 });
    const change = fc.tuple(inTables, fc.integer({ min: 0, max: 255 }));
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 6 }), (changes) => {
        const bytes = image.slice();
        for (const [at, value] of changes) bytes[at] = value;
        const result = outcome(bytes);
        if (typeof result === 'string') expect(result).toBe(REFUSED);
      }),
      { numRuns: 2000 },
    );
  });
});
