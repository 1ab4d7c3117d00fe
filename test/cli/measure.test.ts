import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ENFORCING_FIRMWARE } from '../../src/attestation/measurement/enforcing-firmware.ts';
import { main } from '../../src/cli/main.ts';
import { AMD_SEV_SECTIONS, firmwareImage } from '../attestation/measurement/firmware-image.ts';
import { memoryIo } from './memory-io.ts';

const folder = mkdtempSync(join(tmpdir(), 'anchorhold-measure-'));

beforeAll(() => {
  const files: Readonly<Record<string, Uint8Array | string>> = {
    'ovmf.fd': firmwareImage(),
    'generic.fd': firmwareImage({ sections: AMD_SEV_SECTIONS.slice(0, -1), hashTable: [0, 0] }),
    'no-firmware.fd': new Uint8Array(4096),
    'large.fd': new Uint8Array(16 * 1024 * 1024 + 1),
    vmlinuz: 'kernel',
    'initrd.img': 'initrd',
    empty: '',
  };
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content);
});
afterAll(() => rmSync(folder, { recursive: true }));

interface Ran {
  readonly exit: number;
  readonly out: string;
  readonly err: string;
}

async function measure(...args: readonly string[]): Promise<Ran> {
  const io = memoryIo({ cwd: folder });
  const exit = await main(['measure', ...args], io);
  return { exit, out: io.out(), err: io.err() };
}

/** Measures and gives the rows of the JSON; anything but success fails the test. */
async function rows(...args: readonly string[]): Promise<readonly Record<string, unknown>[]> {
  const { exit, out, err } = await measure('--json', ...args);
  expect([exit, err]).toEqual([0, '']);
  return JSON.parse(out) as Record<string, unknown>[];
}

const OVMF = ['--ovmf', 'ovmf.fd'];
const SHAPE = [...OVMF, '--cpu', 'EPYC-Milan'];
const KERNEL = [...SHAPE, '--kernel', 'vmlinuz', '--firmware-unchecked'];

describe('anchorhold measure', () => {
  it('prints the matrix for machines', async () => {
    const matrix = await rows(...OVMF, '--vcpus', '1,2', '--cpu', 'EPYC-v4,0xa10f10', '--guest-features', '0x21');
    expect(matrix.map(({ digest, ...rest }) => [rest, /^[0-9a-f]{96}$/.test(String(digest))])).toEqual(
      [
        { vcpus: 1, cpu: 'EPYC-v4' },
        { vcpus: 1, cpu: '0xa10f10' },
        { vcpus: 2, cpu: 'EPYC-v4' },
        { vcpus: 2, cpu: '0xa10f10' },
      ].map((shape) => [{ vmm: 'qemu', ...shape, guestFeatures: '0x21' }, true]),
    );
    expect(new Set(matrix.map(({ digest }) => digest)).size).toBe(4);
  });

  it('prints the same matrix for people', async () => {
    const shapes = [...OVMF, '--vcpus', '1,16', '--cpu', 'EPYC-v4,EPYC-Milan'];
    const { exit, out, err } = await measure(...shapes);
    expect([exit, err]).toEqual([0, '']);
    const [head, ...lines] = out
      .trimEnd()
      .split('\n')
      .map((line) => line.split(/ {2,}/));
    expect(head).toEqual(['vmm', 'vcpus', 'cpu', 'guest features', 'launch digest']);
    const machine = await rows(...shapes);
    expect(lines).toEqual(
      machine.map(({ vmm, vcpus, cpu, guestFeatures, digest }) => [vmm, String(vcpus), cpu, guestFeatures, digest]),
    );
  });

  it('prints each shape once, however often it is named', async () => {
    const shapes = await rows(...OVMF, '--vcpus', '2,1,2', '--cpu', 'EPYC-v4,EPYC-v4');
    expect(shapes.map(({ vcpus, cpu }) => [vcpus, cpu])).toEqual([
      [2, 'EPYC-v4'],
      [1, 'EPYC-v4'],
    ]);
  });

  it('has defaults: QEMU, one vCPU, no feature but SNP', async () => {
    const spelled = ['--vmm', 'qemu', '--vcpus', '1', '--guest-features', '1'];
    expect(await rows(...SHAPE)).toEqual(await rows(...SHAPE, ...spelled));
  });

  it.each(['ec2', 'gce'])('needs no CPU type on %s', async (vmm) => {
    const [row, ...more] = await rows(...OVMF, '--vmm', vmm);
    expect([row?.['vmm'], row?.['cpu'], more]).toEqual([vmm, null, []]);
    expect((await measure(...OVMF, '--vmm', vmm)).out).toMatch(/\n\w+ +1 +any +0x1 +[0-9a-f]{96}\n$/);
  });

  it('measures kernel, initrd and command line', async () => {
    const digests = await Promise.all(
      [
        SHAPE,
        KERNEL,
        [...KERNEL, '--initrd', 'initrd.img'],
        [...KERNEL, '--append', 'quiet'],
        [...KERNEL, '--initrd', 'initrd.img', '--append', 'quiet'],
      ].map(async (args) => (await rows(...args))[0]?.['digest']),
    );
    expect(new Set(digests).size).toBe(5);
  });

  it('measures an empty initrd and an empty command line as none', async () => {
    expect(await rows(...KERNEL, '--initrd', 'empty', '--append', '')).toEqual(await rows(...KERNEL));
  });

  it('believes a digest of the firmware that is given, in either case', async () => {
    const hash = 'ab'.repeat(48);
    const given = await rows(...SHAPE, '--ovmf-hash', hash);
    expect(given).not.toEqual(await rows(...SHAPE));
    expect(await rows(...SHAPE, '--ovmf-hash', hash.toUpperCase())).toEqual(given);
  });

  it('refuses to promise a kernel with a firmware that is not known to enforce it, unless that is spelled out', async () => {
    const promise = [...SHAPE, '--kernel', 'vmlinuz', '--json'];
    const { exit, out, err } = await measure(...promise);
    expect([exit, out]).toEqual([2, '']);
    expect(JSON.parse(err)).toMatchObject({ code: 'ERR_CONFIGURATION_FILE' });
    expect((await measure(...promise, '--firmware-unchecked')).exit).toBe(0);
    expect((await measure(...promise, '--ovmf-hash', ENFORCING_FIRMWARE[0]?.digest ?? '')).exit).toBe(0);
  });

  it('refuses a kernel with a firmware that has no place for its hash, however it is asked', async () => {
    const generic = ['--ovmf', 'generic.fd', '--cpu', 'EPYC-v4', '--json'];
    expect((await measure(...generic)).exit).toBe(0);
    const { exit, out, err } = await measure(...generic, '--kernel', 'vmlinuz', '--firmware-unchecked');
    expect([exit, out]).toEqual([2, '']);
    expect(JSON.parse(err)).toMatchObject({ code: 'ERR_CONFIGURATION_FILE' });
  });

  it.each<[string, readonly string[], string]>([
    ['no firmware', ['--cpu', 'EPYC-v4'], 'USAGE'],
    ['no CPU type on QEMU', OVMF, 'USAGE'],
    ['an unknown host', [...SHAPE, '--vmm', 'xen'], 'USAGE'],
    ['an unknown CPU type', [...OVMF, '--cpu', 'EPYC-Milan,EPYC-Rhein'], 'USAGE'],
    ['an empty CPU type', [...OVMF, '--cpu', 'EPYC-Milan,'], 'USAGE'],
    ['zero vCPUs', [...SHAPE, '--vcpus', '0'], 'USAGE'],
    ['an empty count', [...SHAPE, '--vcpus', '1,,2'], 'USAGE'],
    ['a count that is no number', [...SHAPE, '--vcpus', '1,two'], 'USAGE'],
    ['more vCPUs than the cap', [...SHAPE, '--vcpus', '4097'], 'USAGE'],
    ['guest features without SNP', [...SHAPE, '--guest-features', '0x20'], 'USAGE'],
    ['a firmware hash that is too short', [...SHAPE, '--ovmf-hash', 'ab'], 'USAGE'],
    ['an initrd without a kernel', [...SHAPE, '--initrd', 'initrd.img'], 'USAGE'],
    ['a command line without a kernel', [...SHAPE, '--append', ''], 'USAGE'],
    ['an unchecked firmware without a kernel', [...SHAPE, '--firmware-unchecked'], 'USAGE'],
    ['an option that it does not have', [...SHAPE, '--svsm'], 'USAGE'],
    ['a firmware that is not there', ['--cpu', 'EPYC-v4', '--ovmf', 'nothing.fd'], 'FILE'],
    ['a firmware that is none', ['--cpu', 'EPYC-v4', '--ovmf', 'no-firmware.fd'], 'FILE'],
    ['a firmware over the cap', ['--cpu', 'EPYC-v4', '--ovmf', 'large.fd'], 'FILE'],
    ['a kernel that is not there', [...SHAPE, '--kernel', 'nothing', '--firmware-unchecked'], 'FILE'],
    ['a kernel that is a folder', [...SHAPE, '--kernel', '.', '--firmware-unchecked'], 'FILE'],
  ])('refuses %s', async (_name, args, kind) => {
    const { exit, out, err } = await measure(...args, '--json');
    expect([exit, out]).toEqual([2, '']);
    expect(JSON.parse(err)).toMatchObject({ code: `ERR_CONFIGURATION_${kind}` });
  });
});
