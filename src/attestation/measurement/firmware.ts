/**
 * The OVMF firmware file: where it is loaded, and what its tables say about the rest of the guest's first memory. Reads form only;
 * what is measured of it is in guest-memory.ts. [EDK2 2026.08 OvmfPkg/ResetVector]
 */
import { encodeHex } from '../../base/bytes.ts';
import { LIMITS } from '../../base/limits.ts';
import { ConfigurationError } from '../../errors.ts';
import { storedGuid } from './guid.ts';
import { PAGE_SIZE } from './launch-digest.ts';

/** A range of guest memory in bytes. */
export interface MemoryRange {
  readonly address: number;
  readonly size: number;
}

/** Names what a section of the guest's first memory is for. */
export type SectionKind = 'memory' | 'secrets' | 'cpuid' | 'calling-area' | 'kernel-hashes';

/** A section of the firmware's SEV metadata: whole pages, in the order in which they are measured. */
export interface Section extends MemoryRange {
  readonly kind: SectionKind;
}

/** A firmware file that can start an SEV-SNP guest. */
export interface Firmware {
  /** The whole file; it ends just below 4 GiB. */
  readonly bytes: Uint8Array;
  readonly address: number;
  readonly sections: readonly Section[];
  /** Where the firmware looks for the hashes of kernel, initrd and command line; null when it does not look. */
  readonly hashTable: MemoryRange | null;
  /** Where processors other than the first begin; null when the firmware does not say. */
  readonly resetAddress: number | null;
}

const FOUR_GIB = 2 ** 32;

/** Distance of the table's end from the end of the file, and the size of an entry's length and name. */
const TABLE_END = 32;
const ENTRY_SIZE = 18;

const FOOTER = storedGuid('96b582de-1fb2-45f7-baea-a366c55a082d');
const HASH_TABLE = storedGuid('7255371f-3a3b-4b04-927b-1da6efa8d454');
const RESET_BLOCK = storedGuid('00f771de-1a7e-4fcb-890e-68c77e2fb44e');
const METADATA = storedGuid('dc886566-984a-4798-a75e-5585a7bf67cc');

const METADATA_SIGNATURE = 0x56455341;
const METADATA_HEADER = 16;
const METADATA_ITEM = 12;

const KINDS: ReadonlyMap<number, SectionKind> = new Map([
  [1, 'memory'],
  [2, 'secrets'],
  [3, 'cpuid'],
  [4, 'calling-area'],
  [0x10, 'kernel-hashes'],
]);

/** Sections that a guest has at most one of, of one page each. */
const SINGLE_PAGES: readonly SectionKind[] = ['secrets', 'cpuid', 'kernel-hashes'];

function refuse(what: string): ConfigurationError {
  return new ConfigurationError('ERR_CONFIGURATION_FILE', `the firmware cannot be measured: ${what}`);
}

function hex(value: number): string {
  return `0x${value.toString(16)}`;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Reads the table at the file's end: each entry's contents by stored GUID. It is read backwards, since names stand after contents. */
function readTable(bytes: Uint8Array): ReadonlyMap<string, Uint8Array> {
  const view = viewOf(bytes);
  const guidAt = (end: number): string => encodeHex(bytes.subarray(end - 16, end));
  const end = bytes.length - TABLE_END;
  if (guidAt(end) !== FOOTER)
    throw refuse('it has no OVMF table at its end; is it the code half of OVMF, or another program?');
  const total = view.getUint16(end - ENTRY_SIZE, true);
  const start = end - total;
  if (total < ENTRY_SIZE || start < 0) throw refuse(`its table says that it is ${total} bytes long`);
  const entries = new Map<string, Uint8Array>();
  for (let at = end - ENTRY_SIZE; at > start; ) {
    const size = at - start < ENTRY_SIZE ? 0 : view.getUint16(at - ENTRY_SIZE, true);
    if (size < ENTRY_SIZE || at - size < start)
      throw refuse(`an entry of its table ends at ${hex(at)}, but has no room there`);
    const guid = guidAt(at);
    if (entries.has(guid)) throw refuse(`its table has the entry ${guid} twice`);
    entries.set(guid, bytes.subarray(at - size, at - ENTRY_SIZE));
    at -= size;
  }
  return entries;
}

/** Reads so many little-endian numbers of four bytes from a table entry of exactly that size; null when there is no such entry. */
function readNumbers(entry: Uint8Array | undefined, count: number, name: string): readonly number[] | null {
  if (entry === undefined) return null;
  if (entry.length !== count * 4) throw refuse(`its ${name} entry has ${entry.length} bytes instead of ${count * 4}`);
  const view = viewOf(entry);
  return Array.from({ length: count }, (_, i) => view.getUint32(i * 4, true));
}

function readSection(address: number, size: number, type: number): Section {
  const kind = KINDS.get(type);
  if (kind === undefined) throw refuse(`its section at ${hex(address)} is of the unknown type ${hex(type)}`);
  if (address % PAGE_SIZE !== 0 || size % PAGE_SIZE !== 0 || size === 0) {
    throw refuse(`its ${kind} section at ${hex(address)}, ${size} bytes, is not made of whole pages`);
  }
  if (SINGLE_PAGES.includes(kind) && size !== PAGE_SIZE)
    throw refuse(`its ${kind} section has ${size} bytes instead of ${PAGE_SIZE}`);
  return { kind, address, size };
}

/** Refuses what no machine would start: a page that is added twice, two sections of a kind that there is one of, memory without end. */
function checkSections(sections: readonly Section[], firmwareAddress: number): void {
  const pages = sections.reduce((sum, { size }) => sum + size / PAGE_SIZE, 0);
  if (pages > LIMITS.firmwarePages)
    throw refuse(`its sections have ${pages} pages, over the cap of ${LIMITS.firmwarePages}`);
  const twice = SINGLE_PAGES.find((kind) => sections.filter((section) => section.kind === kind).length > 1);
  if (twice !== undefined) throw refuse(`it has two ${twice} sections`);
  let end = 0;
  for (const { kind, address, size } of sections.toSorted((a, b) => a.address - b.address)) {
    if (address < end) throw refuse(`its ${kind} section at ${hex(address)} overlaps another`);
    end = address + size;
  }
  if (end > firmwareAddress) throw refuse('its sections reach into its own memory');
}

function readSections(bytes: Uint8Array, table: ReadonlyMap<string, Uint8Array>): readonly Section[] {
  const [distance = 0] = readNumbers(table.get(METADATA), 1, 'SEV metadata') ?? [];
  if (distance === 0) throw refuse('it has no SEV metadata, so it cannot start an SEV-SNP guest');
  const start = bytes.length - distance;
  if (start < 0 || distance < METADATA_HEADER)
    throw refuse(`its SEV metadata would begin ${distance} bytes before its end`);
  const view = viewOf(bytes);
  const [signature, size, version, count] = [0, 4, 8, 12].map((at) => view.getUint32(start + at, true)) as [
    number,
    number,
    number,
    number,
  ];
  if (signature !== METADATA_SIGNATURE) throw refuse('its SEV metadata does not begin with ASEV');
  if (version !== 1) throw refuse(`its SEV metadata is of version ${version}; only version 1 is known`);
  if (count > LIMITS.firmwareSections)
    throw refuse(`its SEV metadata has ${count} sections, over the cap of ${LIMITS.firmwareSections}`);
  if (size !== METADATA_HEADER + count * METADATA_ITEM || size > distance) {
    throw refuse(`its SEV metadata says ${size} bytes for ${count} sections`);
  }
  return Array.from({ length: count }, (_, i) => {
    const item = start + METADATA_HEADER + i * METADATA_ITEM;
    return readSection(view.getUint32(item, true), view.getUint32(item + 4, true), view.getUint32(item + 8, true));
  });
}

/**
 * Reads a firmware file.
 * @throws ConfigurationError ERR_CONFIGURATION_FILE
 */
export function parseFirmware(bytes: Uint8Array): Firmware {
  if (bytes.length > LIMITS.firmwareBytes)
    throw refuse(`it has ${bytes.length} bytes, over the cap of ${LIMITS.firmwareBytes}`);
  if (bytes.length === 0 || bytes.length % PAGE_SIZE !== 0)
    throw refuse(`${bytes.length} bytes are not whole pages of ${PAGE_SIZE}`);
  const table = readTable(bytes);
  const address = FOUR_GIB - bytes.length;
  const sections = readSections(bytes, table);
  checkSections(sections, address);
  const [tableAddress = 0, tableSize = 0] = readNumbers(table.get(HASH_TABLE), 2, 'hash table') ?? [];
  const [resetAddress = null] = readNumbers(table.get(RESET_BLOCK), 1, 'reset block') ?? [];
  return {
    bytes,
    address,
    sections,
    // A firmware that is built without measured boot keeps the entry and writes zero.
    hashTable: tableAddress === 0 ? null : { address: tableAddress, size: tableSize },
    resetAddress,
  };
}
