/** Makes a tree of nodes from a list of them, and lists what a guest has changed in it since. */
import { LIMITS } from '../../../base/limits.ts';
import { FileError } from './file-error.ts';
import { DirectoryNode, FileNode, LinkNode, makeRoot, type TreeNode } from './nodes.ts';
import { find } from './path.ts';
import type { TreeChange, TreeItem } from './tree-image.ts';
import type { Volume } from './volume.ts';

function makeNode(volume: Volume, item: TreeItem): TreeNode {
  if (item.kind === 'directory') return new DirectoryNode(volume);
  return item.kind === 'file' ? new FileNode(volume, item.bytes) : new LinkNode(volume, item.target);
}

/** Builds a tree; files hold their bytes without a copy. @throws FileError exist, no-entry, not-directory, loop or insufficient-space */
export function buildTree(volume: Volume, items: readonly TreeItem[]): DirectoryNode {
  const root = makeRoot(volume);
  for (const item of items) {
    const slash = item.path.lastIndexOf('/');
    const above = slash < 0 ? root : find(root, item.path.slice(0, slash), false);
    const name = item.path.slice(slash + 1);
    if (above.kind !== 'directory') throw new FileError('not-directory');
    if (above.get(name) !== null) throw new FileError('exist');
    above.attach(name, makeNode(volume, item));
  }
  return root;
}

type Seen = Map<string, TreeNode>;

/** Notes every node by its path; names can be nested deeper than a path may be long, because a guest can begin from any of them. */
function walk(directory: DirectoryNode, prefix: string, seen: Seen): Seen {
  if (prefix.length > LIMITS.filePathBytes) throw new FileError('name-too-long');
  for (const { name, node } of directory.entries()) {
    seen.set(prefix + name, node);
    if (node.kind === 'directory') walk(node, `${prefix}${name}/`, seen);
  }
  return seen;
}

function isSame(before: TreeNode | undefined, now: TreeNode): boolean {
  if (now.kind === 'directory') return before?.kind === 'directory';
  if (now.kind === 'link') return before?.kind === 'link' && before.target === now.target;
  return before === now && !now.isChanged;
}

function itemOf(path: string, node: TreeNode): TreeItem {
  if (node.kind === 'directory') return { kind: 'directory', path };
  if (node.kind === 'link') return { kind: 'link', path, target: node.target };
  return { kind: 'file', path, bytes: node.view(0, node.size) };
}

/**
 * Begins to watch a tree; the function that it gives lists what has changed until then, removals first and from the leaves up, and throws
 * a FileError when a path has become too long.
 */
export function watchTree(root: DirectoryNode): () => readonly TreeChange[] {
  const before = walk(root, '', new Map());
  return () => {
    const now = walk(root, '', new Map());
    const removed = [...before].reverse().flatMap(([path, node]): readonly TreeChange[] => {
      return now.get(path)?.kind === node.kind ? [] : [{ kind: 'removed', path }];
    });
    const made = [...now].flatMap(([path, node]) => (isSame(before.get(path), node) ? [] : [itemOf(path, node)]));
    return [...removed, ...made];
  };
}
