/**
 * A disk in the form that clouds and VMware import: VMDK of the kind `streamOptimized`. Grains of zeros are left out, which is where it is smaller than
 * the raw disk. [VMDK 5.0]
 */
import { crc32 } from 'node:zlib';
import { concatBytes, encodeUtf8, isZero } from '../base/bytes.ts';
import { storedDeflate } from './stored-deflate.ts';
import { refuseInput } from './tree.ts';

const SECTOR = 512;
const GRAIN_SECTORS = 128;
const GRAIN = GRAIN_SECTORS * SECTOR;
/** Entries of one grain table, 4 bytes each. */
const TABLE_ENTRIES = 512;
const TABLE_SECTORS = (TABLE_ENTRIES * 4) / SECTOR;

const DESCRIPTOR_AT = 1;
const DESCRIPTOR_SECTORS = 20;
/** Sectors before the first grain. */
const OVERHEAD = 128;

const MAGIC = 0x564d_444b;
const VERSION = 3;
/** Line ends are kept, grains are compressed, and markers tell what follows. */
const FLAGS = 0x3_0001;
const DEFLATE = 1;
/** Stands in the first header for "the directory is at the end, and the footer says where". */
const AT_END = 0xffff_ffff_ffff_ffffn;

const MARKER = { endOfStream: 0, table: 1, directory: 2, footer: 3 } as const;

function header(sectors: number, directory: bigint): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(SECTOR);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, MAGIC, true);
  view.setUint32(4, VERSION, true);
  view.setUint32(8, FLAGS, true);
  view.setBigUint64(12, BigInt(sectors), true);
  view.setBigUint64(20, BigInt(GRAIN_SECTORS), true);
  view.setBigUint64(28, BigInt(DESCRIPTOR_AT), true);
  view.setBigUint64(36, BigInt(DESCRIPTOR_SECTORS), true);
  view.setUint32(44, TABLE_ENTRIES, true);
  view.setBigUint64(56, directory, true);
  view.setBigUint64(64, BigInt(OVERHEAD), true);
  // These four tell whether the file was once sent as text, and spoilt by it.
  bytes.set(encodeUtf8('\n \r\n'), 73);
  view.setUint16(77, DEFLATE, true);
  return bytes;
}

/** The text that describes the disk; its content number changes with the bytes, and with nothing else. */
function descriptor(disk: Uint8Array): string {
  const sectors = disk.length / SECTOR;
  const [heads, perTrack] = [255, 63];
  return [
    '# Disk DescriptorFile',
    'version=1',
    `CID=${crc32(disk).toString(16).padStart(8, '0')}`,
    'parentCID=ffffffff',
    'createType="streamOptimized"',
    '# Extent description',
    `RDONLY ${sectors} SPARSE "anchorhold.vmdk"`,
    '# The Disk Data Base',
    '#DDB',
    'ddb.virtualHWVersion = "13"',
    `ddb.geometry.cylinders = "${Math.ceil(sectors / (heads * perTrack))}"`,
    `ddb.geometry.heads = "${heads}"`,
    `ddb.geometry.sectors = "${perTrack}"`,
    'ddb.adapterType = "lsilogic"',
    '',
  ].join('\n');
}

/** A marker of other things than grains: how many sectors follow, and what they are. */
function marker(sectors: number, type: number): Uint8Array {
  const bytes = new Uint8Array(SECTOR);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, BigInt(sectors), true);
  view.setUint32(12, type, true);
  return bytes;
}

/** A grain behind its marker, which says where on the disk it belongs, filled up to whole sectors. */
function markedGrain(sector: number, grain: Uint8Array): Uint8Array {
  const data = storedDeflate(grain);
  const bytes = new Uint8Array(Math.ceil((12 + data.length) / SECTOR) * SECTOR);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, BigInt(sector), true);
  view.setUint32(8, data.length, true);
  bytes.set(data, 12);
  return bytes;
}

/** Numbers of 4 bytes each, filled up to whole sectors. */
function numbers(values: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(Math.ceil((values.length * 4) / SECTOR) * SECTOR);
  const view = new DataView(bytes.buffer);
  values.forEach((value, i) => {
    view.setUint32(i * 4, value, true);
  });
  return bytes;
}

/**
 * Writes a raw disk as VMDK; the same disk gives the same bytes.
 * @throws ConfigurationError ERR_CONFIGURATION_IMAGE for a disk that is not made of whole grains (64 KiB)
 */
export function encodeVmdk(disk: Uint8Array): Uint8Array<ArrayBuffer> {
  if (disk.length === 0 || disk.length % GRAIN !== 0)
    throw refuseInput(`a disk of ${disk.length} bytes is not made of 64 KiB grains`);
  const sectors = disk.length / SECTOR;
  const parts: Uint8Array[] = [];
  let next = 0;
  /** Adds whole sectors, and gives the number of the first. */
  function add(bytes: Uint8Array): number {
    const at = next;
    parts.push(bytes);
    next += bytes.length / SECTOR;
    return at;
  }
  add(header(sectors, AT_END));
  const front = new Uint8Array((OVERHEAD - 1) * SECTOR);
  front.set(encodeUtf8(descriptor(disk)));
  add(front);
  const directory: number[] = [];
  for (let start = 0; start < disk.length; start += TABLE_ENTRIES * GRAIN) {
    const table = Array.from({ length: TABLE_ENTRIES }, (_, i) => {
      const at = start + i * GRAIN;
      const grain = disk.subarray(at, at + GRAIN);
      return isZero(grain) ? 0 : add(markedGrain(at / SECTOR, grain));
    });
    if (table.every((at) => at === 0)) directory.push(0);
    else {
      add(marker(TABLE_SECTORS, MARKER.table));
      directory.push(add(numbers(table)));
    }
  }
  const directoryBytes = numbers(directory);
  add(marker(directoryBytes.length / SECTOR, MARKER.directory));
  const directoryAt = add(directoryBytes);
  add(marker(1, MARKER.footer));
  add(header(sectors, BigInt(directoryAt)));
  add(marker(0, MARKER.endOfStream));
  return concatBytes(...parts);
}
