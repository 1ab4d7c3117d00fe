/** Files with caps and typed errors; judges nothing of what is in them. */
import { readFileSync, statSync } from 'node:fs';
import { mkdir, open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseUtf8 } from '../base/bytes.ts';
import { ConfigurationError } from '../errors.ts';

/**
 * Reads a regular file of at most `maxBytes`.
 * @throws ConfigurationError ERR_CONFIGURATION_FILE
 */
export async function readBytesFile(path: string, maxBytes: number): Promise<Uint8Array<ArrayBuffer>> {
  const fail = (why: string, cause?: unknown): ConfigurationError =>
    new ConfigurationError('ERR_CONFIGURATION_FILE', `${path} ${why}`, { cause });
  const file = await open(path, 'r').catch((cause: NodeJS.ErrnoException) => {
    throw fail(cause.code === 'ENOENT' ? 'does not exist' : `cannot be read (${cause.code ?? cause.message})`, cause);
  });
  try {
    const { size } = await file.stat().then((stat) => {
      if (!stat.isFile()) throw fail('is not a file');
      return stat;
    });
    if (size > maxBytes) throw fail(`is ${size} bytes, over the cap of ${maxBytes}`);
    const bytes = new Uint8Array(size);
    for (let length = 0; length < size; ) {
      const { bytesRead } = await file.read(bytes, length);
      if (bytesRead === 0) throw fail('was cut short while it was read');
      length += bytesRead;
    }
    if ((await file.read(new Uint8Array(1))).bytesRead > 0) throw fail('holds more than its size says');
    return bytes;
  } finally {
    await file.close();
  }
}

/**
 * Reads a UTF-8 file of at most `maxBytes`.
 * @throws ConfigurationError ERR_CONFIGURATION_FILE
 */
export async function readTextFile(path: string, maxBytes: number): Promise<string> {
  return await readTextFrom(DISK, path, maxBytes);
}

/** Where the files are that a configuration names: on disk, or in the one file that they were put into. */
export interface FileSource {
  /** Reads a file of at most `maxBytes`; @throws ConfigurationError ERR_CONFIGURATION_FILE */
  read(path: string, maxBytes: number): Promise<Uint8Array<ArrayBuffer>>;
  /** Gives a reader of the files below a folder, for formats that refer to files beside them; it gives null for what is not there. */
  beside(folder: string, maxBytes: number): (name: string) => Uint8Array<ArrayBuffer> | null;
}

/** Reads a UTF-8 file of at most `maxBytes` from a source; @throws ConfigurationError ERR_CONFIGURATION_FILE */
export async function readTextFrom(files: FileSource, path: string, maxBytes: number): Promise<string> {
  const text = parseUtf8(await files.read(path, maxBytes));
  if (text === null) throw new ConfigurationError('ERR_CONFIGURATION_FILE', `${path} is not UTF-8 text`);
  return text;
}

/**
 * Writes a file whole, over one that is there; a new one has the bits of `mode` that the process's mask leaves.
 * @throws ConfigurationError ERR_CONFIGURATION_FILE
 */
export async function writeWholeFile(path: string, content: string | Uint8Array, mode: number = 0o666): Promise<void> {
  await writeFile(path, content, { mode }).catch((cause: NodeJS.ErrnoException) => {
    throw unwritable(path, cause);
  });
}

/**
 * Makes a folder and those above it; one that is there stays as it is.
 * @throws ConfigurationError ERR_CONFIGURATION_FILE
 */
export async function makeFolder(path: string): Promise<void> {
  await mkdir(path, { recursive: true }).catch((cause: NodeJS.ErrnoException) => {
    throw unwritable(path, cause);
  });
}

function unwritable(path: string, cause: NodeJS.ErrnoException): ConfigurationError {
  const message = `${path} cannot be written (${cause.code ?? cause.message})`;
  return new ConfigurationError('ERR_CONFIGURATION_FILE', message, { cause });
}

/** Reads files below one folder, synchronously, for formats that refer to files beside them; gives null for what is not there. */
export function siblingReader(folder: string, maxBytes: number): (name: string) => Uint8Array<ArrayBuffer> | null {
  return (name) => {
    const path = join(folder, name);
    const stat = statSync(path, { throwIfNoEntry: false });
    if (stat?.isFile() !== true) return null;
    if (stat.size > maxBytes) {
      throw new ConfigurationError(
        'ERR_CONFIGURATION_FILE',
        `${path} is ${stat.size} bytes, over the cap of ${maxBytes}`,
      );
    }
    return Uint8Array.from(readFileSync(path));
  };
}

/** The files of this machine. */
export const DISK: FileSource = { read: readBytesFile, beside: siblingReader };
