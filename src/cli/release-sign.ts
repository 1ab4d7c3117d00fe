/** `anchorhold release sign`: writes the release of a publisher from the manifests of images, or adds a signature to one that is there. */
import { resolve } from 'node:path';
import {
  formatRelease,
  isPublisherName,
  makeRelease,
  parseRelease,
  type Release,
  type ReleaseVersion,
  type SignedRelease,
} from '../attestation/release/release.ts';
import { encodeCanonicalJson } from '../base/canonical-json.ts';
import { signDetached } from '../base/detached-jws.ts';
import { ConfigurationError } from '../errors.ts';
import { writeWholeFile } from '../io/files.ts';
import { type CliCommand, type CliInput, type CliIo, JSON_SWITCH, optionValue, optionValues } from './command.ts';
import { printable, writeJson, writeLine } from './output.ts';
import { OWNER_KEY_OPTIONS, readOwnerKeys } from './owner-keys.ts';
import { readManifest, readReleaseFile, readUntil } from './release-files.ts';

const DEFAULT_FILE = 'anchorhold.release.json';

function usage(message: string): ConfigurationError {
  return new ConfigurationError('ERR_CONFIGURATION_USAGE', message);
}

/** Gives the versions of the file that are to stay, with the ends that they have. */
function keepVersions(input: CliInput, before: SignedRelease | null): readonly ReleaseVersion[] {
  return optionValues(input, 'keep').map((name) => {
    const kept = before?.release.versions.find(({ version }) => version === name);
    if (kept === undefined) throw usage(`--keep ${name}: the release file has no such version`);
    return kept;
  });
}

async function readVersions(input: CliInput, io: CliIo): Promise<readonly ReleaseVersion[]> {
  const [manifests, ends] = [optionValues(input, 'manifest'), optionValues(input, 'until')];
  if (manifests.length !== ends.length)
    throw usage('give one --until DATE for each --manifest FILE, in the same order');
  return await Promise.all(manifests.map((path, i) => readManifest(path, readUntil(ends[i] ?? ''), io)));
}

function readSerial(input: CliInput, before: SignedRelease | null): number {
  const text = optionValue(input, 'serial') ?? '';
  const serial = /^[1-9]\d{0,14}$/.test(text) ? Number(text) : null;
  if (serial === null)
    throw usage('--serial N: write a whole number, higher than in any release that you signed before');
  const last = before?.release.serial ?? 0;
  if (serial < last) throw usage(`--serial ${serial}: the file has a release with serial ${last}`);
  return serial;
}

function readPublisher(input: CliInput, before: SignedRelease | null): string {
  const publisher = optionValue(input, 'publisher') ?? before?.release.publisher ?? '';
  if (isPublisherName(publisher)) return publisher;
  throw usage('--publisher NAME: write lower-case letters, digits and hyphens between them');
}

/** Gives what is to be signed: a new release where manifests are named, else the one that is there. */
async function readContent(input: CliInput, before: SignedRelease | null, io: CliIo): Promise<Release> {
  const isNew = ['manifest', 'until', 'keep', 'serial', 'publisher'].some(
    (name) => optionValues(input, name).length > 0,
  );
  if (!isNew) {
    if (before !== null) return before.release;
    throw usage('there is no release to add a signature to: name the manifests of images with --manifest FILE');
  }
  const versions = [...(await readVersions(input, io)), ...keepVersions(input, before)];
  const content = makeRelease({ publisher: readPublisher(input, before), serial: readSerial(input, before), versions });
  // Read back as every client will read it, so that nothing is signed that none of them takes.
  const { release } = parseRelease(formatRelease({ release: content, signatures: [] }));
  const isSame = before !== null && encodeCanonicalJson(before.release) === encodeCanonicalJson(release);
  if (before !== null && !isSame && release.serial === before.release.serial)
    throw usage(`--serial ${release.serial}: the file has another release with this serial`);
  return release;
}

export const releaseSign: CliCommand = {
  summary: 'write and sign the release of an image, or add a signature to one',
  example:
    'anchorhold release sign --key publisher.owner.key --publisher example --manifest .anchorhold/image/manifest.json --until 2027-06-01 --serial 1',
  arguments: [],
  options: [
    ...OWNER_KEY_OPTIONS,
    { name: 'manifest', value: 'FILE', summary: 'manifest.json of an image that is accepted', repeatable: true },
    {
      name: 'until',
      value: 'DATE',
      summary: 'when its version ends (one for each manifest, in order)',
      repeatable: true,
    },
    { name: 'keep', value: 'VERSION', summary: 'a version that the file has and that stays', repeatable: true },
    { name: 'publisher', value: 'NAME', summary: 'who publishes (default: as in the file)', repeatable: false },
    { name: 'serial', value: 'N', summary: 'higher than in any release that you signed before', repeatable: false },
    { name: 'out', value: 'FILE', summary: `the release file (default: ${DEFAULT_FILE})`, repeatable: false },
    JSON_SWITCH,
  ],
  passThrough: false,
  async run(input, io) {
    const path = optionValue(input, 'out') ?? DEFAULT_FILE;
    const keys = await readOwnerKeys(input, io);
    if (keys.length === 0) throw usage('--key FILE is missing');
    const before = await readReleaseFile(path, io);
    const release = await readContent(input, before, io);
    // Signatures of another content are good for nothing any more.
    const isSame = before !== null && encodeCanonicalJson(before.release) === encodeCanonicalJson(release);
    const made = await Promise.all(keys.map((key) => signDetached('anchorhold-release', release, key)));
    const signatures = [...new Set([...(isSame ? before.signatures : []), ...made])];
    await writeWholeFile(resolve(io.cwd, path), formatRelease({ release, signatures }));
    const { publisher, serial, versions } = release;
    const names = versions.map(({ version }) => version);
    if (input.switches.has('json'))
      writeJson(io, { file: path, publisher, serial, versions: names, signatures: signatures.length });
    else {
      const shown = `${path}: ${publisher}, serial ${serial}, ${names.join(', ') || 'no version'}`;
      writeLine(io, printable(`${shown}: ${signatures.length} signed`));
    }
    return 0;
  },
};
