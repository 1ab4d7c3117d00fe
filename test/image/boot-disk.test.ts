/** The disk of the cloud, raw and as VMDK: read back by a reader of the test's own, and checked by the tools that this machine has. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inflateSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encodeUtf8 } from '../../src/base/bytes.ts';
import { CONFIGURATION_PARTITION, encodeBootDisk } from '../../src/image/boot-disk.ts';
import { encodeFat32 } from '../../src/image/fat32.ts';
import { encodeGptDisk } from '../../src/image/gpt.ts';
import { storedDeflate } from '../../src/image/stored-deflate.ts';
import { encodeVmdk } from '../../src/image/vmdk.ts';
import { skipUnless } from '../skips.ts';
import { code } from './codes.ts';
import { readFat32, readGpt, readVmdk } from './read-disk.ts';

const MIB = 1024 * 1024;

/** Bytes without a pattern, the same in every run. */
function noise(size: number): Uint8Array {
  let state = 1;
  return Uint8Array.from({ length: size }, () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return state >>> 24;
  });
}

const program = noise(1_234_567);
const configuration = encodeUtf8('AHCONFIG and so on');
const disk = encodeBootDisk(program, configuration);

describe('the boot disk', () => {
  const partitions = readGpt(disk);

  it('has an EFI system partition that firmware finds its program in, and a partition of ours', () => {
    expect(partitions.map(({ type, name }) => [type, name])).toEqual([
      ['c12a7328-f81f-11d2-ba4b-00a0c93ec93b', 'boot'],
      [CONFIGURATION_PARTITION, 'configuration'],
    ]);
    expect(readFat32(partitions[0]?.bytes ?? disk, 'EFI/BOOT/BOOTX64.EFI')).toEqual(Buffer.from(program));
    expect(readFat32(partitions[0]?.bytes ?? disk, 'EFI/BOOT/OTHER.EFI')).toBeNull();
  });

  it('holds the configuration as it is, from the first byte of its partition, with zeros behind it', () => {
    const held = partitions[1]?.bytes ?? disk;
    expect(held.subarray(0, configuration.length)).toEqual(configuration);
    expect(held.subarray(configuration.length).every((byte) => byte === 0)).toBe(true);
  });

  it('begins each partition on a mebibyte and ends on one, as clouds demand', () => {
    expect(partitions.map(({ first }) => first % 2048)).toEqual([0, 0]);
    expect(disk.length % MIB).toBe(0);
  });

  it('knows on the volume where on the disk that stands', () => {
    const [system] = partitions;
    const view = new DataView(disk.buffer, (system?.first ?? 0) * 512);
    expect(view.getUint32(28, true)).toBe(system?.first);
  });

  it('has one partition where there is no configuration', () => {
    expect(readGpt(encodeBootDisk(program, null)).map(({ name }) => name)).toEqual(['boot']);
  });

  it('is the same for the same parts', () => {
    expect(Buffer.compare(encodeBootDisk(program, configuration), disk)).toBe(0);
  });

  it('refuses more partitions than a table has entries', () => {
    const partition = {
      type: CONFIGURATION_PARTITION,
      id: CONFIGURATION_PARTITION,
      name: 'x',
      bytes: new Uint8Array(),
    };
    const copies = (count: number) => Array.from({ length: count }, () => partition);
    expect(code(() => encodeGptDisk(CONFIGURATION_PARTITION, copies(129)))).toBe('ERR_CONFIGURATION_IMAGE');
    expect(readGpt(encodeGptDisk(CONFIGURATION_PARTITION, copies(3)))).toHaveLength(3);
  });
});

describe('a FAT32 volume', () => {
  const volume = (path: readonly string[], bytes: Uint8Array): Uint8Array =>
    encodeFat32({ firstSector: 0, path, bytes });

  it.each([0, 1, 511, 512, 513, 70_000])('gives back a file of %i bytes', (size) => {
    const bytes = noise(size);
    expect(Buffer.compare(readFat32(volume(['A', 'FILE.BIN'], bytes), 'A/FILE.BIN') ?? noise(1), bytes)).toBe(0);
  });

  it('grows with its file, in whole mebibytes, and never has so few clusters that it would be FAT16', () => {
    const clusters = (bytes: Uint8Array): number => {
      const view = new DataView(bytes.buffer);
      return view.getUint32(32, true) - view.getUint16(14, true) - 2 * view.getUint32(36, true);
    };
    const [small, large] = [volume(['X'], noise(1)), volume(['X'], new Uint8Array(40 * MIB))];
    expect([small.length, large.length]).toEqual([33 * MIB, 41 * MIB]);
    expect(clusters(small)).toBeGreaterThanOrEqual(65_525);
    expect(clusters(large)).toBeGreaterThanOrEqual((40 * MIB) / 512 + 1);
  });

  it.each(['lower', 'TOOLONGNAME', 'A.LONG', 'A.B.C', '', '..', 'A/B'])('has no short name for %j', (name) => {
    expect(code(() => volume([name], noise(1)))).toBe('ERR_CONFIGURATION_IMAGE');
  });
});

describe('a VMDK', () => {
  it('gives back the disk', () => {
    expect(Buffer.compare(readVmdk(encodeVmdk(disk)), disk)).toBe(0);
  });

  it('leaves grains of zeros out, also a whole table of them', () => {
    const sparse = new Uint8Array(40 * MIB);
    sparse.set(noise(100), 39 * MIB);
    const file = encodeVmdk(sparse);
    expect(file.length).toBeLessThan(256 * 1024);
    expect(Buffer.compare(readVmdk(file), sparse)).toBe(0);
  });

  it('says another content number for another disk', () => {
    const number = (of: Uint8Array): string | undefined =>
      /^CID=([0-9a-f]{8})$/m.exec(Buffer.from(encodeVmdk(of).subarray(512, 1024)).toString('latin1'))?.[1];
    const changed = Uint8Array.from(disk);
    changed[5 * MIB] = (changed[5 * MIB] ?? 0) ^ 1;
    expect(number(disk)).toMatch(/^[0-9a-f]{8}$/);
    expect(number(changed)).not.toBe(number(disk));
  });

  it.each([0, 512, 65_537])('is not made of %i bytes', (size) => {
    expect(code(() => encodeVmdk(new Uint8Array(size)))).toBe('ERR_CONFIGURATION_IMAGE');
  });
});

describe('bytes stored as zlib', () => {
  it.each([0, 1, 65_535, 65_536, 131_070, 200_000])('are %i bytes again when they are inflated', (size) => {
    expect(Buffer.compare(inflateSync(storedDeflate(noise(size))), noise(size))).toBe(0);
  });

  it('have a sum that holds for the largest bytes', () => {
    const full = new Uint8Array(100_000).fill(255);
    expect(Buffer.compare(inflateSync(storedDeflate(full)), full)).toBe(0);
  });
});

describe('the tools of this machine', () => {
  const folder = mkdtempSync(join(tmpdir(), 'anchorhold-disk-'));
  const [raw, esp, vmdk] = ['disk.raw', 'esp.img', 'disk.vmdk'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  const has = (tool: string, ...args: string[]): boolean => spawnSync(tool, args, { env: SBIN }).error === undefined;
  const SBIN = { PATH: `${process.env['PATH']}:/usr/sbin:/sbin` };
  const run = (tool: string, ...args: string[]): { readonly status: number | null; readonly output: string } => {
    const { status, stdout, stderr } = spawnSync(tool, args, { encoding: 'utf8', env: SBIN });
    return { status, output: stdout + stderr };
  };

  beforeAll(() => {
    writeFileSync(raw, disk);
    writeFileSync(esp, readGpt(disk)[0]?.bytes ?? '');
    writeFileSync(vmdk, encodeVmdk(disk));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  skipUnless(has('fsck.vfat', '-h'), 'fsck.vfat is not here')('fsck.vfat finds nothing to mend', () => {
    const { status, output } = run('fsck.vfat', '-n', '-v', esp);
    expect(output).toContain('4 files');
    expect(status).toBe(0);
  });

  skipUnless(has('sfdisk', '--version'), 'sfdisk is not here')('sfdisk finds no errors', () => {
    expect(run('sfdisk', '--verify', raw)).toMatchObject({ status: 0, output: expect.stringContaining('No errors') });
  });

  skipUnless(has('sgdisk', '--version'), 'sgdisk is not here')('sgdisk finds no problems', () => {
    const { output } = run('sgdisk', '-v', raw);
    expect(output).toContain('No problems found');
    expect(output).not.toMatch(/caution|warning/i);
  });

  skipUnless(has('qemu-img', '--version'), 'qemu-img is not here')(
    'qemu-img reads the same disk from both forms',
    () => {
      expect(run('qemu-img', 'compare', '-f', 'raw', '-F', 'vmdk', raw, vmdk)).toMatchObject({ status: 0 });
    },
  );
});
