import { describe, expect, it } from 'vitest';
import { drawHistogram, openLatencyCounts, percentileUs, sumCounts } from '../../bench/latency.ts';

function countsOf(latenciesUs: readonly number[]): readonly number[] {
  const { counts, add } = openLatencyCounts();
  for (const us of latenciesUs) add(us);
  return counts;
}

describe('latencies', () => {
  it('give percentiles that are at most one class too high, and never too low', () => {
    const latencies = Array.from({ length: 1000 }, (_, i) => 100 + i);
    const counts = countsOf(latencies);
    for (const share of [0.5, 0.9, 0.99, 0.999]) {
      const exact = latencies[Math.ceil(latencies.length * share) - 1] ?? Number.NaN;
      const given = percentileUs(counts, share);
      expect(given).toBeGreaterThanOrEqual(exact * 0.9999);
      expect(given).toBeLessThanOrEqual(exact * 1.0501);
    }
  });

  it('add up', () => {
    const sum = sumCounts([countsOf([10, 20]), countsOf([20, 4000])]);
    expect(sum).toEqual(countsOf([10, 20, 20, 4000]));
    expect(percentileUs(sum, 1)).toBeGreaterThan(3900);
  });

  it('have no percentile where there are none', () => {
    expect(percentileUs(countsOf([]), 0.5)).toBeNaN();
  });

  it('are drawn as shares that come to one, with the fullest line the longest', () => {
    const lines = drawHistogram('a server', countsOf([50, 50, 50, 50, 50, 50, 900, 900, 900, 20_000])).split('\n');
    expect(lines[0]).toBe('a server, 10 requests');
    const shares = lines.slice(1).map((line) => Number(/([\d.]+) %/.exec(line)?.[1]));
    expect(shares.reduce((sum, share) => sum + share, 0)).toBeCloseTo(100);
    const bars = lines.slice(1).map((line) => line.split('#').length - 1);
    expect(bars.indexOf(Math.max(...bars))).toBe(0);
    expect(shares[0]).toBe(60);
  });
});
