/**
 * SIMULATED: a storage key made from a file beside the store. Whoever can read the disk has it, the operator first of all, so it protects
 * nothing; it lets everything that needs a key source be tried and tested. Mode 0600, as if it were worth something.
 */
import { hkdfSync } from 'node:crypto';
import { open } from 'node:fs/promises';
import { encodeHex, encodeUtf8, parseHex } from '../../base/bytes.ts';
import { SecretError } from '../../errors.ts';
import { randomBytes } from '../../io/random.ts';
import type { KeySource } from './key-source.ts';

const KEY_BYTES = 32;
/** In hex, with a line end. */
const FILE_BYTES = KEY_BYTES * 2 + 1;
const OTHERS = 0o077;

function unreadable(path: string, why: string, cause?: unknown): SecretError {
  return new SecretError('ERR_SECRET_UNREADABLE', `the simulated storage key ${path} ${why}`, { cause });
}

/** Makes the file where there is none; never over one that is there. */
async function makeIfMissing(path: string): Promise<void> {
  try {
    const file = await open(path, 'wx', 0o600);
    try {
      await file.writeFile(`${encodeHex(randomBytes(KEY_BYTES))}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') throw unreadable(path, 'cannot be made', cause);
  }
}

async function readKey(path: string): Promise<Uint8Array> {
  const file = await open(path, 'r').catch((cause: unknown) => {
    throw unreadable(path, 'cannot be read', cause);
  });
  try {
    const { mode, size } = await file.stat();
    if ((mode & OTHERS) !== 0) throw unreadable(path, 'is open to other users');
    const text = size === FILE_BYTES ? await file.readFile('utf8') : '';
    const key = text.endsWith('\n') ? parseHex(text.slice(0, -1), KEY_BYTES) : null;
    if (key === null) throw unreadable(path, `is not ${KEY_BYTES} bytes in hex and a line end`);
    return key;
  } finally {
    await file.close();
  }
}

/** Opens the source over a file, which is made at first use. */
export function openFileKey(path: string): KeySource {
  return {
    kind: 'simulated-file',
    async storageKey({ measurement }) {
      await makeIfMissing(path);
      const key = await readKey(path);
      const info = encodeUtf8('anchorhold simulated storage key');
      const derived = new Uint8Array(hkdfSync('sha256', key, measurement, info, KEY_BYTES));
      key.fill(0);
      return derived;
    },
  };
}
