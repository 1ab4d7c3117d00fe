/**
 * What a cloud is given, made from the files of a direct boot: the UKI, the disk that holds it, raw and as VMDK, and what a TPM will hold.
 * The bytes depend on nothing else, so whoever has these files can make them again.
 */
import { encodeHex } from '../base/bytes.ts';
import type { Bank } from './authenticode.ts';
import { encodeBootDisk } from './boot-disk.ts';
import { kernelRelease } from './kernel-release.ts';
import { predictPcrs } from './pcr.ts';
import { buildUki } from './uki.ts';
import { encodeVmdk } from './vmdk.ts';

/** The files that a boot is made of. */
export interface BootFiles {
  /** Systemd's program that starts a kernel. */
  readonly stub: Uint8Array;
  readonly kernel: Uint8Array;
  readonly initrd: Uint8Array;
  readonly commandLine: string;
  /** Version of the image, for `/etc/os-release`. */
  readonly version: string;
}

/** Registers 4 and 11 in hex, by bank: as a manifest and a release file hold them. */
export type PcrTable = Readonly<Record<Bank, Readonly<Record<'4' | '11', string>>>>;

/** Names of the files in the folder of an image; the first is what they start with. */
export const STUB_FILE = 'linuxx64.efi.stub';
export const UKI_FILE = 'anchorhold.efi';
export const RAW_FILE = 'anchorhold.raw';
export const VMDK_FILE = 'anchorhold.vmdk';

export interface BootOutputs {
  /** Contents by name. */
  readonly files: ReadonlyMap<string, Uint8Array>;
  readonly pcrs: PcrTable;
}

/** Says what the system is called: the section `.osrel` of a UKI. */
function osRelease(version: string): string {
  return `ID=anchorhold\nNAME=Anchorhold\nPRETTY_NAME="Anchorhold ${version}"\nVERSION_ID=${version}\n`;
}

function pcrTable(uki: Uint8Array): PcrTable {
  const row = (bank: Bank): PcrTable[Bank] => {
    const { pcr4, pcr11 } = predictPcrs(uki, bank);
    return { '4': encodeHex(pcr4), '11': encodeHex(pcr11) };
  };
  return { sha256: row('sha256'), sha384: row('sha384') };
}

/**
 * Makes the outputs for clouds; `configuration` is the bundle that the disk carries beside its program, or null.
 * @throws ConfigurationError ERR_CONFIGURATION_IMAGE for files that no UKI can be made of
 */
export function makeBootOutputs(boot: BootFiles, configuration: Uint8Array | null): BootOutputs {
  const uki = buildUki({
    stub: boot.stub,
    kernel: boot.kernel,
    release: kernelRelease(boot.kernel),
    initrd: boot.initrd,
    commandLine: boot.commandLine,
    osRelease: osRelease(boot.version),
  });
  const disk = encodeBootDisk(uki, configuration);
  return {
    files: new Map([
      [UKI_FILE, uki],
      [RAW_FILE, disk],
      [VMDK_FILE, encodeVmdk(disk)],
    ]),
    pcrs: pcrTable(uki),
  };
}
