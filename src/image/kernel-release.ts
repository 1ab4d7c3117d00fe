/** The release that a kernel says it is, as `uname -r` would: read from its boot header, so that nobody has to repeat it. [Linux 6.12 Documentation/arch/x86/boot.rst] */
import { refuseInput } from './tree.ts';

const HEADER_MAGIC_AT = 0x202;
const HEADER_MAGIC = 'HdrS';
const VERSION_POINTER_AT = 0x20e;
/** What the pointer is relative to. */
const VERSION_BASE = 0x200;
const LONGEST = 64;

/** A release ends where the name of whoever built the kernel begins. */
const RELEASE = /^([\w.+~-]+)[ \0]/;

/**
 * Reads the release of a bzImage, such as `6.12.117+deb13-cloud-amd64`.
 * @throws ConfigurationError ERR_CONFIGURATION_IMAGE
 */
export function kernelRelease(kernel: Uint8Array): string {
  const text = (at: number, size: number): string => String.fromCharCode(...kernel.subarray(at, at + size));
  const pointer = (kernel[VERSION_POINTER_AT] ?? 0) + 256 * (kernel[VERSION_POINTER_AT + 1] ?? 0);
  const release = RELEASE.exec(text(VERSION_BASE + pointer, LONGEST))?.[1];
  if (text(HEADER_MAGIC_AT, HEADER_MAGIC.length) !== HEADER_MAGIC || pointer === 0 || release === undefined)
    throw refuseInput('the kernel does not say which release it is, so it is no bzImage');
  return release;
}
