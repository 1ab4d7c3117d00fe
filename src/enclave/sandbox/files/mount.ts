/** The trees that a guest may reach, each below a path of the guest's own; and how they are made from what its process was sent. */
import { LIMITS } from '../../../base/limits.ts';
import { buildTree, watchTree } from './build-tree.ts';
import { type DirectoryNode, makeRoot } from './nodes.ts';
import type { TreeChange, TreeItem } from './tree-image.ts';
import { Volume } from './volume.ts';

/** A tree and the path by which the guest knows it; whether it may change is said by the tree's volume. */
export interface Mount {
  readonly path: string;
  readonly root: DirectoryNode;
}

/** A tree as it is sent. */
export interface MountImage {
  /** The path by which the guest knows it. */
  readonly path: string;
  readonly writable: boolean;
  readonly items: readonly TreeItem[];
}

/** A tree that is open, and what a guest has changed in it. */
export interface OpenMount extends Mount {
  readonly changes: () => readonly TreeChange[];
}

type Clock = () => bigint;

/** Opens trees for a guest, which tells them apart by their numbers. @throws FileError when one of them is no tree, or over its caps */
export function openMounts(images: readonly MountImage[], firstDevice: bigint, now: Clock): readonly OpenMount[] {
  return images.map(({ path, writable, items }, i) => {
    const limits = { bytes: LIMITS.treeBytes, entries: LIMITS.treeEntries };
    const root = buildTree(new Volume({ device: firstDevice + BigInt(i), writable, limits, now }), items);
    return { path, root, changes: writable ? watchTree(root) : () => [] };
  });
}

/** Where a guest finds its scratch. */
const SCRATCH_PATH = '/tmp';
/** Beside any number of other trees. */
const SCRATCH_DEVICE = 2n ** 32n;

/** Opens an empty tree that holds at most so many bytes. */
function openScratch(bytes: number, now: Clock): Mount {
  const limits = { bytes, entries: LIMITS.treeEntries };
  return { path: SCRATCH_PATH, root: makeRoot(new Volume({ device: SCRATCH_DEVICE, writable: true, limits, now })) };
}

/** Opens what an instance of a function begins with; `now` is its clock. */
export type GivenFiles = (now: Clock) => readonly Mount[];

/**
 * Opens the trees of a function, which all its instances share and none can change, and gives what opens the files of one instance: those, and
 * a scratch of its own that holds so many bytes, or none for 0. @throws FileError
 */
export function openGivenFiles(images: readonly MountImage[], scratchBytes: number): GivenFiles {
  if (images.some(({ writable }) => writable)) throw new TypeError('what calls share must not change');
  const shared = openMounts(images, 1n, () => 0n);
  return (now) => (scratchBytes === 0 ? shared : [...shared, openScratch(scratchBytes, now)]);
}

/** Takes everything out of a tree; what is still open lives on until it is closed. */
export function emptyTree({ root }: Mount): void {
  const left = [root];
  for (let directory = left.pop(); directory !== undefined; directory = left.pop()) {
    for (const { name, node } of directory.entries()) {
      if (node.kind === 'directory') left.push(node);
      directory.detach(name).endIfUnused();
    }
  }
}
