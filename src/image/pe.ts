/**
 * The parts of a PE32+ file that a boot image needs: where its headers, sections and signatures lie. Checks that they lie inside the file, and no
 * two sections on the same bytes; judges nothing of what they hold. [PE/COFF]
 */
import type { ConfigurationError } from '../errors.ts';
import { refuseInput } from './tree.ts';

/** A section: where its bytes lie in the file, and where they go in memory. */
export interface PeSection {
  /** At most 8 bytes of ASCII. */
  readonly name: string;
  /** Bytes in memory; what the file holds beyond them is padding. */
  readonly virtualSize: number;
  readonly virtualAddress: number;
  readonly fileSize: number;
  readonly fileOffset: number;
}

/** Offsets of the fields that are read again when the file is hashed or gets more sections. */
export interface PeFile {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  /** Of the COFF header, after the signature `PE\0\0`. */
  readonly coff: number;
  /** Of the optional header, and of the first section header after it. */
  readonly optional: number;
  readonly sectionTable: number;
  readonly sections: readonly PeSection[];
  readonly headersSize: number;
  /** The attribute certificates at the end of the file; null when it is not signed. */
  readonly certificates: { readonly offset: number; readonly size: number } | null;
}

/** Offsets in the COFF header. [PE/COFF 3.3] */
export const COFF = { sections: 2, optionalSize: 16, size: 20 } as const;

/** Offsets in the optional header of PE32+. [PE/COFF 3.4] */
export const OPTIONAL = {
  initializedData: 8,
  sectionAlignment: 32,
  fileAlignment: 36,
  imageSize: 56,
  headersSize: 60,
  checksum: 64,
  characteristics: 70,
  directories: 108,
  /** The fifth directory, which alone is an offset in the file and no address. */
  certificateDirectory: 144,
} as const;

/** Bytes of a section header. [PE/COFF 4] */
export const SECTION_HEADER_SIZE = 40;

const DOS_HEADER_SIZE = 64;
const PE_SIGNATURE = 0x4550;
const PE32_PLUS = 0x20b;
const CERTIFICATE_DIRECTORY = 4;

/** Makes the error for a file that is no EFI program of the kind that is needed. */
export function refusePe(what: string): ConfigurationError {
  return refuseInput(`this is no EFI program that can be used: ${what}`);
}

function readName(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes).replace(/\0+$/, '');
}

function readSections(bytes: Uint8Array, view: DataView, table: number, count: number): readonly PeSection[] {
  const sections = Array.from({ length: count }, (_, i) => {
    const at = table + i * SECTION_HEADER_SIZE;
    return {
      name: readName(bytes.subarray(at, at + 8)),
      virtualSize: view.getUint32(at + 8, true),
      virtualAddress: view.getUint32(at + 12, true),
      fileSize: view.getUint32(at + 16, true),
      fileOffset: view.getUint32(at + 20, true),
    };
  });
  // Bytes that two sections share would be hashed twice, and a hash of such a file says less than it seems to.
  let end = table + count * SECTION_HEADER_SIZE;
  const stored = sections.filter(({ fileSize }) => fileSize > 0).toSorted((a, b) => a.fileOffset - b.fileOffset);
  for (const { name, fileOffset, fileSize } of stored) {
    if (fileOffset < end) throw refusePe(`its section ${name} lies on other bytes`);
    end = fileOffset + fileSize;
    if (end > bytes.length) throw refusePe(`its section ${name} reaches beyond its end`);
  }
  return sections;
}

/**
 * Reads the headers of a PE32+ file.
 * @throws ConfigurationError ERR_CONFIGURATION_IMAGE
 */
export function parsePe(bytes: Uint8Array): PeFile {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < DOS_HEADER_SIZE || readName(bytes.subarray(0, 2)) !== 'MZ')
    throw refusePe('it does not begin with MZ');
  const coff = view.getUint32(DOS_HEADER_SIZE - 4, true) + 4;
  const optional = coff + COFF.size;
  if (optional + OPTIONAL.certificateDirectory + 8 > bytes.length) throw refusePe('its headers reach beyond its end');
  if (view.getUint32(coff - 4, true) !== PE_SIGNATURE) throw refusePe('it has no PE header');
  if (view.getUint16(optional, true) !== PE32_PLUS) throw refusePe('it is not for 64 bits');
  const directories = view.getUint32(optional + OPTIONAL.directories, true);
  if (directories <= CERTIFICATE_DIRECTORY) throw refusePe('it has no entry for certificates');
  const sectionTable = optional + view.getUint16(coff + COFF.optionalSize, true);
  const count = view.getUint16(coff + COFF.sections, true);
  const headersSize = view.getUint32(optional + OPTIONAL.headersSize, true);
  if (sectionTable < optional + OPTIONAL.certificateDirectory + 8 || headersSize > bytes.length)
    throw refusePe('its headers do not fit together');
  if (sectionTable + count * SECTION_HEADER_SIZE > headersSize) throw refusePe('its section headers have no room');
  const [offset, size] = [0, 4].map((at) => view.getUint32(optional + OPTIONAL.certificateDirectory + at, true)) as [
    number,
    number,
  ];
  if (size > 0 && (offset < headersSize || offset + size !== bytes.length))
    throw refusePe('its certificates do not stand at its end');
  return {
    bytes,
    view,
    coff,
    optional,
    sectionTable,
    sections: readSections(bytes, view, sectionTable, count),
    headersSize,
    certificates: size === 0 ? null : { offset, size },
  };
}

/** Gives the bytes of the one section of that name, without padding; null when there is none. */
export function sectionBytes(file: PeFile, name: string): Uint8Array | null {
  const section = file.sections.find((each) => each.name === name);
  if (section === undefined) return null;
  const size = Math.min(section.virtualSize, section.fileSize);
  return file.bytes.subarray(section.fileOffset, section.fileOffset + size);
}
