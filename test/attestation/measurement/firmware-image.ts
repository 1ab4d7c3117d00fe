/** Makes small OVMF images: a table at the end, SEV metadata, and pages of contents. Each part can be left out or be made wrong. */
import { encodeGuid } from '../../../src/attestation/measurement/guid.ts';

/** One section of the SEV metadata as it stands in the file. */
export interface ImageSection {
  readonly address: number;
  readonly size: number;
  readonly type: number;
}

export interface FirmwareImage {
  readonly pages: number;
  /** Writes contents before the tables are written; pages that it leaves are zero. */
  readonly write: (bytes: Uint8Array) => void;
  readonly sections: readonly ImageSection[];
  /** Address and size of the hash table; null leaves the entry out. */
  readonly hashTable: readonly [number, number] | null;
  readonly resetAddress: number | null;
  /** Further entries of the table, by GUID. */
  readonly entries: readonly (readonly [guid: string, contents: Uint8Array])[];
  /** Changes the metadata's header (signature, size, version, count); null leaves metadata and its entry out. */
  readonly metadata: ((header: [number, number, number, number]) => [number, number, number, number]) | null;
  /** Distance of the metadata from the end of the file. */
  readonly distance: number;
}

export const GUIDS = {
  footer: '96b582de-1fb2-45f7-baea-a366c55a082d',
  hashTable: '7255371f-3a3b-4b04-927b-1da6efa8d454',
  resetBlock: '00f771de-1a7e-4fcb-890e-68c77e2fb44e',
  metadata: 'dc886566-984a-4798-a75e-5585a7bf67cc',
  other: 'e47a6535-984a-4798-865e-4685a7bf8ec2',
} as const;

/** The memory that builds of OVMF's AmdSev platform ask for. */
export const AMD_SEV_SECTIONS: readonly ImageSection[] = [
  { address: 0x800000, size: 0x9000, type: 1 },
  { address: 0x80a000, size: 0x3000, type: 1 },
  { address: 0x80d000, size: 0x1000, type: 2 },
  { address: 0x80e000, size: 0x1000, type: 3 },
  { address: 0x80f000, size: 0x1000, type: 4 },
  { address: 0x811000, size: 0x1f000, type: 1 },
  { address: 0x810000, size: 0x1000, type: 0x10 },
];

export const AMD_SEV: FirmwareImage = {
  pages: 2,
  write: () => undefined,
  sections: AMD_SEV_SECTIONS,
  hashTable: [0x810c00, 0x400],
  resetAddress: 0x80b004,
  entries: [],
  metadata: (header) => header,
  distance: 0x600,
};

/** Writes numbers of four bytes, little-endian. */
export function words(...values: readonly number[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(values.length * 4);
  const view = new DataView(bytes.buffer);
  values.forEach((value, i) => view.setUint32(i * 4, value, true));
  return bytes;
}

/** Makes an image; what is not named is as in `AMD_SEV`. */
export function firmwareImage(changes: Partial<FirmwareImage> = {}): Uint8Array<ArrayBuffer> {
  const image = { ...AMD_SEV, ...changes };
  const bytes = new Uint8Array(image.pages * 4096);
  image.write(bytes);
  const entries: (readonly [string, Uint8Array])[] = [];
  if (image.metadata !== null) {
    const { sections, distance } = image;
    const header = image.metadata([0x56455341, 16 + 12 * sections.length, 1, sections.length]);
    const items = sections.flatMap(({ address, size, type }) => [address, size, type]);
    bytes.set(words(...header, ...items), Math.max(0, bytes.length - distance));
    entries.push([GUIDS.metadata, words(distance)]);
  }
  if (image.hashTable !== null) entries.push([GUIDS.hashTable, words(...image.hashTable)]);
  if (image.resetAddress !== null) entries.push([GUIDS.resetBlock, words(image.resetAddress)]);
  entries.push(...image.entries);
  const total = entries.reduce((sum, [, contents]) => sum + contents.length + 18, 18);
  let at = bytes.length - 32;
  const name = (guid: string, size: number): void => {
    at -= 18;
    bytes.set(Uint8Array.of(size & 0xff, size >> 8), at);
    bytes.set(encodeGuid(guid), at + 2);
  };
  name(GUIDS.footer, total);
  for (const [guid, contents] of entries) {
    name(guid, contents.length + 18);
    at -= contents.length;
    bytes.set(contents, at);
  }
  return bytes;
}
