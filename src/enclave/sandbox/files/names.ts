/** Makes, moves and removes names. Whatever fails leaves the tree as it was. [POSIX.1-2024 mkdir, link, symlink, unlink, rmdir, rename] */
import { FileError } from './file-error.ts';
import { DirectoryNode, FileNode, LinkNode, type TreeNode } from './nodes.ts';
import { checkTarget, type Place, resolve } from './path.ts';

type Named = Extract<Place, { readonly name: string }>;

/** Gives a new node its first name; a node that gets none is ended. @throws FileError no-entry, read-only or insufficient-space */
function addNew<T extends TreeNode>(directory: DirectoryNode, name: string, make: () => T): T {
  directory.volume.needWritable();
  if (directory.links === 0) throw new FileError('no-entry');
  const node = make();
  try {
    directory.attach(name, node);
  } catch (e) {
    node.endIfUnused();
    throw e;
  }
  directory.touch();
  return node;
}

/** Takes a name away, and ends what nobody has any more. */
function removeName(directory: DirectoryNode, name: string): void {
  const node = directory.detach(name);
  node.times.changed = node.volume.now();
  node.endIfUnused();
  directory.touch();
}

/** Resolves the name of something that is not there yet; `slash` says whether it may end in a slash. */
function findFree(start: DirectoryNode, path: string, slash: boolean): Named {
  const place = resolve(start, path, false);
  if (place.name === null || place.node !== null) throw new FileError('exist');
  if (place.slash && !slash) throw new FileError('no-entry');
  return place;
}

/** Makes an empty file in a directory. @throws FileError no-entry, read-only or insufficient-space */
export function makeFile(directory: DirectoryNode, name: string): FileNode {
  return addNew(directory, name, () => new FileNode(directory.volume, new Uint8Array(0)));
}

/** Makes a directory. @throws FileError as `resolve`, and exist, read-only or insufficient-space */
export function makeDirectory(start: DirectoryNode, path: string): void {
  const { directory, name } = findFree(start, path, true);
  addNew(directory, name, () => new DirectoryNode(directory.volume));
}

/**
 * Makes a symbolic link; a target that begins with a slash is refused.
 * @throws FileError as `resolve`, and exist, read-only or insufficient-space
 */
export function makeLink(target: string, start: DirectoryNode, path: string): void {
  checkTarget(target);
  const { directory, name } = findFree(start, path, false);
  addNew(directory, name, () => new LinkNode(directory.volume, target));
}

/**
 * Gives a file or a link one more name; `follow` says whether a link at the end of `from` is followed.
 * @throws FileError as `resolve`, and exist, not-permitted (a directory), cross-device, read-only or insufficient-space
 */
export function addName(start: DirectoryNode, from: string, follow: boolean, toStart: DirectoryNode, to: string): void {
  const { node } = resolve(start, from, follow);
  if (node === null) throw new FileError('no-entry');
  const { directory, name } = findFree(toStart, to, false);
  if (node.kind === 'directory') throw new FileError('not-permitted');
  if (node.volume !== directory.volume) throw new FileError('cross-device');
  addNew(directory, name, () => node);
  node.times.changed = node.volume.now();
}

/** Removes the name of a file or a link. @throws FileError as `resolve`, and is-directory or read-only */
export function removeFile(start: DirectoryNode, path: string): void {
  const place = resolve(start, path, false);
  if (place.node === null) throw new FileError('no-entry');
  if (place.name === null || place.node.kind === 'directory') throw new FileError('is-directory');
  place.directory.volume.needWritable();
  removeName(place.directory, place.name);
}

/** Removes an empty directory. @throws FileError as `resolve`, and not-empty, invalid (it ends in a dot) or read-only */
export function removeDirectory(start: DirectoryNode, path: string): void {
  const place = resolve(start, path, false);
  if (place.node === null) throw new FileError('no-entry');
  if (place.name === null) throw new FileError('invalid');
  if (place.node.kind !== 'directory') throw new FileError('not-directory');
  place.directory.volume.needWritable();
  if (place.node.size > 0) throw new FileError('not-empty');
  removeName(place.directory, place.name);
}

function isWithin(directory: DirectoryNode, ancestor: TreeNode): boolean {
  for (let at: DirectoryNode | null = directory; at !== null; at = at.parent) if (at === ancestor) return true;
  return false;
}

/** Checks that a node may take the place of what is at `to`. */
function checkReplace(node: TreeNode, to: Named): void {
  if (node.kind === 'directory') {
    if (isWithin(to.directory, node)) throw new FileError('invalid');
    if (to.node === null) return;
    if (to.node.kind !== 'directory') throw new FileError('not-directory');
    if (to.node.size > 0) throw new FileError('not-empty');
  } else {
    if (to.node?.kind === 'directory') throw new FileError('is-directory');
    if (to.slash) throw new FileError('not-directory');
  }
}

/**
 * Moves a name, and replaces what has the new one. Two names of the same node stay as they are.
 * @throws FileError as `resolve`, and is-directory, not-directory, not-empty, invalid (it ends in a dot, or moves into itself), cross-device, read-only or
 * insufficient-space
 */
export function rename(start: DirectoryNode, from: string, toStart: DirectoryNode, to: string): void {
  const source = resolve(start, from, false);
  if (source.node === null) throw new FileError('no-entry');
  const target = resolve(toStart, to, false);
  if (source.name === null || target.name === null) throw new FileError('invalid');
  if (source.directory.volume !== target.directory.volume) throw new FileError('cross-device');
  source.directory.volume.needWritable();
  if (target.directory.links === 0) throw new FileError('no-entry');
  const { node } = source;
  if (node === target.node) return;
  checkReplace(node, target);
  move(source.directory, source.name, target);
}

function move(from: DirectoryNode, oldName: string, to: Named): void {
  const node = from.detach(oldName);
  const replaced = to.node === null ? null : to.directory.detach(to.name);
  // Only a longer name can lack room, and only where none is replaced.
  try {
    to.directory.attach(to.name, node);
  } catch (e) {
    from.attach(oldName, node);
    throw e;
  }
  replaced?.endIfUnused();
  node.times.changed = node.volume.now();
  from.touch();
  to.directory.touch();
}
