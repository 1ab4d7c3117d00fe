/** The trees that a guest may reach, each below a path of the guest's own. */
import type { DirectoryNode } from './nodes.ts';

/** A tree and the path by which the guest knows it; whether it may change is said by the tree's volume. */
export interface Mount {
  readonly path: string;
  readonly root: DirectoryNode;
}
