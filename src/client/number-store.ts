/** Where a client remembers numbers that only rise: in a file that outlives the process, or as long as the process lives. */
import { createRisingNumbers, type RisingNumbers } from '../base/rising-numbers.ts';
import { type NumberFileKind, openNumberFile } from '../io/number-file.ts';

export interface NumberStore<N extends string> {
  /**
   * Gives what was seen up to now.
   * @throws ConfigurationError ERR_CONFIGURATION_FILE when what was kept cannot be read
   */
  read(): Promise<RisingNumbers<N>>;
  /**
   * Keeps what was seen since, whole or not at all.
   * @throws ConfigurationError ERR_CONFIGURATION_FILE
   */
  write(numbers: RisingNumbers<N>): Promise<void>;
}

/** Opens a store that ends with the process. */
export function openMemoryNumbers<N extends string>(): NumberStore<N> {
  const numbers = createRisingNumbers<N>([]);
  return {
    read: async () => numbers,
    async write(seen) {
      for (const [name, number] of seen.entries()) numbers.remember(name, number);
    },
  };
}

/** Opens a store in a file, whose folder is there and only its user may write to. */
export function openFileNumbers<N extends string>(path: string, kind: NumberFileKind<N>): NumberStore<N> {
  const file = openNumberFile(path, kind);
  return {
    read: async () => createRisingNumbers(await file.read()),
    write: async (numbers) => await file.raise(numbers.entries()),
  };
}
