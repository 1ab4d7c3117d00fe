/** Sizes, limits and times: what is read as which number, what is refused, and how a number is written again. */
import { describe, expect, it } from 'vitest';
import {
  formatByteSize,
  formatDuration,
  formatRate,
  parseByteSize,
  parseDuration,
  parseRate,
} from '../../src/policy/quantity.ts';
import type { Reading } from '../../src/policy/reading.ts';

const shown = (reading: Reading<unknown>): unknown => (reading.ok ? reading.value : reading.why);

describe('a size', () => {
  it.each([
    ['1 B', 1],
    ['64KiB', 65_536],
    ['3 MiB', 3_145_728],
    ['2 GiB', 2_147_483_648],
    ['999999999999999 B', 999_999_999_999_999],
  ])('%s is %d bytes', (text, bytes) => {
    expect(shown(parseByteSize(text))).toBe(bytes);
  });

  it.each([
    '',
    '64',
    'KiB',
    '0 B',
    '01 B',
    '-1 B',
    '1.5 KiB',
    '64  KiB',
    '64 KiB ',
    ' 64 KiB',
    '64 KiB/x',
    '64 kib',
    '64 KB',
    '1000000000000000 B',
  ])('is not %j', (text) => {
    expect(shown(parseByteSize(text))).toMatch(/is not a size: write a whole number and B, KiB, MiB or GiB/);
  });

  it('can be counted', () => {
    expect(shown(parseByteSize('8388607 GiB'))).toBe(8_388_607 * 1024 ** 3);
    expect(shown(parseByteSize('8388608 GiB'))).toMatch(/too large a size/);
  });

  it.each([
    [1, '1 B'],
    [1023, '1023 B'],
    [1024, '1 KiB'],
    [1536, '1536 B'],
    [2_097_152, '2 MiB'],
    [1_073_741_824, '1 GiB'],
  ])('of %d bytes is written %s', (bytes, text) => {
    expect(formatByteSize(bytes)).toBe(text);
    expect(shown(parseByteSize(text))).toBe(bytes);
  });
});

describe('a limit', () => {
  it.each([
    ['1/second', { amount: 1, unit: 'calls', windowSeconds: 1 }],
    ['999999999/minute', { amount: 999_999_999, unit: 'calls', windowSeconds: 60 }],
    ['100/hour', { amount: 100, unit: 'calls', windowSeconds: 3600 }],
    ['1 MiB/day', { amount: 1_048_576, unit: 'bytes', windowSeconds: 86_400 }],
  ])('%s is read, and written so', (text, limit) => {
    expect(shown(parseRate(text))).toEqual(limit);
    expect(formatRate(limit as Parameters<typeof formatRate>[0])).toBe(text);
  });

  it.each([
    '',
    '100',
    '/day',
    '0/day',
    '1000000000/day',
    '100/week',
    '100/Day',
    'x/1/day',
    '1/day/x',
    '1/day ',
    ' 1/day',
    '1.5/day',
    '1 MB/day',
  ])('is not %j', (text) => {
    expect(shown(parseRate(text))).toMatch(/is not a limit: write calls or bytes per second, minute, hour or day/);
  });

  it('over another window is written in seconds', () => {
    expect(formatRate({ amount: 5, unit: 'calls', windowSeconds: 7 })).toBe('5/7 seconds');
  });
});

describe('a time', () => {
  it.each([
    ['1 ms', 1],
    ['500ms', 500],
    ['5 s', 5000],
    ['10 min', 600_000],
    ['600 s', 600_000],
  ])('%s is %d milliseconds', (text, ms) => {
    expect(shown(parseDuration(text))).toBe(ms);
  });

  it.each([
    '',
    '5',
    's',
    '0 s',
    '05 s',
    'x5 s',
    '5 s x',
    ' 5 s',
    '5  s',
    '5 S',
    '5 hours',
    '11 min',
    '600001 ms',
    '1000000 ms',
  ])('is not %j', (text) => {
    expect(shown(parseDuration(text))).toMatch(/is not a time: write a whole number and ms, s or min/);
  });

  it.each([
    [1, '1 ms'],
    [1500, '1500 ms'],
    [90_000, '90 s'],
    [120_000, '2 min'],
  ])('of %d milliseconds is written %s', (ms, text) => {
    expect(formatDuration(ms)).toBe(text);
  });
});
