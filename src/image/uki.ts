/**
 * A unified kernel image: kernel, initrd and command line as sections of one EFI program, which a firmware starts and measures as a whole.
 * The program itself is systemd's stub; what it measures of the sections is in pcr.ts. [UAPI.5 UKI]
 */
import { encodeUtf8 } from '../base/bytes.ts';
import { OPTIONAL, parsePe } from './pe.ts';
import { addSections, type NewSection } from './pe-sections.ts';

/** What a UKI is made of. */
export interface UkiParts {
  /** The EFI program that starts the kernel (`linuxx64.efi.stub`), unsigned. */
  readonly stub: Uint8Array;
  /** A kernel with an EFI stub of its own; its signature stays where it is. */
  readonly kernel: Uint8Array;
  /** The kernel's release, as `uname -r` says it. */
  readonly release: string;
  readonly initrd: Uint8Array;
  readonly commandLine: string;
  /** The contents of `/etc/os-release`. */
  readonly osRelease: string;
}

/** Says that data pages may be kept from running; a UKI may say so only if its kernel does. [PE/COFF 3.4.2] */
const NX_COMPATIBLE = 0x100;

/** Gives the sections in the order in which they stand in the file: small ones first, as ukify has them. */
function sectionsOf(parts: UkiParts): readonly NewSection[] {
  return [
    { name: '.osrel', bytes: encodeUtf8(parts.osRelease), kind: 'data' },
    { name: '.cmdline', bytes: encodeUtf8(parts.commandLine), kind: 'data' },
    { name: '.uname', bytes: encodeUtf8(parts.release), kind: 'data' },
    { name: '.linux', bytes: parts.kernel, kind: 'code' },
    { name: '.initrd', bytes: parts.initrd, kind: 'data' },
  ];
}

/**
 * Builds a UKI; the same parts give the same bytes.
 * @throws ConfigurationError ERR_CONFIGURATION_IMAGE when stub or kernel is no EFI program that can be used
 */
export function buildUki(parts: UkiParts): Uint8Array<ArrayBuffer> {
  const uki = addSections(parts.stub, sectionsOf(parts));
  const [file, kernel] = [parsePe(uki), parsePe(parts.kernel)];
  const flags = (of: typeof file): number => of.view.getUint16(of.optional + OPTIONAL.characteristics, true);
  if ((flags(kernel) & NX_COMPATIBLE) === 0) {
    file.view.setUint16(file.optional + OPTIONAL.characteristics, flags(file) & ~NX_COMPATIBLE, true);
  }
  return uki;
}
