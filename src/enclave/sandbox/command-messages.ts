/**
 * What the two sides say of a program's run: what it is given, and how it ended. The gate's side reads as if a hostile process had written
 * every byte; what a program changed in its files is only listed here, and judged by whoever writes it down.
 */
import { concatBytes } from '../../base/bytes.ts';
import { LIMITS } from '../../base/limits.ts';
import { FileError } from './files/file-error.ts';
import type { MountImage } from './files/mount.ts';
import { encodeTree, parseChanges, parseTree, type TreeChange } from './files/tree-image.ts';
import { type Head, type HeadMap, isHeadMap } from './frame-head.ts';

/** A program's run: what it is started with. */
export interface CommandRequest {
  readonly args: readonly string[];
  readonly env: readonly (readonly [name: string, value: string])[];
  readonly stdin: Uint8Array;
  readonly mounts: readonly MountImage[];
}

/** How a program ended, with all that it wrote. */
export interface CommandExit {
  /** As the program gave it: 32 bits. */
  readonly code: number;
  readonly stdout: Uint8Array;
  readonly stderr: Uint8Array;
  /** What it changed in each tree that it was given, in their order. */
  readonly changes: readonly (readonly TreeChange[])[];
}

const MAX_EXIT_CODE = 2 ** 32 - 1;

/** Cuts a body into parts of these lengths and the rest; null when it is too short. */
function cut(body: Uint8Array, lengths: readonly (Head | undefined)[]): readonly Uint8Array[] | null {
  const parts: Uint8Array[] = [];
  let at = 0;
  for (const length of lengths) {
    if (typeof length !== 'number' || at + length > body.length) return null;
    parts.push(body.subarray(at, at + length));
    at += length;
  }
  return [...parts, body.subarray(at)];
}

const isTextList = (value: Head | undefined): value is readonly string[] =>
  Array.isArray(value) && (value as readonly Head[]).every((item) => typeof item === 'string');

/** Writes a program's run, as the head and body of a frame. @throws FileError when a tree has too many names */
export function writeCommand({ args, env, stdin, mounts }: CommandRequest): { head: Head; body: Uint8Array } {
  const trees = mounts.map(({ items }) => encodeTree(items));
  const described = mounts.map(({ path, writable }, i) => ({ path, writable, bytes: trees[i]?.length ?? 0 }));
  const head = { args: [...args], env: env.map(([name, value]) => [name, value]), mounts: described };
  return { head, body: concatBytes(...trees, stdin) };
}

function parseMount(described: HeadMap, tree: Uint8Array | undefined): MountImage | null {
  const { path, writable } = described;
  const items = tree === undefined ? null : parseTree(tree);
  if (typeof path !== 'string' || typeof writable !== 'boolean' || items === null) return null;
  return { path, writable, items };
}

/** Reads trees from the front of a body, and gives what is behind them, too; null when they are not as described. */
export function parseMounts(
  described: Head | undefined,
  body: Uint8Array,
): { readonly mounts: readonly MountImage[]; readonly rest: Uint8Array } | null {
  if (!Array.isArray(described)) return null;
  const maps = (described as readonly Head[]).filter((item) => isHeadMap(item));
  const parts = cut(
    body,
    maps.map((map) => map['bytes']),
  );
  if (parts === null || maps.length !== described.length) return null;
  const mounts = maps.flatMap((map, i) => parseMount(map, parts[i]) ?? []);
  const rest = parts.at(-1);
  return mounts.length === maps.length && rest !== undefined ? { mounts, rest } : null;
}

/** Reads a program's run, in the child; null when the frame is none. */
export function parseCommand(head: Head, body: Uint8Array): CommandRequest | null {
  if (!isHeadMap(head) || !isTextList(head['args']) || !Array.isArray(head['env'])) return null;
  const env: (readonly [string, string])[] = [];
  for (const pair of head['env'] as readonly Head[]) {
    if (!isTextList(pair)) return null;
    const [name, value] = pair;
    if (name === undefined || value === undefined || pair.length !== 2) return null;
    env.push([name, value]);
  }
  const parsed = parseMounts(head['mounts'], body);
  return parsed === null ? null : { args: head['args'], env, stdin: parsed.rest, mounts: parsed.mounts };
}

/** Writes how a program ended, as the head and body of a frame. @throws FileError when it changed more than a frame holds */
export function writeExit({ code, stdout, stderr, changes }: CommandExit): { head: Head; body: Uint8Array } {
  const trees = changes.map((list) => encodeTree(list));
  const head = { code, stdoutBytes: stdout.length, stderrBytes: stderr.length, treeBytes: trees.map((t) => t.length) };
  const parts = [stdout, stderr, ...trees];
  const size = parts.reduce((sum, part) => sum + part.length, 0);
  if (size > LIMITS.exitFrameBytes - LIMITS.frameHeadBytes) throw new FileError('insufficient-space');
  return { head, body: concatBytes(...parts) };
}

/** Reads how a program that was given so many trees ended; null when it is not well said, and before any tree is read when they are not so many. */
export function parseExit(head: HeadMap, body: Uint8Array, treeCount: number): CommandExit | null {
  const { code, stdoutBytes, stderrBytes, treeBytes } = head;
  if (typeof code !== 'number' || code > MAX_EXIT_CODE || Object.keys(head).length !== 4) return null;
  if (!Array.isArray(treeBytes) || treeBytes.length !== treeCount) return null;
  const parts = cut(body, [stdoutBytes, stderrBytes, ...(treeBytes as readonly Head[])]);
  const [stdout, stderr, ...trees] = parts ?? [];
  if (stdout === undefined || stderr === undefined || trees.pop()?.length !== 0) return null;
  const changes = trees.flatMap((tree) => {
    const list = parseChanges(tree);
    return list === null ? [] : [list];
  });
  return changes.length === trees.length ? { code, stdout, stderr, changes } : null;
}
