/**
 * Gets the inputs of an image: each package of the lock from the cache, or else from where it is published, compared with its digest each
 * time, unpacked, and reduced to the files that the lock lists.
 */
import { hash } from 'node:crypto';
import { encodeHex, parseBase64 } from '../base/bytes.ts';
import { ConfigurationError } from '../errors.ts';
import { readDeb } from './deb.ts';
import { decompress } from './decompress.ts';
import type { LockedNpmPackage, LockedPackage } from './lock.ts';
import type { Mirror } from './mirror.ts';
import { fetchFromNpm } from './npm.ts';
import { type FileDigest, hasDigest, type PackageCache } from './package-cache.ts';
import { takeFiles } from './take-files.ts';
import { encodeTar } from './tar.ts';
import { makeTree, refuseInput, type Tree, treeFile } from './tree.ts';
import { untar } from './untar.ts';

/** A package of either kind. */
export type AnyPackage = LockedPackage | LockedNpmPackage;

export interface InputSource {
  readonly cache: PackageCache;
  readonly mirror: Mirror;
  /** Told what is being fetched, one line each. */
  readonly progress: (line: string) => void;
}

/** Gives the digest of a package as it is published. */
export function packageDigest(input: AnyPackage): FileDigest {
  if ('sha256' in input) return { algorithm: 'sha256', hex: input.sha256 };
  return {
    algorithm: 'sha512',
    hex: encodeHex(parseBase64(input.integrity.slice('sha512-'.length)) ?? new Uint8Array()),
  };
}

/** Names a package in messages. */
export function nameOf({ name, version }: AnyPackage): string {
  return `${name} ${version}`;
}

/** Fetches a package from the cache or from where it is published. */
async function fetchPackage(input: AnyPackage, { cache, mirror, progress }: InputSource): Promise<Uint8Array> {
  const digest = packageDigest(input);
  const kept = await cache.read(digest);
  if (kept !== null) return kept;
  progress(`fetching ${nameOf(input)}`);
  const bytes =
    'sha256' in input ? await mirror.fetch(input.suite, input.file) : await fetchFromNpm(input.name, input.version);
  if (bytes === null) {
    throw new ConfigurationError('ERR_CONFIGURATION_PACKAGE_GONE', `${nameOf(input)} is no longer published there`);
  }
  if (!hasDigest(bytes, digest)) {
    throw refuseInput(
      `${nameOf(input)} that was fetched is not the one in the lock: its ${digest.algorithm} is another`,
    );
  }
  await cache.write(digest, bytes);
  return bytes;
}

/** The taken files of a package, and the SHA-256 (hex) of the archive of them that the lock pins. */
export interface Taken {
  readonly tree: Tree;
  readonly archive: Uint8Array;
  readonly contents: string;
}

/** Fetches and unpacks a package, and takes the listed files; their digest is not yet compared. */
export async function takePackage(input: AnyPackage, source: InputSource): Promise<Taken> {
  const bytes = await fetchPackage(input, source);
  const what = nameOf(input);
  const entries = 'sha256' in input ? await readDeb(bytes, what) : untar(await decompress(bytes, 'gz', what), what);
  const tree = takeFiles(entries, input.files, what);
  const archive = encodeTar(tree);
  return { tree, archive, contents: hash('sha256', archive, 'hex') };
}

/** Reads an archive that `takePackage` has made. */
function readTaken(archive: Uint8Array, what: string): Tree {
  const files = untar(archive, what).filter(({ kind }) => kind === 'file');
  return makeTree(files.map(({ path, bytes, executable }) => treeFile(path, bytes, executable ? 0o755 : 0o644)));
}

/**
 * Gives the listed files of a package, as the lock has them.
 * @throws ConfigurationError ERR_CONFIGURATION_IMAGE, ERR_CONFIGURATION_PACKAGE_GONE; TransportError
 */
export async function loadPackage(input: AnyPackage, source: InputSource): Promise<Tree> {
  const digest: FileDigest = { algorithm: 'sha256', hex: input.contents };
  const kept = await source.cache.read(digest);
  if (kept !== null) return readTaken(kept, nameOf(input));
  const { tree, archive, contents } = await takePackage(input, source);
  if (contents !== input.contents) {
    throw refuseInput(`${nameOf(input)} was unpacked to other files than the lock says (${contents})`);
  }
  await source.cache.write(digest, archive);
  return tree;
}
