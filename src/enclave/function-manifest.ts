/**
 * The manifest of a function that is more than one file: canonical JSON that names each file with its digest, so that the manifest's own
 * digest, which policies list, is over all of them. It is read in exactly one spelling. [RFC 8785]
 */
import { mapOf, object, oneOf, type Reader, readJson, refuseValue, text } from '../attestation/json-reader.ts';
import { parseUtf8 } from '../base/bytes.ts';
import { encodeCanonicalJson } from '../base/canonical-json.ts';
import { type DigestText, parseDigest } from '../base/digest.ts';
import { LIMITS } from '../base/limits.ts';
import { parseMediaType } from '../base/media-type.ts';
import { ConfigurationError, FunctionError } from '../errors.ts';

export interface FunctionManifest {
  /** The file that is run, a WASM component or module. */
  readonly entry: string;
  /** Media type of what a program or a function of bytes answers; a function that answers by HTTP says its own. */
  readonly type: string;
  /** Digest of every file, the entry among them, by its name below the folder of the manifest. */
  readonly files: Readonly<Record<string, DigestText>>;
}

/** The name of a manifest in its folder; no file of a function has it. */
export const MANIFEST_NAME = 'manifest.json';

const FORMAT = 'function/1';
/** One letter, digit, dash or underscore, then dots, too: neither `..` nor a hidden file, and the same on every file system. */
const NAME = /^[A-Za-z0-9_-][A-Za-z0-9._-]*(?:\/[A-Za-z0-9_-][A-Za-z0-9._-]*)*$/;

/** Tells whether a file of a function may have this name. */
export function isFileName(name: string): boolean {
  return NAME.test(name) && name.length <= LIMITS.bundleNameBytes && name.toLowerCase() !== MANIFEST_NAME;
}

const fileName = text(
  'the name of a file below the manifest, of letters, digits, dots, dashes and underscores',
  isFileName,
);
const digest = text('sha256: and 64 lower-case hex digits', (value) => parseDigest(value) !== null);

const files: Reader<FunctionManifest['files']> = (value, at) => {
  const read = mapOf(digest)(value, at);
  const names = Object.keys(read);
  if (names.length > LIMITS.bundleFiles) throw refuseValue(at, `at most ${LIMITS.bundleFiles} files`, names.length);
  const taken = new Set<string>();
  for (const name of names) {
    // Two names that some file systems take for one could be two contents under one digest; so could a file and a folder.
    const folded = fileName(name, at).toLowerCase();
    if (taken.has(folded)) throw refuseValue(at, 'names that differ in more than capital letters', name);
    taken.add(folded);
  }
  for (const name of taken) {
    const above = name
      .split('/')
      .slice(0, -1)
      .map((_, i, parts) => parts.slice(0, i + 1).join('/'));
    if (above.some((folder) => taken.has(folder))) throw refuseValue(at, 'no file in the place of a folder', name);
  }
  return read as FunctionManifest['files'];
};

const manifest: Reader<FunctionManifest & { readonly anchorhold: typeof FORMAT }> = object({
  anchorhold: oneOf(FORMAT),
  entry: fileName,
  type: text('a media type without parameters', (value) => parseMediaType(value) === value),
  files,
});

/** Tells whether the bytes of a function are a manifest: WASM begins with a zero byte. */
export function isManifest(bytes: Uint8Array): boolean {
  return bytes[0] === 0x7b;
}

/** Writes a manifest in its one spelling. */
export function writeManifest({ entry, type, files }: FunctionManifest): string {
  return encodeCanonicalJson({ anchorhold: FORMAT, entry, type, files: { ...files } });
}

/**
 * Reads a manifest; `name` is the function's, for the message.
 * @throws FunctionError ERR_FUNCTION_INVALID
 */
export function parseManifest(bytes: Uint8Array, name: string): FunctionManifest {
  const invalid = (why: string, cause?: unknown): FunctionError =>
    new FunctionError('ERR_FUNCTION_INVALID', `the manifest of function "${name}": ${why}`, { cause });
  const content = bytes.length > LIMITS.manifestBytes ? null : parseUtf8(bytes);
  if (content === null) throw invalid(`it is no text of at most ${LIMITS.manifestBytes} bytes`);
  try {
    const read = readJson(content, LIMITS.manifestBytes, 'it', manifest);
    if (writeManifest(read) !== content)
      throw invalid('it is not canonical JSON; `anchorhold function pack` writes it so');
    if (!Object.hasOwn(read.files, read.entry)) throw invalid(`files does not list the entry ${read.entry}`);
    return read;
  } catch (cause) {
    if (!(cause instanceof ConfigurationError)) throw cause;
    throw invalid(cause.message, cause);
  }
}
