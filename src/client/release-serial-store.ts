/** Where a client remembers the releases that it has seen: in a file of a folder of its own, or as long as the process lives. */
import { join } from 'node:path';
import { isReleaseSeries, type ReleaseSeries } from '../attestation/release/release-serials.ts';
import { openOwnFolder } from '../io/own-folder.ts';
import { type NumberStore, openFileNumbers, openMemoryNumbers } from './number-store.ts';

const FORMAT = 'release-serials/1';
const FILE = 'release-serials.json';
const ADVICE =
  'It remembers the newest releases: put back a copy, or remove it if you accept that an older release may be taken once';

export type ReleaseSerialStore = NumberStore<ReleaseSeries>;

/** Opens a store that ends with the process. */
export function openMemoryReleaseSerials(): ReleaseSerialStore {
  return openMemoryNumbers();
}

/**
 * Opens a store in a folder, which is made with mode 0700 when it is missing.
 * @throws ConfigurationError ERR_CONFIGURATION_FILE when it cannot be made, is not this user's, or others may write to it
 */
export async function openFolderReleaseSerials(folder: string): Promise<ReleaseSerialStore> {
  await openOwnFolder(folder, 'the folder that remembers releases');
  return openFileNumbers(join(folder, FILE), { format: FORMAT, isName: isReleaseSeries, advice: ADVICE });
}
