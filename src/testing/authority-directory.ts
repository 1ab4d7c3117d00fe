/**
 * Keeps simulated authorities in a private directory, one file each. A file appears whole or not at all and is never replaced, so any
 * number of processes may open a new directory at once. What others may read or write is refused: whoever has the keys can forge reports.
 */
import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, link, lstat, mkdir, open, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { SecretError } from '../errors.ts';
import { type Authority, encodeAuthority, type KeepAuthority, keepInMemory, parseAuthority } from './authority.ts';

const OTHERS = 0o077;
const MAX_FILE_BYTES = 32 * 1024;

const hasCode = (error: unknown, code: string): boolean =>
  error instanceof Error && 'code' in error && error.code === code;

function unreadable(path: string, why: string, cause?: unknown): SecretError {
  return new SecretError('ERR_SECRET_UNREADABLE', `${path}: ${why}`, { cause });
}

function checkPrivate(path: string, stat: { readonly mode: number; readonly uid: number }): void {
  if (stat.uid !== process.getuid?.()) throw unreadable(path, 'belongs to another user');
  if ((stat.mode & OTHERS) !== 0) {
    throw unreadable(path, `is open to other users (mode 0${(stat.mode & 0o777).toString(8)})`);
  }
}

async function openDirectory(dir: string): Promise<void> {
  try {
    await mkdir(dir, { recursive: true, mode: 0o700 });
    const stat = await lstat(dir);
    if (!stat.isDirectory()) throw unreadable(dir, 'is not a directory');
    checkPrivate(dir, stat);
  } catch (cause) {
    throw cause instanceof SecretError ? cause : unreadable(dir, 'cannot be opened as a directory', cause);
  }
}

async function readPrivate(path: string, file: FileHandle): Promise<string> {
  const stat = await file.stat();
  checkPrivate(path, stat);
  if (!stat.isFile() || stat.size > MAX_FILE_BYTES) throw unreadable(path, 'is not a file of the expected size');
  return await file.readFile('utf8');
}

async function load(path: string): Promise<Authority | null> {
  let file: FileHandle;
  try {
    // A link could point to a file that someone else controls.
    file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  } catch (cause) {
    if (hasCode(cause, 'ENOENT')) return null;
    throw unreadable(path, 'cannot be opened', cause);
  }
  try {
    const authority = parseAuthority(await readPrivate(path, file));
    if (authority === null) throw unreadable(path, 'does not hold a key and its certificate');
    return authority;
  } finally {
    await file.close();
  }
}

/** Puts a file in place unless there is one already. */
async function save(path: string, text: string): Promise<void> {
  const draft = `${path}.${randomBytes(8).toString('hex')}.draft`;
  try {
    const file = await open(draft, 'wx', 0o600);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await link(draft, path);
  } catch (cause) {
    // Another process was first; its file counts.
    if (!hasCode(cause, 'EEXIST')) throw unreadable(path, 'cannot be written', cause);
  } finally {
    await unlink(draft).catch(() => undefined);
  }
}

/**
 * Keeps authorities in `dir`, which is made with mode 0700 when it is missing; files have mode 0600.
 * @throws SecretError ERR_SECRET_UNREADABLE when directory or file is open to others, is a link, or does not hold what it should.
 */
export async function keepInDirectory(dir: string): Promise<KeepAuthority> {
  await openDirectory(dir);
  const once = keepInMemory();
  return (name, make) =>
    once(name, async () => {
      const path = join(dir, `${name}.pem`);
      const kept = await load(path);
      if (kept !== null) return kept;
      await save(path, encodeAuthority(await make()));
      const settled = await load(path);
      if (settled === null) throw unreadable(path, 'was removed while it was being opened');
      return settled;
    });
}
