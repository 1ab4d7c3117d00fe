/**
 * Keeps files of a key distribution service in a folder, one file for each address, which for a VCEK spells product, chip and TCB. An entry
 * that is broken, open to other users, or about another address counts as absent. Judges nothing of what is in an entry: a reader must.
 */
import { constants } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { encodeHex, encodeUtf8, parseUtf8 } from '../base/bytes.ts';
import { formatDigest, sha256 } from '../base/digest.ts';
import { parseInstant } from '../base/time.ts';
import { ConfigurationError } from '../errors.ts';
import { openOwnFolder } from './own-folder.ts';
import { randomBytes } from './random.ts';

const FORMAT = 'anchorhold-collateral/1';
/** First line of an entry: format, digest, time and address; addresses are under 300 characters. */
const MAX_HEAD_BYTES = 1024;
const NEWLINE = 0x0a;
const OTHERS_MAY_WRITE = 0o022;

/** A file as it was fetched. */
export interface CachedFile {
  readonly bytes: Uint8Array;
  readonly fetchedAt: Date;
}

export interface CollateralCache {
  /** Gives what is kept for an address, when it has at most `maxBytes`; null when there is nothing whole. */
  read(address: string, maxBytes: number): Promise<CachedFile | null>;
  /**
   * Keeps a file, whole or not at all, over what was there.
   * @throws ConfigurationError ERR_CONFIGURATION_FILE
   */
  write(address: string, file: CachedFile): Promise<void>;
}

/** Gives the folder for Anchorhold's caches of this user. (XDG Base Directory Specification: a relative path is ignored.) */
export function userCacheFolder(): string {
  const named = process.env['XDG_CACHE_HOME'] ?? '';
  return join(isAbsolute(named) ? named : join(homedir(), '.cache'), 'anchorhold');
}

/** Opens a cache that ends with the process. */
export function openMemoryCache(): CollateralCache {
  const files = new Map<string, CachedFile>();
  return {
    async read(address, maxBytes) {
      const file = files.get(address);
      return file === undefined || file.bytes.length > maxBytes ? null : file;
    },
    async write(address, file) {
      files.set(address, file);
    },
  };
}

function encodeEntry(address: string, { bytes, fetchedAt }: CachedFile): Uint8Array {
  const head = encodeUtf8(`${FORMAT} ${formatDigest(sha256(bytes))} ${fetchedAt.toISOString()} ${address}\n`);
  return Buffer.concat([head, bytes]);
}

function parseEntry(entry: Uint8Array, address: string): CachedFile | null {
  const end = entry.indexOf(NEWLINE);
  const bytes = Uint8Array.from(entry.subarray(end + 1));
  const [format, digest, time = '', ...rest] = (end < 0 ? '' : (parseUtf8(entry.subarray(0, end)) ?? '')).split(' ');
  const fetchedAt = parseInstant(time);
  if (format !== FORMAT || rest.join(' ') !== address || fetchedAt === null) return null;
  return digest === formatDigest(sha256(bytes)) ? { bytes, fetchedAt } : null;
}

const fail = (folder: string, why: string, cause?: unknown): ConfigurationError =>
  new ConfigurationError('ERR_CONFIGURATION_FILE', `the certificate cache ${folder} ${why}`, { cause });

/**
 * Opens a cache in a folder, which is made with mode 0700 when it is missing.
 * @throws ConfigurationError ERR_CONFIGURATION_FILE when it cannot be made, is not this user's, or others may write to it
 */
export async function openFolderCache(folder: string): Promise<CollateralCache> {
  await openOwnFolder(folder, 'the certificate cache');
  const pathOf = (address: string): string => join(folder, encodeHex(sha256(encodeUtf8(address))));
  return {
    async read(address, maxBytes) {
      try {
        const file = await open(pathOf(address), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
        try {
          const info = await file.stat();
          const fits = info.size <= maxBytes + MAX_HEAD_BYTES;
          if (!info.isFile() || !fits || (info.mode & OTHERS_MAY_WRITE) !== 0) return null;
          const entry = parseEntry(await file.readFile(), address);
          return entry === null || entry.bytes.length > maxBytes ? null : entry;
        } finally {
          await file.close();
        }
      } catch {
        // Whatever keeps it from being read, the service has it too.
        return null;
      }
    },
    async write(address, cached) {
      const path = pathOf(address);
      const temporary = `${path}.${encodeHex(randomBytes(8))}`;
      try {
        const file = await open(temporary, 'wx', 0o600);
        try {
          await file.writeFile(encodeEntry(address, cached));
        } finally {
          await file.close();
        }
        await rename(temporary, path);
      } catch (cause) {
        await rm(temporary, { force: true });
        throw fail(folder, `cannot be written (${(cause as NodeJS.ErrnoException).code ?? 'failed'})`, cause);
      }
    },
  };
}
