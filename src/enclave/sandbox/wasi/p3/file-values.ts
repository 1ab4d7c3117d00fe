/** What wasi:filesystem says of files, from what the trees of a call know. [WASI 0.3.0 wasi:filesystem/types] */
import { FileError } from '../../files/file-error.ts';
import type { TreeNode } from '../../files/nodes.ts';
import { type NewTime, statOf } from '../../files/stat.ts';
import { err, ok, type Result, type Variant } from '../result.ts';

const NANOS = 1_000_000_000n;
const TYPES = { directory: 'directory', file: 'regular-file', link: 'symbolic-link' } as const;

interface Instant {
  readonly seconds: bigint;
  readonly nanoseconds: number;
}

/** A time to set, as a guest says it. */
export type NewTimestamp = { readonly tag: 'no-change' | 'now' } | { readonly tag: 'timestamp'; readonly val: Instant };

/** Makes an error of its name. */
export function fileError(code: FileError['code']): Result<never, Variant> {
  return err({ tag: code });
}

/** Does something with files; what fails is an error of the guest's, and nothing else is caught. */
export function attempt<T>(run: () => T): Result<T, Variant> {
  try {
    return ok(run());
  } catch (e) {
    if (e instanceof FileError) return fileError(e.code);
    throw e;
  }
}

/** Gives the type of a node. */
export function typeOf({ kind }: TreeNode): Variant {
  return { tag: TYPES[kind] };
}

function instantOf(nanos: bigint): Instant {
  return { seconds: nanos / NANOS, nanoseconds: Number(nanos % NANOS) };
}

/** Reads a time to set; the sandbox has no times before 1970. @throws FileError invalid */
export function newTimeOf(time: NewTimestamp): NewTime {
  if (time.tag !== 'timestamp') return time.tag === 'now' ? 'now' : 'keep';
  const { seconds, nanoseconds } = time.val;
  if (seconds < 0n || nanoseconds >= Number(NANOS)) throw new FileError('invalid');
  return seconds * NANOS + BigInt(nanoseconds);
}

/** Says what is known of a node. */
export function describeNode(node: TreeNode): Readonly<Record<string, unknown>> {
  const { links, size, times } = statOf(node);
  return {
    type: typeOf(node),
    linkCount: BigInt(links),
    size: BigInt(size),
    dataAccessTimestamp: instantOf(times.accessed),
    dataModificationTimestamp: instantOf(times.modified),
    statusChangeTimestamp: instantOf(times.changed),
  };
}

/** Gives two numbers that are others for another node, and after each change. */
export function hashOf(node: TreeNode): { readonly lower: bigint; readonly upper: bigint } {
  const { device, serial, times } = statOf(node);
  return { lower: BigInt.asUintN(64, (device << 48n) ^ serial), upper: BigInt.asUintN(64, times.changed) };
}
