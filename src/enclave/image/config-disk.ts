/** Reads the configuration bundle from the disk that the image's init found by its first bytes. The disk is the operator's: sizes are capped, and nothing is believed. */
import { type FileHandle, open } from 'node:fs/promises';
import { ConfigurationError } from '../../errors.ts';
import { bundleSize, HEAD_BYTES } from './config-bundle.ts';

/** A link that the image's init makes, to a disk that it lets the worker's user read. */
export const CONFIG_DISK = '/run/anchorhold/config';

async function fill(disk: FileHandle, bytes: Uint8Array<ArrayBuffer>, position: number): Promise<void> {
  for (let length = 0; length < bytes.length; ) {
    const { bytesRead } = await disk.read(bytes, length, bytes.length - length, position + length);
    if (bytesRead === 0) throw new ConfigurationError('ERR_CONFIGURATION_FILE', 'the configuration disk is too short');
    length += bytesRead;
  }
}

/**
 * Reads the bundle at the start of a disk or file, once and whole; what follows it is not read.
 * @throws ConfigurationError ERR_CONFIGURATION_FILE
 */
export async function readConfigDisk(path: string): Promise<Uint8Array<ArrayBuffer>> {
  const fail = (cause: NodeJS.ErrnoException): never => {
    const why = `the configuration disk cannot be read (${cause.code ?? cause.name})`;
    throw new ConfigurationError('ERR_CONFIGURATION_FILE', why, { cause });
  };
  const disk = await open(path, 'r').catch(fail);
  try {
    const head = new Uint8Array(HEAD_BYTES);
    await fill(disk, head, 0);
    const bundle = new Uint8Array(bundleSize(head));
    bundle.set(head);
    await fill(disk, bundle.subarray(HEAD_BYTES), HEAD_BYTES);
    return bundle;
  } catch (cause) {
    if (cause instanceof ConfigurationError) throw cause;
    return fail(cause as NodeJS.ErrnoException);
  } finally {
    await disk.close();
  }
}
