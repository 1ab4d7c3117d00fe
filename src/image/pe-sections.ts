/** Adds sections to an EFI program: page-aligned in memory, after those it has. What they are for is not decided here. [PE/COFF 3.4; PE/COFF 4] */
import { encodeUtf8 } from '../base/bytes.ts';
import { COFF, OPTIONAL, type PeFile, parsePe, refusePe, SECTION_HEADER_SIZE } from './pe.ts';

/** A section to add. */
export interface NewSection {
  /** At most 8 bytes of ASCII. */
  readonly name: string;
  readonly bytes: Uint8Array;
  /** Code or data; it can be read either way, and written neither. */
  readonly kind: 'code' | 'data';
}

/** Flags of a section: what it holds, and that it can be read. [PE/COFF 4.1] */
const FLAGS = { code: 0x4000_0020, data: 0x4000_0040 } as const;

const NAME_SIZE = 8;
const FOUR_GIB = 2 ** 32;

function roundUp(value: number, unit: number): number {
  return Math.ceil(value / unit) * unit;
}

/** Reads an alignment: a power of two, so that rounding up means something. */
function alignment({ view, optional }: PeFile, field: number): number {
  const value = view.getUint32(optional + field, true);
  if (value < 0x200 || value > 0x10_0000 || (value & (value - 1)) !== 0)
    throw refusePe(`it is aligned to ${value} bytes`);
  return value;
}

/**
 * Gives a new EFI program: the one given, and the sections behind its own.
 * @throws ConfigurationError ERR_CONFIGURATION_IMAGE when it is signed, or has no room for more section headers
 */
export function addSections(base: Uint8Array, added: readonly NewSection[]): Uint8Array<ArrayBuffer> {
  const file = parsePe(base);
  if (file.certificates !== null) throw refusePe('it is signed, and a changed file would not be');
  const [page, block] = [alignment(file, OPTIONAL.sectionAlignment), alignment(file, OPTIONAL.fileAlignment)];
  const firstHeader = file.sectionTable + file.sections.length * SECTION_HEADER_SIZE;
  if (firstHeader + added.length * SECTION_HEADER_SIZE > file.headersSize)
    throw refusePe(`it has no room for ${added.length} more sections`);
  let fileEnd = roundUp(base.length, block);
  let memoryEnd = file.sections.reduce((end, s) => Math.max(end, s.virtualAddress + s.virtualSize), file.headersSize);
  const placed = added.map((section) => {
    const at = { offset: fileEnd, address: roundUp(memoryEnd, page), size: roundUp(section.bytes.length, block) };
    fileEnd += at.size;
    memoryEnd = at.address + section.bytes.length;
    return { ...section, ...at };
  });
  if (fileEnd >= FOUR_GIB || memoryEnd >= FOUR_GIB) throw refusePe('with its sections it would be over 4 GiB');
  const bytes = new Uint8Array(fileEnd);
  bytes.set(base);
  const view = new DataView(bytes.buffer);
  placed.forEach((section, i) => {
    const name = encodeUtf8(section.name);
    if (name.length > NAME_SIZE || file.sections.some((old) => old.name === section.name))
      throw refusePe(`it cannot have a section ${section.name} more`);
    const header = firstHeader + i * SECTION_HEADER_SIZE;
    bytes.fill(0, header, header + SECTION_HEADER_SIZE);
    bytes.set(name, header);
    view.setUint32(header + 8, section.bytes.length, true);
    view.setUint32(header + 12, section.address, true);
    view.setUint32(header + 16, section.size, true);
    view.setUint32(header + 20, section.offset, true);
    view.setUint32(header + 36, FLAGS[section.kind], true);
    bytes.set(section.bytes, section.offset);
  });
  const { coff, optional } = file;
  const size = added.reduce((sum, section) => sum + section.bytes.length, 0);
  const dataSize = view.getUint32(optional + OPTIONAL.initializedData, true) + size;
  view.setUint16(coff + COFF.sections, file.sections.length + added.length, true);
  view.setUint32(optional + OPTIONAL.initializedData, dataSize, true);
  view.setUint32(optional + OPTIONAL.imageSize, roundUp(memoryEnd, page), true);
  // No firmware reads the checksum, and no hash covers it; zero says that there is none.
  view.setUint32(optional + OPTIONAL.checksum, 0, true);
  return bytes;
}
