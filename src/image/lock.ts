/**
 * The lock of an image: every package that it is built of, by version and digest, and which files of each are taken. Reads and writes its
 * form (`images/image.lock.json`); relock.ts makes a new one.
 */
import { parseHex } from '../base/bytes.ts';
import { LIMITS } from '../base/limits.ts';
import { isTreePath, refuseInput } from './tree.ts';

/** What a package is for: in every image, in one for debugging, its kernel, its firmware, the stub of a bootable disk, or the tools that build it. */
export const GROUPS = ['image', 'debug', 'kernel', 'firmware', 'stub', 'tools'] as const;
export type Group = (typeof GROUPS)[number];

/** What every input has; a path of `files` that ends with a slash takes all files below it. */
interface LockedInput {
  readonly name: string;
  readonly version: string;
  /** SHA-256 (hex) of the taken files as a tar archive: whatever unpacks them, the same comes out. */
  readonly contents: string;
  readonly files: readonly string[];
}

/** A package of Debian. */
export interface LockedPackage extends LockedInput {
  readonly suite: string;
  /** Path below the mirror. */
  readonly file: string;
  /** SHA-256 of the package, hex. */
  readonly sha256: string;
  readonly group: Group;
}

/** A package of npm; `integrity` is `sha512-` and base64, as npm's own locks have it. */
export interface LockedNpmPackage extends LockedInput {
  readonly integrity: string;
}

export interface ImageLock {
  /** Instant for the dated archive of Debian, such as 20261129T000000Z: all packages were there then. */
  readonly snapshot: string;
  readonly packages: readonly LockedPackage[];
  readonly npm: readonly LockedNpmPackage[];
  /** Kernel modules by name, in the order in which they are loaded. */
  readonly modules: readonly string[];
}

const FORMAT = 'image-lock/1';

type Fields = Readonly<Record<string, unknown>>;

const NAME = /^[a-z0-9@][a-z0-9+.@/_-]{0,127}$/;
const VERSION = /^[0-9A-Za-z][0-9A-Za-z.+~:-]{0,127}$/;
const INTEGRITY = /^sha512-[A-Za-z0-9+/]{86}==$/;

function isDigest(value: string): boolean {
  return parseHex(value, 32) !== null;
}

function fieldsOf(value: unknown, at: string, names: readonly string[]): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw refuseInput(`${at} must be an object`);
  const unknown = Object.keys(value).find((name) => !names.includes(name));
  if (unknown !== undefined) throw refuseInput(`${at} has a field ${JSON.stringify(unknown)} that is not known`);
  return value as Fields;
}

function textOf(fields: Fields, name: string, at: string, fits: (text: string) => boolean): string {
  const value = fields[name];
  if (typeof value !== 'string' || !fits(value)) throw refuseInput(`${at}.${name} is missing or not in its form`);
  return value;
}

function listOf(fields: Fields, name: string, at: string): readonly unknown[] {
  const value = fields[name];
  if (!Array.isArray(value)) throw refuseInput(`${at}.${name} must be a list`);
  if (value.length > LIMITS.imageEntries) throw refuseInput(`${at}.${name} has over ${LIMITS.imageEntries} elements`);
  return value;
}

function inputOf(fields: Fields, at: string): LockedInput {
  const files = listOf(fields, 'files', at).map((path, i) => {
    if (typeof path === 'string' && isTreePath(path.replace(/\/$/, ''))) return path;
    throw refuseInput(`${at}.files[${i}] cannot be a path in a package`);
  });
  return {
    name: textOf(fields, 'name', at, (text) => NAME.test(text)),
    version: textOf(fields, 'version', at, (text) => VERSION.test(text)),
    contents: textOf(fields, 'contents', at, isDigest),
    files,
  };
}

function packageOf(value: unknown, at: string): LockedPackage {
  const fields = fieldsOf(value, at, ['name', 'version', 'suite', 'file', 'sha256', 'contents', 'group', 'files']);
  const group = GROUPS.find((name) => name === fields['group']);
  if (group === undefined) throw refuseInput(`${at}.group must be one of ${GROUPS.join(', ')}`);
  return {
    ...inputOf(fields, at),
    suite: textOf(fields, 'suite', at, (text) => /^[a-z][a-z-]{0,31}$/.test(text)),
    file: textOf(fields, 'file', at, isTreePath),
    sha256: textOf(fields, 'sha256', at, isDigest),
    group,
  };
}

function npmPackageOf(value: unknown, at: string): LockedNpmPackage {
  const fields = fieldsOf(value, at, ['name', 'version', 'integrity', 'contents', 'files']);
  return { ...inputOf(fields, at), integrity: textOf(fields, 'integrity', at, (text) => INTEGRITY.test(text)) };
}

function moduleOf(value: unknown, at: string): string {
  if (typeof value === 'string' && /^[a-z0-9_-]{1,64}$/.test(value)) return value;
  throw refuseInput(`${at} is not the name of a kernel module`);
}

/**
 * Reads a lock.
 * @throws ConfigurationError ERR_CONFIGURATION_IMAGE for anything that is not one
 */
export function parseImageLock(text: string): ImageLock {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw refuseInput('the lock is not JSON', cause);
  }
  const fields = fieldsOf(json, 'lock', ['anchorhold', 'snapshot', 'packages', 'npm', 'modules']);
  textOf(fields, 'anchorhold', 'lock', (format) => format === FORMAT);
  return {
    snapshot: textOf(fields, 'snapshot', 'lock', (instant) => /^\d{8}T\d{6}Z$/.test(instant)),
    packages: listOf(fields, 'packages', 'lock').map((value, i) => packageOf(value, `lock.packages[${i}]`)),
    npm: listOf(fields, 'npm', 'lock').map((value, i) => npmPackageOf(value, `lock.npm[${i}]`)),
    modules: listOf(fields, 'modules', 'lock').map((value, i) => moduleOf(value, `lock.modules[${i}]`)),
  };
}

/** Writes a lock, so that people can read and compare it. */
export function writeImageLock({ snapshot, packages, npm, modules }: ImageLock): string {
  return `${JSON.stringify({ anchorhold: FORMAT, snapshot, packages, npm, modules }, null, 2)}\n`;
}
