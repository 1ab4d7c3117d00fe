/**
 * Finds what a path means below one directory: follows symbolic links, and never leaves the directory by `..`, by a link or by a leading
 * slash. [POSIX.1-2024 XBD Pathname Resolution]
 */
import { encodeUtf8 } from '../../../base/bytes.ts';
import { LIMITS } from '../../../base/limits.ts';
import { FileError } from './file-error.ts';
import type { DirectoryNode, TreeNode } from './nodes.ts';

/** Where a path leads: to a name in a directory, or to a directory without naming it, as `.` and `a/..` do. `node` is null when nothing is there. */
export type Place =
  | {
      readonly directory: DirectoryNode;
      readonly name: string;
      readonly node: TreeNode | null;
      readonly slash: boolean;
    }
  | { readonly directory: DirectoryNode; readonly name: null; readonly node: DirectoryNode };

/** Splits a path, or the target of a link. @throws FileError no-entry, not-permitted, illegal-byte-sequence or name-too-long */
function split(path: string): { readonly names: string[]; readonly slash: boolean } {
  if (path === '') throw new FileError('no-entry');
  if (path.startsWith('/')) throw new FileError('not-permitted');
  if (path.includes('\0')) throw new FileError('illegal-byte-sequence');
  if (encodeUtf8(path).length > LIMITS.filePathBytes) throw new FileError('name-too-long');
  const names = path.split('/').filter((name) => name !== '');
  if (names.some((name) => encodeUtf8(name).length > LIMITS.fileNameBytes)) throw new FileError('name-too-long');
  return { names, slash: path.endsWith('/') };
}

/** Checks the target of a link before it is made: one that could lead out is not made at all. @throws FileError as `resolve` */
export function checkTarget(target: string): void {
  split(target);
}

/**
 * Resolves a path below `start`; `follow` says whether a link at its very end is followed.
 * @throws FileError no-entry, not-directory, not-permitted (it leads out), loop, illegal-byte-sequence or name-too-long
 */
export function resolve(start: DirectoryNode, path: string, follow: boolean): Place {
  const first = split(path);
  let slash = first.slash;
  /** Names that are left, the next one last. */
  const left = first.names.reverse();
  /** The way from `start` to where we are; its first is never taken off. */
  const way: DirectoryNode[] = [start];
  let linksLeft = LIMITS.fileLinks;

  for (;;) {
    const directory = way.at(-1) ?? start;
    const name = left.pop();
    if (name === undefined) return { directory, name: null, node: directory };
    if (name === '.') continue;
    if (name === '..') {
      if (way.length === 1) throw new FileError('not-permitted');
      way.pop();
      continue;
    }
    const node = directory.get(name);
    const isLast = left.length === 0;
    if (node?.kind === 'link' && (!isLast || follow || slash)) {
      if (linksLeft === 0) throw new FileError('loop');
      linksLeft -= 1;
      const target = split(node.target);
      // A slash behind the last name of a link's target counts only where the link is the last name itself.
      if (isLast) slash ||= target.slash;
      left.push(...target.names.reverse());
      continue;
    }
    if (isLast) {
      if (slash && node !== null && node.kind !== 'directory') throw new FileError('not-directory');
      return { directory, name, node, slash };
    }
    if (node === null) throw new FileError('no-entry');
    if (node.kind !== 'directory') throw new FileError('not-directory');
    way.push(node);
  }
}

/** Finds what is there. @throws FileError as `resolve` */
export function find(start: DirectoryNode, path: string, follow: boolean): TreeNode {
  const { node } = resolve(start, path, follow);
  if (node === null) throw new FileError('no-entry');
  return node;
}
