/**
 * The lock of an image: every package that it is built of, by version and digest, and which files of each are taken. Reads and writes its
 * form (`images/image.lock.json`); relock.ts makes a new one.
 */
import { hexOf, object, oneOf, text } from '../attestation/json-reader.ts';
import { elements, readImageJson, treePath } from './json-form.ts';
import { isTreePath } from './tree.ts';

/** What a package is for: in every image, in one for debugging, its kernel, its firmware, the stub of a bootable disk, or the tools that build it. */
export const GROUPS = ['image', 'debug', 'kernel', 'firmware', 'stub', 'tools'] as const;
export type Group = (typeof GROUPS)[number];

/** What every input has; a path of `files` that ends with a slash takes all files below it. */
interface LockedInput {
  readonly name: string;
  readonly version: string;
  /** SHA-256 (hex) of the taken files as a tar archive: whatever unpacks them, the same comes out. */
  readonly contents: string;
  readonly files: readonly string[];
}

/** A package of Debian. */
export interface LockedPackage extends LockedInput {
  readonly suite: string;
  /** Path below the mirror. */
  readonly file: string;
  /** SHA-256 of the package, hex. */
  readonly sha256: string;
  readonly group: Group;
}

/** A package of npm; `integrity` is `sha512-` and base64, as npm's own locks have it. */
export interface LockedNpmPackage extends LockedInput {
  readonly integrity: string;
}

export interface ImageLock {
  /** Instant for the dated archive of Debian, such as 20261129T000000Z: all packages were there then. */
  readonly snapshot: string;
  readonly packages: readonly LockedPackage[];
  readonly npm: readonly LockedNpmPackage[];
  /** Kernel modules by name, in the order in which they are loaded. */
  readonly modules: readonly string[];
}

const FORMAT = 'image-lock/1';

const input = {
  name: text('the name of a package', (value) => /^[a-z0-9@][a-z0-9+.@/_-]{0,127}$/.test(value)),
  version: text('a version', (value) => /^[0-9A-Za-z][0-9A-Za-z.+~:-]{0,127}$/.test(value)),
  contents: hexOf(32),
  files: elements(text('a path in a package', (value) => isTreePath(value.replace(/\/$/, '')))),
};

const lock = object<ImageLock & { readonly anchorhold: typeof FORMAT }>({
  anchorhold: oneOf(FORMAT),
  snapshot: text('an instant such as 20261129T000000Z', (value) => /^\d{8}T\d{6}Z$/.test(value)),
  packages: elements(
    object<LockedPackage>({
      ...input,
      suite: text('a suite such as trixie', (value) => /^[a-z][a-z-]{0,31}$/.test(value)),
      file: treePath,
      sha256: hexOf(32),
      group: oneOf(...GROUPS),
    }),
  ),
  npm: elements(
    object<LockedNpmPackage>({
      ...input,
      integrity: text('sha512- and base64', (value) => /^sha512-[A-Za-z0-9+/]{86}==$/.test(value)),
    }),
  ),
  modules: elements(text('the name of a kernel module', (value) => /^[a-z0-9_-]{1,64}$/.test(value))),
});

/**
 * Reads a lock.
 * @throws ConfigurationError ERR_CONFIGURATION_IMAGE for anything that is not one
 */
export function parseImageLock(json: string): ImageLock {
  const { snapshot, packages, npm, modules } = readImageJson(json, 'the lock', lock);
  return { snapshot, packages, npm, modules };
}

/** Writes a lock so that people can read and compare it; the same lock has the same text, whoever made it. */
export function writeImageLock({ snapshot, packages, npm, modules }: ImageLock): string {
  const value = {
    anchorhold: FORMAT,
    snapshot,
    packages: packages.map(({ name, version, suite, file, sha256, contents, group, files }) => {
      return { name, version, suite, file, sha256, contents, group, files };
    }),
    npm: npm.map(({ name, version, integrity, contents, files }) => ({ name, version, integrity, contents, files })),
    modules,
  };
  return `${JSON.stringify(value, null, 2)}\n`;
}
