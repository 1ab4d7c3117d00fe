/** Opens what a path names, and makes the file where it is asked to. [POSIX.1-2024 open] */
import { FileError } from './file-error.ts';
import { makeFile } from './names.ts';
import type { DirectoryNode, FileNode, TreeNode } from './nodes.ts';
import { resolve } from './path.ts';

/** How to open. */
export interface OpenHow {
  /** Follow a link at the end of the path. */
  readonly follow: boolean;
  readonly create: boolean;
  /** With `create`: something that is there already is an error. */
  readonly exclusive: boolean;
  /** Anything but a directory is an error. */
  readonly directory: boolean;
  readonly truncate: boolean;
  /** The content of what is opened is going to be written. */
  readonly write: boolean;
}

function openExisting(node: TreeNode, how: OpenHow): DirectoryNode | FileNode {
  if (how.create && how.exclusive) throw new FileError('exist');
  if (node.kind === 'link') throw new FileError('loop');
  if (node.kind === 'directory') {
    if (how.write || how.truncate || how.create) throw new FileError('is-directory');
  } else {
    if (how.directory) throw new FileError('not-directory');
    if (how.write || how.truncate) node.volume.needWritable();
    if (how.truncate) node.setSize(0);
  }
  node.open();
  return node;
}

/**
 * Opens below a directory, and gives the node with one more descriptor open, which the caller closes.
 * @throws FileError as `resolve`, and exist, is-directory, not-directory, loop, invalid, read-only or insufficient-space
 */
export function open(start: DirectoryNode, path: string, how: OpenHow): DirectoryNode | FileNode {
  if (how.create && how.directory) throw new FileError('invalid');
  const place = resolve(start, path, how.follow && !(how.create && how.exclusive));
  if (place.name === null) return openExisting(place.node, how);
  if (place.node !== null) return openExisting(place.node, how);
  if (!how.create) throw new FileError('no-entry');
  if (place.slash) throw new FileError('is-directory');
  const file = makeFile(place.directory, place.name);
  file.open();
  return file;
}
