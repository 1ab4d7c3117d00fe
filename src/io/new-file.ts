/** Files that must not be there yet: a key that is written over is lost, and nobody says whose it was. */
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { ConfigurationError } from '../errors.ts';

/** A file to make; a `secret` one is for its owner alone (mode 0600). */
export interface NewFile {
  readonly path: string;
  readonly content: string | Uint8Array;
  readonly secret: boolean;
}

/**
 * Writes files that are not there yet, all or none; folders above them are made for their owner alone.
 * @throws ConfigurationError ERR_CONFIGURATION_FILE when one is there, or cannot be written
 */
export async function writeNewFiles(files: readonly NewFile[]): Promise<void> {
  const refuse = (path: string, why: string, cause?: unknown): ConfigurationError =>
    new ConfigurationError('ERR_CONFIGURATION_FILE', `${path} ${why}`, { cause });
  const there = files.find(({ path }) => existsSync(path));
  if (there !== undefined) throw refuse(there.path, 'is there already, and nothing is written over it');
  for (const { path, content, secret } of files) {
    try {
      await mkdir(dirname(path), { recursive: true, mode: 0o700 });
      // Whoever made the file since the look above keeps it.
      await writeFile(path, content, { flag: 'wx', mode: secret ? 0o600 : 0o644 });
    } catch (cause) {
      throw refuse(path, `cannot be written (${cause instanceof Error ? cause.message : String(cause)})`, cause);
    }
  }
}
