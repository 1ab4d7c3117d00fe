/**
 * The Authenticode hash of an EFI program: what a firmware extends into PCR 4 before it starts the program. Signatures and the checksum are left
 * out, so a signed file and the same one unsigned have one hash. [PE/COFF Appendix A; TCG PFP 1.06 PCR 4]
 */
import { createHash } from 'node:crypto';
import { OPTIONAL, type PeFile, parsePe } from './pe.ts';

/** The banks of a TPM that an image is predicted for. */
export type Bank = 'sha256' | 'sha384';

/** Gives the ranges of the file that are hashed, in order: headers, sections as they stand in the file, and what follows them. */
function hashedRanges(file: PeFile): readonly (readonly [number, number])[] {
  const checksum = file.optional + OPTIONAL.checksum;
  const directory = file.optional + OPTIONAL.certificateDirectory;
  const stored = file.sections
    .filter(({ fileSize }) => fileSize > 0)
    .toSorted((a, b) => a.fileOffset - b.fileOffset)
    .map(({ fileOffset, fileSize }) => [fileOffset, fileOffset + fileSize] as const);
  // Firmware counts the bytes that it has hashed and takes that for where the rest begins.
  const counted = stored.reduce((sum, [start, end]) => sum + end - start, file.headersSize);
  const end = file.certificates?.offset ?? file.bytes.length;
  return [
    [0, checksum],
    [checksum + 4, directory],
    [directory + 8, file.headersSize],
    ...stored,
    ...(counted < end ? [[counted, end] as const] : []),
  ];
}

/**
 * Computes the Authenticode hash of an EFI program (32 or 48 bytes).
 * @throws ConfigurationError ERR_CONFIGURATION_IMAGE
 */
export function authenticodeHash(bytes: Uint8Array, bank: Bank): Uint8Array {
  const digest = createHash(bank);
  for (const [start, end] of hashedRanges(parsePe(bytes))) digest.update(bytes.subarray(start, end));
  return digest.digest();
}
