/**
 * Reads a directory of the host as a tree that a sandboxed program is given. Links stay links: none is followed, wherever it leads. What is neither
 * file, directory nor link is left out, and said so.
 */
import { constants, type Dirent } from 'node:fs';
import { type FileHandle, lstat, open, readdir, readlink, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { encodeUtf8, parseUtf8 } from '../base/bytes.ts';
import { LIMITS } from '../base/limits.ts';
import type { TreeItem } from '../enclave/sandbox/files/tree-image.ts';
import { ConfigurationError } from '../errors.ts';

/** What may still be read, over all directories of a program. */
export interface TreeBudget {
  bytes: number;
  entries: number;
}

export interface DirectoryTree {
  /** The directory itself, whatever links led to it. */
  readonly root: string;
  readonly items: readonly TreeItem[];
  /** What the program does not see, one line each. */
  readonly leftOut: readonly string[];
}

function failure(path: string, cause: NodeJS.ErrnoException): ConfigurationError {
  return new ConfigurationError('ERR_CONFIGURATION_FILE', `${path} cannot be read (${cause.code ?? cause.message})`, {
    cause,
  });
}

/** Reads a file that is no link just now, whatever its size says. */
async function readFileBytes(path: string, maxBytes: number): Promise<Uint8Array> {
  let file: FileHandle | null = null;
  try {
    file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    const { size } = await file.stat();
    // One byte more shows whether there is more.
    const bytes = new Uint8Array(Math.min(size, maxBytes) + 1);
    let length = 0;
    for (let read = 1; read > 0 && length < bytes.length; length += read) {
      read = (await file.read(bytes, length)).bytesRead;
    }
    return bytes.subarray(0, length);
  } catch (e) {
    throw failure(path, e as NodeJS.ErrnoException);
  } finally {
    await file?.close();
  }
}

/**
 * Reads a directory and all below it, and takes what it needs from the budget.
 * @throws ConfigurationError ERR_CONFIGURATION_FILE
 */
export async function readDirectoryTree(host: string, budget: TreeBudget): Promise<DirectoryTree> {
  const items: TreeItem[] = [];
  const leftOut: string[] = [];
  const spend = (bytes: number, entries: number): void => {
    budget.bytes -= bytes;
    budget.entries -= entries;
    if (budget.bytes >= 0 && budget.entries >= 0) return;
    const caps = `${LIMITS.treeBytes} bytes and ${LIMITS.treeEntries} names`;
    throw new ConfigurationError('ERR_CONFIGURATION_FILE', `${host} is over the cap of a program's files: ${caps}`);
  };

  async function readEntry(entry: Dirent<Buffer>, folder: string, prefix: string): Promise<void> {
    const name = parseUtf8(entry.name);
    const path = `${prefix}${name}`;
    if (name === null || encodeUtf8(path).length > LIMITS.filePathBytes) {
      leftOut.push(`${prefix}${entry.name.toString('latin1')}: its name is ${name === null ? 'no text' : 'too long'}`);
      return;
    }
    const at = join(folder, name);
    if (entry.isDirectory()) {
      spend(entry.name.length, 1);
      items.push({ kind: 'directory', path });
      await readFolder(at, `${path}/`);
    } else if (entry.isFile()) {
      const bytes = await readFileBytes(at, budget.bytes);
      spend(entry.name.length + bytes.length, 1);
      items.push({ kind: 'file', path, bytes });
    } else if (entry.isSymbolicLink()) {
      const target = await readlink(at);
      spend(entry.name.length + encodeUtf8(target).length, 1);
      items.push({ kind: 'link', path, target });
    } else {
      leftOut.push(`${path}: it is neither file, directory nor link`);
    }
  }

  async function readFolder(folder: string, prefix: string): Promise<void> {
    const entries = await readdir(folder, { withFileTypes: true, encoding: 'buffer' }).catch((e: unknown) => {
      throw failure(folder, e as NodeJS.ErrnoException);
    });
    for (const entry of entries.sort((a, b) => Buffer.compare(a.name, b.name))) await readEntry(entry, folder, prefix);
  }

  const root = await realpath(host).catch((e: unknown) => {
    throw failure(host, e as NodeJS.ErrnoException);
  });
  if (!(await lstat(root)).isDirectory())
    throw new ConfigurationError('ERR_CONFIGURATION_FILE', `${host} is not a directory`);
  await readFolder(root, '');
  return { root, items, leftOut };
}
