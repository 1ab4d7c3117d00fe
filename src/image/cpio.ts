/**
 * Writes a tree as a cpio archive in the form that the kernel unpacks as its first root: `newc`. Everything that could differ between two
 * builds is fixed: time 0, inodes counted from 1, one link each. [Linux 6.12 Documentation/driver-api/early-userspace/buffer-format.rst]
 */
import { encodeUtf8 } from '../base/bytes.ts';
import type { Tree, TreeEntry } from './tree.ts';

const HEAD_SIZE = 110;
const TRAILER = 'TRAILER!!!';

const TYPE_BITS: Readonly<Record<TreeEntry['kind'], number>> = {
  file: 0o100000,
  directory: 0o040000,
  link: 0o120000,
  device: 0o020000,
};

function align4(size: number): number {
  return (size + 3) & ~3;
}

function contentOf(entry: TreeEntry): Uint8Array {
  if (entry.kind === 'file') return entry.bytes;
  return entry.kind === 'link' ? encodeUtf8(entry.target) : new Uint8Array();
}

interface Entry {
  readonly inode: number;
  readonly mode: number;
  readonly name: string;
  readonly content: Uint8Array;
  readonly device: readonly [major: number, minor: number];
}

function entryOf(entry: TreeEntry, inode: number): Entry {
  return {
    inode,
    mode: TYPE_BITS[entry.kind] | entry.mode,
    name: entry.path,
    content: contentOf(entry),
    device: entry.kind === 'device' ? [entry.major, entry.minor] : [0, 0],
  };
}

function sizeOf({ name, content }: Entry): number {
  return align4(HEAD_SIZE + name.length + 1) + align4(content.length);
}

/** Writes the head: magic, then thirteen numbers of eight hex digits each. */
function headOf({ inode, mode, name, content, device }: Entry): string {
  const [owner, group, links, time, major, minor, check] = [0, 0, 1, 0, 0, 0, 0];
  const numbers = [
    inode,
    mode,
    owner,
    group,
    links,
    time,
    content.length,
    major,
    minor,
    ...device,
    name.length + 1,
    check,
  ];
  return `070701${numbers.map((n) => n.toString(16).padStart(8, '0')).join('')}${name}\0`;
}

/** Writes a tree as one cpio archive; its length is a multiple of 4. */
export function encodeCpio(tree: Tree): Uint8Array<ArrayBuffer> {
  const end: Entry = { inode: 0, mode: 0, name: TRAILER, content: new Uint8Array(), device: [0, 0] };
  const written = [...tree.map((entry, i) => entryOf(entry, i + 1)), end];
  const archive = new Uint8Array(written.reduce((size, entry) => size + sizeOf(entry), 0));
  let at = 0;
  for (const entry of written) {
    archive.set(encodeUtf8(headOf(entry)), at);
    archive.set(entry.content, at + align4(HEAD_SIZE + entry.name.length + 1));
    at += sizeOf(entry);
  }
  return archive;
}
