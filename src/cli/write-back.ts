/**
 * Writes what a sandboxed program changed in a tree back to the directory that the tree was read from. The list comes from a process that runs
 * hostile code: nothing is written outside of the directory, nothing through a link, and nothing over what the program was never shown.
 */
import { type BigIntStats, constants } from 'node:fs';
import { lstat, mkdir, open, rename, rmdir, symlink, unlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { encodeHex } from '../base/bytes.ts';
import type { TreeChange } from '../enclave/sandbox/files/tree-image.ts';
import { randomBytes } from '../io/random.ts';

type Stat = BigIntStats | null;

const NEW_FILE_MODE = 0o666;
const PERMISSIONS = 0o777n;

/** Why a change was not made. */
class Refusal extends Error {}

async function statOf(path: string): Promise<Stat> {
  try {
    return await lstat(path, { bigint: true });
  } catch (e) {
    if ((e as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw e;
  }
}

/** Checks that every directory above a path is one, and no link. */
async function needFolders(root: string, path: string): Promise<void> {
  const names = path.split('/').slice(0, -1);
  for (let i = 1; i <= names.length; i++) {
    const stat = await statOf(join(root, ...names.slice(0, i)));
    if (stat?.isDirectory() !== true) throw new Refusal('what it lies in is no directory');
  }
}

/**
 * Tells whether a link at this path leads somewhere below the root, by names alone. Only real directories lie above the link, so leading `..` can be
 * counted; after any other name, which may be a link that goes up, `..` leads nobody knows where.
 */
function staysInside(path: string, target: string): boolean {
  if (target.startsWith('/')) return false;
  const names = target.split('/').filter((name) => name !== '' && name !== '.');
  const ups = names.findIndex((name) => name !== '..');
  if (ups === -1) return names.length < path.split('/').length;
  return ups < path.split('/').length && !names.includes('..', ups);
}

/** Only files and links are replaced: anything else was never part of the tree, or is removed first. */
function needReplaceable(stat: Stat): void {
  if (stat !== null && !stat.isFile() && !stat.isSymbolicLink()) throw new Refusal('something else is there');
}

/** Puts something in place at once, and leaves nothing behind when it fails. */
async function replace(path: string, make: (temporary: string) => Promise<unknown>): Promise<void> {
  const temporary = join(dirname(path), `.${basename(path).slice(0, 64)}.${encodeHex(randomBytes(8))}`);
  try {
    await make(temporary);
    await rename(temporary, path);
  } catch (e) {
    await unlink(temporary).catch(() => undefined);
    throw e;
  }
}

async function writeFile(path: string, bytes: Uint8Array, old: Stat): Promise<void> {
  await replace(path, async (temporary) => {
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
    const file = await open(temporary, flags, NEW_FILE_MODE);
    try {
      await file.writeFile(bytes);
      if (old?.isFile() === true) await file.chmod(Number(old.mode & PERMISSIONS));
    } finally {
      await file.close();
    }
  });
}

async function apply(root: string, change: TreeChange): Promise<void> {
  await needFolders(root, change.path);
  const path = join(root, change.path);
  const old = await statOf(path);
  if (change.kind === 'removed') {
    if (old?.isDirectory() === true) return await rmdir(path);
    needReplaceable(old);
    if (old !== null) await unlink(path);
  } else if (change.kind === 'directory') {
    if (old === null) await mkdir(path);
    else if (!old.isDirectory()) throw new Refusal('something else is there');
  } else if (change.kind === 'file') {
    needReplaceable(old);
    await writeFile(path, change.bytes, old);
  } else {
    needReplaceable(old);
    await replace(path, (temporary) => symlink(change.target, temporary));
  }
}

/** What was not written, one line each. */
export interface NotWritten {
  /** Links that lead out: the program may make them, but others would follow them. */
  readonly leftOut: readonly string[];
  readonly failed: readonly string[];
}

/** Writes changes below a directory, all that it can. */
export async function writeBack(root: string, changes: readonly TreeChange[]): Promise<NotWritten> {
  const leftOut: string[] = [];
  const failed: string[] = [];
  for (const change of changes) {
    if (change.kind === 'link' && !staysInside(change.path, change.target)) {
      leftOut.push(`${change.path}: the link leads out of the directory`);
      continue;
    }
    try {
      await apply(root, change);
    } catch (e) {
      const why = e instanceof Refusal ? e.message : ((e as NodeJS.ErrnoException).code ?? String(e));
      failed.push(`${change.path}: ${why}`);
    }
  }
  return { leftOut, failed };
}
