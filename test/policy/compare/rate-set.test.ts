/** Limits side by side: whether they let more through than others do, in which respect, and whether the real counter agrees. */
import { describe, expect, it } from 'vitest';
import { findRateExcess } from '../../../src/policy/compare/rate-set.ts';
import type { RateLimit } from '../../../src/policy/policy.ts';
import { parseRate } from '../../../src/policy/quantity.ts';
import { decideRate } from '../../../src/policy/rate.ts';

const limit = (text: string): RateLimit => {
  const read = parseRate(text);
  if (!read.ok) throw new Error(read.why);
  return read.value;
};

describe('limits', () => {
  const AT_ONCE = 'more at once';
  const LONG = 'more in the long run';
  const UNLIKE = 'and calls cannot be compared with bytes';
  it.each<readonly [own: readonly string[], others: readonly string[], how: string | null]>([
    [[], ['100/day'], null],
    [['100/day'], ['100/day'], null],
    [['100/day'], ['101/day'], null],
    [['100/day'], ['99/day'], `100/day and not only 99/day: ${AT_ONCE}`],
    // 5 at once, but 120 in a day
    [['5/hour'], ['100/day'], `5/hour and not only 100/day: ${LONG}`],
    [['4/hour'], ['100/day'], null],
    [['100/day'], ['5/hour'], `100/day and not only 5/hour: ${AT_ONCE}`],
    [['24/day'], ['1/hour', '1/hour'], `24/day and not only 1/hour and 1/hour: ${AT_ONCE}`],
    [['1/hour'], ['24/day'], null],
    [['50/day', '50/day'], ['100/day'], null],
    [['50/day', '51/day'], ['100/day'], `50/day and 51/day and not only 100/day: ${AT_ONCE}`],
    [['1/hour', '1/hour'], ['30/day'], `1/hour and 1/hour and not only 30/day: ${LONG}`],
    [['100/day'], ['50/day', '50/day'], null],
    [['1 B/day'], ['1/day'], `1 B/day instead of 1/day, ${UNLIKE}`],
    [['1/day'], ['1 GiB/day'], `1/day instead of 1 GiB/day, ${UNLIKE}`],
    [['1/day', '1 B/day'], ['9/day'], `1/day and 1 B/day instead of 9/day, ${UNLIKE}`],
  ])('%j let more through than %j: %s', (own, others, how) => {
    expect(findRateExcess(own.map(limit), others.map(limit))).toBe(how);
  });

  it('that let more through in the long run do so before the real counter, too', () => {
    const [own, other] = [limit('5/hour'), limit('100/day')];
    let [mine, theirs] = [decideRate(null, own, 5, 0), decideRate(null, other, 5, 0)];
    let hours = 0;
    while (theirs.allowed && hours < 1000) {
      hours++;
      const now = hours * 3_600_000;
      [mine, theirs] = [decideRate(mine.state, own, 5, now), decideRate(theirs.state, other, 5, now)];
      expect(mine.allowed).toBe(true);
    }
    expect(theirs.allowed).toBe(false);
  });
});
