/** The parts of decisions: when a policy is in force, whose code may connect, and how many rules stand in a sentence. */
import { describe, expect, it } from 'vitest';
import { judgeCode, judgeTime, listRules, notNormal } from '../../src/policy/denial.ts';
import { DIGEST, HEAD, NOW, OTHER_DIGEST, parse } from './sample.ts';

const policy = parse(HEAD.replace(`risk-score: ${DIGEST}`, `risk-score: ${DIGEST}, other: ${OTHER_DIGEST}`));

describe('a policy', () => {
  it.each([
    ['at its beginning', '2026-11-01T00:00:00Z', null],
    ['just before its end', '2027-04-30T23:59:59.999Z', null],
    ['before', '2026-10-31T23:59:59.999Z', 'comes into force at 2026-11-01T00:00:00.000Z'],
    ['at its end', '2027-05-01T00:00:00Z', 'ended at 2027-05-01T00:00:00.000Z'],
  ])('%s is in force, or says since when not', (_, now, why) => {
    const denial = judgeTime(policy, new Date(now));
    if (why === null) expect(denial).toBeNull();
    else
      expect(denial).toEqual({
        code: 'ERR_POLICY_NOT_IN_FORCE',
        at: { file: 'owner.yaml', line: 4, column: 1 },
        reason: `The policy of hospital-a (version 7) ${why}.`,
        hint: 'Ask hospital-a for a version that is in force now.',
      });
  });

  it('is in force at no instant that is none', () => {
    expect(judgeTime(policy, new Date(Number.NaN))?.code).toBe('ERR_POLICY_NOT_IN_FORCE');
    expect(judgeTime(policy, NOW)).toBeNull();
  });

  it('lets each code connect that it lists, and no other', () => {
    expect([judgeCode(policy, DIGEST), judgeCode(policy, OTHER_DIGEST)]).toEqual([null, null]);
    expect(judgeCode(policy, 'sha256:00')).toEqual({
      code: 'ERR_POLICY_DENIED_EGRESS',
      at: { file: 'owner.yaml', line: 5, column: 1 },
      reason: 'hospital-a does not list the code that wants to connect: its digest is "sha256:00".',
      hint: 'Ask hospital-a to review the code and list its digest.',
    });
  });
});

it('what can be read in two ways is said to be so', () => {
  const at = { file: 'f', line: 1, column: 1 };
  expect(notNormal(at, 'it is odd')).toMatchObject({
    code: 'ERR_POLICY_REQUEST',
    at,
    reason: 'The request cannot be judged: it is odd.',
  });
});

it.each([
  [0, ''],
  [1, 'r0'],
  [3, 'r0, r1 and r2'],
  [4, 'r0, r1, r2 and 1 more'],
  [50, 'r0, r1, r2 and 47 more'],
])('%d rules in a sentence are: %s', (count, sentence) => {
  const rules = Array.from({ length: count }, (_, i) => i);
  expect(listRules(rules, (rule) => `r${rule}`)).toBe(sentence);
});
