/**
 * A function as files: one .wasm, or a manifest with the files that it names. Reads them, and holds every byte against the one digest that
 * owners list. What is not named is not read.
 */
import { dirname, join } from 'node:path';
import { equalBytes } from '../base/bytes.ts';
import { parseDigest } from '../base/digest.ts';
import { LIMITS } from '../base/limits.ts';
import { FunctionError } from '../errors.ts';
import { readBytesFile } from '../io/files.ts';
import { nativeSha256 } from '../io/native-digest.ts';
import { isManifest, parseManifest } from './function-manifest.ts';

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
  /** Media type of what a program answers. */
  readonly type: string;
  /** The other files, which it may read. */
  readonly files: ReadonlyMap<string, Uint8Array>;
}

/** What a program answers where nobody says more. */
export const PLAIN_TYPE = 'application/octet-stream';

/** Makes the files of a function that is one. */
export function singleFile(bytes: Uint8Array): FunctionFiles {
  return { bytes, beside: new Map() };
}

/**
 * Reads a function: a .wasm file, or a manifest and what it names below its folder. `name` is for messages.
 * @throws ConfigurationError ERR_CONFIGURATION_FILE, FunctionError ERR_FUNCTION_INVALID
 */
export async function readFunctionFiles(path: string, name: string): Promise<FunctionFiles> {
  const bytes = await readBytesFile(path, LIMITS.functionBytes);
  if (!isManifest(bytes)) return singleFile(bytes);
  const beside = new Map<string, Uint8Array>();
  let left = LIMITS.functionBytes;
  for (const file of Object.keys(parseManifest(bytes, name).files)) {
    const content = await readBytesFile(join(dirname(path), file), left);
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
  if (!isManifest(bytes)) return { bytes, digest, type: PLAIN_TYPE, files: new Map() };
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
  return { bytes: main, digest: nativeSha256(main), type, files: others };
}
