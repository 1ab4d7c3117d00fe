/** Reads a directory piece by piece. A name that is there from the first piece to the last is seen once, whatever is added or removed meanwhile. */
import type { DirectoryNode, TreeNode } from './nodes.ts';

/** One name; reading goes on after it when its cookie is given. */
export interface Listed {
  readonly name: string;
  readonly node: TreeNode;
  readonly cookie: bigint;
}

/** Gives what comes after a cookie: `.`, `..` and the names from the oldest to the youngest; cookie 0 is the beginning. */
export function* listDirectory(directory: DirectoryNode, after: bigint): Generator<Listed> {
  if (after < 1n) yield { name: '.', node: directory, cookie: 1n };
  if (after < 2n) yield { name: '..', node: directory.parent ?? directory, cookie: 2n };
  for (const { name, node, cookie } of directory.entries()) if (cookie > after) yield { name, node, cookie };
}
