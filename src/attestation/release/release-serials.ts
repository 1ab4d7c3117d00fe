/**
 * The highest serial seen of each publisher's releases, by each key that may sign them, so that an older release, which still accepts what a
 * newer one dropped, is refused. Holds serials only; which releases count is decided in verify-release.ts.
 */
import { encodeHex } from '../../base/bytes.ts';
import { sha256 } from '../../base/digest.ts';
import { createRisingNumbers, type RisingNumbers } from '../../base/rising-numbers.ts';

/** Names a series: the SHA-256 of a key (SubjectPublicKeyInfo, DER) in hex, and the publisher. */
export type ReleaseSeries = `${string}/${string}`;

const SERIES = /^[0-9a-f]{64}\/[a-z0-9-]{1,64}$/;

/** Tells whether a text names a series. */
export function isReleaseSeries(text: string): text is ReleaseSeries {
  return SERIES.test(text);
}

/** Gives the series of one key and publisher. */
export function releaseSeries(spki: Uint8Array, publisher: string): ReleaseSeries {
  return `${encodeHex(sha256(spki))}/${publisher}`;
}

/** Remembers serials for as long as somebody keeps it; no release can be verified without one. */
export type ReleaseSerials = RisingNumbers<ReleaseSeries>;

/** Starts with what was seen before; an empty list says that nothing was. */
export function createReleaseSerials(seen: readonly (readonly [ReleaseSeries, bigint])[]): ReleaseSerials {
  return createRisingNumbers(seen);
}
