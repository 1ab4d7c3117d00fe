/** What wasi:filesystem says of files where WASI 0.3 writes it otherwise than 0.2: errors and types are variants. [WASI 0.3.0 wasi:filesystem/types] */
import { FileError } from '../../files/file-error.ts';
import type { TreeNode } from '../../files/nodes.ts';
import * as before from '../file-values.ts';
import { err, type Result, type Variant } from '../result.ts';

/** Makes an error of its name. */
export function fileError(code: FileError['code']): Result<never, Variant> {
  return err({ tag: code });
}

/** Does something with files; what fails is an error of the guest's, and nothing else is caught. */
export function attempt<T>(run: () => T): Result<T, Variant> {
  const answer = before.attempt(run);
  return answer.tag === 'ok' ? answer : fileError(answer.val);
}

/** Gives the type of a node. */
export function typeOf(node: TreeNode): Variant {
  return { tag: before.typeOf(node) };
}

/** Says what is known of a node. */
export function describeNode(node: TreeNode): Readonly<Record<string, unknown>> {
  return { ...before.describeNode(node), type: typeOf(node) };
}
