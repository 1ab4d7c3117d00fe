/**
 * What a worker says about itself, in deterministic CBOR, and the one definition of REPORT_DATA that commits to it.
 * Claims are the worker's word until a report over exactly these bytes has been appraised. docs/protocol.md has the table.
 */
import { concatBytes, encodeUtf8 } from '../base/bytes.ts';
import { type Cbor, type CborMap, encodeCbor, isCborMap, parseCbor } from '../base/cbor.ts';
import { sha512 } from '../base/digest.ts';
import { LIMITS } from '../base/limits.ts';

export const PROFILE = 'anchorhold/1';
const REPORT_DATA_DOMAIN = encodeUtf8('anchorhold/report-data/1\0');

/** What the other end is asked to be: mixed into the channel value and the claims, so that evidence made for one use fits no other. */
export type Role = 'worker';

/** The head of the worker's audit log: how many records, and the Merkle root over them. */
export interface LogCheckpoint {
  readonly size: number;
  readonly root: Uint8Array;
}

export interface Claims {
  readonly profile: typeof PROFILE;
  readonly role: Role;
  /** 16 random bytes made at boot. */
  readonly instance: Uint8Array;
  /** SHA-256 of the SubjectPublicKeyInfo of the worker's TLS key, 32 bytes. */
  readonly tls: Uint8Array;
  /** HPKE key configuration. [RFC 9458 3.1] */
  readonly hpke: Uint8Array;
  /** SHA-256 of each loaded function, by name. */
  readonly functions: Readonly<Record<string, Uint8Array>>;
  /** Digest of each owner policy in force, by owner. */
  readonly policies: Readonly<Record<string, Uint8Array>>;
  /** What isolates this worker, as measured at boot. */
  readonly lockdown: Readonly<Record<string, string>>;
  /** Root of the tree of nonces that this report answers, 32 bytes. */
  readonly freshness: Uint8Array;
  readonly log: LogCheckpoint;
  /** Name and version of the worker's software, for people; the measurement is what proves it. */
  readonly runtime: string;
}

const KEYS: readonly string[] = [
  'profile',
  'role',
  'instance',
  'tls',
  'hpke',
  'functions',
  'policies',
  'lockdown',
  'freshness',
  'log',
  'runtime',
];

/** Encodes claims deterministically; the inverse of `parseClaims`. */
export function encodeClaims(claims: Claims): Uint8Array<ArrayBuffer> {
  return encodeCbor({ ...claims, log: { size: claims.log.size, root: claims.log.root } });
}

/** Computes the 64 bytes of REPORT_DATA over encoded claims: SHA-512("anchorhold/report-data/1" || 0x00 || claims). */
export function reportDataOf(encodedClaims: Uint8Array): Uint8Array<ArrayBuffer> {
  return sha512(concatBytes(REPORT_DATA_DOMAIN, encodedClaims));
}

function isBytes(value: Cbor | undefined, size: number): value is Uint8Array {
  return value instanceof Uint8Array && value.length === size;
}

function isMapOf<T extends Cbor>(
  value: Cbor | undefined,
  is: (v: Cbor) => v is T,
): value is CborMap & Record<string, T> {
  return isCborMap(value) && Object.values(value).every(is);
}

const isDigest = (v: Cbor): v is Uint8Array => isBytes(v, 32);
const isText = (v: Cbor): v is string => typeof v === 'string';

/** Decodes claims; gives the first problem in words when a field is missing, unknown or of the wrong kind or size. */
export function parseClaims(bytes: Uint8Array): { readonly value: Claims } | { readonly problem: string } {
  const decoded = parseCbor(bytes, LIMITS.claimsBytes)?.value;
  if (!isCborMap(decoded)) return { problem: 'not a map in deterministic CBOR' };
  const unknown = Object.keys(decoded).find((key) => !KEYS.includes(key));
  if (unknown !== undefined) return { problem: `unknown claim ${JSON.stringify(unknown)}` };
  const { profile, role, instance, tls, hpke, functions, policies, lockdown, freshness, log, runtime } =
    decoded as Record<string, Cbor | undefined>;
  if (profile !== PROFILE) return { problem: `profile is not ${PROFILE}` };
  if (role !== 'worker') return { problem: 'role is not worker' };
  if (!isBytes(instance, 16)) return { problem: 'instance is not 16 bytes' };
  if (!isBytes(tls, 32)) return { problem: 'tls is not 32 bytes' };
  if (!(hpke instanceof Uint8Array)) return { problem: 'hpke is not a byte string' };
  if (!isMapOf(functions, isDigest)) return { problem: 'functions is not a map of 32-byte digests' };
  if (!isMapOf(policies, isDigest)) return { problem: 'policies is not a map of 32-byte digests' };
  if (!isMapOf(lockdown, isText)) return { problem: 'lockdown is not a map of texts' };
  if (!isBytes(freshness, 32)) return { problem: 'freshness is not 32 bytes' };
  if (!isCborMap(log) || Object.keys(log).length !== 2) return { problem: 'log is not a checkpoint' };
  const { size, root } = log as Record<string, Cbor | undefined>;
  if (typeof size !== 'number' || !isBytes(root, 32)) return { problem: 'log is not a checkpoint' };
  if (typeof runtime !== 'string') return { problem: 'runtime is not a text' };
  return {
    value: {
      profile,
      role,
      instance,
      tls,
      hpke,
      functions,
      policies,
      lockdown,
      freshness,
      log: { size, root },
      runtime,
    },
  };
}
