import { describe, expect, it } from 'vitest';
import { decideQuestion, parseQuestion, renderDecision, runPolicyTests } from '../../src/policy/explain.ts';
import { NOW, parse, SAMPLE } from './sample.ts';

const policy = parse(SAMPLE);

describe('a question', () => {
  it.each([
    ['POST /risk-score as analysts', 'allow'],
    ['POST /risk-score as nightly,analysts', 'allow'],
    ['POST /risk-score as nobody', 'deny'],
    ['POST /risk-score', 'deny'],
    ['  POST /risk-score as analysts  ', 'allow'],
    ['GET https://api.example.com/v1/lookup/1', 'allow'],
    ['GET https://api.example.com/v1/lookup/1/2', 'deny'],
    ['POST /risk-score?next=https://x.example/ as analysts', 'allow'],
    ['POST /../risk-score as analysts', 'deny'],
    ['tcp://db.example.com:5432', 'deny'],
    ['enclave://scorer.example/score', 'none'],
    ['POST enclave://scorer.example/score', 'allow'],
  ])('%s: %s', (text, outcome) => {
    const question = parseQuestion(policy, text);
    expect(question.ok ? decideQuestion(policy, question.value, NOW).outcome : 'none').toBe(outcome);
  });

  it.each([
    '',
    'POST',
    '/risk-score as analysts',
    'POST /risk-score as',
    'POST /risk-score as analysts nightly',
    'POST /risk-score as analyst',
    'POST risk-score as analysts',
    'GET https://api.example.com/ as analysts',
  ])('%j is none', (text) => {
    expect(parseQuestion(policy, text).ok).toBe(false);
  });

  it('is answered in a sentence, with the place and what to do', () => {
    const question = parseQuestion(policy, 'POST /risk-score as nightly');
    expect(question.ok && renderDecision(decideQuestion(policy, question.value, NOW))).toBe(
      [
        'denied: hospital-a allows POST /risk-score only to analysts, not to nightly.',
        '  at owner.yaml:17:5',
        '  hint: Ask hospital-a to add nightly to this rule.',
      ].join('\n'),
    );
  });
});

describe('the tests of a policy', () => {
  it('pass where the rules do what they say', () => {
    expect(runPolicyTests(policy).map(({ question, passed }) => [question, passed])).toEqual([
      ['POST /risk-score as analysts', true],
      ['POST /risk-score as nobody', true],
      ['GET https://api.example.com.evil.test/v1/lookup/1', true],
    ]);
  });

  it('fail in both directions', () => {
    const turned = SAMPLE.replaceAll('expect: deny', 'expect: x')
      .replaceAll('expect: allow', 'expect: deny')
      .replaceAll('expect: x', 'expect: allow');
    expect(runPolicyTests(parse(turned)).map(({ passed }) => passed)).toEqual([false, false, false]);
  });
});
