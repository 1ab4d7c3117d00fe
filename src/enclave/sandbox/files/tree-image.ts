/**
 * A tree, or what changed in one, as bytes: `u32 length` (big-endian), a list of names in JSON, then the contents one after another. Both ends
 * read it strictly: no path of it leads anywhere but below the root that it is applied to.
 */
import { concatBytes, encodeUtf8, parseUtf8 } from '../../../base/bytes.ts';
import { LIMITS } from '../../../base/limits.ts';
import { FileError } from './file-error.ts';

/** One node and its path below the root; a directory comes before what is in it. */
export type TreeItem =
  | { readonly kind: 'directory'; readonly path: string }
  | { readonly kind: 'file'; readonly path: string; readonly bytes: Uint8Array }
  | { readonly kind: 'link'; readonly path: string; readonly target: string };

/** What became of one path; whatever is removed comes before whatever is made. */
export type TreeChange = TreeItem | { readonly kind: 'removed'; readonly path: string };

const LENGTH_BYTES = 4;
/** A whole tree may be removed, and another be made. */
const MAX_ROWS = 2 * LIMITS.treeEntries;

type Row = readonly [kind: string, path: string, more: number | string];

function rowOf(change: TreeChange): Row {
  const more = change.kind === 'file' ? change.bytes.length : change.kind === 'link' ? change.target : 0;
  return [change.kind, change.path, more];
}

/** Encodes a list of nodes or changes. @throws FileError insufficient-space for more names than fit into a list */
export function encodeTree(changes: readonly TreeChange[]): Uint8Array {
  const rows = encodeUtf8(JSON.stringify(changes.map(rowOf)));
  if (rows.length > LIMITS.treeListBytes) throw new FileError('insufficient-space');
  const length = new Uint8Array(LENGTH_BYTES);
  new DataView(length.buffer).setUint32(0, rows.length);
  return concatBytes(length, rows, ...changes.flatMap((c) => (c.kind === 'file' ? [c.bytes] : [])));
}

/** Tells whether a text has at most so many bytes; a character has three at most, so that short ones are not encoded. */
function fits(text: string, maxBytes: number): boolean {
  return text.length * 3 <= maxBytes || (text.length <= maxBytes && encodeUtf8(text).length <= maxBytes);
}

/** Tells whether a path is one or more plain names. */
function isPlainPath(path: string): boolean {
  if (path.length === 0 || !fits(path, LIMITS.filePathBytes) || path.includes('\0')) return false;
  return path
    .split('/')
    .every((name) => name !== '' && name !== '.' && name !== '..' && fits(name, LIMITS.fileNameBytes));
}

function parseRow(row: unknown, take: (size: number) => Uint8Array | null): TreeChange | null {
  if (!Array.isArray(row) || row.length !== 3) return null;
  const [kind, path, more] = row as readonly unknown[];
  if (typeof path !== 'string' || !isPlainPath(path)) return null;
  if (kind === 'directory' || kind === 'removed') return more === 0 ? { kind, path } : null;
  if (kind === 'link') {
    if (typeof more !== 'string' || more === '' || more.includes('\0')) return null;
    return fits(more, LIMITS.filePathBytes) ? { kind, path, target: more } : null;
  }
  const bytes = kind === 'file' && typeof more === 'number' ? take(more) : null;
  return bytes === null ? null : { kind: 'file', path, bytes };
}

function parseRows(bytes: Uint8Array): readonly unknown[] | null {
  const text = bytes.length > LIMITS.treeListBytes ? null : parseUtf8(bytes);
  try {
    const rows: unknown = text === null ? null : JSON.parse(text);
    return Array.isArray(rows) && rows.length <= MAX_ROWS ? (rows as readonly unknown[]) : null;
  } catch {
    return null;
  }
}

/** Decodes a list of changes, whose contents stay where they are; gives null for anything else. */
export function parseChanges(image: Uint8Array): readonly TreeChange[] | null {
  if (image.length < LENGTH_BYTES) return null;
  const length = new DataView(image.buffer, image.byteOffset, LENGTH_BYTES).getUint32(0);
  let at = LENGTH_BYTES + length;
  if (at > image.length) return null;
  const rows = parseRows(image.subarray(LENGTH_BYTES, at));
  if (rows === null) return null;
  const take = (size: number): Uint8Array | null => {
    if (!Number.isSafeInteger(size) || size < 0 || at + size > image.length) return null;
    at += size;
    return image.subarray(at - size, at);
  };
  const changes: TreeChange[] = [];
  for (const row of rows) {
    const change = parseRow(row, take);
    if (change === null) return null;
    changes.push(change);
  }
  return at === image.length ? changes : null;
}

/** Decodes a tree; gives null for anything else. */
export function parseTree(image: Uint8Array): readonly TreeItem[] | null {
  const changes = parseChanges(image);
  const items = changes?.filter((change) => change.kind !== 'removed') ?? null;
  return items?.length === changes?.length ? items : null;
}
