/**
 * A function as files: one .wasm, or a manifest with the files that it names. Reads them, and holds every byte against the one digest that
 * owners list. What is not named is not read.
 */
import { dirname, join } from 'node:path';
import { equalBytes } from '../base/bytes.ts';
import { parseDigest } from '../base/digest.ts';
import { LIMITS } from '../base/limits.ts';
import { FunctionError } from '../errors.ts';
import type { FileSource } from '../io/files.ts';
import { nativeSha256 } from '../io/native-digest.ts';
import { isManifest, parseManifest } from './function-manifest.ts';
import type { MountImage } from './sandbox/files/mount.ts';
import type { TreeItem } from './sandbox/files/tree-image.ts';

/** What the listed digest is over, and what a manifest names beside itself; nobody has looked into either. */
export interface FunctionFiles {
  readonly bytes: Uint8Array;
  readonly beside: ReadonlyMap<string, Uint8Array>;
}

/** A function whose every byte is under the listed digest. */
export interface CheckedFunction {
  /** What is run. */
  readonly bytes: Uint8Array;
  /** Its SHA-256. */
  readonly digest: Uint8Array;
  /** Media type of what it answers, where its kind cannot say it. */
  readonly answerType: string;
  /** The other files, which it may read; none for a function of one file. */
  readonly mounts: readonly MountImage[];
}

/** What a program answers where nobody says more. */
const PLAIN_TYPE = 'application/octet-stream';

/** Where a function finds its other files. */
const MOUNT_PATH = '/';

/** Makes the tree of some files, each folder before what is in it. */
function mountFiles(files: ReadonlyMap<string, Uint8Array>): readonly MountImage[] {
  if (files.size === 0) return [];
  const folders = new Set<string>();
  for (const name of files.keys()) {
    const parts = name.split('/').slice(0, -1);
    for (const i of parts.keys()) folders.add(parts.slice(0, i + 1).join('/'));
  }
  const items: readonly TreeItem[] = [
    ...[...folders].map((path) => ({ kind: 'directory' as const, path })),
    ...[...files].map(([path, bytes]) => ({ kind: 'file' as const, path, bytes })),
  ];
  return [{ path: MOUNT_PATH, writable: false, items }];
}

/** Makes the files of a function that is one. */
export function singleFile(bytes: Uint8Array): FunctionFiles {
  return { bytes, beside: new Map() };
}

/**
 * Reads a function: a .wasm file, or a manifest and what it names below its folder. `name` is for messages.
 * @throws ConfigurationError ERR_CONFIGURATION_FILE, FunctionError ERR_FUNCTION_INVALID
 */
export async function readFunctionFiles(path: string, name: string, files: FileSource): Promise<FunctionFiles> {
  const bytes = await files.read(path, LIMITS.functionBytes);
  if (!isManifest(bytes)) return singleFile(bytes);
  const beside = new Map<string, Uint8Array>();
  let left = LIMITS.functionBytes;
  for (const file of Object.keys(parseManifest(bytes, name).files)) {
    const content = await files.read(join(dirname(path), file), left);
    left -= content.length;
    beside.set(file, content);
  }
  return { bytes, beside };
}

/**
 * Checks a function against the digest (32 bytes) that its owners list.
 * @throws FunctionError ERR_FUNCTION_DIGEST when any byte is another one, ERR_FUNCTION_INVALID for a manifest that cannot be read
 */
export function checkFunctionFiles(
  { bytes, beside }: FunctionFiles,
  digest: Uint8Array,
  name: string,
): CheckedFunction {
  const expect = (content: Uint8Array, expected: Uint8Array | null, what: string): void => {
    if (expected !== null && equalBytes(nativeSha256(content), expected)) return;
    throw new FunctionError('ERR_FUNCTION_DIGEST', `${what} of function "${name}" has another SHA-256 than was named`);
  };
  expect(bytes, digest, 'the file');
  if (!isManifest(bytes)) return { bytes, digest, answerType: PLAIN_TYPE, mounts: [] };
  const { entry, type, files } = parseManifest(bytes, name);
  const others = new Map<string, Uint8Array>();
  let left = LIMITS.functionBytes;
  for (const [file, listed] of Object.entries(files)) {
    const content = beside.get(file);
    if (content === undefined)
      throw new FunctionError('ERR_FUNCTION_DIGEST', `the file ${file} of function "${name}" is not there`);
    left -= content.length;
    if (left < 0)
      throw new FunctionError(
        'ERR_FUNCTION_INVALID',
        `the files of function "${name}" are over ${LIMITS.functionBytes} bytes`,
      );
    expect(content, parseDigest(listed), `the file ${file}`);
    others.set(file, content);
  }
  const main = others.get(entry) ?? new Uint8Array(0);
  others.delete(entry);
  return { bytes: main, digest: nativeSha256(main), answerType: type, mounts: mountFiles(others) };
}
