/**
 * The trust file: what a client demands, as one reviewed JSON file. No field may be missing, and what is not to be checked says `"any"`.
 * Reads and writes it; the appraisal is elsewhere. docs/trust.md explains each field.
 */
import { type DigestText, parseDigest } from '../base/digest.ts';
import { parsePublicKey } from '../base/ed25519.ts';
import { LIMITS } from '../base/limits.ts';
import { ConfigurationError } from '../errors.ts';
import {
  described,
  hexOf,
  integer,
  joinPath,
  listOf,
  mapOf,
  NAMES,
  object,
  oneOf,
  oneOrList,
  optional,
  type Reader,
  readJson,
  refuseValue,
  type Schema,
  schemaOf,
  text,
} from './json-reader.ts';
import {
  LOCKDOWN_CLAIMS,
  LOCKDOWN_PRESETS,
  type LockdownClaim,
  type LockdownDemand,
  type LockdownDemands,
} from './lockdown.ts';
import { readMachine } from './machine-file.ts';
import type { AcceptedImage, TrustedRelease } from './release/accepted-images.ts';
import type { ReleaseSigners } from './release/verify-release.ts';
import type { Machine } from './requirements.ts';
import { AMD_ROOTS, isAmdRoot, type Roots } from './snp/roots.ts';

/** A trust file that was read. */
export interface TrustFile {
  /** `https://` URL of the worker. */
  readonly url: string;
  readonly roots: Roots;
  readonly machine: Machine;
  readonly code: {
    /** Accepted launch measurements, 96 hex digits each, and releases that list them; an empty list accepts none. */
    readonly measurements: readonly AcceptedImage[];
    /** Functions that must be loaded, by name. */
    readonly functions: Readonly<Record<string, DigestText>>;
  };
  readonly isolation: {
    /** Digests of the owner policies that must be in force, by owner. */
    readonly policies: Readonly<Record<string, DigestText>>;
    /** What about policies of owners that are not listed: `"others": "any"` in the file, or refused. */
    readonly others: 'refused' | 'any';
    /** What is demanded of each lockdown claim. */
    readonly lockdown: LockdownDemands;
  };
  readonly freshness: { readonly reattest: 'connection' };
}

const FORMAT = 'trust/1';
const OTHERS = 'others';

const digest: Reader<DigestText> = described({ type: 'string', pattern: '^sha256:[0-9a-f]{64}$' }, (value, path) => {
  if (typeof value !== 'string' || parseDigest(value) === null)
    throw refuseValue(path, '"sha256:" and 64 lower-case hex digits', value);
  return value as DigestText;
});

const shortText = text('a text of 1 to 256 characters', (v) => v.length > 0 && v.length <= 256, {
  minLength: 1,
  maxLength: 256,
});

const simulatedRoots = object({ simulated: listOf(hexOf(32)) });
const rootsSchema = {
  anyOf: [
    { enum: ['amd'] },
    {
      ...schemaOf(simulatedRoots),
      properties: {
        simulated: {
          type: 'array',
          minItems: 1,
          items: { ...schemaOf(hexOf(32)), not: { enum: Object.values(AMD_ROOTS) } },
        },
      },
    },
  ],
};

const roots: Reader<Roots> = described(rootsSchema, (value, path) => {
  if (value === 'amd') return value;
  if (typeof value === 'object') {
    const { simulated } = simulatedRoots(value, path);
    // Under AMD's own root nothing would say SIMULATED, so that a file could be taken for one that accepts no simulated machine.
    if (simulated.length > 0 && !simulated.some(isAmdRoot)) return { simulated };
  }
  throw refuseValue(path, '"amd", or {"simulated": [SHA-256 of a root in hex that is not AMD\'s, ...]}', value);
});

/** What becomes of a release that the file names: refused where only the text is there, read later where files lie beside it. */
export type ReleaseFiles = 'refused' | 'read-later';

const releaseKey = text('"ed25519:" and a public key in base64', (value) => parsePublicKey(value) !== null, {
  pattern: '^ed25519:MCow[A-Za-z0-9+/]+=*$',
});
const releaseKeys: Reader<readonly string[]> = described(
  { ...schemaOf(listOf(releaseKey)), minItems: 1 },
  (value, path) => {
    const keys = listOf(releaseKey)(value, path);
    if (keys.length === 0) throw refuseValue(path, 'a list of at least one key', value);
    return keys;
  },
);
const releaseObject = object<ReleaseSigners & { readonly release: string }>({
  release: shortText,
  keys: releaseKeys,
  needed: integer(1, LIMITS.statementSignatures),
});

const release = (files: ReleaseFiles): Reader<TrustedRelease> =>
  described(schemaOf(releaseObject), (value, path) => {
    const read = releaseObject(value, path);
    if (read.needed > read.keys.length)
      throw refuseValue(joinPath(path, 'needed'), `at most ${read.keys.length}, the number of keys`, read.needed);
    if (files === 'read-later') return { ...read, verified: null };
    const message = `${path} names the release ${JSON.stringify(read.release)}, which is not read here: list its measurements`;
    throw new ConfigurationError('ERR_CONFIGURATION_TRUST', message);
  });

const measurement = hexOf(48);
const measurementsSchema = {
  type: 'array',
  items: { anyOf: [schemaOf(measurement), schemaOf(releaseObject)] },
  uniqueItems: true,
};

/** Reads the list of measurements and releases. */
const measurements = (files: ReleaseFiles): Reader<readonly AcceptedImage[]> =>
  described(measurementsSchema, (value, path) => {
    if (!Array.isArray(value))
      throw refuseValue(path, 'a list of measurements (96 hex digits each) and releases, never "any"', value);
    const read = value.map((item: unknown, i) => {
      const at = `${path}[${i}]`;
      return typeof item === 'object' && item !== null ? release(files)(item, at) : measurement(item, at);
    });
    const texts = read.map((item) => JSON.stringify(item));
    if (new Set(texts).size < texts.length) throw refuseValue(path, 'a list without double entries', value);
    return read;
  });

/** Gives the digest of the owner policy in a file that a trust file names (path as written there). */
export type PolicyDigester = (path: string) => DigestText;

const refuseFiles: PolicyDigester = (path) => {
  const message = `the trust file names the policy file ${JSON.stringify(path)}, which is not read here: write its digest`;
  throw new ConfigurationError('ERR_CONFIGURATION_TRUST', message);
};

const policyFile = object({ file: shortText });
const policiesSchema = {
  type: 'object',
  propertyNames: NAMES,
  properties: { [OTHERS]: { enum: ['any'] } },
  additionalProperties: { anyOf: [schemaOf(digest), schemaOf(policyFile)] },
};

const policies = (digestOf: PolicyDigester): Reader<Pick<TrustFile['isolation'], 'policies' | 'others'>> =>
  described(policiesSchema, (value, path) => {
    const entries = mapOf<unknown>((item) => item)(value, path);
    const owners = Object.entries(entries).filter(([owner]) => owner !== OTHERS);
    const others = Object.hasOwn(entries, OTHERS) ? oneOf('any')(entries[OTHERS], joinPath(path, OTHERS)) : 'refused';
    const read = (item: unknown, at: string): DigestText =>
      typeof item === 'object' ? digestOf(policyFile(item, at).file) : digest(item, at);
    return {
      policies: Object.fromEntries(owners.map(([owner, item]) => [owner, read(item, joinPath(path, owner))])),
      others,
    };
  });

const lockdownDemand: Reader<LockdownDemand> = oneOrList(shortText);
const everyClaim: Reader<LockdownDemands> = object<LockdownDemands>(
  Object.fromEntries(LOCKDOWN_CLAIMS.map((name) => [name, lockdownDemand])) as Record<
    LockdownClaim,
    Reader<LockdownDemand>
  >,
);
const lockdownSchema = { anyOf: [{ enum: Object.keys(LOCKDOWN_PRESETS) }, schemaOf(everyClaim)] };

/** Reads a demand for each claim, or the name of a preset. */
const lockdown: Reader<LockdownDemands> = described(lockdownSchema, (value, path) => {
  if (typeof value !== 'string') return everyClaim(value, path);
  const preset = Object.entries(LOCKDOWN_PRESETS).find(([name]) => name === value)?.[1];
  if (preset === undefined)
    throw refuseValue(path, `an object, or a preset: ${Object.keys(LOCKDOWN_PRESETS).join(', ')}`, value);
  return preset;
});

const WORKER_URL = '^[Hh][Tt][Tt][Pp][Ss]://[^/?#@]+(?:[/?#]|$)';

const isWorkerUrl = (value: string): boolean => {
  const url = new RegExp(WORKER_URL).test(value) ? URL.parse(value) : null;
  return url?.protocol === 'https:' && url.username === '' && url.password === '' && value.length <= 2048;
};

const file = (digestOf: PolicyDigester, releases: ReleaseFiles) =>
  object({
    $schema: optional(shortText),
    anchorhold: oneOf(FORMAT),
    url: text('an https:// URL without user or password', isWorkerUrl, {
      maxLength: 2048,
      pattern: WORKER_URL,
    }),
    roots,
    machine: readMachine,
    code: object({ measurements: measurements(releases), functions: mapOf(digest) }),
    isolation: object({ policies: policies(digestOf), lockdown }),
    freshness: object({ reattest: oneOf('connection') }),
  });

/** Describes a trust file for editors; a file that it refuses is refused here too. [JSON Schema 2020-12] */
export const TRUST_SCHEMA: Schema = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  $id: `urn:anchorhold:schema:${FORMAT.replace('/', '-')}`,
  title: "Anchorhold's trust file",
  description:
    'What a client demands of a worker before it sends anything. No field may be missing; docs/trust.md explains each.',
  ...schemaOf(file(refuseFiles, 'refused')),
};

/**
 * Reads the text of a trust file; one that names policy files (`{"file": ...}`) is refused unless `digestOf` is given to read them, and one
 * that names releases unless `releases` says that they are read and verified before each appraisal.
 * @throws ConfigurationError ERR_CONFIGURATION_TRUST naming the path in the file and what may stand there.
 */
export function parseTrustFile(
  content: string,
  digestOf: PolicyDigester = refuseFiles,
  releases: ReleaseFiles = 'refused',
): TrustFile {
  const read = readJson(content, LIMITS.configurationBytes, 'the trust file', file(digestOf, releases));
  const { url, roots, machine, code, isolation, freshness } = read;
  return {
    url,
    roots,
    machine,
    code,
    isolation: { ...isolation.policies, lockdown: isolation.lockdown },
    freshness,
  };
}

function formatImage(image: AcceptedImage): string | (ReleaseSigners & { readonly release: string }) {
  if (typeof image === 'string') return image;
  const { release, keys, needed } = image;
  return { release, keys, needed };
}

/** Writes a trust file with everything spelled out, for people to review; `parseTrustFile` gives the same back. */
export function formatTrustFile(trust: TrustFile): string {
  const { url, roots, machine, code, isolation, freshness } = trust;
  const others = isolation.others === 'any' ? { [OTHERS]: 'any' } : {};
  const content = {
    anchorhold: FORMAT,
    url,
    roots,
    machine,
    code: { ...code, measurements: code.measurements.map(formatImage) },
    isolation: { policies: { ...isolation.policies, ...others }, lockdown: isolation.lockdown },
    freshness,
  };
  return `${JSON.stringify(content, null, 2)}\n`;
}
