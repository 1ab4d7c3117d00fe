/** Where a client remembers the revocation lists that it has seen: in a file beside fetched certificates, or as long as the process lives. */
import { join } from 'node:path';
import { type CrlNumbers, createCrlNumbers, isCrlSeries } from '../attestation/snp/crl-numbers.ts';
import { openNumberFile } from '../io/number-file.ts';

const FORMAT = 'crl-numbers/1';
const FILE = 'crl-numbers.json';
const ADVICE =
  'It remembers the newest revocation lists: put back a copy, or remove it if you accept that an older list may be taken once';

export interface CrlNumberStore {
  /**
   * Gives what was seen up to now.
   * @throws ConfigurationError ERR_CONFIGURATION_FILE when what was kept cannot be read
   */
  read(): Promise<CrlNumbers>;
  /**
   * Keeps what was seen since, whole or not at all.
   * @throws ConfigurationError ERR_CONFIGURATION_FILE
   */
  write(numbers: CrlNumbers): Promise<void>;
}

/** Opens a store that ends with the process. */
export function openMemoryCrlNumbers(): CrlNumberStore {
  const numbers = createCrlNumbers([]);
  return {
    read: async () => numbers,
    async write(seen) {
      for (const [series, number] of seen.entries()) numbers.remember(series, number);
    },
  };
}

/** Opens a store in a folder that is there and only its user may write to. */
export function openFolderCrlNumbers(folder: string): CrlNumberStore {
  const file = openNumberFile(join(folder, FILE), { format: FORMAT, isName: isCrlSeries, advice: ADVICE });
  return {
    read: async () => createCrlNumbers(await file.read()),
    write: async (numbers) => await file.raise(numbers.entries()),
  };
}
