/**
 * Makes a lock anew: the same packages and files, in the newest versions that Debian and this checkout have. Everything that changes is for a
 * person to review; nothing of it is believed later but by digest.
 */
import { fetchSuiteIndex, type IndexedPackage, type Signature, type SuiteIndex } from './debian-index.ts';
import { compareVersions } from './debian-version.ts';
import { type InputSource, takePackage } from './inputs.ts';
import { KERNEL_NAME, modulesOf } from './kernel.ts';
import { loadOrder } from './kernel-modules.ts';
import type { ImageLock, LockedNpmPackage, LockedPackage } from './lock.ts';
import { refuseInput } from './tree.ts';

export interface RelockOptions extends InputSource {
  readonly lock: ImageLock;
  /** Packages of npm that the checkout has now; their digests of files are filled in. */
  readonly npm: readonly LockedNpmPackage[];
  /** Whether packages of Debian keep their versions, and only the lists of files are new. */
  readonly keepVersions: boolean;
  /** File with the keys of Debian; where there is none, signatures are not checked, and the result says so. */
  readonly keyring: string;
  readonly now: Date;
}

export interface Relocked {
  readonly lock: ImageLock;
  /** How the Release file of each suite was checked. */
  readonly signatures: ReadonlyMap<string, Signature>;
}

/** Tells which names are the same package: those of kernels hold their version. */
function fitsName(locked: string): (name: string) => boolean {
  const [, before, , after] = KERNEL_NAME.exec(locked) ?? [];
  if (before === undefined) return (name) => name === locked;
  return (name) => {
    const found = KERNEL_NAME.exec(name);
    return found?.[1] === before && found[3] === after;
  };
}

/** A suite and, where there is one, that of its security updates. */
function suitesOf(suite: string): readonly string[] {
  const base = suite.replace(/-security$/, '');
  return base === 'sid' ? [base] : [base, `${base}-security`];
}

/** Names the files of a new kernel as those of the old one, but for the release in their paths. */
function movedFiles({ name, files }: LockedPackage, newName: string): readonly string[] {
  const [from, to] = [name, newName].map((text) => KERNEL_NAME.exec(text)?.[2]);
  return from === undefined || to === undefined ? files : files.map((path) => path.replaceAll(from, to));
}

/** Finds the newest version of each package. */
async function renew(options: RelockOptions, signatures: Map<string, Signature>): Promise<readonly LockedPackage[]> {
  const { lock, mirror, keyring, progress } = options;
  const suites = new Map<string, SuiteIndex>();
  for (const suite of new Set(lock.packages.flatMap(({ suite }) => suitesOf(suite)))) {
    progress(`reading the index of ${suite}`);
    const index = await fetchSuiteIndex(mirror, suite, keyring);
    suites.set(suite, index);
    signatures.set(suite, index.signature);
  }
  return lock.packages.map((locked) => {
    const found = suitesOf(locked.suite).flatMap((suite): readonly (IndexedPackage & { suite: string })[] => {
      const newest = suites.get(suite)?.newest(fitsName(locked.name));
      return newest ? [{ ...newest, suite }] : [];
    });
    const [newest] = found.toSorted((a, b) => compareVersions(b.version, a.version));
    if (newest === undefined)
      throw refuseInput(`${locked.name} is in ${locked.suite} no more: take it out of the lock`);
    return { ...locked, ...newest, files: movedFiles(locked, newest.name) };
  });
}

function instantOf(now: Date): string {
  return now.toISOString().replace(/[-:]|\.\d+/g, '');
}

/**
 * Makes a lock.
 * @throws ConfigurationError ERR_CONFIGURATION_IMAGE, ERR_CONFIGURATION_PACKAGE_GONE; TransportError
 */
export async function relock(options: RelockOptions): Promise<Relocked> {
  const { lock, keepVersions, now } = options;
  const signatures = new Map<string, Signature>();
  const renewed = keepVersions ? lock.packages : await renew(options, signatures);
  const packages: LockedPackage[] = [];
  let modules: readonly string[] = [];
  for (const input of renewed) {
    const { tree, contents } = await takePackage(input, options);
    packages.push({ ...input, contents });
    if (input.group === 'kernel') modules = loadOrder(await modulesOf(tree));
  }
  const npm: LockedNpmPackage[] = [];
  for (const input of options.npm) npm.push({ ...input, contents: (await takePackage(input, options)).contents });
  const snapshot = keepVersions ? lock.snapshot : instantOf(now);
  return { lock: { snapshot, packages, npm, modules }, signatures };
}
