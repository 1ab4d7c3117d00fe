import { describe, expect, it } from 'vitest';
import { compareVersions } from '../../src/image/debian-version.ts';

/** Older before newer, each: the places where plain text would be sorted another way. */
const ORDERED: readonly (readonly [string, string])[] = [
  ['1.0', '1.1'],
  ['1.9', '1.10'],
  ['1.0~rc1', '1.0'],
  ['1.0~~', '1.0~'],
  ['1.0', '1.0a'],
  ['1.0a', '1.0+'],
  ['1.0', '1.0+b1'],
  ['9.9', '1:0.1'],
  ['1:1.0', '2:0.1'],
  ['1.0-1', '1.0-2'],
  ['1.0', '1.0-1'],
  ['1.0-1', '1.0-1+deb13u1'],
  ['1.0-1~bpo12+1', '1.0-1'],
  ['6.12.99-1', '6.12.117-1'],
  ['1.2-3-1', '1.2-3-2'],
  ['2.14-2', '2.14-2+b3'],
];

describe('versions of Debian', () => {
  it.each(ORDERED)('have %s before %s', (older, newer) => {
    expect(Math.sign(compareVersions(older, newer))).toBe(-1);
    expect(Math.sign(compareVersions(newer, older))).toBe(1);
  });

  it.each([
    ['1.0', '1.0'],
    ['0:1.0', '1.0'],
    ['1.0-0', '1.0'],
    ['1.01', '1.1'],
  ])('have %s and %s as the same', (a, b) => {
    expect(compareVersions(a, b)).toBe(0);
  });
});
