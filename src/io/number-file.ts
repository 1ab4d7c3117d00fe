/**
 * Keeps numbers that only ever rise in one file, by name. What cannot be read is an error and never forgotten in silence: whoever keeps such
 * a number needs it exactly when somebody would like it forgotten.
 */
import { constants } from 'node:fs';
import { open, rename, rm, stat } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { encodeHex, parseUtf8 } from '../base/bytes.ts';
import { LIMITS } from '../base/limits.ts';
import { ConfigurationError } from '../errors.ts';
import { randomBytes } from './random.ts';

const OTHERS_MAY_WRITE = 0o022;
/** Decimal of an integer of at most 20 octets. */
const NUMBER = /^(?:0|[1-9]\d{0,47})$/;

/** Times to look whether another process has written, and the pause between them. */
const LOCK_TRIES = 250;
const LOCK_PAUSE_MS = 20;
/** Writing takes milliseconds: a process that began it so long ago has died. */
const LOCK_DEAD_MS = 60_000;

/** Names with their numbers, each at least 0. */
export type Numbers<N extends string> = readonly (readonly [N, bigint])[];

export interface NumberFile<N extends string> {
  /**
   * Gives what is kept; nothing when there is no file yet.
   * @throws ConfigurationError ERR_CONFIGURATION_FILE when it cannot be read or is not whole
   */
  read(): Promise<Numbers<N>>;
  /**
   * Keeps the numbers that are higher than those kept, whole or not at all.
   * @throws ConfigurationError ERR_CONFIGURATION_FILE also when what is there cannot be read
   */
  raise(numbers: Numbers<N>): Promise<void>;
}

/** What a file is for. */
export interface NumberFileKind<N extends string> {
  /** Stands in the file, such as `crl-numbers/1`. */
  readonly format: string;
  readonly isName: (text: string) => text is N;
  /** Says for people what the file remembers, and what it means to remove it. */
  readonly advice: string;
}

function merge<N extends string>(kept: Numbers<N>, numbers: Numbers<N>): Numbers<N> {
  const highest = new Map(kept);
  for (const [name, number] of numbers) {
    if (number > (highest.get(name) ?? -1n)) highest.set(name, number);
  }
  return [...highest];
}

function encodeNumbers(format: string, numbers: Numbers<string>): string {
  const entries = numbers.toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([name, number]) => [name, String(number)]);
  return `${JSON.stringify({ anchorhold: format, numbers: Object.fromEntries(entries) }, null, 2)}\n`;
}

function parseNumbers<N extends string>({ format, isName }: NumberFileKind<N>, bytes: Uint8Array): Numbers<N> | null {
  const text = parseUtf8(bytes) ?? '';
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch {
    return null;
  }
  const { numbers } = (content ?? {}) as { readonly numbers?: unknown };
  if (typeof numbers !== 'object' || numbers === null) return null;
  const entries: [N, bigint][] = [];
  for (const [name, number] of Object.entries(numbers)) {
    if (!isName(name) || typeof number !== 'string' || !NUMBER.test(number)) return null;
    entries.push([name, BigInt(number)]);
  }
  // One content has one form, so another format, a name that stands twice and anything beside them count as damage.
  return encodeNumbers(format, entries) === text ? entries : null;
}

/** Opens a file in a folder that is there and only its user may write to; nothing is read yet. */
export function openNumberFile<N extends string>(path: string, kind: NumberFileKind<N>): NumberFile<N> {
  const { format, advice } = kind;
  const fail = (why: string, cause?: unknown): ConfigurationError =>
    new ConfigurationError('ERR_CONFIGURATION_FILE', `${path} ${why}. ${advice}`, { cause });
  let raising: Promise<void> = Promise.resolve();

  async function read(): Promise<Numbers<N>> {
    const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
    const file = await open(path, flags).catch((cause: NodeJS.ErrnoException) => {
      if (cause.code === 'ENOENT') return null;
      throw fail(`cannot be read (${cause.code ?? cause.message})`, cause);
    });
    if (file === null) return [];
    try {
      const info = await file.stat();
      if (!info.isFile()) throw fail('is not a file');
      if ((info.mode & OTHERS_MAY_WRITE) !== 0) throw fail('may be written by others (chmod 600 it if it is right)');
      const numbers = info.size > LIMITS.configurationBytes ? null : parseNumbers(kind, await file.readFile());
      if (numbers === null) throw fail('is damaged');
      return numbers;
    } finally {
      await file.close();
    }
  }

  const unwritable = (cause: unknown): ConfigurationError => {
    const message = `${path} cannot be written (${(cause as NodeJS.ErrnoException).code ?? 'failed'})`;
    return new ConfigurationError('ERR_CONFIGURATION_FILE', message, { cause });
  };

  const unlock = async (lock: string): Promise<void> => {
    await rm(lock, { force: true }).catch((cause: unknown) => {
      throw unwritable(cause);
    });
  };

  /** Runs while no other process writes: two that read the same numbers would each take back what the other one raised. */
  async function alone(run: () => Promise<void>): Promise<void> {
    const lock = `${path}.lock`;
    for (let left = LOCK_TRIES; ; left--) {
      try {
        await (await open(lock, 'wx', 0o600)).close();
        break;
      } catch (cause) {
        if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') throw unwritable(cause);
        const since = await stat(lock).catch(() => null);
        if (since !== null && Date.now() - since.mtimeMs > LOCK_DEAD_MS) await unlock(lock);
        else if (left === 0) throw fail(`is being written by another process (remove ${lock} if there is none)`, cause);
        else await sleep(LOCK_PAUSE_MS);
      }
    }
    try {
      await run();
    } finally {
      await unlock(lock);
    }
  }

  /** Gives the file's content with these numbers in it; null when that changes nothing. */
  async function raised(numbers: Numbers<N>): Promise<string | null> {
    const kept = await read();
    const content = encodeNumbers(format, merge(kept, numbers));
    return content === encodeNumbers(format, kept) ? null : content;
  }

  async function write(numbers: Numbers<N>): Promise<void> {
    // Read again: another process may have raised them since.
    const content = await raised(numbers);
    if (content === null) return;
    const temporary = `${path}.${encodeHex(randomBytes(8))}`;
    try {
      const file = await open(temporary, 'wx', 0o600);
      try {
        await file.writeFile(content);
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(temporary, path);
    } catch (cause) {
      await rm(temporary, { force: true });
      throw unwritable(cause);
    }
  }

  async function raise(numbers: Numbers<N>): Promise<void> {
    if ((await raised(numbers)) !== null) await alone(async () => await write(numbers));
  }

  return {
    read,
    async raise(numbers) {
      // One after the other, so that no write of this process takes back another's.
      const mine = raising.then(async () => await raise(numbers));
      raising = mine.catch(() => {});
      await mine;
    },
  };
}
