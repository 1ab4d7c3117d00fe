/**
 * The firmware that is known to refuse a kernel, initrd or command line whose hash is not the measured one. Any other firmware may
 * have room for the hashes and boot something else, so a digest with kernel hashes would then prove nothing about the kernel.
 */
import { encodeHex } from '../../base/bytes.ts';

/** A build of a firmware that enforces kernel hashes. */
export interface EnforcingFirmware {
  readonly name: string;
  /** Launch digest of the firmware's pages alone, in hex: what `firmwareDigest` gives. */
  readonly digest: string;
  /** SHA-256 of the file, in hex, for people who compare. */
  readonly sha256: string;
  /** Day on which it was looked at. */
  readonly added: string;
}

/** Lists them; a firmware is added after reading how it was built (OvmfPkg/AmdSev of EDK2). */
export const ENFORCING_FIRMWARE: readonly EnforcingFirmware[] = [
  {
    name: 'Debian ovmf-amdsev 2026.08+ds-2, OVMF.amdsev.fd',
    digest: '9d0dd8be18c86e3fe3bf0038ed75ebf5340bee69fd2632c8ff9409964575960ae1f7e84be387d2e3467bc3508d1e4806',
    sha256: '3e4fd0b3fe3b2dbe481c3d9e99418a034174f26cbe1f55aa212b0f18c12d2d6f',
    added: '2026-11-21',
  },
];

/** Tells whether a firmware, named by the launch digest of its pages, is in a list. */
export function isEnforcing(digest: Uint8Array, list: readonly EnforcingFirmware[]): boolean {
  const hex = encodeHex(digest);
  return list.some((firmware) => firmware.digest === hex);
}
