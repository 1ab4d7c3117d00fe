/** SHA-2 by the platform's own code: for megabytes, and for every query, where the pure one of base/digest.ts takes several times as long. [FIPS 180-4] */
import { createHash, hash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { ConfigurationError } from '../errors.ts';

const PIECE_BYTES = 1024 * 1024;

/** Computes SHA-256 (32 bytes). */
export function nativeSha256(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Buffer.from(hash('sha256', bytes, 'latin1'), 'latin1'));
}

/** Computes SHA-384 (48 bytes). */
export function nativeSha384(bytes: Uint8Array): Uint8Array {
  // Over text, since a buffer that is made outside of JavaScript takes longer than hashing a hundred bytes. [Node 26 crypto.hash]
  return Buffer.from(hash('sha384', bytes, 'latin1'), 'latin1');
}

/**
 * Computes SHA-256 (32 bytes) of a regular file of at most `maxBytes`, without holding it whole.
 * @throws ConfigurationError ERR_CONFIGURATION_FILE
 */
export async function digestFile(path: string, maxBytes: number): Promise<Uint8Array> {
  const fail = (why: string, cause?: unknown): ConfigurationError =>
    new ConfigurationError('ERR_CONFIGURATION_FILE', `${path} ${why}`, { cause });
  const unreadable = (cause: NodeJS.ErrnoException): never => {
    throw fail(cause.code === 'ENOENT' ? 'does not exist' : `cannot be read (${cause.code ?? cause.message})`, cause);
  };
  const file = await open(path, 'r').catch(unreadable);
  try {
    if (!(await file.stat()).isFile()) throw fail('is not a file');
    const digest = createHash('sha256');
    const piece = new Uint8Array(PIECE_BYTES);
    for (let total = 0; ; ) {
      const { bytesRead } = await file.read(piece, 0, PIECE_BYTES).catch(unreadable);
      if (bytesRead === 0) return digest.digest();
      total += bytesRead;
      if (total > maxBytes) throw fail(`is over the cap of ${maxBytes} bytes`);
      digest.update(piece.subarray(0, bytesRead));
    }
  } finally {
    await file.close();
  }
}
