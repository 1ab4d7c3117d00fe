/** What wasi:filesystem says of files, from what the trees of a call know, as WASI 0.2 writes it. [WASI 0.2.12 wasi:filesystem/types] */
import { FileError, type FileErrorName } from '../files/file-error.ts';
import type { TreeNode } from '../files/nodes.ts';
import { type NewTime, statOf } from '../files/stat.ts';
import { DONE, err, ok, type Result } from './result.ts';

const NANOS_PER_SECOND = 1_000_000_000n;
const TYPES = { directory: 'directory', file: 'regular-file', link: 'symbolic-link' } as const;

export type Answer<T> = Result<T, FileErrorName>;

interface Datetime {
  readonly seconds: bigint;
  readonly nanoseconds: number;
}

/** A time to set, as a guest says it. */
export type NewTimestamp =
  | { readonly tag: 'no-change' | 'now' }
  | { readonly tag: 'timestamp'; readonly val: Datetime };

/** Does something with files. What fails is an error of the guest's, by the same name; nothing else is caught. */
export function attempt<T>(run: () => T): Answer<T> {
  try {
    return ok(run());
  } catch (e) {
    if (e instanceof FileError) return err(e.code);
    throw e;
  }
}

/** Does something with files that gives nothing. */
export function attemptDone(run: () => void): Answer<undefined> {
  const answer = attempt(run);
  return answer.tag === 'ok' ? DONE : answer;
}

/** Gives the type of a node. */
export function typeOf({ kind }: TreeNode): string {
  return TYPES[kind];
}

/** Makes a number of a place in a file; past what a file can be, one is as good as any other. @throws FileError invalid */
export function placeOf(offset: bigint): number {
  if (offset >= 1n << 63n) throw new FileError('invalid');
  return offset > BigInt(Number.MAX_SAFE_INTEGER) ? Number.MAX_SAFE_INTEGER : Number(offset);
}

function datetimeOf(nanos: bigint): Datetime {
  return { seconds: nanos / NANOS_PER_SECOND, nanoseconds: Number(nanos % NANOS_PER_SECOND) };
}

/** Reads a time to set; there is none before 1970. @throws FileError invalid */
export function newTimeOf(time: NewTimestamp): NewTime {
  if (time.tag !== 'timestamp') return time.tag === 'now' ? 'now' : 'keep';
  const { seconds, nanoseconds } = time.val;
  if (seconds < 0n || BigInt(nanoseconds) >= NANOS_PER_SECOND) throw new FileError('invalid');
  return seconds * NANOS_PER_SECOND + BigInt(nanoseconds);
}

/** Says what is known of a node. */
export function describeNode(node: TreeNode): Readonly<Record<string, unknown>> {
  const { links, size, times } = statOf(node);
  return {
    type: typeOf(node),
    linkCount: BigInt(links),
    size: BigInt(size),
    dataAccessTimestamp: datetimeOf(times.accessed),
    dataModificationTimestamp: datetimeOf(times.modified),
    statusChangeTimestamp: datetimeOf(times.changed),
  };
}
