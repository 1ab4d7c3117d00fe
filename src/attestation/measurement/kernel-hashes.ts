/**
 * The page with which a measured direct boot is measured: SHA-256 of command line, initrd and kernel, where the firmware looks for them.
 * Does not say whether the firmware compares them; enforcing-firmware.ts does. [EDK2 2026.08 BlobVerifierLibSevHashes; QEMU 10 target/i386/sev.c]
 */
import { concatBytes, encodeUtf8 } from '../../base/bytes.ts';
import { sha256 } from '../../base/digest.ts';
import { ConfigurationError } from '../../errors.ts';
import type { Firmware } from './firmware.ts';
import { encodeGuid } from './guid.ts';
import { PAGE_SIZE } from './launch-digest.ts';

type Bytes = Uint8Array<ArrayBuffer>;

/** What a machine boots directly: SHA-256 of each file, and the command line as text. */
export interface DirectBoot {
  readonly kernelDigest: Uint8Array;
  /** null when there is no initrd, which measures the same as an empty one. */
  readonly initrdDigest: Uint8Array | null;
  /** Empty when there is none, which measures the same. */
  readonly commandLine: string;
}

const TABLE = encodeGuid('9438d606-4f22-4cc9-b479-a793d411fd21');
const COMMAND_LINE = encodeGuid('97d02dd8-bd20-4c94-aa78-e7714d36ab2a');
const INITRD = encodeGuid('44baf731-3a2f-4bd7-9af1-41e29169781d');
const KERNEL = encodeGuid('4de79437-abd2-427f-b835-d5b172d2045b');

const HEAD_SIZE = 18;
const ENTRY_SIZE = HEAD_SIZE + 32;
const TABLE_SIZE = HEAD_SIZE + 3 * ENTRY_SIZE;
const PADDED_SIZE = Math.ceil(TABLE_SIZE / 16) * 16;

function head(guid: Uint8Array, size: number): Bytes {
  return concatBytes(guid, Uint8Array.of(size & 0xff, size >> 8));
}

/** Encodes the table of the three hashes: 176 bytes. A command line is hashed with the NUL that ends it. */
export function encodeKernelHashes({ kernelDigest, initrdDigest, commandLine }: DirectBoot): Bytes {
  const entry = (guid: Uint8Array, digest: Uint8Array): Bytes => concatBytes(head(guid, ENTRY_SIZE), digest);
  return concatBytes(
    head(TABLE, TABLE_SIZE),
    entry(COMMAND_LINE, sha256(encodeUtf8(`${commandLine}\0`))),
    entry(INITRD, initrdDigest ?? sha256(new Uint8Array())),
    entry(KERNEL, kernelDigest),
    new Uint8Array(PADDED_SIZE - TABLE_SIZE),
  );
}

/**
 * Makes the page that a machine with kernel hashes starts with: the table where the firmware looks for it, zeros around it.
 * @throws ConfigurationError ERR_CONFIGURATION_FILE when the firmware has no place for it
 */
export function kernelHashesPage(firmware: Firmware, boot: DirectBoot): Bytes {
  const { sections, hashTable } = firmware;
  const section = sections.find(({ kind }) => kind === 'kernel-hashes');
  const refuse = (what: string): ConfigurationError =>
    new ConfigurationError('ERR_CONFIGURATION_FILE', `the firmware has no place for the hashes of a kernel: ${what}`);
  if (section === undefined)
    throw refuse('it has no kernel-hashes section; use one that is built for it (OVMF.amdsev.fd)');
  if (hashTable === null) throw refuse('its hash table entry is missing or zero');
  const offset = hashTable.address - section.address;
  if (offset < 0 || offset + hashTable.size > PAGE_SIZE || hashTable.size < PADDED_SIZE) {
    throw refuse(`its hash table of ${hashTable.size} bytes does not fit into its kernel-hashes section`);
  }
  const page = new Uint8Array(PAGE_SIZE);
  page.set(encodeKernelHashes(boot), offset);
  return page;
}
