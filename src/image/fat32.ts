/**
 * A FAT32 volume with one file in it: what a firmware reads its boot program from. No times and no long names, and one serial number, so that the same
 * file gives the same bytes. [FAT 1.03]
 */
import { encodeUtf8 } from '../base/bytes.ts';
import { refuseInput } from './tree.ts';

export const SECTOR = 512;

/** Where a volume stands, and what is in it. */
export interface Fat32Volume {
  /** Number of the sector on the disk that the volume begins with. */
  readonly firstSector: number;
  /** Directories above the file, outermost first, and its own name: each `NAME` or `NAME.EXT`, upper case, at most 8 and 3 characters. */
  readonly path: readonly string[];
  readonly bytes: Uint8Array;
}

/** Sectors before the first table: boot sector, information, and copies of both. */
const RESERVED = 32;
const INFORMATION = 1;
const BACKUP = 6;
const TABLES = 2;
const ENTRIES_PER_SECTOR = SECTOR / 4;
/** Number of the first cluster, one sector each; two entries of the table stand before it. */
const FIRST_CLUSTER = 2;

/** A volume with fewer clusters would be taken for FAT16, whatever it says of itself; 16 more keep clear of programs that count wrongly. */
const FEWEST_CLUSTERS = 65_525 + 16;

/** Volumes are made of whole mebibytes. */
const UNIT = 1024 * 1024;

const MEDIA = 0xf8;
const END_OF_CHAIN = 0x0fff_ffff;
const LABEL = 'ANCHORHOLD ';
const SERIAL = 0x4148_4c44;
/** The first day that FAT can write, 1980-01-01. */
const FIRST_DAY = 0x21;
const ATTRIBUTES = { readOnly: 0x01, label: 0x08, directory: 0x10 } as const;
const SHORT_NAME = /^([A-Z0-9]{1,8})(?:\.([A-Z0-9]{1,3}))?$/;

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function shortName(name: string): string {
  const [, stem, extension = ''] = SHORT_NAME.exec(name) ?? [];
  if (stem === undefined) throw refuseInput(`${JSON.stringify(name)} cannot be a short name on a FAT volume`);
  return stem.padEnd(8) + extension.padEnd(3);
}

/** One entry of a directory: 11 characters, what it is, where it begins, and of a file how long it is. */
function directoryEntry(name: string, attributes: number, cluster: number, size: number): Uint8Array {
  const entry = new Uint8Array(32);
  const view = viewOf(entry);
  entry.set(encodeUtf8(name));
  entry[11] = attributes;
  for (const date of [16, 18, 24]) view.setUint16(date, FIRST_DAY, true);
  view.setUint16(20, cluster >>> 16, true);
  view.setUint16(26, cluster & 0xffff, true);
  view.setUint32(28, size, true);
  return entry;
}

/** Sizes of a volume, in sectors. */
interface Shape {
  readonly total: number;
  readonly table: number;
  readonly clusters: number;
}

/** Finds the smallest volume of whole mebibytes that has room; its tables have an entry for every sector, a few more than clusters. */
function shapeFor(clustersNeeded: number): Shape {
  const least = Math.ceil(((Math.max(clustersNeeded, FEWEST_CLUSTERS) + RESERVED + 4) * 64) / 63);
  const total = Math.ceil((least * SECTOR) / UNIT) * (UNIT / SECTOR);
  const table = Math.ceil((total + FIRST_CLUSTER) / ENTRIES_PER_SECTOR);
  return { total, table, clusters: total - RESERVED - TABLES * table };
}

function bootSector({ total, table }: Shape, firstSector: number): Uint8Array {
  const sector = new Uint8Array(SECTOR);
  const view = viewOf(sector);
  // A jump to a jump to itself: a machine without UEFI that boots this stands still.
  sector.set([0xeb, 0x58, 0x90]);
  sector.set([0xeb, 0xfe], 0x5a);
  sector.set(encodeUtf8('ANCHORHD'), 3);
  view.setUint16(11, SECTOR, true);
  sector[13] = 1;
  view.setUint16(14, RESERVED, true);
  sector[16] = TABLES;
  sector[21] = MEDIA;
  view.setUint16(24, 63, true);
  view.setUint16(26, 255, true);
  view.setUint32(28, firstSector, true);
  view.setUint32(32, total, true);
  view.setUint32(36, table, true);
  view.setUint32(44, FIRST_CLUSTER, true);
  view.setUint16(48, INFORMATION, true);
  view.setUint16(50, BACKUP, true);
  sector[64] = 0x80;
  sector[66] = 0x29;
  view.setUint32(67, SERIAL, true);
  sector.set(encodeUtf8(`${LABEL}FAT32   `), 71);
  view.setUint16(510, 0xaa55, true);
  return sector;
}

function informationSector(free: number, nextFree: number): Uint8Array {
  const sector = new Uint8Array(SECTOR);
  const view = viewOf(sector);
  view.setUint32(0, 0x4161_5252, true);
  view.setUint32(484, 0x6141_7272, true);
  view.setUint32(488, free, true);
  view.setUint32(492, nextFree, true);
  view.setUint32(508, 0xaa55_0000, true);
  return sector;
}

/**
 * Writes a volume of whole mebibytes that holds the directories and the file, each in clusters one after the other.
 * @throws ConfigurationError ERR_CONFIGURATION_IMAGE for a name that FAT has no short form for
 */
export function encodeFat32({ firstSector, path, bytes }: Fat32Volume): Uint8Array<ArrayBuffer> {
  const names = path.map(shortName);
  // The root and each directory take one cluster, so what stands at depth i begins with cluster FIRST_CLUSTER + i + 1.
  const fileCluster = FIRST_CLUSTER + names.length;
  const fileClusters = Math.ceil(bytes.length / SECTOR);
  const used = names.length + fileClusters;
  const shape = shapeFor(used);
  const volume = new Uint8Array(shape.total * SECTOR);
  for (const copy of [0, BACKUP]) {
    volume.set(bootSector(shape, firstSector), copy * SECTOR);
    volume.set(informationSector(shape.clusters - used, FIRST_CLUSTER + used), (copy + INFORMATION) * SECTOR);
  }

  const table = new Uint8Array(shape.table * SECTOR);
  const entries = viewOf(table);
  entries.setUint32(0, 0x0fff_ff00 | MEDIA, true);
  entries.setUint32(4, END_OF_CHAIN, true);
  for (let cluster = FIRST_CLUSTER; cluster < FIRST_CLUSTER + used; cluster++) {
    const last = cluster < fileCluster || cluster === FIRST_CLUSTER + used - 1;
    entries.setUint32(cluster * 4, last ? END_OF_CHAIN : cluster + 1, true);
  }
  for (let copy = 0; copy < TABLES; copy++) volume.set(table, (RESERVED + copy * shape.table) * SECTOR);

  const data = RESERVED + TABLES * shape.table;
  names.forEach((name, depth) => {
    const here = (data + depth) * SECTOR;
    const [own, above] = [FIRST_CLUSTER + depth, depth === 1 ? 0 : FIRST_CLUSTER + depth - 1];
    const file = depth === names.length - 1;
    const child = file && bytes.length === 0 ? 0 : own + 1;
    const listed = [
      ...(depth === 0
        ? [directoryEntry(LABEL, ATTRIBUTES.label, 0, 0)]
        : [
            directoryEntry('.          ', ATTRIBUTES.directory, own, 0),
            directoryEntry('..         ', ATTRIBUTES.directory, above, 0),
          ]),
      directoryEntry(name, file ? ATTRIBUTES.readOnly : ATTRIBUTES.directory, child, file ? bytes.length : 0),
    ];
    listed.forEach((entry, i) => {
      volume.set(entry, here + i * entry.length);
    });
  });
  volume.set(bytes, (data + names.length) * SECTOR);
  return volume;
}
