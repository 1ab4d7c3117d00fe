/** Reads disks, volumes and VMDK files by themselves, with nothing of what writes them: what a firmware, a kernel and a cloud would find. */
import { crc32, inflateSync } from 'node:zlib';

const SECTOR = 512;

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function ascii(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes);
}

export interface FoundPartition {
  readonly type: string;
  readonly name: string;
  readonly first: number;
  readonly bytes: Uint8Array;
}

/** Turns stored bytes into a GUID's text. */
function guid(bytes: Uint8Array): string {
  const hex = (part: Uint8Array): string => Buffer.from(part).toString('hex');
  const turned = [bytes.subarray(0, 4), bytes.subarray(4, 6), bytes.subarray(6, 8)].map((part) =>
    hex(part.toReversed()),
  );
  return [...turned, hex(bytes.subarray(8, 10)), hex(bytes.subarray(10, 16))].join('-');
}

function readTable(disk: Uint8Array, headerSector: number): readonly FoundPartition[] {
  const view = viewOf(disk);
  const at = headerSector * SECTOR;
  if (ascii(disk.subarray(at, at + 8)) !== 'EFI PART') throw new Error(`no header at sector ${headerSector}`);
  const size = view.getUint32(at + 12, true);
  const unsummed = Uint8Array.from(disk.subarray(at, at + size)).fill(0, 16, 20);
  if (crc32(unsummed) !== view.getUint32(at + 16, true)) throw new Error('sum of the header');
  if (Number(view.getBigUint64(at + 24, true)) !== headerSector) throw new Error('the header is not where it says');
  const table = Number(view.getBigUint64(at + 72, true)) * SECTOR;
  const [count, entrySize] = [view.getUint32(at + 80, true), view.getUint32(at + 84, true)];
  const entries = disk.subarray(table, table + count * entrySize);
  if (crc32(entries) !== view.getUint32(at + 88, true)) throw new Error('sum of the table');
  const [usable, last] = [40, 48].map((field) => Number(view.getBigUint64(at + field, true))) as [number, number];
  return Array.from({ length: count }, (_, i) => entries.subarray(i * entrySize, (i + 1) * entrySize))
    .filter((entry) => entry.subarray(0, 16).some((byte) => byte !== 0))
    .map((entry) => {
      const [start, end] = [32, 40].map((field) => Number(viewOf(entry).getBigUint64(field, true))) as [number, number];
      if (start < usable || end > last) throw new Error('a partition lies where the tables are');
      return {
        type: guid(entry.subarray(0, 16)),
        name: new TextDecoder('utf-16le').decode(entry.subarray(56, 128)).replace(/\0+$/, ''),
        first: start,
        bytes: disk.subarray(start * SECTOR, (end + 1) * SECTOR),
      };
    });
}

/** Reads the partitions of a GPT disk; both tables must be whole and say the same. */
export function readGpt(disk: Uint8Array): readonly FoundPartition[] {
  const view = viewOf(disk);
  if (view.getUint16(510, true) !== 0xaa55 || disk[450] !== 0xee) throw new Error('no protective MBR');
  const backup = Number(view.getBigUint64(SECTOR + 32, true));
  if (backup !== disk.length / SECTOR - 1) throw new Error('the second header does not stand at the end');
  const [one, two] = [readTable(disk, 1), readTable(disk, backup)];
  if (JSON.stringify(one.map((p) => p.first)) !== JSON.stringify(two.map((p) => p.first)))
    throw new Error('two tables');
  return one;
}

/** Reads a file of a FAT32 volume along its chain of clusters; null when it is not there. */
export function readFat32(volume: Uint8Array, path: string): Uint8Array | null {
  const view = viewOf(volume);
  const clusterSize = view.getUint16(11, true) * (volume[13] ?? 0);
  const reserved = view.getUint16(14, true);
  const [tables, tableSectors] = [volume[16] ?? 0, view.getUint32(36, true)];
  const table = reserved * SECTOR;
  const data = (reserved + tables * tableSectors) * SECTOR;
  for (let copy = 1; copy < tables; copy++) {
    const other = volume.subarray(table + copy * tableSectors * SECTOR, table + (copy + 1) * tableSectors * SECTOR);
    if (Buffer.compare(volume.subarray(table, table + tableSectors * SECTOR), other) !== 0) throw new Error('copies');
  }
  function chain(first: number): Uint8Array {
    const clusters: Uint8Array[] = [];
    for (let cluster = first; cluster < 0x0fff_fff8; cluster = view.getUint32(table + cluster * 4, true)) {
      if (cluster < 2) throw new Error(`the chain leads to cluster ${cluster}`);
      clusters.push(volume.subarray(data + (cluster - 2) * clusterSize, data + (cluster - 1) * clusterSize));
    }
    return Buffer.concat(clusters);
  }
  let here = chain(view.getUint32(44, true));
  const names = path.split('/');
  for (const [i, name] of names.entries()) {
    const [stem = '', extension = ''] = name.split('.');
    const wanted = stem.padEnd(8) + extension.padEnd(3);
    const entry = Array.from({ length: here.length / 32 }, (_, k) => here.subarray(k * 32, k * 32 + 32)).find(
      (each) => ascii(each.subarray(0, 11)) === wanted && ((each[11] ?? 0) & 0x08) === 0,
    );
    if (entry === undefined) return null;
    const cluster = viewOf(entry).getUint16(20, true) * 65_536 + viewOf(entry).getUint16(26, true);
    const size = viewOf(entry).getUint32(28, true);
    if (i === names.length - 1) return size === 0 ? new Uint8Array() : chain(cluster).subarray(0, size);
    here = chain(cluster);
  }
  return null;
}

/** Reads a streamOptimized VMDK back into a raw disk, from the footer on. */
export function readVmdk(file: Uint8Array): Uint8Array {
  const view = viewOf(file);
  const footer = file.length - 2 * SECTOR;
  if (ascii(file.subarray(0, 4)) !== 'KDMV' || ascii(file.subarray(footer, footer + 4)) !== 'KDMV')
    throw new Error('header and footer');
  const [sectors, grainSectors] = [12, 20].map((at) => Number(view.getBigUint64(footer + at, true))) as [
    number,
    number,
  ];
  const perTable = view.getUint32(footer + 44, true);
  const directory = Number(view.getBigUint64(footer + 56, true)) * SECTOR;
  const disk = new Uint8Array(sectors * SECTOR);
  for (let grain = 0; grain < sectors / grainSectors; grain++) {
    const table = view.getUint32(directory + Math.floor(grain / perTable) * 4, true) * SECTOR;
    const at = table === 0 ? 0 : view.getUint32(table + (grain % perTable) * 4, true) * SECTOR;
    if (at === 0) continue;
    if (Number(view.getBigUint64(at, true)) !== grain * grainSectors) throw new Error('a grain of another place');
    disk.set(
      inflateSync(file.subarray(at + 12, at + 12 + view.getUint32(at + 8, true))),
      grain * grainSectors * SECTOR,
    );
  }
  return disk;
}
