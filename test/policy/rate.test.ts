import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { RateLimit } from '../../src/policy/policy.ts';
import { formatByteSize, formatRate, parseByteSize, parseRate } from '../../src/policy/quantity.ts';
import { decideRate, type RateState } from '../../src/policy/rate.ts';

const START = Date.UTC(2026, 11, 1);
const PER_DAY: RateLimit = { amount: 100, unit: 'calls', windowSeconds: 86_400 };

function use(limit: RateLimit, costs: readonly (readonly [afterMs: number, cost: number])[]): boolean[] {
  let state: RateState | null = null;
  let now = START;
  return costs.map(([afterMs, cost]) => {
    now += afterMs;
    const decision = decideRate(state, limit, cost, now);
    state = decision.state;
    return decision.allowed;
  });
}

describe('a limit of 100 per day', () => {
  it('allows 100 at once and not one more', () => {
    const used = use(
      PER_DAY,
      Array.from({ length: 101 }, () => [0, 1]),
    );
    expect(used.filter(Boolean)).toHaveLength(100);
    expect(used.at(-1)).toBe(false);
  });

  it('gives one back after a hundredth of the day, and says so', () => {
    const full = decideRate(null, PER_DAY, 100, START).state;
    expect(decideRate(full, PER_DAY, 1, START)).toEqual({ state: full, allowed: false, retryAfterMs: 864_000 });
    expect(decideRate(full, PER_DAY, 101, START)).toEqual({ state: full, allowed: false, retryAfterMs: null });
    expect(decideRate(full, PER_DAY, 1, START + 863_999)).toMatchObject({ allowed: false, retryAfterMs: 1 });
    expect(decideRate(full, PER_DAY, 1, START + 864_000)).toMatchObject({ allowed: true, retryAfterMs: 0 });
  });

  it('keeps nothing back for long silence', () => {
    expect(
      use(PER_DAY, [
        [0, 100],
        [10 * 86_400_000, 100],
        [0, 1],
      ]),
    ).toEqual([true, true, false]);
  });

  it('never allows what is more than the whole, or cannot be counted', () => {
    for (const cost of [101, -1, 0.5, Number.NaN, Number.POSITIVE_INFINITY])
      expect(decideRate(null, PER_DAY, cost, START)).toMatchObject({ allowed: false, retryAfterMs: null });
    expect(decideRate(null, PER_DAY, 0, START).allowed).toBe(true);
  });

  it('gives nothing back when the clock goes back', () => {
    expect(
      use(PER_DAY, [
        [0, 100],
        [-86_400_000, 1],
        [863_999, 1],
        [1, 1],
      ]),
    ).toEqual([true, false, false, true]);
  });
});

describe('any limit', () => {
  const limit = fc.record({
    amount: fc.integer({ min: 1, max: 1000 }),
    unit: fc.constant('calls' as const),
    windowSeconds: fc.constantFrom(1, 60, 3600, 86_400),
  });

  it('never allows more than its amount at once plus what time gave back', () => {
    const steps = fc.array(fc.tuple(fc.integer({ min: 0, max: 100_000 }), fc.integer({ min: 0, max: 50 })), {
      maxLength: 200,
    });
    fc.assert(
      fc.property(limit, steps, (rule, costs) => {
        const allowed = use(rule, costs);
        const spent = costs.reduce((sum, [, cost], i) => sum + (allowed[i] === true ? cost : 0), 0);
        const elapsedMs = costs.slice(1).reduce((sum, [afterMs]) => sum + afterMs, 0);
        expect(spent * rule.windowSeconds * 1000).toBeLessThanOrEqual(
          (rule.windowSeconds * 1000 + elapsedMs) * rule.amount,
        );
      }),
      { numRuns: 500 },
    );
  });

  it('allows what it refused after exactly the time that it named', () => {
    fc.assert(
      fc.property(limit, fc.integer({ min: 1, max: 1000 }), (rule, cost) => {
        const { state } = decideRate(null, rule, rule.amount, START);
        const refused = decideRate(state, rule, cost, START);
        if (refused.retryAfterMs === null) {
          expect(cost).toBeGreaterThan(rule.amount);
          return;
        }
        expect(decideRate(state, rule, cost, START + refused.retryAfterMs).allowed).toBe(true);
        expect(decideRate(state, rule, cost, START + refused.retryAfterMs - 1).allowed).toBe(false);
      }),
    );
  });
});

describe('quantities', () => {
  it.each([
    ['1 B', 1],
    ['64 KiB', 65_536],
    ['64KiB', 65_536],
    ['1 MiB', 1_048_576],
    ['3 GiB', 3_221_225_472],
  ])('%s is %d bytes', (text, bytes) => {
    expect(parseByteSize(text)).toEqual({ ok: true, value: bytes });
  });

  it.each([
    '64',
    '0 B',
    '-1 B',
    '1.5 KiB',
    '1 kB',
    '1 MB',
    '1 kib',
    '1  KiB',
    ' 1 KiB',
    '01 KiB',
    '1e3 B',
    '99999999999999 GiB',
    '',
  ])('%j is no size', (text) => {
    expect(parseByteSize(text).ok).toBe(false);
  });

  it.each([
    ['100/day', { amount: 100, unit: 'calls', windowSeconds: 86_400 }],
    ['1/second', { amount: 1, unit: 'calls', windowSeconds: 1 }],
    ['5/minute', { amount: 5, unit: 'calls', windowSeconds: 60 }],
    ['1 MiB/hour', { amount: 1_048_576, unit: 'bytes', windowSeconds: 3600 }],
  ])('%s is a limit', (text, value) => {
    expect(parseRate(text)).toEqual({ ok: true, value });
  });

  it.each([
    '100',
    '/day',
    '0/day',
    '1/week',
    '1/Day',
    '1/day/day',
    '1 /day',
    '1/ day',
    '-1/day',
    '1 MB/day',
    '1/constructor',
  ])('%j is no limit', (text) => {
    expect(parseRate(text).ok).toBe(false);
  });

  it('are written so that they are read back', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 2 ** 40 }),
        fc.constantFrom(1, 60, 3600, 86_400),
        (amount, windowSeconds) => {
          expect(parseByteSize(formatByteSize(amount))).toEqual({ ok: true, value: amount });
          const rate = { amount, unit: 'bytes' as const, windowSeconds };
          expect(parseRate(formatRate(rate))).toEqual({ ok: true, value: rate });
        },
      ),
    );
    expect(formatByteSize(65_536)).toBe('64 KiB');
    expect(formatByteSize(65_537)).toBe('65537 B');
  });
});
