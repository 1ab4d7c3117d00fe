/**
 * wasi:filesystem, shut: there is no directory to begin from. No object of the resource classes ever exists, so they need no methods.
 * [WASI 0.2.12]
 */
import { makeEmptyResource } from './result.ts';

const Descriptor = makeEmptyResource();
const DirectoryEntryStream = makeEmptyResource();

/** The interfaces of wasi:filesystem, the same for every call. */
export const FILESYSTEM: Readonly<Record<string, unknown>> = {
  'wasi:filesystem/preopens': { getDirectories: () => [] },
  'wasi:filesystem/types': { Descriptor, DirectoryEntryStream, filesystemErrorCode: () => undefined },
};
