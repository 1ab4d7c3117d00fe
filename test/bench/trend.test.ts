import { describe, expect, it } from 'vitest';
import { compared, figure, keepsPromise } from '../../bench/case.ts';
import { trendOf } from '../../bench/resident.ts';

const samplesOf = (bytesAt: (at: number) => number): { at: number; bytes: number }[] =>
  Array.from({ length: 20 }, (_, i) => ({ at: i * 1000, bytes: bytesAt(i * 1000) }));

describe('the trend of resident memory', () => {
  it('is what grows by request, and certain where nothing else happens', () => {
    const { bytesPerRequest, errorPerRequest } = trendOf(samplesOf((at) => 1_000_000 + 3 * at));
    expect(bytesPerRequest).toBeCloseTo(3, 9);
    expect(errorPerRequest).toBeCloseTo(0, 6);
  });

  it('is lost in noise that is larger', () => {
    const { bytesPerRequest, errorPerRequest, meanBytes } = trendOf(
      samplesOf((at) => 1_000_000 + ((at / 1000) % 2 === 0 ? 50_000 : -50_000)),
    );
    expect(Math.abs(bytesPerRequest)).toBeLessThan(2 * errorPerRequest);
    expect(meanBytes).toBe(1_000_000);
  });
});

describe('a promise', () => {
  const plain = figure('plain', 'us', 10);

  it('is about the ratio where there is one', () => {
    expect(keepsPromise(compared('ours', 20, plain, 2))).toBe(true);
    expect(keepsPromise(compared('ours', 20.1, plain, 2))).toBe(false);
  });

  it('is about the value where there is none, and nothing where nothing is promised', () => {
    expect(keepsPromise(figure('ours', 'ms', 600, 600))).toBe(true);
    expect(keepsPromise(figure('ours', 'ms', 601, 600))).toBe(false);
    expect(keepsPromise(plain)).toBeNull();
  });
});
