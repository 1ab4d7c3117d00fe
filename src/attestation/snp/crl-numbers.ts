/**
 * The highest number seen of each series of revocation lists, so that an older list, which names fewer revoked certificates, is refused
 * while its dates still hold. Holds numbers only; which lists count is decided in revocation.ts. [RFC 5280 5.2.3]
 */
import { createRisingNumbers, type RisingNumbers } from '../../base/rising-numbers.ts';
import type { Signer } from './report.ts';

/** Names a series: the SHA-256 of the root's DER in hex, and the kind of key whose issuers the lists are about. */
export type CrlSeries = `${string}/${Signer}`;

const SERIES = /^[0-9a-f]{64}\/(?:VCEK|VLEK)$/;

/** Tells whether a text names a series. */
export function isCrlSeries(text: string): text is CrlSeries {
  return SERIES.test(text);
}

/** Remembers numbers for as long as somebody keeps it; an appraisal cannot be made without one. */
export type CrlNumbers = RisingNumbers<CrlSeries>;

/** Starts with what was seen before; an empty list says that nothing was. */
export function createCrlNumbers(seen: readonly (readonly [CrlSeries, bigint])[]): CrlNumbers {
  return createRisingNumbers(seen);
}
