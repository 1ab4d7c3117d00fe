/**
 * The form of an image's manifest: everything that went into it, every file in it, every file that came out, and what the hardware will
 * measure. Reads and writes it; make-manifest.ts fills it in. Canonical JSON without dates, so that two builds have the same one. [RFC 8785]
 */
import { hexOf, integer, object, oneOf, optional, text } from '../attestation/json-reader.ts';
import { encodeCanonicalJson, type Json } from '../base/canonical-json.ts';
import { LIMITS } from '../base/limits.ts';
import type { PcrTable } from './boot-outputs.ts';
import { elements, readImageJson, treePath } from './json-form.ts';
import type { TreeEntry } from './tree.ts';

/** Something that went into an image: a package, or a file of C or of the list of programs. */
export interface ManifestInput {
  readonly kind: 'debian' | 'npm' | 'source';
  readonly name: string;
  readonly version: string;
  /** `sha256-` and hex, or npm's `sha512-` and base64. */
  readonly digest: string;
}

/** A file of the output folder. */
export interface ManifestFile {
  readonly path: string;
  readonly sha256: string;
  /** In bytes. */
  readonly size: number;
}

/** An entry of the image's tree; a file has a digest, a link a target, a device its numbers. */
export interface ManifestEntry {
  readonly path: string;
  readonly kind: TreeEntry['kind'];
  /** Permission bits, octal. */
  readonly mode: string;
  readonly sha256?: string | undefined;
  readonly size?: number | undefined;
  readonly target?: string | undefined;
  readonly major?: number | undefined;
  readonly minor?: number | undefined;
}

/** The launch digest on one shape of machine, hex. */
export interface Measurement {
  readonly vmm: 'qemu';
  readonly vcpus: number;
  readonly cpu: string;
  readonly guestFeatures: string;
  readonly digest: string;
}

export interface Manifest {
  readonly anchorhold: 'image-manifest/1';
  /** Version of the package that built it. */
  readonly version: string;
  /** SHA-256 of the lock, hex. */
  readonly lock: string;
  readonly commandLine: string;
  /** Version of zstd that compressed the initrd: another may do so with other bytes. */
  readonly zstd: string;
  readonly inputs: readonly ManifestInput[];
  readonly files: readonly ManifestFile[];
  /** The tree, and SHA-256 of the cpio archive of it. */
  readonly tree: { readonly sha256: string; readonly files: readonly ManifestEntry[] };
  readonly firmware: { readonly name: string; readonly sha256: string };
  readonly measurements: readonly Measurement[];
  /** What a TPM holds after a start from a disk, by bank and register, hex. */
  readonly pcrs: PcrTable;
}

const FORMAT = 'image-manifest/1';
const size = integer(0, Number.MAX_SAFE_INTEGER);
const words = (what: string) => text(what, (value) => /^[ -~]{0,2048}$/.test(value));
const number = integer(0, 2 ** 32 - 1);

const manifest = object<Manifest>({
  anchorhold: oneOf(FORMAT),
  version: words('a version'),
  lock: hexOf(32),
  commandLine: words('a command line'),
  zstd: words('a version'),
  inputs: elements(
    object<ManifestInput>({
      kind: oneOf('debian', 'npm', 'source'),
      name: words('a name'),
      version: words('a version'),
      digest: text('a digest', (value) => /^sha(?:256-[0-9a-f]{64}|512-[A-Za-z0-9+/]{86}==)$/.test(value)),
    }),
  ),
  files: elements(object<ManifestFile>({ path: treePath, sha256: hexOf(32), size })),
  tree: object<Manifest['tree']>({
    sha256: hexOf(32),
    files: elements(
      object<ManifestEntry>({
        path: treePath,
        kind: oneOf('file', 'directory', 'link', 'device'),
        mode: text('permission bits', (value) => /^0[0-7]{1,3}$/.test(value)),
        sha256: optional(hexOf(32)),
        size: optional(size),
        target: optional(words('where a link leads')),
        major: optional(number),
        minor: optional(number),
      }),
    ),
  }),
  firmware: object<Manifest['firmware']>({ name: words('a name'), sha256: hexOf(32) }),
  measurements: elements(
    object<Measurement>({
      vmm: oneOf('qemu'),
      vcpus: integer(1, LIMITS.vcpus),
      cpu: words('a CPU type'),
      guestFeatures: text('a number such as 0x1', (value) => /^0x[0-9a-f]{1,16}$/.test(value)),
      digest: hexOf(48),
    }),
  ),
  pcrs: object<PcrTable>({
    sha256: object<PcrTable['sha256']>({ '4': hexOf(32), '11': hexOf(32) }),
    sha384: object<PcrTable['sha384']>({ '4': hexOf(48), '11': hexOf(48) }),
  }),
});

/**
 * Reads a manifest.
 * @throws ConfigurationError ERR_CONFIGURATION_IMAGE for anything that is not one
 */
export function parseManifest(json: string): Manifest {
  return readImageJson(json, 'the manifest', manifest);
}

/** Writes a manifest as one line of canonical JSON. */
export function writeManifest(value: Manifest): string {
  return `${encodeCanonicalJson(value as unknown as Json)}\n`;
}
