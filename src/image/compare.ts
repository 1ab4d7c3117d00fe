/**
 * Compares two images by their manifests and says in words what differs, causes before consequences: packages, sources, the command line and
 * the compressor, then the files of the tree, and last what came out and what is measured.
 */
import type { Manifest, ManifestEntry, ManifestInput, Measurement } from './manifest.ts';

/** What differs: a sentence without its full stop. */
export type Difference = string;

const KINDS: Readonly<Record<ManifestInput['kind'], string>> = {
  debian: 'the Debian package',
  npm: 'the npm package',
  source: 'the source images/init/',
};

/** Compares two lists by the name of their elements: what only one has, and what both have but not the same. */
function compareLists<T>(
  [a, b]: readonly [readonly T[], readonly T[]],
  nameOf: (element: T) => string,
  differ: (a: T, b: T) => Difference | null,
): readonly Difference[] {
  const [left, right] = [a, b].map((list) => new Map(list.map((element) => [nameOf(element), element]))) as [
    Map<string, T>,
    Map<string, T>,
  ];
  return [...new Set([...left.keys(), ...right.keys()])].flatMap((name) => {
    const [x, y] = [left.get(name), right.get(name)];
    if (x === undefined) return [`${name} is only in the second image`];
    if (y === undefined) return [`${name} is only in the first image`];
    const difference = differ(x, y);
    return difference === null ? [] : [difference];
  });
}

function nameOfInput({ kind, name }: ManifestInput): string {
  return `${KINDS[kind]}${kind === 'source' ? '' : ' '}${name}`;
}

function differInputs(a: ManifestInput, b: ManifestInput): Difference | null {
  const name = nameOfInput(a);
  if (a.kind !== 'source' && a.version !== b.version)
    return `${name} is ${a.version} in the first image and ${b.version} in the second`;
  return a.digest === b.digest ? null : `${name} has other contents`;
}

function nameOfEntry({ path }: ManifestEntry): string {
  return `the file ${path} of the tree`;
}

function differEntries(a: ManifestEntry, b: ManifestEntry): Difference | null {
  const name = nameOfEntry(a);
  if (a.kind !== b.kind) return `${name} is a ${a.kind} in the first image and a ${b.kind} in the second`;
  if (a.mode !== b.mode) return `${name} has mode ${a.mode} in the first image and ${b.mode} in the second`;
  if (a.target !== b.target) return `${name} leads to ${a.target} in the first image and to ${b.target} in the second`;
  return a.sha256 === b.sha256 && a.major === b.major && a.minor === b.minor ? null : `${name} has other contents`;
}

function nameOfMeasurement({ vmm, cpu, vcpus, guestFeatures }: Measurement): string {
  return `the launch digest on ${vmm} with ${vcpus} vCPUs of ${cpu} (features ${guestFeatures})`;
}

function differTexts(what: string, a: string, b: string): readonly Difference[] {
  return a === b ? [] : [`${what} is ${JSON.stringify(a)} in the first image and ${JSON.stringify(b)} in the second`];
}

/** Lists what differs between two images, the likeliest cause first; empty when they are the same. */
export function compareImages(a: Manifest, b: Manifest): readonly Difference[] {
  return [
    ...differTexts('the version of anchorhold', a.version, b.version),
    ...differTexts('the command line', a.commandLine, b.commandLine),
    ...compareLists([a.inputs, b.inputs], nameOfInput, differInputs),
    ...differTexts('the version of zstd that compressed the initrd', a.zstd, b.zstd),
    ...compareLists([a.tree.files, b.tree.files], nameOfEntry, differEntries),
    ...compareLists(
      [a.files, b.files],
      ({ path }) => `the output ${path}`,
      (x, y) => (x.sha256 === y.sha256 ? null : `the output ${x.path} has other contents`),
    ),
    ...compareLists([a.measurements, b.measurements], nameOfMeasurement, (x, y) =>
      x.digest === y.digest ? null : `${nameOfMeasurement(x)} is another`,
    ),
    ...differTexts('the lock (in something that is in no package)', a.lock, b.lock),
    ...differTexts('the predicted registers', JSON.stringify(a.pcrs), JSON.stringify(b.pcrs)),
  ];
}
