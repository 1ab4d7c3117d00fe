/**
 * Where what owners loaded is kept beyond the process: a sealed file for each, and a row that says which file counts. A file that is missing,
 * changed or older than its row is as if nothing had been loaded. Without a store nothing is kept, and the claims say so.
 */
import { hexOf, integer, object, type Reader, readJson, text } from '../../attestation/json-reader.ts';
import { encodeHex, encodeUtf8, parseHex, parseUtf8 } from '../../base/bytes.ts';
import { encodeCanonicalJson } from '../../base/canonical-json.ts';
import { type DigestText, parseDigest } from '../../base/digest.ts';
import { LIMITS } from '../../base/limits.ts';
import type { UploadKind } from '../../policy/sealed-upload.ts';
import type { SealedStore } from '../store/worker-store.ts';

/** Names one thing that an owner loads. */
export interface ItemName {
  readonly kind: UploadKind;
  readonly owner: string;
  readonly name: string;
}

/** What is known of it without reading it. */
export interface ItemFacts extends ItemName {
  /** The policy under which it was loaded, or that came after that one by its own rules. */
  readonly policy: DigestText;
  /** SHA-256 of the content as its owner sealed and signed it. */
  readonly content: DigestText;
  readonly size: number;
}

export interface ItemStore {
  /** Lists what earlier runs kept. */
  readonly kept: readonly ItemFacts[];
  /** Gives what was kept; null when it is not there as it was written. */
  read(item: ItemFacts): Promise<Uint8Array | null>;
  /** Keeps a content; what was there before stays until this is on the disk. @throws ConfigurationError ERR_CONFIGURATION_FILE */
  save(item: ItemFacts, content: Uint8Array): Promise<void>;
  /** Says under which policy it is held from now on. @throws ConfigurationError ERR_CONFIGURATION_FILE */
  move(item: ItemFacts): void;
  /** Removes row and file. @throws ConfigurationError ERR_CONFIGURATION_FILE */
  remove(item: ItemName): Promise<void>;
}

/** Writes a name as one key; none of its parts can hold the character between them. */
export function itemKey({ kind, owner, name }: ItemName): string {
  return `${kind}\0${owner}\0${name}`;
}

/** Keeps nothing. */
export const NO_ITEMS: ItemStore = {
  kept: [],
  read: () => Promise.resolve(null),
  save: () => Promise.resolve(),
  move: () => undefined,
  remove: () => Promise.resolve(),
};

const PREFIX = 'item\0';

interface Row {
  readonly policy: DigestText;
  readonly content: DigestText;
  readonly size: number;
  readonly file: string;
  readonly digest: string;
}

const digestText = text('a digest', (value) => parseDigest(value) !== null) as Reader<DigestText>;

const row: Reader<Row> = object({
  policy: digestText,
  content: digestText,
  size: integer(0, LIMITS.uploadBytes),
  file: text('the name of a file', () => true),
  digest: hexOf(32),
});

function parseRow(key: string, value: Uint8Array): (ItemFacts & Row) | null {
  const [kind, owner, name] = key.split('\0');
  if ((kind !== 'data' && kind !== 'secret') || owner === undefined || name === undefined) return null;
  return { kind, owner, name, ...readJson(parseUtf8(value) ?? '', value.length, 'a row', row) };
}

/**
 * Opens what a sealed store keeps, and removes the files that no row knows.
 * @throws ConfigurationError ERR_CONFIGURATION_FILE
 */
export async function openItemStore({ rows, files }: SealedStore): Promise<ItemStore> {
  const known = new Map<string, ItemFacts & Row>();
  for (const [name, value] of rows.take(PREFIX)) {
    const key = name.slice(PREFIX.length);
    const item = parseRow(key, value);
    if (item !== null) known.set(key, item);
  }
  const kept = [...known.values()];
  await files.keepOnly(new Set(kept.map(({ file }) => file)));

  function write(key: string, item: ItemFacts & Row): void {
    const { policy, content, size, file, digest } = item;
    rows.write([[PREFIX + key, encodeUtf8(encodeCanonicalJson({ policy, content, size, file, digest }))]]);
    known.set(key, item);
  }

  return {
    kept,
    async read(item) {
      const found = known.get(itemKey(item));
      const digest = parseHex(found?.digest ?? '', 32);
      if (found === undefined || digest === null) return null;
      return await files.read({ name: found.file, digest }, itemKey(item), found.size);
    },
    async save(item, content) {
      const key = itemKey(item);
      const old = known.get(key);
      const { name, digest } = await files.write(key, content);
      write(key, { ...item, file: name, digest: encodeHex(digest) });
      if (old !== undefined) await files.remove(old.file);
    },
    move(item) {
      const found = known.get(itemKey(item));
      if (found !== undefined) write(itemKey(item), { ...found, policy: item.policy });
    },
    async remove(item) {
      const key = itemKey(item);
      const found = known.get(key);
      if (found === undefined) return;
      rows.write([[PREFIX + key, null]]);
      known.delete(key);
      await files.remove(found.file);
    },
  };
}
