/**
 * The files that `anchorhold image build` wrote, as something to boot: where they are, the command line, and the launch digest of a machine of theirs.
 * Judges no file by itself: a machine that differs in any of them has another digest, or does not start.
 */
import { join } from 'node:path';
import { parseCpuType } from '../attestation/measurement/cpu.ts';
import { ENFORCING_FIRMWARE } from '../attestation/measurement/enforcing-firmware.ts';
import { parseFirmware } from '../attestation/measurement/firmware.ts';
import { parseGuestFeatures } from '../attestation/measurement/guest-features.ts';
import { measureFirmware, measureMatrix } from '../attestation/measurement/matrix.ts';
import { LIMITS } from '../base/limits.ts';
import { readBytesFile, readTextFile } from '../io/files.ts';
import { digestFile, nativeSha384 } from '../io/native-digest.ts';
import type { BootFiles } from './qemu-options.ts';

/** What a host with Linux 6.8 or later turns on: SEV-SNP and nothing else. */
const GUEST_FEATURES = '0x1';

/** Names the files in a folder. @throws ConfigurationError ERR_CONFIGURATION_FILE */
export async function readBootFolder(folder: string): Promise<BootFiles> {
  return {
    kernel: join(folder, 'vmlinuz'),
    initrd: join(folder, 'initrd.img'),
    commandLine: await readTextFile(join(folder, 'cmdline'), LIMITS.commandLineBytes),
    firmware: join(folder, 'OVMF.amdsev.fd'),
  };
}

/** Computes the launch digest (48 bytes) that a report of this machine shows on QEMU. @throws ConfigurationError */
export async function launchDigest(files: BootFiles, vcpus: number, cpu: string): Promise<Uint8Array> {
  const firmware = parseFirmware(await readBytesFile(files.firmware, LIMITS.firmwareBytes));
  const [row] = measureMatrix(
    {
      vmm: 'qemu',
      firmware,
      firmwareDigest: measureFirmware(firmware, nativeSha384),
      boot: {
        kernelDigest: await digestFile(files.kernel, LIMITS.bootFileBytes),
        initrdDigest: await digestFile(files.initrd, LIMITS.bootFileBytes),
        commandLine: files.commandLine,
      },
      enforcing: ENFORCING_FIRMWARE,
      guestFeatures: parseGuestFeatures(GUEST_FEATURES),
      vcpus: [vcpus],
      cpus: [parseCpuType(cpu)],
    },
    nativeSha384,
  );
  if (row === undefined) throw new RangeError('one shape has one digest');
  return row.digest;
}
