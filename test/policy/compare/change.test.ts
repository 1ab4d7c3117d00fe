/** A change, and the guard that keeps a wrong comparison from being believed. */
import { expect, it } from 'vitest';
import { change, refusalOf } from '../../../src/policy/compare/change.ts';
import { decideEgress } from '../../../src/policy/decide.ts';
import type { Decision } from '../../../src/policy/policy.ts';
import { DIGEST, NOW, parse, SAMPLE } from '../sample.ts';

const policy = parse(SAMPLE);
const decide = (method: string): Decision =>
  decideEgress(policy, { functionDigest: DIGEST, method, url: 'https://api.example.com/v1/lookup/7', now: NOW });
const [allows, denies] = [decide('GET'), decide('POST')];

it('is certain and has no example unless one is given', () => {
  const pair = { policy, other: policy, now: NOW };
  const at = policy.sections.secrets;
  const plain = { section: 'secrets', owner: 'hospital-a', at, allows: 'x', example: null, refusal: null };
  expect(change(pair, 'secrets', at, 'x')).toEqual({ ...plain, certain: true });
  expect(change(pair, 'secrets', at, 'x', { certain: false })).toEqual({ ...plain, certain: false });
  const shown = { example: 'GET /', refusal: 'no' };
  expect(change(pair, 'secrets', at, 'x', shown)).toEqual({ ...plain, ...shown, certain: true });
});

it('has the words of the file that refuses', () => {
  expect(refusalOf('GET /', allows, denies)).toBe(denies.reason);
});

it.each([
  ['both allow', allows, allows],
  ['both refuse', denies, denies],
  ['the other one allows', denies, allows],
])('is not believed when %s', (_what, own, other) => {
  expect(() => refusalOf('GET /', own, other)).toThrow('contradicts their decisions: GET /');
});
