/** What a function's process is given to load: the bytes whose digest was checked, how they are called, and what a call may write. */
import type { Frame } from './frame.ts';
import { type Head, isHeadMap } from './frame-head.ts';
import type { FunctionKind } from './grants.ts';
import { FRAME } from './messages.ts';
import type { ModuleRules } from './prepare-modules.ts';

/** Whether each call has an instance of its own, or one instance answers up to so many calls, one after another. */
export type Instances = { readonly kind: 'fresh' } | { readonly kind: 'pooled'; readonly calls: number };

export interface Bundle {
  readonly kind: FunctionKind;
  readonly instances: Instances;
  readonly rules: ModuleRules;
  readonly bytes: Uint8Array;
}

const KINDS: readonly string[] = ['http', 'command', 'preview1'] satisfies readonly FunctionKind[];

/** Writes the head of the frame that loads a function; its bytes are the body. */
export function writeBundleHead({ kind, instances, rules }: Omit<Bundle, 'bytes'>, outputBytes: number): Head {
  return { kind, instances: { ...instances }, rules: { ...rules }, outputBytes };
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

/** Reads a bundle from a frame; null when it is not exactly one. */
export function parseBundle(frame: Frame): { readonly bundle: Bundle; readonly outputBytes: number } | null {
  const { head, body } = frame;
  if (frame.type !== FRAME.load || !isHeadMap(head)) return null;
  const { kind, outputBytes } = head;
  const instances = parseInstances(head['instances']);
  const rules = parseRules(head['rules']);
  if (typeof kind !== 'string' || !KINDS.includes(kind) || typeof outputBytes !== 'number') return null;
  if (instances === null || rules === null) return null;
  return { bundle: { kind: kind as FunctionKind, instances, rules, bytes: body }, outputBytes };
}
