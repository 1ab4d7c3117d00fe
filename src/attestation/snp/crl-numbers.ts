/**
 * The highest number seen of each series of revocation lists, so that an older list, which names fewer revoked certificates, is refused
 * while its dates still hold. Holds numbers only; which lists count is decided in revocation.ts. [RFC 5280 5.2.3]
 */
import type { Signer } from './report.ts';

/** Names a series: the SHA-256 of the root's DER in hex, and the kind of key whose issuers the lists are about. */
export type CrlSeries = `${string}/${Signer}`;

const SERIES = /^[0-9a-f]{64}\/(?:VCEK|VLEK)$/;

/** Tells whether a text names a series. */
export function isCrlSeries(text: string): text is CrlSeries {
  return SERIES.test(text);
}

/** Remembers numbers for as long as somebody keeps it; an appraisal cannot be made without one. */
export interface CrlNumbers {
  /** Gives the highest number seen, or null when none was. */
  highest(series: CrlSeries): bigint | null;
  /** Remembers the number of a list that was found authentic; a lower one than is known changes nothing. */
  remember(series: CrlSeries, number: bigint): void;
  /** Lists everything that is remembered. */
  entries(): readonly (readonly [CrlSeries, bigint])[];
}

/** Starts with what was seen before; an empty list says that nothing was. */
export function createCrlNumbers(seen: readonly (readonly [CrlSeries, bigint])[]): CrlNumbers {
  const numbers = new Map<CrlSeries, bigint>();
  const remember: CrlNumbers['remember'] = (series, number) => {
    const highest = numbers.get(series);
    if (highest === undefined || number > highest) numbers.set(series, number);
  };
  for (const [series, number] of seen) remember(series, number);
  return {
    highest: (series) => numbers.get(series) ?? null,
    remember,
    entries: () => [...numbers],
  };
}
