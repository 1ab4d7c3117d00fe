/**
 * Keeps the highest numbers of revocation lists: in a file beside fetched certificates, or as long as the process lives. What cannot be
 * read is an error and never forgotten in silence, because forgetting is what an older list needs to be taken.
 */
import { constants } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type CrlNumbers, type CrlSeries, createCrlNumbers, isCrlSeries } from '../attestation/snp/crl-numbers.ts';
import { encodeHex, parseUtf8 } from '../base/bytes.ts';
import { LIMITS } from '../base/limits.ts';
import { ConfigurationError } from '../errors.ts';
import { randomBytes } from './random.ts';

const FORMAT = 'crl-numbers/1';
const FILE = 'crl-numbers.json';
const OTHERS_MAY_WRITE = 0o022;
/** Decimal of an integer of at most 20 octets. */
const NUMBER = /^(?:0|[1-9]\d{0,47})$/;

export interface CrlNumberStore {
  /**
   * Gives what was seen up to now.
   * @throws ConfigurationError ERR_CONFIGURATION_FILE when what was kept cannot be read
   */
  read(): Promise<CrlNumbers>;
  /**
   * Keeps what was seen since, whole or not at all.
   * @throws ConfigurationError ERR_CONFIGURATION_FILE
   */
  write(numbers: CrlNumbers): Promise<void>;
}

/** Opens a store that ends with the process. */
export function openMemoryCrlNumbers(): CrlNumberStore {
  const numbers = createCrlNumbers([]);
  return {
    read: async () => numbers,
    async write(seen) {
      for (const [series, number] of seen.entries()) numbers.remember(series, number);
    },
  };
}

function encodeNumbers(numbers: CrlNumbers): string {
  const entries = numbers.entries().toSorted(([a], [b]) => (a < b ? -1 : 1));
  const content = { anchorhold: FORMAT, numbers: Object.fromEntries(entries.map(([s, n]) => [s, String(n)])) };
  return `${JSON.stringify(content, null, 2)}\n`;
}

function parseNumbers(bytes: Uint8Array): CrlNumbers | null {
  let content: unknown;
  try {
    content = JSON.parse(parseUtf8(bytes) ?? '');
  } catch {
    return null;
  }
  const { anchorhold, numbers } = (content ?? {}) as { readonly anchorhold?: unknown; readonly numbers?: unknown };
  if (anchorhold !== FORMAT || typeof numbers !== 'object' || numbers === null) return null;
  const entries: [CrlSeries, bigint][] = [];
  for (const [series, number] of Object.entries(numbers)) {
    if (!isCrlSeries(series) || typeof number !== 'string' || !NUMBER.test(number)) return null;
    entries.push([series, BigInt(number)]);
  }
  const read = createCrlNumbers(entries);
  // One content has one form, so a key that stands twice or anything beside it counts as damage.
  return encodeNumbers(read) === parseUtf8(bytes) ? read : null;
}

/** Opens a store in a folder that is there and only its user may write to. */
export function openFolderCrlNumbers(folder: string): CrlNumberStore {
  const path = join(folder, FILE);
  const fail = (why: string, cause?: unknown): ConfigurationError => {
    const message = `${path} ${why}. It remembers the newest revocation lists: put back a copy, or remove it if you accept that an older list may be taken once`;
    return new ConfigurationError('ERR_CONFIGURATION_FILE', message, { cause });
  };
  let writing: Promise<void> = Promise.resolve();

  async function read(): Promise<CrlNumbers> {
    const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
    const file = await open(path, flags).catch((cause: NodeJS.ErrnoException) => {
      if (cause.code === 'ENOENT') return null;
      throw fail(`cannot be read (${cause.code ?? cause.message})`, cause);
    });
    if (file === null) return createCrlNumbers([]);
    try {
      const info = await file.stat();
      if (!info.isFile()) throw fail('is not a file');
      if ((info.mode & OTHERS_MAY_WRITE) !== 0) throw fail('may be written by others (chmod 600 it if it is right)');
      const numbers = info.size > LIMITS.configurationBytes ? null : parseNumbers(await file.readFile());
      if (numbers === null) throw fail('is damaged');
      return numbers;
    } finally {
      await file.close();
    }
  }

  async function keep(seen: CrlNumbers): Promise<void> {
    // Read again: another process may have seen more since.
    const numbers = await read();
    const isNew = ([series, number]: readonly [CrlSeries, bigint]): boolean =>
      (numbers.highest(series) ?? -1n) < number;
    if (!seen.entries().some(isNew)) return;
    for (const [series, number] of seen.entries()) numbers.remember(series, number);
    const temporary = `${path}.${encodeHex(randomBytes(8))}`;
    try {
      const file = await open(temporary, 'wx', 0o600);
      try {
        await file.writeFile(encodeNumbers(numbers));
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(temporary, path);
    } catch (cause) {
      await rm(temporary, { force: true });
      const message = `${path} cannot be written (${(cause as NodeJS.ErrnoException).code ?? 'failed'})`;
      throw new ConfigurationError('ERR_CONFIGURATION_FILE', message, { cause });
    }
  }

  return {
    read,
    async write(numbers) {
      // One after the other, so that no write of this process takes back another's.
      const mine = writing.then(async () => await keep(numbers));
      writing = mine.catch(() => {});
      await mine;
    },
  };
}
