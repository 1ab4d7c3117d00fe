/**
 * What a TPM's PCR 4 and PCR 11 hold after a firmware has started a UKI: predicted from the file, so that a verifier knows them beforehand.
 * Says nothing of the other registers; PCR 12 and 13 must be zero, or something from outside of the file was loaded. [TCG PFP 1.06; UAPI.5 UKI]
 */
import { createHash } from 'node:crypto';
import { concatBytes, encodeUtf8 } from '../base/bytes.ts';
import { authenticodeHash, type Bank } from './authenticode.ts';
import { parsePe, refusePe, sectionBytes } from './pe.ts';

/** The values of the two registers, 32 or 48 bytes each. */
export interface UkiPcrs {
  readonly pcr4: Uint8Array;
  readonly pcr11: Uint8Array;
}

/** What the firmware measures before it starts anything, and what it measures as the line between itself and what it starts. [TCG PFP 1.06 EV_EFI_ACTION] */
const STARTS_A_PROGRAM = encodeUtf8('Calling EFI Application from Boot Option');
const SEPARATOR = new Uint8Array(4);

/** The sections that systemd's stub measures, in the order in which it does; those that are not there are passed over. [UAPI.5 UKI] */
const MEASURED_SECTIONS = ['.linux', '.osrel', '.cmdline', '.initrd', '.uname', '.sbat'] as const;

/** Sections that the stub would measure as well, or act upon, and that this prediction does not know. */
const UNKNOWN_SECTIONS = ['.ucode', '.splash', '.dtb', '.dtbauto', '.hwids', '.efifw', '.pcrpkey', '.profile'] as const;

function digestOf(bytes: Uint8Array, bank: Bank): Uint8Array {
  return createHash(bank).update(bytes).digest();
}

/** Extends a register by digests, beginning with zeros: each time it becomes the hash of itself and the digest. */
function extendAll(digests: readonly Uint8Array[], bank: Bank): Uint8Array {
  const zeros: Uint8Array = new Uint8Array(digestOf(SEPARATOR, bank).length);
  return digests.reduce((register, digest) => digestOf(concatBytes(register, digest), bank), zeros);
}

/**
 * Predicts PCR 4 and PCR 11 of a UKI that a firmware starts as its boot option. The stub starts the kernel through the firmware again, so PCR 4
 * holds both.
 * @throws ConfigurationError ERR_CONFIGURATION_IMAGE for what is no UKI, or has sections whose measurement is not known
 */
export function predictPcrs(uki: Uint8Array, bank: Bank): UkiPcrs {
  const file = parsePe(uki);
  const unknown = UNKNOWN_SECTIONS.find((name) => sectionBytes(file, name) !== null);
  if (unknown !== undefined) throw refusePe(`it has a section ${unknown}, whose measurement is not predicted`);
  const kernel = sectionBytes(file, '.linux');
  if (kernel === null) throw refusePe('it has no section .linux, so it is no unified kernel image');
  const started = [STARTS_A_PROGRAM, SEPARATOR].map((event) => digestOf(event, bank));
  const measured = MEASURED_SECTIONS.flatMap((name) => {
    const bytes = sectionBytes(file, name);
    return bytes === null ? [] : [encodeUtf8(`${name}\0`), bytes];
  });
  return {
    pcr4: extendAll([...started, authenticodeHash(uki, bank), authenticodeHash(kernel, bank)], bank),
    pcr11: extendAll(
      measured.map((bytes) => digestOf(bytes, bank)),
      bank,
    ),
  };
}
