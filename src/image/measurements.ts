/**
 * The launch digests of an image on QEMU, for every shape of machine that it is meant for. Nothing but firmware that is known to hold the
 * machine to its kernel's hashes is measured here.
 */
import { parseCpuType } from '../attestation/measurement/cpu.ts';
import { ENFORCING_FIRMWARE, type EnforcingFirmware } from '../attestation/measurement/enforcing-firmware.ts';
import { parseFirmware } from '../attestation/measurement/firmware.ts';
import { measureFirmware, measureMatrix } from '../attestation/measurement/matrix.ts';
import { encodeHex } from '../base/bytes.ts';
import { nativeSha256, nativeSha384 } from '../io/native-digest.ts';
import type { Image } from './build.ts';
import type { Measurement } from './manifest.ts';

const VCPUS: readonly number[] = [1, 2, 4, 8, 16, 32, 64];
const CPUS: readonly string[] = ['EPYC-Milan', 'EPYC-Genoa', 'EPYC-Turin', 'EPYC-v4'];

/** SEV-SNP and nothing else, as QEMU sets it on Linux 6.8 and later. */
const GUEST_FEATURES = 1n;

/**
 * Measures an image on all shapes.
 * @throws ConfigurationError ERR_CONFIGURATION_FILE when the firmware is not one that is known to compare hashes
 */
export function measureImage(
  image: Pick<Image, 'firmware' | 'vmlinuz' | 'initrd' | 'commandLine'>,
  enforcing: readonly EnforcingFirmware[] = ENFORCING_FIRMWARE,
): readonly Measurement[] {
  const firmware = parseFirmware(image.firmware);
  const rows = measureMatrix(
    {
      vmm: 'qemu',
      firmware,
      firmwareDigest: measureFirmware(firmware, nativeSha384),
      boot: {
        kernelDigest: nativeSha256(image.vmlinuz),
        initrdDigest: nativeSha256(image.initrd),
        commandLine: image.commandLine,
      },
      enforcing,
      guestFeatures: GUEST_FEATURES,
      vcpus: VCPUS,
      cpus: CPUS.map(parseCpuType),
    },
    nativeSha384,
  );
  return rows.map(({ vcpus, cpu, digest }) => ({
    vmm: 'qemu',
    vcpus,
    cpu: cpu?.name ?? '',
    guestFeatures: `0x${GUEST_FEATURES.toString(16)}`,
    digest: encodeHex(digest),
  }));
}
