/**
 * Keeps numbers that only ever rise in one file, by name. What cannot be read is an error and never forgotten in silence: whoever keeps such
 * a number needs it exactly when somebody would like it forgotten.
 */
import { constants } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { encodeHex, parseUtf8 } from '../base/bytes.ts';
import { LIMITS } from '../base/limits.ts';
import { ConfigurationError } from '../errors.ts';
import { randomBytes } from './random.ts';

const OTHERS_MAY_WRITE = 0o022;
/** Decimal of an integer of at most 20 octets. */
const NUMBER = /^(?:0|[1-9]\d{0,47})$/;

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

  async function raise(numbers: Numbers<N>): Promise<void> {
    // Read again: another process may have raised them since.
    const kept = await read();
    const before = encodeNumbers(format, kept);
    const after = encodeNumbers(format, merge(kept, numbers));
    if (after === before) return;
    const temporary = `${path}.${encodeHex(randomBytes(8))}`;
    try {
      const file = await open(temporary, 'wx', 0o600);
      try {
        await file.writeFile(after);
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
    async raise(numbers) {
      // One after the other, so that no write of this process takes back another's.
      const mine = raising.then(async () => await raise(numbers));
      raising = mine.catch(() => {});
      await mine;
    },
  };
}
