/** What a function's process is given to load: the bytes whose digest was checked, how they are called, and what a call may write. */
import type { Frame } from './frame.ts';
import { type Head, isHeadMap } from './frame-head.ts';
import type { FunctionKind } from './grants.ts';
import { FRAME } from './messages.ts';

export interface Bundle {
  readonly kind: FunctionKind;
  readonly bytes: Uint8Array;
}

const KINDS: readonly string[] = ['http', 'command', 'preview1'] satisfies readonly FunctionKind[];

/** Writes the head of the frame that loads a function; its bytes are the body. */
export function writeBundleHead(kind: FunctionKind, outputBytes: number): Head {
  return { kind, outputBytes };
}

/** Reads a bundle from a frame; null when it is not exactly one. */
export function parseBundle(frame: Frame): { readonly bundle: Bundle; readonly outputBytes: number } | null {
  const { head, body } = frame;
  if (frame.type !== FRAME.load || !isHeadMap(head)) return null;
  const { kind, outputBytes } = head;
  if (typeof kind !== 'string' || !KINDS.includes(kind) || typeof outputBytes !== 'number') return null;
  return { bundle: { kind: kind as FunctionKind, bytes: body }, outputBytes };
}
