/**
 * A disk with a GUID partition table: a protective MBR, the table at both ends, and partitions on whole mebibytes. What is in a partition is not
 * decided here. [UEFI 2.10 5.3]
 */
import { crc32 } from 'node:zlib';
import { encodeGuid } from '../attestation/measurement/guid.ts';
import { refuseInput } from './tree.ts';

/** A partition; it is as long as what is in it, rounded up to mebibytes. */
export interface Partition {
  /** GUID of what kind it is, and its own. */
  readonly type: string;
  readonly id: string;
  /** At most 36 characters of ASCII. */
  readonly name: string;
  readonly bytes: Uint8Array;
}

const SECTOR = 512;
/** Sectors in a mebibyte, on which partitions begin, and the disk ends. */
const UNIT = 2048;
const ENTRIES = 128;
const ENTRY_SIZE = 128;
const TABLE_SECTORS = (ENTRIES * ENTRY_SIZE) / SECTOR;
const HEADER_SIZE = 92;
const REVISION = 0x1_0000;
/** The first sector that a partition may have: MBR, header and table stand before it. */
const FIRST_USABLE = 2 + TABLE_SECTORS;

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function roundUp(value: number, unit: number): number {
  return Math.ceil(value / unit) * unit;
}

interface Placed extends Partition {
  readonly first: number;
  readonly last: number;
}

function place(partitions: readonly Partition[]): readonly Placed[] {
  let next = UNIT;
  return partitions.map((partition) => {
    const first = next;
    next += Math.max(UNIT, roundUp(Math.ceil(partition.bytes.length / SECTOR), UNIT));
    return { ...partition, first, last: next - 1 };
  });
}

/** Says to a program that knows no GPT that the whole disk is taken. */
function protectiveMbr(sectors: number): Uint8Array {
  const mbr = new Uint8Array(SECTOR);
  const view = viewOf(mbr);
  mbr.set([0x00, 0x00, 0x02, 0x00, 0xee, 0xff, 0xff, 0xff], 446);
  view.setUint32(454, 1, true);
  view.setUint32(458, Math.min(sectors - 1, 0xffff_ffff), true);
  view.setUint16(510, 0xaa55, true);
  return mbr;
}

function partitionTable(placed: readonly Placed[]): Uint8Array {
  const table = new Uint8Array(TABLE_SECTORS * SECTOR);
  const view = viewOf(table);
  placed.forEach(({ type, id, name, first, last }, i) => {
    const at = i * ENTRY_SIZE;
    table.set(encodeGuid(type), at);
    table.set(encodeGuid(id), at + 16);
    view.setBigUint64(at + 32, BigInt(first), true);
    view.setBigUint64(at + 40, BigInt(last), true);
    Array.from(name, (character, k) => {
      view.setUint16(at + 56 + 2 * k, character.charCodeAt(0), true);
    });
  });
  return table;
}

/** Where one of the two headers stands, and what it points at. */
interface HeaderPlace {
  readonly own: number;
  readonly other: number;
  readonly table: number;
}

function header(place: HeaderPlace, sectors: number, diskId: string, tableSum: number): Uint8Array {
  const sector = new Uint8Array(SECTOR);
  const view = viewOf(sector);
  sector.set(new TextEncoder().encode('EFI PART'));
  view.setUint32(8, REVISION, true);
  view.setUint32(12, HEADER_SIZE, true);
  view.setBigUint64(24, BigInt(place.own), true);
  view.setBigUint64(32, BigInt(place.other), true);
  view.setBigUint64(40, BigInt(FIRST_USABLE), true);
  view.setBigUint64(48, BigInt(sectors - 2 - TABLE_SECTORS), true);
  sector.set(encodeGuid(diskId), 56);
  view.setBigUint64(72, BigInt(place.table), true);
  view.setUint32(80, ENTRIES, true);
  view.setUint32(84, ENTRY_SIZE, true);
  view.setUint32(88, tableSum, true);
  // The sum is taken with its own field at zero.
  view.setUint32(16, crc32(sector.subarray(0, HEADER_SIZE)), true);
  return sector;
}

/**
 * Writes a disk of whole mebibytes; `diskId` is its GUID.
 * @throws ConfigurationError ERR_CONFIGURATION_IMAGE for more partitions than the table has entries
 */
export function encodeGptDisk(diskId: string, partitions: readonly Partition[]): Uint8Array<ArrayBuffer> {
  if (partitions.length > ENTRIES) throw refuseInput(`a disk has no room for ${partitions.length} partitions`);
  const placed = place(partitions);
  const end = (placed.at(-1)?.last ?? UNIT - 1) + 1;
  const sectors = roundUp(end + TABLE_SECTORS + 1, UNIT);
  const table = partitionTable(placed);
  const sum = crc32(table);
  const disk = new Uint8Array(sectors * SECTOR);
  const put = (sector: number, bytes: Uint8Array): void => disk.set(bytes, sector * SECTOR);
  put(0, protectiveMbr(sectors));
  put(1, header({ own: 1, other: sectors - 1, table: 2 }, sectors, diskId, sum));
  put(2, table);
  for (const { first, bytes } of placed) put(first, bytes);
  put(sectors - 1 - TABLE_SECTORS, table);
  put(sectors - 1, header({ own: sectors - 1, other: 1, table: sectors - 1 - TABLE_SECTORS }, sectors, diskId, sum));
  return disk;
}
