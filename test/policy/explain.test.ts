import { describe, expect, it } from 'vitest';
import { decideQuestion, parseQuestion, renderDecision, runPolicyTests } from '../../src/policy/explain.ts';
import { HEAD, KEY_B, NOW, OTHER_DIGEST, parse, SAMPLE } from './sample.ts';

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
    'please POST /risk-score as analysts',
    'GET /risk-score as',
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

describe('the decision on a question', () => {
  const answer = (of: typeof policy, text: string): string => {
    const question = parseQuestion(of, text);
    return question.ok ? renderDecision(decideQuestion(of, question.value, NOW)) : question.why;
  };

  it('that is allowed has no hint', () => {
    expect(answer(policy, 'POST /risk-score as analysts')).toBe(
      'allowed: hospital-a allows analysts to ask POST /risk-score.\n  at owner.yaml:17:5',
    );
  });

  it('takes the code of the function that is asked', () => {
    const two = parse(
      `${HEAD.replace('{ risk-score:', `{ first: ${OTHER_DIGEST}, risk-score:`)}callers: { b: { key: "${KEY_B}" } }
queries: [{ allow: b, to: POST /risk-score }, { allow: b, to: POST /first/** }]
`,
    );
    expect(answer(two, 'POST /risk-score as b')).toMatch(/^allowed: /);
    expect(answer(two, 'POST /first/x?y=/risk-score as b')).toMatch(/^allowed: /);
    expect(answer(two, 'POST /second as b')).toMatch(/^denied: hospital-a lists no function named "second"/);
  });

  it('is no where no function is listed', () => {
    const none = parse(HEAD.replace(/functions: .*\n/, ''));
    expect(answer(none, 'GET https://a.example/')).toMatch(/^denied: hospital-a does not list the code/);
    expect(answer(none, 'tcp://a.example:1')).toMatch(/^denied: hospital-a does not list the code/);
    expect(answer(none, 'POST /risk-score')).toMatch(/^denied: hospital-a lists no function/);
  });

  it('is told who is not known, or how to ask', () => {
    expect(answer(policy, 'POST /risk-score as analyst')).toContain('did you mean "analysts"?');
    expect(answer(policy, 'POST')).toContain('write "POST /name as caller"');
  });
});

describe('the tests of a policy', () => {
  it('may ask in a form that no request has', () => {
    const odd = parse(`${HEAD}tests: [{ caller: nobody, query: POST risk-score, expect: deny }]\n`);
    expect(runPolicyTests(odd)).toMatchObject([
      { question: 'POST risk-score as nobody', passed: true, decision: { code: 'ERR_POLICY_REQUEST' } },
    ]);
  });

  it('ask as someone who has proven nothing when they say nobody', () => {
    const [, asNobody] = runPolicyTests(policy);
    expect(asNobody?.decision.reason).toBe(
      'hospital-a allows POST /risk-score only to analysts, and you have proven to be none of them.',
    );
  });

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
