/**
 * What jco made of a function: glue text and core modules by name. Made in the transpile child, carried by the gate as opaque bytes,
 * loaded in the function's own process. It never touches a disk, so there is nothing to clean up and nothing to swap.
 */
import { concatBytes, encodeUtf8, parseUtf8 } from '../../base/bytes.ts';
import { type Cbor, isCborMap } from '../../base/cbor.ts';
import type { Frame } from './frame.ts';
import type { FunctionKind } from './grants.ts';
import { FRAME } from './messages.ts';

/** A function ready to be loaded; a preview1 module has no glue and itself as its only module. */
export interface Bundle {
  readonly kind: FunctionKind;
  readonly glue: string;
  readonly modules: readonly { readonly name: string; readonly bytes: Uint8Array }[];
}

const MODULE_NAME = /^[a-z0-9.]{1,64}$/;
const KINDS: readonly string[] = ['http', 'command', 'preview1'] satisfies readonly FunctionKind[];

/** Writes a bundle as head and body of a frame; `outputBytes` is what one call may write. */
export function writeBundle(bundle: Bundle, outputBytes: number): { head: Cbor; body: Uint8Array } {
  const glue = encodeUtf8(bundle.glue);
  const modules = bundle.modules.map((m) => [m.name, m.bytes.length]);
  return {
    head: { kind: bundle.kind, outputBytes, glueBytes: glue.length, modules },
    body: concatBytes(glue, ...bundle.modules.map((m) => m.bytes)),
  };
}

/** Reads a bundle from a frame; null when it is not exactly one. */
export function parseBundle(frame: Frame): { readonly bundle: Bundle; readonly outputBytes: number } | null {
  const { head, body } = frame;
  if (frame.type !== FRAME.load || !isCborMap(head)) return null;
  const { kind, outputBytes, glueBytes, modules } = head;
  if (typeof kind !== 'string' || !KINDS.includes(kind)) return null;
  if (typeof outputBytes !== 'number' || typeof glueBytes !== 'number' || !Array.isArray(modules)) return null;
  const glue = glueBytes <= body.length ? parseUtf8(body.subarray(0, glueBytes)) : null;
  if (glue === null) return null;
  const parsed: { name: string; bytes: Uint8Array }[] = [];
  let at = glueBytes;
  for (const module of modules as readonly Cbor[]) {
    if (!Array.isArray(module) || module.length !== 2) return null;
    const [name, size] = module as readonly Cbor[];
    if (typeof name !== 'string' || !MODULE_NAME.test(name) || typeof size !== 'number') return null;
    if (size > body.length - at) return null;
    parsed.push({ name, bytes: body.subarray(at, at + size) });
    at += size;
  }
  return at === body.length ? { bundle: { kind: kind as FunctionKind, glue, modules: parsed }, outputBytes } : null;
}
