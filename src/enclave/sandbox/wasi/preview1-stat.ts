/** The records of preview1 that describe a node, and how times are given. [WASI snapshot-01 filestat, fdstat, filetype, fstflags] */
import type { TreeNode } from '../files/nodes.ts';
import { type NewTime, setTimes, statOf } from '../files/stat.ts';
import type { Descriptor } from './preview1-descriptors.ts';
import { Errno } from './preview1-errno.ts';
import type { Preview1Memory } from './preview1-memory.ts';
import { ALL_FSTFLAGS, FSTFLAG } from './preview1-rights.ts';

const FILESTAT_BYTES = 64;
const FDSTAT_BYTES = 24;
const FILETYPE = { stream: 2, directory: 3, file: 4, link: 7 } as const;

/** Gives the number of what kind of thing it is. */
export function filetypeOf(kind: keyof typeof FILETYPE): number {
  return FILETYPE[kind];
}

/** Writes what is known of a node; of a stream that is only what it is. */
export function writeFilestat(memory: Preview1Memory, at: number, target: TreeNode | Descriptor['target']): void {
  const to = memory.blank(at, FILESTAT_BYTES);
  to.setUint8(16, FILETYPE[target.kind]);
  if (target.kind === 'stream') return;
  const { device, serial, links, size, times } = statOf(target);
  to.setBigUint64(0, device, true);
  to.setBigUint64(8, serial, true);
  to.setBigUint64(24, BigInt(links), true);
  to.setBigUint64(32, BigInt(size), true);
  to.setBigUint64(40, times.accessed, true);
  to.setBigUint64(48, times.modified, true);
  to.setBigUint64(56, times.changed, true);
}

/** Writes what is known of a descriptor. */
export function writeFdstat(memory: Preview1Memory, at: number, descriptor: Descriptor): void {
  const to = memory.blank(at, FDSTAT_BYTES);
  to.setUint8(0, FILETYPE[descriptor.target.kind]);
  to.setUint16(2, descriptor.flags, true);
  to.setBigUint64(8, descriptor.base, true);
  to.setBigUint64(16, descriptor.inheriting, true);
}

function newTime(flags: number, set: number, setNow: number, time: bigint): NewTime {
  if ((flags & set) !== 0 && (flags & setNow) !== 0) throw new Errno('inval');
  if ((flags & setNow) !== 0) return 'now';
  return (flags & set) === 0 ? 'keep' : BigInt.asUintN(64, time);
}

/** Sets the times of a node as the flags say. */
export function setTimesByFlags(node: TreeNode, accessed: bigint, modified: bigint, flags: number): void {
  if ((flags & ~ALL_FSTFLAGS) !== 0) throw new Errno('inval');
  const newAccessed = newTime(flags, FSTFLAG.atim, FSTFLAG.atimNow, accessed);
  setTimes(node, newAccessed, newTime(flags, FSTFLAG.mtim, FSTFLAG.mtimNow, modified));
}
