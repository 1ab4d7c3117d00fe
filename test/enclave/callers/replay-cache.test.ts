import { describe, expect, it } from 'vitest';
import { openReplayCache } from '../../../src/enclave/callers/replay-cache.ts';

const at = (seconds: number): Date => new Date(seconds * 1000);

describe('the replay cache', () => {
  it('tells a nonce apart from one seen before, per key', () => {
    const cache = openReplayCache({ maxNonces: 10, maxNoncesPerKey: 10 });
    expect(cache.admit('a', 'n', 1060, at(1000))).toBe('fresh');
    expect(cache.admit('a', 'n', 1060, at(1000))).toBe('replayed');
    expect(cache.admit('a', 'n', 1300, at(1059))).toBe('replayed');
    expect(cache.admit('a', 'm', 1060, at(1000))).toBe('fresh');
    expect(cache.admit('b', 'n', 1060, at(1000))).toBe('fresh');
  });

  it('remembers a nonce at least until it expires, for every second of expiry', () => {
    for (let life = 1; life <= 300; life++) {
      const cache = openReplayCache({ maxNonces: 10, maxNoncesPerKey: 10 });
      expect(cache.admit('a', 'n', 1000 + life, at(1000))).toBe('fresh');
      expect(cache.admit('a', 'n', 1000 + life, at(1000 + life - 0.001))).toBe('replayed');
    }
  });

  it('refuses when it is full rather than forget, and has room again when nonces expire', () => {
    const cache = openReplayCache({ maxNonces: 3, maxNoncesPerKey: 2 });
    expect(cache.admit('a', '1', 1060, at(1000))).toBe('fresh');
    expect(cache.admit('a', '2', 1060, at(1000))).toBe('fresh');
    expect(cache.admit('a', '3', 1060, at(1000))).toBe('full');
    expect(cache.admit('b', '1', 1060, at(1000))).toBe('fresh');
    expect(cache.admit('b', '2', 1060, at(1000))).toBe('full');
    expect(cache.admit('a', '1', 1060, at(1000))).toBe('replayed');
    expect(cache.admit('b', '2', 1200, at(1100))).toBe('fresh');
    expect(cache.admit('a', '3', 1200, at(1100))).toBe('fresh');
  });
});
