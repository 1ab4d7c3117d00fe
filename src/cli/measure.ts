/**
 * `anchorhold measure`: prints the launch digest that a report shows for an image on each shape of machine. Reads files and computes; it
 * asks no machine and judges no report.
 */
import { resolve } from 'node:path';
import { type CpuType, parseCpuType } from '../attestation/measurement/cpu.ts';
import { ENFORCING_FIRMWARE } from '../attestation/measurement/enforcing-firmware.ts';
import { parseFirmware } from '../attestation/measurement/firmware.ts';
import { parseGuestFeatures } from '../attestation/measurement/guest-features.ts';
import type { DirectBoot } from '../attestation/measurement/kernel-hashes.ts';
import { DIGEST_SIZE } from '../attestation/measurement/launch-digest.ts';
import { measureFirmware, measureMatrix } from '../attestation/measurement/matrix.ts';
import { VMMS, type Vmm } from '../attestation/measurement/vmsa.ts';
import { encodeHex, parseHex } from '../base/bytes.ts';
import { LIMITS } from '../base/limits.ts';
import { ConfigurationError } from '../errors.ts';
import { readBytesFile } from '../io/files.ts';
import { digestFile, nativeSha384 } from '../io/native-digest.ts';
import { type CliCommand, type CliInput, type CliIo, JSON_SWITCH, optionValue } from './command.ts';
import { printable, writeJson, writeLine } from './output.ts';

/** One row as machines read it; `cpu` is null where none was named, since the host does not show it. */
interface MeasuredRow {
  readonly vmm: Vmm;
  readonly vcpus: number;
  readonly cpu: string | null;
  readonly guestFeatures: string;
  readonly digest: string;
}

const UNCHECKED = 'firmware-unchecked';

function usage(message: string): ConfigurationError {
  return new ConfigurationError('ERR_CONFIGURATION_USAGE', message);
}

function readVmm(text: string): Vmm {
  const vmm = VMMS.find((name) => name === text);
  if (vmm === undefined) throw usage(`--vmm ${text}: write one of ${VMMS.join(', ')}`);
  return vmm;
}

function readCounts(text: string): readonly number[] {
  return text.split(',').map((count) => {
    if (!/^[1-9]\d{0,3}$/.test(count) || Number(count) > LIMITS.vcpus) {
      throw usage(`--vcpus ${text}: write counts from 1 to ${LIMITS.vcpus} such as 1,2,4`);
    }
    return Number(count);
  });
}

function readCpus(text: string | null, vmm: Vmm): readonly (CpuType | null)[] {
  if (text !== null) return [...new Set(text.split(','))].map(parseCpuType);
  if (vmm === 'qemu') throw usage('--cpu is missing: on QEMU the digest depends on it; write one such as EPYC-Milan');
  return [null];
}

function readFirmwareDigest(text: string): Uint8Array {
  const digest = parseHex(text.toLowerCase(), DIGEST_SIZE);
  if (digest === null) throw usage(`--ovmf-hash ${text}: write ${DIGEST_SIZE * 2} hex digits`);
  return digest;
}

/** Reads what is booted directly; null when no kernel is named, and then nothing that only a kernel gives a meaning. */
async function readBoot(input: CliInput, io: CliIo): Promise<DirectBoot | null> {
  const [kernel, initrd, commandLine] = ['kernel', 'initrd', 'append'].map((name) => optionValue(input, name));
  if (typeof kernel !== 'string') {
    const alone = ['initrd', 'append'].find((name) => optionValue(input, name) !== null);
    if (alone !== undefined) throw usage(`--${alone} needs --kernel: without one nothing of it is measured`);
    if (input.switches.has(UNCHECKED)) throw usage(`--${UNCHECKED} needs --kernel: without one nothing is checked`);
    return null;
  }
  const digest = (path: string): Promise<Uint8Array> => digestFile(resolve(io.cwd, path), LIMITS.bootFileBytes);
  return {
    kernelDigest: await digest(kernel),
    initrdDigest: typeof initrd === 'string' ? await digest(initrd) : null,
    commandLine: commandLine ?? '',
  };
}

function writeTable(io: CliIo, rows: readonly MeasuredRow[]): void {
  const cells = [
    ['vmm', 'vcpus', 'cpu', 'guest features', 'launch digest'],
    ...rows.map((row) => [row.vmm, String(row.vcpus), row.cpu ?? 'any', row.guestFeatures, row.digest]),
  ];
  const widths = (cells[0] ?? []).map((_, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)));
  for (const row of cells) {
    writeLine(
      io,
      printable(
        row
          .map((cell, column) => cell.padEnd(widths[column] ?? 0))
          .join('  ')
          .trimEnd(),
      ),
    );
  }
}

export const measure: CliCommand = {
  summary: 'compute the launch digest of an image, for each shape of machine that it may run on',
  example:
    'anchorhold measure --ovmf OVMF.amdsev.fd --kernel vmlinuz --initrd initrd.img --append "quiet" --cpu EPYC-Milan --vcpus 2',
  arguments: [],
  options: [
    { name: 'vmm', value: 'NAME', summary: `host: ${VMMS.join(', ')} (default: qemu)`, repeatable: false },
    { name: 'vcpus', value: 'COUNTS', summary: 'counts of vCPUs, such as 1,2,4 (default: 1)', repeatable: false },
    {
      name: 'cpu',
      value: 'TYPES',
      summary: "CPU types of QEMU's, or signatures, such as EPYC-v4,EPYC-Milan,0xa10f10 (required with qemu)",
      repeatable: false,
    },
    {
      name: 'guest-features',
      value: 'BITS',
      summary: 'SEV features that the host turns on (default: 0x1; before Linux 6.8 mostly 0x21)',
      repeatable: false,
    },
    { name: 'ovmf', value: 'FILE', summary: 'the firmware (required)', repeatable: false },
    { name: 'kernel', value: 'FILE', summary: 'the kernel of a measured direct boot', repeatable: false },
    { name: 'initrd', value: 'FILE', summary: 'its initrd', repeatable: false },
    { name: 'append', value: 'TEXT', summary: 'its command line', repeatable: false },
    {
      name: 'ovmf-hash',
      value: 'HEX',
      summary: "digest of the firmware's pages, 96 hex digits, believed instead of hashing the file",
      repeatable: false,
    },
    {
      name: UNCHECKED,
      value: null,
      summary:
        'measure a kernel with a firmware that is not known to compare its hash: the digest then proves no kernel',
      repeatable: false,
    },
    JSON_SWITCH,
  ],
  passThrough: false,
  async run(input, io) {
    const vmm = readVmm(optionValue(input, 'vmm') ?? 'qemu');
    const vcpus = readCounts(optionValue(input, 'vcpus') ?? '1');
    const cpus = readCpus(optionValue(input, 'cpu'), vmm);
    const guestFeatures = parseGuestFeatures(optionValue(input, 'guest-features') ?? '0x1');
    const ovmf = optionValue(input, 'ovmf');
    if (ovmf === null) throw usage('--ovmf is missing: name the firmware file');
    const given = optionValue(input, 'ovmf-hash');
    const published = given === null ? null : readFirmwareDigest(given);
    const boot = await readBoot(input, io);
    const firmware = parseFirmware(await readBytesFile(resolve(io.cwd, ovmf), LIMITS.firmwareBytes));
    const firmwareDigest = published ?? measureFirmware(firmware, nativeSha384);
    const enforcing = input.switches.has(UNCHECKED) ? 'unchecked' : ENFORCING_FIRMWARE;
    const matrix = { vmm, firmware, firmwareDigest, boot, enforcing, guestFeatures, vcpus, cpus } as const;
    const rows = measureMatrix(matrix, nativeSha384).map((row) => ({
      vmm,
      vcpus: row.vcpus,
      cpu: row.cpu?.name ?? null,
      guestFeatures: `0x${guestFeatures.toString(16)}`,
      digest: encodeHex(row.digest),
    }));
    if (input.switches.has('json')) writeJson(io, rows);
    else writeTable(io, rows);
    return 0;
  },
};
