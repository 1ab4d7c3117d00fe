/** What a function's process is given to load: the bytes whose digest was checked, how they are called, the files they may read, and what a call may write. */
import { concatBytes } from '../../base/bytes.ts';
import { parseMounts } from './command-messages.ts';
import type { MountImage } from './files/mount.ts';
import { encodeTree } from './files/tree-image.ts';
import { encodeFrame, type Frame } from './frame.ts';
import { type Head, isHeadMap } from './frame-head.ts';
import type { FunctionKind } from './grants.ts';
import { FRAME } from './messages.ts';
import type { ModuleRules } from './prepare-modules.ts';

/** Whether each call has an instance of its own, or one instance answers up to so many calls, one after another. */
export type Instances = { readonly kind: 'fresh' } | { readonly kind: 'pooled'; readonly calls: number };

/** Variables of an environment. */
export type Variables = readonly (readonly [name: string, value: string])[];

export interface Bundle {
  readonly kind: FunctionKind;
  readonly instances: Instances;
  readonly rules: ModuleRules;
  /** Trees that every call of the function may read. */
  readonly mounts: readonly MountImage[];
  /** What a call may keep in a directory of its own while it lasts; 0 for no such directory. */
  readonly scratchBytes: number;
  /** Variables that every query of a function finds in its environment; a program is given its own with each call. */
  readonly env: Variables;
  readonly bytes: Uint8Array;
}

const KINDS: readonly string[] = ['http', 'command', 'bytes', 'preview1'] satisfies readonly FunctionKind[];

/** Writes the frame that loads a function: trees and its bytes are the body. @throws FileError when a tree has too many names */
export function writeBundle(bundle: Bundle, outputBytes: number): Uint8Array {
  const { kind, instances, rules, scratchBytes } = bundle;
  const trees = bundle.mounts.map(({ items }) => encodeTree(items));
  const mounts = bundle.mounts.map(({ path }, i) => ({ path, writable: false, bytes: trees[i]?.length ?? 0 }));
  const env = bundle.env.map(([name, value]) => [name, value]);
  const head = { kind, instances: { ...instances }, rules: { ...rules }, outputBytes, scratchBytes, mounts, env };
  // Most have no trees, and then megabytes are not copied twice.
  return encodeFrame(FRAME.load, 0, head, trees.length === 0 ? bundle.bytes : concatBytes(...trees, bundle.bytes));
}

function parseInstances(head: Head | undefined): Instances | null {
  if (head === undefined || !isHeadMap(head)) return null;
  const { kind, calls } = head;
  if (kind === 'fresh' && calls === undefined) return { kind };
  return kind === 'pooled' && typeof calls === 'number' && calls > 0 ? { kind, calls } : null;
}

function parseRules(head: Head | undefined): ModuleRules | null {
  if (head === undefined || !isHeadMap(head)) return null;
  const { memoryPages, gas } = head;
  if (typeof memoryPages !== 'number' || (typeof gas !== 'number' && gas !== null)) return null;
  return { memoryPages, gas };
}

function parseVariables(value: Head | undefined): Variables | null {
  if (!Array.isArray(value)) return null;
  const variables: (readonly [string, string])[] = [];
  for (const pair of value as readonly Head[]) {
    const [name, text] = Array.isArray(pair) ? (pair as readonly Head[]) : [];
    if (typeof name !== 'string' || typeof text !== 'string') return null;
    variables.push([name, text]);
  }
  return variables;
}

/** Reads a bundle from a frame; null when it is not exactly one. */
export function parseBundle(frame: Frame): { readonly bundle: Bundle; readonly outputBytes: number } | null {
  const { head, body } = frame;
  if (frame.type !== FRAME.load || !isHeadMap(head)) return null;
  const { kind, outputBytes, scratchBytes } = head;
  const instances = parseInstances(head['instances']);
  const rules = parseRules(head['rules']);
  const parsed = parseMounts(head['mounts'], body);
  if (typeof kind !== 'string' || !KINDS.includes(kind) || instances === null || rules === null) return null;
  const env = parseVariables(head['env']);
  if (env === null || parsed === null || typeof outputBytes !== 'number' || typeof scratchBytes !== 'number')
    return null;
  const { mounts, rest } = parsed;
  return {
    bundle: { kind: kind as FunctionKind, instances, rules, mounts, scratchBytes, env, bytes: rest },
    outputBytes,
  };
}
