/**
 * A release: the reference values that a publisher vouches for, which are the versions of an image with their launch digests, how long each is
 * accepted, and a serial that only rises. Reads and writes the file; whose signatures count is in verify-release.ts. [RFC 9334 2.1 Reference Value Provider]
 */
import type { JsonMap } from '../../base/canonical-json.ts';
import { type DigestText, parseDigest } from '../../base/digest.ts';
import { LIMITS } from '../../base/limits.ts';
import { parseInstant } from '../../base/time.ts';
import { ConfigurationError } from '../../errors.ts';
import { hexOf, integer, itemsOf, object, oneOf, type Reader, readJson, refuseValue, text } from '../json-reader.ts';
import { VMMS } from '../measurement/vmsa.ts';
import { readSignatures } from '../signature-list.ts';

const FORMAT = 'release/1';

/** The launch digest of an image on one shape of machine. */
export type ReleaseMeasurement = {
  readonly vmm: string;
  readonly vcpus: number;
  /** A CPU type of QEMU, or null where the host does not show one. */
  readonly cpu: string | null;
  /** SEV features of the guest, `0x1`. */
  readonly guestFeatures: string;
  /** 96 lower-case hex digits. */
  readonly digest: string;
};

/** Registers of a TPM by bank and number, in lower-case hex; empty where the image is not booted through one. */
export type ReleasePcrs = { readonly [bank: string]: { readonly [register: string]: string } };

/** One accepted version of the image. */
export type ReleaseVersion = {
  readonly version: string;
  /** RFC 3339; the version is accepted before this instant. */
  readonly until: string;
  /** SHA-256 of the `manifest.json` that lists every input and output of the build. */
  readonly manifest: DigestText;
  readonly measurements: readonly ReleaseMeasurement[];
  readonly pcrs: ReleasePcrs;
};

/** What a publisher signs. */
export type Release = {
  readonly anchorhold: typeof FORMAT;
  /** Lower-case letters, digits and inner hyphens. */
  readonly publisher: string;
  /** Higher than in every release that this publisher signed before. */
  readonly serial: number;
  readonly versions: readonly ReleaseVersion[];
};

/** A release and the signatures that came with it. */
export interface SignedRelease {
  readonly release: Release;
  readonly signatures: readonly string[];
}

const NAME = /^[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?$/;
const VERSION = /^[0-9A-Za-z](?:[0-9A-Za-z.+-]{0,62}[0-9A-Za-z])?$/;

/** Tells whether a text may name a publisher. */
export function isPublisherName(value: string): boolean {
  return NAME.test(value);
}

/** Tells whether a text may name a version. */
export function isVersionName(value: string): boolean {
  return VERSION.test(value);
}

const BANKS = { sha256: hexOf(32), sha384: hexOf(48) } as const;
const REGISTER = /^(?:[0-9]|1[0-9]|2[0-3])$/;

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Reads registers of a TPM: banks sha256 and sha384, registers 0 to 23. [TPM 2.0 Part 1 Platform Configuration Registers] */
export const readPcrs: Reader<ReleasePcrs> = (value, path) => {
  if (!isObject(value)) throw refuseValue(path, 'an object of banks', value);
  const banks = Object.entries(value).map(([bank, registers]) => {
    const digest = Object.entries(BANKS).find(([name]) => name === bank)?.[1];
    if (digest === undefined || !isObject(registers))
      throw refuseValue(path, 'an object of banks, sha256 and sha384, with registers', value);
    const read = Object.entries(registers).map(([register, hex]) => {
      if (!REGISTER.test(register)) throw refuseValue(path, 'registers 0 to 23', register);
      return [register, digest(hex, `${path}.${bank}.${register}`)] as const;
    });
    return [bank, Object.fromEntries(read)] as const;
  });
  return Object.fromEntries(banks);
};

/** Reads one row of the matrix of launch digests, in a release as in the manifest of an image. */
export const readMeasurement: Reader<ReleaseMeasurement> = object<ReleaseMeasurement>({
  vmm: oneOf(...VMMS),
  vcpus: integer(1, LIMITS.vcpus),
  cpu: (value, path) =>
    value === null ? null : text('a CPU type, or null', (v) => /^[A-Za-z0-9._-]{1,64}$/.test(v))(value, path),
  guestFeatures: text('SEV features in hex, such as 0x1', (value) => /^0x[0-9a-f]{1,16}$/.test(value)),
  digest: hexOf(48),
});

const version: Reader<ReleaseVersion> = object<ReleaseVersion>({
  version: text('a version such as 1.4.0', isVersionName),
  until: text('a time such as 2027-11-01T00:00:00Z', (value) => parseInstant(value) !== null),
  manifest: text('sha256: and 64 hex digits', (value) => parseDigest(value) !== null) as Reader<DigestText>,
  measurements: itemsOf(readMeasurement, LIMITS.releaseMeasurements),
  pcrs: readPcrs,
});

/** Reads the versions of a release; one name stands for one version. */
const versions: Reader<readonly ReleaseVersion[]> = (value, path) => {
  const read = itemsOf(version, LIMITS.releaseVersions)(value, path);
  const twice = read.find((one, i) => read.findIndex((other) => other.version === one.version) !== i);
  if (twice !== undefined) throw refuseValue(path, 'a list that has each version once', twice.version);
  return read;
};

const file = object({
  anchorhold: oneOf(FORMAT),
  publisher: text('a name of lower-case letters, digits and inner hyphens', isPublisherName),
  serial: integer(1, Number.MAX_SAFE_INTEGER),
  versions,
  signatures: readSignatures,
});

/** Makes the error of a release that cannot be used. */
export function refuseRelease(why: string, cause?: unknown): ConfigurationError {
  return new ConfigurationError('ERR_CONFIGURATION_RELEASE', `the release cannot be used: ${why}`, { cause });
}

/**
 * Parses a release file, signed or not.
 * @throws ConfigurationError ERR_CONFIGURATION_RELEASE
 */
export function parseRelease(content: string): SignedRelease {
  try {
    const { signatures, ...release } = readJson(content, LIMITS.releaseBytes, 'the release file', file);
    return { release, signatures };
  } catch (cause) {
    if (!(cause instanceof ConfigurationError)) throw cause;
    throw refuseRelease(cause.message, cause);
  }
}

/** Makes a release; versions stand in the order in which they are given. */
export function makeRelease(content: Pick<Release, 'publisher' | 'serial' | 'versions'>): Release & JsonMap {
  const { publisher, serial, versions } = content;
  return { anchorhold: FORMAT, publisher, serial, versions };
}

/** Writes a release file, for people to review; `parseRelease` gives the same back. */
export function formatRelease({ release, signatures }: SignedRelease): string {
  const { anchorhold, publisher, serial, versions } = release;
  return `${JSON.stringify({ anchorhold, publisher, serial, versions, signatures }, null, 2)}\n`;
}
