/** What is told about an answer that is kept, and where the edges lie. Which answers are let out is in decide.test.ts. */
import { expect, it } from 'vitest';
import { decideResult, type ResultRequest } from '../../src/policy/results.ts';
import { HEAD, parse } from './sample.ts';

const policy = parse(`${HEAD}results: { max: 64 KiB, types: [application/json, text/plain] }\n`);
const none = parse(`${HEAD}results: { max: 64 KiB, types: [] }\n`);
const good: ResultRequest = { status: 200, contentType: 'application/json', bytes: 9 };

it.each<[string, Partial<ResultRequest>, string]>([
  ['of a listed type', {}, 'hospital-a lets out application/json up to 64 KiB.'],
  ['with the last status', { status: 599 }, 'hospital-a lets out application/json up to 64 KiB.'],
  ['that is empty', { contentType: null, bytes: 0 }, 'The answer is empty.'],
])('an answer %s is let out, and it is said by what', (_, change, reason) => {
  expect(decideResult(policy, { ...good, ...change })).toEqual({
    outcome: 'allow',
    owner: 'hospital-a',
    at: { file: 'owner.yaml', line: 6, column: 1 },
    code: null,
    reason,
    hint: '',
  });
});

it.each<[string, typeof policy, Partial<ResultRequest>, string, RegExp]>([
  [
    'of another type',
    policy,
    { contentType: 'text/html' },
    'The answer is of type "text/html"; hospital-a lets out only application/json and text/plain.',
    /^Ask hospital-a to change/,
  ],
  [
    'of no type',
    policy,
    { contentType: null },
    'The answer is of type "none"; hospital-a lets out only application/json and text/plain.',
    /^Ask hospital-a to change/,
  ],
  [
    'that is no type',
    policy,
    { contentType: 'x' },
    'The answer is of type "x"; hospital-a lets out only application/json and text/plain.',
    /^Ask hospital-a to change/,
  ],
  [
    'where no type is listed',
    none,
    {},
    'The answer is of type "application/json"; hospital-a lets out no type at all.',
    /^Ask hospital-a to change/,
  ],
  [
    'that is too large',
    policy,
    { bytes: 65_537 },
    'The answer has 65537 bytes; hospital-a lets out at most 64 KiB.',
    /^Ask hospital-a to change/,
  ],
  ['that is not final', policy, { status: 199 }, 'The status 199 is not one of a final answer.', /author/],
  ['without the section', parse(HEAD), {}, 'hospital-a lets no results out at all.', /^Ask hospital-a to change/],
])('an answer %s is kept, and it is said why', (_, of, change, reason, hint) => {
  expect(decideResult(of, { ...good, ...change })).toMatchObject({
    outcome: 'deny',
    code: 'ERR_POLICY_DENIED_RESULT',
    reason,
    hint: expect.stringMatching(hint) as string,
  });
});
