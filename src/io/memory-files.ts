/** Files that are not on disk: those of a value, and those of another source as they are read. Paths are absolute; judges nothing of what is in them. */
import { join } from 'node:path';
import { ConfigurationError } from '../errors.ts';
import type { FileSource } from './files.ts';

/** Makes a source of files in memory, by their absolute paths. */
export function memoryFiles(files: ReadonlyMap<string, Uint8Array>): FileSource {
  function find(path: string, maxBytes: number): Uint8Array<ArrayBuffer> | null {
    const bytes = files.get(path);
    if (bytes === undefined) return null;
    if (bytes.length <= maxBytes) return Uint8Array.from(bytes);
    throw new ConfigurationError(
      'ERR_CONFIGURATION_FILE',
      `${path} is ${bytes.length} bytes, over the cap of ${maxBytes}`,
    );
  }
  return {
    async read(path, maxBytes) {
      const bytes = find(path, maxBytes);
      if (bytes === null) throw new ConfigurationError('ERR_CONFIGURATION_FILE', `${path} does not exist`);
      return bytes;
    },
    beside: (folder, maxBytes) => (name) => find(join(folder, name), maxBytes),
  };
}

/** Makes a source that keeps what is read through it, in `seen`, by absolute path. */
export function rememberFiles(source: FileSource, seen: Map<string, Uint8Array>): FileSource {
  return {
    async read(path, maxBytes) {
      const bytes = await source.read(path, maxBytes);
      seen.set(path, bytes);
      return bytes;
    },
    beside(folder, maxBytes) {
      const read = source.beside(folder, maxBytes);
      return (name) => {
        const bytes = read(name);
        if (bytes !== null) seen.set(join(folder, name), bytes);
        return bytes;
      };
    },
  };
}
