/**
 * Packages on this machine, found by their digest. What is read is hashed each time: whoever can write into the folder can make a build fetch
 * again, and nothing more.
 */
import { hash, randomUUID } from 'node:crypto';
import { readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { makeFolder, writeWholeFile } from '../io/files.ts';

/** A digest of a file: lower-case hex. */
export interface FileDigest {
  readonly algorithm: 'sha256' | 'sha512';
  readonly hex: string;
}

export interface PackageCache {
  /** Gives a file with this digest; null when it is not there, or is not what its name says. */
  read(digest: FileDigest): Promise<Uint8Array<ArrayBuffer> | null>;
  /**
   * Keeps a file, which the caller has compared with the digest.
   * @throws ConfigurationError ERR_CONFIGURATION_FILE
   */
  write(digest: FileDigest, bytes: Uint8Array): Promise<void>;
}

/** Tells whether bytes have a digest. */
export function hasDigest(bytes: Uint8Array, { algorithm, hex }: FileDigest): boolean {
  return hash(algorithm, bytes, 'hex') === hex;
}

/** Opens a folder as a cache; it is made when something is first kept. */
export function openPackageCache(folder: string): PackageCache {
  const pathOf = ({ algorithm, hex }: FileDigest): string => join(folder, `${algorithm}-${hex}`);
  return {
    async read(digest) {
      const bytes = await readFile(pathOf(digest)).catch(() => null);
      if (bytes === null || !hasDigest(bytes, digest)) return null;
      return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
    },
    async write(digest, bytes) {
      await makeFolder(folder);
      // Two builds may keep the same file at once; each moves a whole one into place.
      const path = join(folder, `.${randomUUID()}`);
      await writeWholeFile(path, bytes);
      await rename(path, pathOf(digest));
    },
  };
}
