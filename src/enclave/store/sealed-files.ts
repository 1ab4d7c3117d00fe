/**
 * Sealed files in one folder, each written whole under a new name of its own: what is there under a name is all there, and never changes. Which
 * file counts is for the rows beside them to say; one that no row knows is removed.
 */
import { mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { encodeHex, encodeUtf8 } from '../../base/bytes.ts';
import { ConfigurationError } from '../../errors.ts';
import { readBytesFile } from '../../io/files.ts';
import { nativeSha256 } from '../../io/native-digest.ts';
import { randomBytes } from '../../io/random.ts';
import { openSealer, SEAL_BYTES } from './sealing.ts';

/** Where sealed bytes are, and the SHA-256 of how they lie there. */
export interface SealedFile {
  readonly name: string;
  readonly digest: Uint8Array;
}

export interface SealedFiles {
  /** Writes bytes under a label; on the disk when it resolves. @throws ConfigurationError ERR_CONFIGURATION_FILE */
  write(label: string, plain: Uint8Array): Promise<SealedFile>;
  /** Gives what is in a file; null when it is not there, or not what was written under that label. */
  read(file: SealedFile, label: string, maxBytes: number): Promise<Uint8Array | null>;
  remove(name: string): Promise<void>;
  /** Removes every file that is not among these. */
  keepOnly(names: ReadonlySet<string>): Promise<void>;
}

const NAME = /^[0-9a-f]{32}\.sealed$/;

/**
 * Opens the folder, and makes it where it is not there.
 * @throws ConfigurationError ERR_CONFIGURATION_FILE
 */
export async function openSealedFiles(folder: string, storageKey: Uint8Array): Promise<SealedFiles> {
  const sealer = openSealer(storageKey, 'files');
  const fail = (cause: NodeJS.ErrnoException): never => {
    const why = cause.code ?? cause.message;
    throw new ConfigurationError('ERR_CONFIGURATION_FILE', `${folder} cannot be written (${why})`, { cause });
  };
  await mkdir(folder, { recursive: true, mode: 0o700 }).catch(fail);

  async function flush(path: string): Promise<void> {
    const opened = await open(path, 'r');
    try {
      await opened.sync();
    } finally {
      await opened.close();
    }
  }

  async function writeWhole(name: string, sealed: Uint8Array): Promise<void> {
    const path = join(folder, name);
    const file = await open(`${path}.part`, 'wx', 0o600);
    try {
      await file.writeFile(sealed);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(`${path}.part`, path);
    await flush(folder);
  }

  return {
    async write(label, plain) {
      const sealed = sealer.seal(encodeUtf8(label), plain);
      const name = `${encodeHex(randomBytes(16))}.sealed`;
      await writeWhole(name, sealed).catch(fail);
      return { name, digest: nativeSha256(sealed) };
    },
    async read({ name, digest }, label, maxBytes) {
      const sealed = NAME.test(name)
        ? await readBytesFile(join(folder, name), maxBytes + SEAL_BYTES).catch(() => null)
        : null;
      if (sealed === null || !Buffer.from(nativeSha256(sealed)).equals(digest)) return null;
      return sealer.open(encodeUtf8(label), sealed);
    },
    async remove(name) {
      await rm(join(folder, name), { force: true }).catch(fail);
    },
    async keepOnly(names) {
      const found = await readdir(folder).catch(fail);
      await Promise.all(
        found.filter((name) => !names.has(name)).map((name) => rm(join(folder, name), { force: true })),
      );
    },
  };
}
