/** `anchorhold release verify`: holds a release file against keys, and against the manifests of images that someone rebuilt. */
import { resolve } from 'node:path';
import { type ReleaseVersion, refuseRelease } from '../attestation/release/release.ts';
import { createReleaseSerials } from '../attestation/release/release-serials.ts';
import { type VerifiedRelease, verifyRelease } from '../attestation/release/verify-release.ts';
import { encodeCanonicalJson } from '../base/canonical-json.ts';
import { parsePublicKey } from '../base/ed25519.ts';
import { LIMITS } from '../base/limits.ts';
import { parseInstant } from '../base/time.ts';
import { ConfigurationError } from '../errors.ts';
import { readTextFile } from '../io/files.ts';
import { formatOwnerKey } from '../policy/signing/threshold.ts';
import { type CliCommand, type CliInput, type CliIo, JSON_SWITCH, optionValue, optionValues } from './command.ts';
import { printable, writeJson, writeLine } from './output.ts';
import { readManifest } from './release-files.ts';

function usage(message: string): ConfigurationError {
  return new ConfigurationError('ERR_CONFIGURATION_USAGE', message);
}

function readKeys(input: CliInput): readonly string[] {
  const keys = optionValues(input, 'key');
  if (keys.length === 0) throw usage('--key ed25519:... is missing: which keys may sign, only you can say');
  const bad = keys.find((key) => parsePublicKey(key) === null);
  if (bad !== undefined)
    throw usage(`--key ${bad}: write ed25519: and the base64 of a public key, as owner new prints it`);
  return keys;
}

function readNeeded(input: CliInput, keys: readonly string[]): number {
  const text = optionValue(input, 'needed') ?? '1';
  const needed = /^[1-9]\d{0,2}$/.test(text) ? Number(text) : null;
  if (needed !== null && needed <= keys.length) return needed;
  throw usage(`--needed ${text}: write a number from 1 to the number of keys (${keys.length})`);
}

const ended = (version: ReleaseVersion, now: Date): boolean => !(now < (parseInstant(version.until) ?? now));

/** Refuses a release that says something else of an image than its manifest does. */
async function checkManifest(path: string, { versions }: VerifiedRelease, io: CliIo): Promise<string> {
  const own = await readManifest(path, new Date(0), io);
  const listed = versions.find(({ version }) => version === own.version);
  if (listed === undefined) throw refuseRelease(`it has no version ${own.version}, of which ${path} is the manifest`);
  if (encodeCanonicalJson({ ...own, until: listed.until }) === encodeCanonicalJson(listed)) return own.version;
  throw refuseRelease(
    listed.manifest === own.manifest
      ? `what it says of version ${own.version} is not what ${path} says`
      : `its version ${own.version} is of the manifest ${listed.manifest}, and ${path} is ${own.manifest}`,
  );
}

export const releaseVerify: CliCommand = {
  summary: 'verify a release file by the keys that must have signed it, and by images that you rebuilt',
  example:
    'anchorhold release verify anchorhold.release.json --key ed25519:MCow... --manifest .anchorhold/image/manifest.json',
  arguments: [{ name: 'file', summary: 'the release file', required: true, repeatable: false }],
  options: [
    { name: 'key', value: 'KEY', summary: 'a public key that may sign, as owner new prints it', repeatable: true },
    { name: 'needed', value: 'N', summary: 'how many of the keys must have signed (default: 1)', repeatable: false },
    {
      name: 'manifest',
      value: 'FILE',
      summary: 'manifest.json of an image that you built: the release must say the same of it',
      repeatable: true,
    },
    JSON_SWITCH,
  ],
  passThrough: false,
  async run(input, io) {
    const keys = readKeys(input);
    const needed = readNeeded(input, keys);
    const content = await readTextFile(resolve(io.cwd, input.positionals[0] ?? ''), LIMITS.releaseBytes);
    const release = await verifyRelease(content, { keys, needed }, createReleaseSerials([]));
    const rebuilt: string[] = [];
    for (const path of optionValues(input, 'manifest')) rebuilt.push(await checkManifest(path, release, io));
    const now = new Date();
    const { publisher, serial } = release;
    const signedBy = release.signedBy.map(formatOwnerKey);
    const versions = release.versions.map((version) => ({ ...version, expired: ended(version, now) }));
    if (input.switches.has('json')) {
      writeJson(io, { publisher, serial, signedBy, needed, rebuilt, versions });
      return 0;
    }
    writeLine(
      io,
      printable(
        `${publisher}, serial ${serial}: signed by ${signedBy.length} of ${keys.length} keys (needed: ${needed})`,
      ),
    );
    for (const { version, until, expired, measurements, manifest } of versions) {
      const state = expired ? 'EXPIRED on' : 'until';
      const same = rebuilt.includes(version) ? ', the same as your manifest' : '';
      writeLine(
        io,
        printable(`  ${version} ${state} ${until}: ${measurements.length} measurements, manifest ${manifest}${same}`),
      );
    }
    return 0;
  },
};
