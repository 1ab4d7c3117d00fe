/**
 * Named values that outlive the worker, each sealed in a row whose name says nothing. A root row binds all of them, so rows that were changed,
 * removed, mixed or taken from an older copy are noticed. An older copy of all rows together is not: that needs a counter outside of this machine.
 */
import { createHmac } from 'node:crypto';
import { concatBytes, encodeUtf8, equalBytes, parseUtf8 } from '../../base/bytes.ts';
import { SecretError } from '../../errors.ts';
import { randomBytes } from '../../io/random.ts';
import type { RowFile } from '../../io/row-file.ts';
import { deriveKey, openSealer } from './sealing.ts';

/** A value to keep under a name, or null to remove it. */
export type Change = readonly [name: string, value: Uint8Array | null];

export interface SealedRows {
  /** 16 random bytes that were drawn when the store was made: one that was put in its place has another. */
  readonly id: Uint8Array;
  /** How often the store was written; an older copy of all of it has a smaller number. */
  generation(): number;
  /** Gives what earlier runs kept under names that begin so; only once, because nobody else needs it in memory. */
  take(prefix: string): ReadonlyMap<string, Uint8Array>;
  /** Writes all or nothing. @throws ConfigurationError ERR_CONFIGURATION_FILE */
  write(changes: readonly Change[]): void;
  /** Forces to the disk what was written. @throws ConfigurationError ERR_CONFIGURATION_FILE */
  settle(): void;
  close(): void;
}

const TAG_BYTES = 32;
const ID_BYTES = 16;
const ROOT_BYTES = ID_BYTES + 8 + 4 + TAG_BYTES;
/** No name of a value is empty. */
const ROOT_NAME = '';
const EMPTY = new Uint8Array(0);

/** A row as it is in the file. */
interface Kept {
  readonly rowName: Uint8Array;
  /** What the row adds to the root. */
  readonly tag: Uint8Array;
}

function spoiled(why: string): SecretError {
  return new SecretError('ERR_SECRET_STORE', `the sealed store cannot be opened: ${why}`);
}

/** `u16 length`, the name, the value. */
function encodeEntry(name: string, value: Uint8Array): Uint8Array {
  const text = encodeUtf8(name);
  return concatBytes(Uint8Array.of(text.length >> 8, text.length & 0xff), text, value);
}

function parseEntry(plain: Uint8Array): { readonly name: string; readonly value: Uint8Array } | null {
  const [high = 0, low = 0] = plain;
  const end = 2 + high * 256 + low;
  const name = plain.length < end ? null : parseUtf8(plain.subarray(2, end));
  return name === null || name === ROOT_NAME ? null : { name, value: plain.slice(end) };
}

/**
 * Opens the rows of a file, and makes a new store of an empty one.
 * @throws SecretError ERR_SECRET_STORE when the key is another one or the rows are not what was last written
 */
export function openSealedRows(file: RowFile, storageKey: Uint8Array): SealedRows {
  const nameKey = deriveKey(storageKey, EMPTY, 'names of rows');
  const tagKey = deriveKey(storageKey, EMPTY, 'root of rows');
  const sealer = openSealer(storageKey, 'rows');
  const keyed = (key: Uint8Array, ...parts: readonly Uint8Array[]): Uint8Array => {
    const mac = createHmac('sha256', key);
    for (const part of parts) mac.update(part);
    return mac.digest();
  };
  const nameOf = (name: string): Uint8Array => keyed(nameKey, encodeUtf8(name));
  const rootName = nameOf(ROOT_NAME);

  const kept = new Map<string, Kept>();
  const loaded = new Map<string, Uint8Array>();
  /** The sum of all tags. They are secret, so nobody can look for other rows that add up to it. */
  const sum = new Uint8Array(TAG_BYTES);
  let id = randomBytes(ID_BYTES);
  let generation = 0;

  function add(tag: Uint8Array): void {
    for (let i = 0; i < TAG_BYTES; i++) sum[i] = (sum[i] ?? 0) ^ (tag[i] ?? 0);
  }

  function encodeRoot(): Uint8Array {
    const numbers = new DataView(new ArrayBuffer(12));
    numbers.setBigUint64(0, BigInt(generation));
    numbers.setUint32(8, kept.size);
    return concatBytes(id, new Uint8Array(numbers.buffer), sum);
  }

  function load(): void {
    let root: Uint8Array | null = null;
    for (const { name: rowName, value: sealed } of file.rows()) {
      const plain = sealer.open(rowName, sealed);
      if (plain === null) throw spoiled('a row was changed, or the key is not the one that sealed it');
      if (equalBytes(rowName, rootName)) {
        root = plain;
        continue;
      }
      const entry = parseEntry(plain);
      if (entry === null || !equalBytes(nameOf(entry.name), rowName)) throw spoiled('a row is not what it says');
      const tag = keyed(tagKey, rowName, sealed);
      add(tag);
      kept.set(entry.name, { rowName, tag });
      loaded.set(entry.name, entry.value);
    }
    if (root === null) {
      if (kept.size > 0) throw spoiled('the row that binds the others is missing');
      write([]);
      return;
    }
    if (root.length !== ROOT_BYTES) throw spoiled('the row that binds the others is not what it says');
    id = root.slice(0, ID_BYTES);
    generation = Number(new DataView(root.buffer, root.byteOffset).getBigUint64(ID_BYTES));
    if (!equalBytes(encodeRoot(), root)) throw spoiled('rows are missing, or are older than others');
  }

  function write(changes: readonly Change[]): void {
    const before = { sum: Uint8Array.from(sum), generation };
    const replaced = new Map<string, Kept | null>();
    const rows = changes.map(([name, value]) => {
      const old = kept.get(name) ?? null;
      if (!replaced.has(name)) replaced.set(name, old);
      const rowName = old?.rowName ?? nameOf(name);
      const sealed = value === null ? null : sealer.seal(rowName, encodeEntry(name, value));
      if (old !== null) add(old.tag);
      kept.delete(name);
      if (sealed !== null) {
        const tag = keyed(tagKey, rowName, sealed);
        add(tag);
        kept.set(name, { rowName, tag });
      }
      return { name: rowName, value: sealed };
    });
    generation += 1;
    try {
      file.write([...rows, { name: rootName, value: sealer.seal(rootName, encodeRoot()) }]);
    } catch (error) {
      // The file is as it was, and so has to be what is known of it.
      sum.set(before.sum);
      generation = before.generation;
      for (const [name, old] of replaced) {
        kept.delete(name);
        if (old !== null) kept.set(name, old);
      }
      throw error;
    }
  }

  load();
  return {
    id,
    generation: () => generation,
    take(prefix) {
      const taken = new Map([...loaded].filter(([name]) => name.startsWith(prefix)));
      for (const name of taken.keys()) loaded.delete(name);
      return taken;
    },
    write,
    settle: () => file.settle(),
    close: () => file.close(),
  };
}
