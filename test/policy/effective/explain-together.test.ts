/** One question to all owners of a function: who is asked, for which code, and who is named. */
import { describe, expect, it } from 'vitest';
import { explainTogether } from '../../../src/policy/effective/explain-together.ts';
import type { OwnerPolicy } from '../../../src/policy/policy.ts';
import { DIGEST, OTHER_DIGEST, policyOf } from './owners.ts';

const NOW = new Date('2026-12-01T12:00:00Z');
const a = policyOf('a', {
  queries: [{ allow: ['ada', 'bob'], to: 'POST /f' }],
  egress: [{ to: 'https://a.test/**', methods: ['GET'] }, { to: 'tcp://a.test:2' }],
});
const b = policyOf('b', { queries: [{ allow: 'bob', to: 'POST /f' }] });
const other = policyOf('b', { functions: { f: OTHER_DIGEST }, queries: [{ allow: 'bob', to: 'POST /f' }] });
const two = policyOf('a', {
  functions: { first: OTHER_DIGEST, second: DIGEST },
  queries: [{ allow: 'bob', to: 'POST /second/x' }],
  egress: [{ to: 'https://a.test/**', methods: ['GET'] }],
});

function decide(
  policies: readonly OwnerPolicy[],
  text: string,
  callers: Readonly<Record<string, string>> = {},
  name: string | null = null,
): unknown {
  const decision = explainTogether(policies, { text, callers: new Map(Object.entries(callers)), function: name }, NOW);
  if (!decision.ok) return decision.why;
  const { outcome, owner, code, at } = decision.value;
  return [outcome, owner, code, at.file];
}

describe('a question', () => {
  const bob = { a: 'bob', b: 'bob' };
  const ALLOWED = ['allow', 'a and b', null, 'a.yaml'];
  const QUERY = ['deny', 'b', 'ERR_POLICY_DENIED_QUERY', 'b.yaml'];
  const EGRESS = (owner: string) => ['deny', owner, 'ERR_POLICY_DENIED_EGRESS', `${owner}.yaml`];
  it.each<readonly [what: string, ask: () => unknown, expected: unknown]>([
    ['is allowed when all allow it', () => decide([a, b], 'POST /f', bob), ALLOWED],
    ['is refused by the first who refuses', () => decide([a, b], 'POST /f', { a: 'ada', b: 'ada' }), QUERY],
    ['of nobody is refused', () => decide([a, b], 'POST /f', { a: 'bob' }), QUERY],
    ['is refused by who lists other code', () => decide([a, other], 'POST /f', bob), QUERY],
    [
      'that none lists is refused by nobody',
      () => decide([a, b], 'POST /g', bob),
      ['deny', '', 'ERR_POLICY_NOT_IN_FORCE', ''],
    ],
    ['of the code is allowed', () => decide([a], 'GET https://a.test/x', {}, 'f'), ['allow', 'a', null, 'a.yaml']],
    [
      'of the code is refused by who names no such place',
      () => decide([a, b], 'GET https://a.test/x', {}, 'f'),
      EGRESS('b'),
    ],
    ['of a connection is allowed', () => decide([a], 'tcp://a.test:2', {}, 'f'), ['allow', 'a', null, 'a.yaml']],
    ['of a connection is refused', () => decide([a, b], 'tcp://a.test:1', {}, 'f'), EGRESS('a')],
    [
      'is for the function of its path',
      () => decide([two], 'POST /second/x', { a: 'bob' }),
      ['allow', 'a', null, 'a.yaml'],
    ],
    [
      'is for the function that is named',
      () => decide([two], 'GET https://a.test/x', {}, 'second'),
      ['allow', 'a', null, 'a.yaml'],
    ],
    [
      'is not for who does not list it',
      () => decide([two, b], 'POST /second/x', { a: 'bob' }),
      ['allow', 'a', null, 'a.yaml'],
    ],
  ])('%s', (_what, ask, expected) => {
    expect(ask()).toEqual(expected);
  });

  it('of the code needs its name', () => {
    expect(decide([a, b], 'GET https://a.test/x')).toBe('say which function wants out');
    expect(decide([a, b], 'ask POST /f')).toBe('say which function wants out');
  });

  it('that cannot be read is refused before anybody decides', () => {
    expect(decide([a, b], 'POST /f', { a: 'eve' })).toContain('eve');
    expect(decide([a, b], 'https:a.test', {}, 'f')).toContain('https:a.test');
  });
});
