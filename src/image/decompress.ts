/** Decompresses what packages come in (gzip, zstd, xz), each with a cap on what comes out. [RFC 1952; RFC 8878] */
import { gunzipSync, zstdDecompressSync } from 'node:zlib';
import xz from 'xz-decompress';
import { openByteCollector } from '../base/byte-collector.ts';
import { LIMITS } from '../base/limits.ts';
import { refuseInput } from './tree.ts';

type Bytes = Uint8Array<ArrayBuffer>;

/** Names the forms, as the ends of file names have them. */
export type Compression = 'gz' | 'zst' | 'xz';

async function unxz(bytes: Uint8Array): Promise<Bytes> {
  const out = openByteCollector(LIMITS.unpackedBytes);
  for await (const piece of new xz.XzReadableStream(new Blob([Uint8Array.from(bytes)]).stream())) {
    if (!out.add(piece)) throw new RangeError(`it holds over ${LIMITS.unpackedBytes} bytes`);
  }
  return out.bytes();
}

/**
 * Decompresses; `what` names it in an error.
 * @throws ConfigurationError ERR_CONFIGURATION_IMAGE for what is cut short or not in its form, or unpacks to over 512 MiB
 */
export async function decompress(bytes: Uint8Array, compression: Compression, what: string): Promise<Bytes> {
  const options = { maxOutputLength: LIMITS.unpackedBytes };
  try {
    if (compression === 'xz') return await unxz(bytes);
    const out = compression === 'gz' ? gunzipSync(bytes, options) : zstdDecompressSync(bytes, options);
    return new Uint8Array(out.buffer, out.byteOffset, out.length);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw refuseInput(`${what} cannot be decompressed (${why})`, cause);
  }
}
