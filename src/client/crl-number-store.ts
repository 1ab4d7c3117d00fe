/** Where a client remembers the revocation lists that it has seen: in a file beside fetched certificates, or as long as the process lives. */
import { join } from 'node:path';
import { type CrlSeries, isCrlSeries } from '../attestation/snp/crl-numbers.ts';
import { type NumberStore, openFileNumbers, openMemoryNumbers } from './number-store.ts';

const FORMAT = 'crl-numbers/1';
const FILE = 'crl-numbers.json';
const ADVICE =
  'It remembers the newest revocation lists: put back a copy, or remove it if you accept that an older list may be taken once';

export type CrlNumberStore = NumberStore<CrlSeries>;

/** Opens a store that ends with the process. */
export function openMemoryCrlNumbers(): CrlNumberStore {
  return openMemoryNumbers();
}

/** Opens a store in a folder that is there and only its user may write to. */
export function openFolderCrlNumbers(folder: string): CrlNumberStore {
  return openFileNumbers(join(folder, FILE), { format: FORMAT, isName: isCrlSeries, advice: ADVICE });
}
