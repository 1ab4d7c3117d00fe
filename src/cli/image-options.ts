/** What the commands of `anchorhold image` take alike: the lock, and where packages come from. */
import { join, resolve } from 'node:path';
import { LIMITS } from '../base/limits.ts';
import { ConfigurationError } from '../errors.ts';
import { type ImageLock, parseImageLock } from '../image/lock.ts';
import { DEFAULT_MIRROR, type Mirror, openMirror, openSnapshot } from '../image/mirror.ts';
import { openPackageCache, type PackageCache } from '../image/package-cache.ts';
import { PACKAGE_FOLDER } from '../image/package-folder.ts';
import { readTextFile } from '../io/files.ts';
import { type CliInput, type CliIo, type CliOption, optionValue } from './command.ts';

/** Folder for everything that is fetched or built here. */
const WORK_FOLDER = '.anchorhold';

export const LOCK_OPTION: CliOption = {
  name: 'lock',
  value: 'FILE',
  summary: 'the lock that pins every package (default: the one of this package, images/image.lock.json)',
  repeatable: false,
};

export const SOURCE_OPTIONS: readonly CliOption[] = [
  {
    name: 'mirror',
    value: 'URL',
    summary: `mirror of Debian to fetch packages from (default: ${DEFAULT_MIRROR})`,
    repeatable: false,
  },
  {
    name: 'cache',
    value: 'DIR',
    summary: `where fetched packages are kept (default: ${WORK_FOLDER}/cache)`,
    repeatable: false,
  },
];

export const SNAPSHOT_SWITCH: CliOption = {
  name: 'snapshot',
  value: null,
  summary: "fetch from Debian's dated archive, which keeps packages that mirrors no longer have",
  repeatable: false,
};

/** Gives the path of the lock that is named, or of this package's own. */
export function lockPath(input: CliInput, io: CliIo): string {
  const given = optionValue(input, 'lock');
  return given === null ? join(PACKAGE_FOLDER, 'images/image.lock.json') : resolve(io.cwd, given);
}

/** Reads the lock that is named. */
export async function readLock(input: CliInput, io: CliIo): Promise<ImageLock> {
  return parseImageLock(await readTextFile(lockPath(input, io), LIMITS.configurationBytes));
}

/** Gives the folder of the cache. */
export function cacheFolder(input: CliInput, io: CliIo): string {
  return resolve(io.cwd, optionValue(input, 'cache') ?? `${WORK_FOLDER}/cache`);
}

/** Opens the cache that is named. */
export function openCache(input: CliInput, io: CliIo): PackageCache {
  return openPackageCache(cacheFolder(input, io));
}

/** Opens the mirror, or the dated archive. */
export function openSource(input: CliInput, lock: ImageLock): Mirror {
  const mirror = optionValue(input, 'mirror');
  if (!input.switches.has('snapshot')) return openMirror(mirror ?? DEFAULT_MIRROR);
  if (mirror === null) return openSnapshot(lock.snapshot);
  throw new ConfigurationError('ERR_CONFIGURATION_USAGE', '--mirror and --snapshot name two places: leave one out');
}

/** Gives the folder that an image is in, or goes to. */
export function imageFolder(input: CliInput, io: CliIo, option: string): string {
  return resolve(io.cwd, optionValue(input, option) ?? `${WORK_FOLDER}/image`);
}
