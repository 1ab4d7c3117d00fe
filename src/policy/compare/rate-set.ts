/**
 * Limits as sets of courses of use. A limit lets through at once its amount, and then as much as comes back; so limits that are used side by
 * side stay within another exactly when neither their amounts nor their rates add up to more. In whole numbers. [ITU-T I.371 annex A]
 */
import type { RateLimit } from '../policy.ts';
import { formatRate } from '../quantity.ts';

/** Every window divides it. */
const DAY_SECONDS = 86_400n;

function perDay({ amount, windowSeconds }: RateLimit): bigint {
  return (BigInt(amount) * DAY_SECONDS) / BigInt(windowSeconds);
}

function sum(limits: readonly RateLimit[], of: (limit: RateLimit) => bigint): bigint {
  return limits.reduce((total, limit) => total + of(limit), 0n);
}

/**
 * Says how limits that are used side by side let more through than others do, or gives null when they never do. Calls and bytes
 * have no common measure: one call can carry any number of bytes.
 */
export function findRateExcess(limits: readonly RateLimit[], others: readonly RateLimit[]): string | null {
  const units = new Set([...limits, ...others].map(({ unit }) => unit));
  const theirs = others.map(formatRate).join(' and ');
  const ours = limits.map(formatRate).join(' and ');
  if (units.size > 1) return `${ours} instead of ${theirs}, and calls cannot be compared with bytes`;
  const atOnce = (limit: RateLimit): bigint => BigInt(limit.amount);
  if (sum(limits, atOnce) > sum(others, atOnce)) return `${ours} and not only ${theirs}: more at once`;
  if (sum(limits, perDay) > sum(others, perDay)) return `${ours} and not only ${theirs}: more in the long run`;
  return null;
}
