/** Which images one policy accepts longer than another, by measurement and by the versions of a release. */
import { expect, it } from 'vitest';
import { imageEnds, widerImages } from '../../../src/policy/compare/compare-images.ts';
import type { ImageRule } from '../../../src/policy/policy.ts';
import { HEAD, parse } from '../sample.ts';

const [A, B] = ['4f'.repeat(48), '5e'.repeat(48)];
const RELEASE = 'release:./anchorhold-1.4.json';
const NAME = 'anchorhold 1.4.0 until 2027-06-01T00:00:00.000Z';

function images(...names: readonly string[]): readonly ImageRule[] {
  const machine = { products: ['Genoa'], tcb: 'any', smt: 'any', images: names };
  return parse(`${HEAD}machine: ${JSON.stringify(machine)}\n`).machine?.images ?? [];
}

it.each<readonly [own: readonly string[], other: readonly string[], wider: readonly string[]]>([
  [[], [A], []],
  [[A], [A], []],
  [[A, B], [A], [B]],
  [[A], [], [A]],
  [[RELEASE], [], [NAME]],
  [[RELEASE], [RELEASE], []],
  [[RELEASE], [A, B], []],
  // One of its two measurements is enough to name the version.
  [[RELEASE], [A], [NAME]],
  [[RELEASE], [B], [NAME]],
  [[A], [RELEASE], [A]],
])('%j against %j accepts %j longer', (own, other, wider) => {
  expect(widerImages(images(...own), images(...other))).toEqual(wider);
});

it('an image is accepted until the last of what names it ends', () => {
  const until = Date.parse('2027-06-01T00:00:00Z');
  expect(Object.fromEntries(imageEnds(images(RELEASE)))).toMatchObject({ [A]: until, [B]: until });
  for (const names of [
    [A, RELEASE],
    [RELEASE, A],
  ])
    expect(imageEnds(images(...names)).get(A)).toBe(Number.POSITIVE_INFINITY);
});
