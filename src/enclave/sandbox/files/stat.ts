/** What can be known of a node without reading it, and how its times are set. */
import { createHash } from 'node:crypto';
import { FileError } from './file-error.ts';
import type { NodeTimes, TreeNode } from './nodes.ts';

export interface NodeStat {
  readonly kind: TreeNode['kind'];
  /** Tells the tree from the others of the same guest. */
  readonly device: bigint;
  /** Tells the node from all others that the tree has had; with `device` it is what a hash of the node's identity is made of. */
  readonly serial: bigint;
  /** Names of a file or link; 1 for a directory, which has only one. */
  readonly links: number;
  /** Bytes of a file or of a link's target; 0 for a directory. */
  readonly size: number;
  readonly times: Readonly<NodeTimes>;
}

function sizeOf(node: TreeNode): number {
  if (node.kind === 'directory') return 0;
  return node.kind === 'file' ? node.size : node.targetBytes;
}

/** Says what is known of a node now. */
export function statOf(node: TreeNode): NodeStat {
  const { kind, serial, links } = node;
  return { kind, device: node.volume.device, serial, links, size: sizeOf(node), times: { ...node.times } };
}

/** A time to set: nanoseconds since 1970, the present, or the one that is there. */
export type NewTime = bigint | 'now' | 'keep';

const MAX_TIME = 2n ** 64n - 1n;

/** Sets the times of a node. @throws FileError read-only, or invalid for a time that 64 bits do not hold */
export function setTimes(node: TreeNode, accessed: NewTime, modified: NewTime): void {
  node.volume.needWritable();
  const now = node.volume.now();
  const read = (time: NewTime, old: bigint): bigint => (time === 'now' ? now : time === 'keep' ? old : time);
  const next = { accessed: read(accessed, node.times.accessed), modified: read(modified, node.times.modified) };
  if (next.accessed > MAX_TIME || next.modified > MAX_TIME) throw new FileError('invalid');
  Object.assign(node.times, next, { changed: now });
}

/** Gives 128 bits that differ for any two nodes of a guest, and after each change of size or content. */
export function metadataHash(node: TreeNode): { readonly lower: bigint; readonly upper: bigint } {
  const { device, serial, size, times } = statOf(node);
  const digest = createHash('sha256').update(`${device} ${serial} ${size} ${times.modified}`).digest();
  return { lower: digest.readBigUInt64LE(0), upper: digest.readBigUInt64LE(8) };
}
