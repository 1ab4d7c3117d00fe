/**
 * The disk that a cloud boots: an EFI system partition whose only file is the boot program, and beside it, if there is one, the configuration as bare
 * bytes. Nothing on it is believed for standing there: firmware measures the program, and the program's command line names the configuration.
 */
import { encodeFat32 } from './fat32.ts';
import { encodeGptDisk } from './gpt.ts';

/** Where a firmware looks for a boot program that nobody told it of. [UEFI 2.10 3.5.1.1] */
const BOOT_PATH = ['EFI', 'BOOT', 'BOOTX64.EFI'] as const;

/** The kind of an EFI system partition. [UEFI 2.10 5.3.3] */
const EFI_SYSTEM = 'c12a7328-f81f-11d2-ba4b-00a0c93ec93b';

/** The kind of a partition that holds a configuration bundle; of Anchorhold's own making. */
export const CONFIGURATION_PARTITION = '14ed8586-a9ed-4772-af6f-ef07bdfeb1d5';

/** Names of the disk and its partitions: the same for all, since an identity that differs would change the bytes and tell nothing. */
const DISK_ID = '66607f44-c03d-4a51-b3c9-f367306959f0';
const SYSTEM_ID = 'b7aa1dca-42b5-4b98-94fd-20b6316e2259';
const CONFIGURATION_ID = '10549a0a-9abc-4679-b72b-445ebbf3c01b';

/** The first sector of the first partition, one mebibyte from the start. */
const FIRST_SECTOR = 2048;

/**
 * Writes the disk as raw bytes, whole mebibytes; `configuration` is a bundle, or null when it reaches the machine on another disk.
 * @throws ConfigurationError ERR_CONFIGURATION_IMAGE
 */
export function encodeBootDisk(program: Uint8Array, configuration: Uint8Array | null): Uint8Array<ArrayBuffer> {
  const system = encodeFat32({ firstSector: FIRST_SECTOR, path: BOOT_PATH, bytes: program });
  return encodeGptDisk(DISK_ID, [
    { type: EFI_SYSTEM, id: SYSTEM_ID, name: 'boot', bytes: system },
    ...(configuration === null
      ? []
      : [{ type: CONFIGURATION_PARTITION, id: CONFIGURATION_ID, name: 'configuration', bytes: configuration }]),
  ]);
}
