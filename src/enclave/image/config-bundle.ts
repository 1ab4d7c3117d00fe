/**
 * The one file that a machine of the image is configured by: `AHCONFIG`, u64 length, and canonical CBOR with every file that the worker reads. Its
 * digest is over all of it, so it is written in exactly one spelling. What the files mean is not decided here.
 */
import { encodeUtf8, equalBytes } from '../../base/bytes.ts';
import { type Cbor, encodeCbor, isCborMap, parseCbor } from '../../base/cbor.ts';
import { LIMITS } from '../../base/limits.ts';
import { ConfigurationError } from '../../errors.ts';

/** By this the image's init finds the disk that holds it. */
const MAGIC = encodeUtf8('AHCONFIG');
const FORMAT = 'config/1';

/** Magic and length. */
export const HEAD_BYTES = 16;

/** The name of the configuration among the files; all others stand where it names them. */
export const CONFIG_NAME = 'worker.json';

/** Names below one folder: no empty part, no `.` or `..`, no zero byte. */
const NAME = /^(?!\.{1,2}(?:\/|$))[^/\0]+(?:\/(?!\.{1,2}(?:\/|$))[^/\0]+)*$/;

/** Tells whether a file of a bundle may have this name. */
export function isBundleName(name: string): boolean {
  return NAME.test(name) && encodeUtf8(name).length <= LIMITS.configNameBytes;
}

function refuse(why: string): ConfigurationError {
  return new ConfigurationError('ERR_CONFIGURATION_FILE', `the configuration bundle ${why}`);
}

/**
 * Writes a bundle of files, by their names.
 * @throws ConfigurationError ERR_CONFIGURATION_FILE for a name that cannot be, or more than the caps allow
 */
export function encodeConfigBundle(files: ReadonlyMap<string, Uint8Array>): Uint8Array<ArrayBuffer> {
  const named: Record<string, Cbor> = Object.create(null);
  for (const [name, bytes] of files) {
    if (!isBundleName(name)) throw refuse(`cannot hold a file named ${JSON.stringify(name)}`);
    named[name] = bytes;
  }
  const content = encodeCbor({ anchorhold: FORMAT, files: named });
  const bundle = new Uint8Array(HEAD_BYTES + content.length);
  bundle.set(MAGIC);
  new DataView(bundle.buffer).setBigUint64(MAGIC.length, BigInt(content.length));
  bundle.set(content, HEAD_BYTES);
  if (bundle.length > LIMITS.configBundleBytes || files.size > LIMITS.configFiles)
    throw refuse(`would have ${files.size} files and ${bundle.length} bytes, over the caps`);
  return bundle;
}

/**
 * Gives the size of a whole bundle by its first 16 bytes.
 * @throws ConfigurationError ERR_CONFIGURATION_FILE when they are none, or it is over the cap
 */
export function bundleSize(head: Uint8Array): number {
  if (head.length < HEAD_BYTES || !equalBytes(head.subarray(0, MAGIC.length), MAGIC))
    throw refuse('does not begin as one');
  const size = BigInt(HEAD_BYTES) + new DataView(head.buffer, head.byteOffset).getBigUint64(MAGIC.length);
  if (size > BigInt(LIMITS.configBundleBytes)) throw refuse(`is over the cap of ${LIMITS.configBundleBytes} bytes`);
  return Number(size);
}

/**
 * Reads a bundle, which must be exactly one, and gives its files by their names.
 * @throws ConfigurationError ERR_CONFIGURATION_FILE
 */
export function parseConfigBundle(bundle: Uint8Array): ReadonlyMap<string, Uint8Array> {
  if (bundleSize(bundle) !== bundle.length) throw refuse('has another length than it says');
  const content = parseCbor(bundle.subarray(HEAD_BYTES), LIMITS.configBundleBytes)?.value;
  if (!isCborMap(content) || Object.keys(content).length !== 2 || content['anchorhold'] !== FORMAT)
    throw refuse(`is not of the format ${FORMAT}`);
  const files = content['files'];
  if (!isCborMap(files) || Object.keys(files).length > LIMITS.configFiles) throw refuse('holds no files, or too many');
  return new Map(
    Object.entries(files).map(([name, bytes]) => {
      if (!isBundleName(name) || !(bytes instanceof Uint8Array)) throw refuse('holds something that is no file');
      return [name, bytes];
    }),
  );
}
