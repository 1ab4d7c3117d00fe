/** Makes small EFI programs that no machine could run, in the form that boot images are made of. */
import { concatBytes, encodeUtf8 } from '../../src/base/bytes.ts';

const HEADERS_SIZE = 0x400;

export interface ProgramShape {
  /** Sections by name, in the order of the file; each takes one page in memory. */
  readonly sections?: Readonly<Record<string, Uint8Array>>;
  readonly nxCompatible?: boolean;
  /** Bytes behind the last section that are a signature; a multiple of 8. */
  readonly signature?: Uint8Array;
  /** Bytes behind the last section that belong to nothing. */
  readonly rest?: Uint8Array;
}

/** Where a field that a test breaks stands in the file. */
export const FIELDS = {
  peOffset: 60,
  peSignature: 64,
  sectionCount: 70,
  optionalSize: 84,
  magic: 88,
  fileAlignment: 124,
  headersSize: 148,
  checksum: 152,
  characteristics: 158,
  directories: 196,
  certificates: 232,
  firstSection: 328,
} as const;

/** Makes a PE32+ file: aligned to 512 bytes in the file and 4096 in memory. */
export function efiProgram({
  sections = { '.text': encodeUtf8('code') },
  nxCompatible = true,
  signature = new Uint8Array(),
  rest = new Uint8Array(),
}: ProgramShape = {}): Uint8Array<ArrayBuffer> {
  const headers = new Uint8Array(HEADERS_SIZE);
  const view = new DataView(headers.buffer);
  const entries = Object.entries(sections);
  const bodies = entries.map(([, bytes]) =>
    concatBytes(bytes, new Uint8Array(Math.ceil(bytes.length / 512) * 512 - bytes.length)),
  );
  const size = bodies.reduce((sum, body) => sum + body.length, HEADERS_SIZE) + rest.length;
  headers.set(encodeUtf8('MZ'));
  view.setUint32(FIELDS.peOffset, 64, true);
  headers.set(encodeUtf8('PE'), 64);
  view.setUint16(68, 0x8664, true);
  view.setUint16(FIELDS.sectionCount, entries.length, true);
  view.setUint16(FIELDS.optionalSize, 240, true);
  view.setUint16(FIELDS.magic, 0x20b, true);
  view.setUint32(88 + 32, 4096, true);
  view.setUint32(FIELDS.fileAlignment, 512, true);
  view.setUint32(88 + 56, 4096 * (entries.length + 1), true);
  view.setUint32(FIELDS.headersSize, HEADERS_SIZE, true);
  view.setUint32(FIELDS.checksum, 0x1234_5678, true);
  view.setUint16(88 + 68, 10, true);
  view.setUint16(FIELDS.characteristics, nxCompatible ? 0x160 : 0x60, true);
  view.setUint32(FIELDS.directories, 16, true);
  if (signature.length > 0) {
    view.setUint32(FIELDS.certificates, size, true);
    view.setUint32(FIELDS.certificates + 4, signature.length, true);
  }
  let offset = HEADERS_SIZE;
  entries.forEach(([name, bytes], i) => {
    const header = FIELDS.firstSection + i * 40;
    headers.set(encodeUtf8(name), header);
    view.setUint32(header + 8, bytes.length, true);
    view.setUint32(header + 12, 4096 * (i + 1), true);
    view.setUint32(header + 16, bodies[i]?.length ?? 0, true);
    view.setUint32(header + 20, offset, true);
    view.setUint32(header + 36, 0x6000_0020, true);
    offset += bodies[i]?.length ?? 0;
  });
  return concatBytes(headers, ...bodies, rest, signature);
}

/** Gives a copy of a file with one little-endian number changed. */
export function withNumber(file: Uint8Array, at: number, value: number, bits: 16 | 32): Uint8Array<ArrayBuffer> {
  const copy = Uint8Array.from(file);
  const view = new DataView(copy.buffer);
  if (bits === 16) view.setUint16(at, value, true);
  else view.setUint32(at, value, true);
  return copy;
}

/** Makes a kernel's file: an EFI program that says its release where a bzImage does. */
export function bzImage(release: string, code = 'a kernel'): Uint8Array<ArrayBuffer> {
  const file = efiProgram({ sections: { '.setup': encodeUtf8('setup'), '.text': encodeUtf8(code) } });
  file.set(encodeUtf8('HdrS'), 0x202);
  file.set(encodeUtf8(`${release} (somebody@somewhere) #1`), 0x300);
  return withNumber(file, 0x20e, 0x100, 16);
}
