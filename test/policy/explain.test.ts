import { describe, expect, it } from 'vitest';
import { decideQuestion, parseQuestion, renderDecision, runPolicyTests } from '../../src/policy/explain.ts';
import { showPolicy } from '../../src/policy/show.ts';
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

describe('the whole policy in plain English', () => {
  it('says what is open, and what is closed', () => {
    const text = showPolicy(policy.canonical, policy.digest);
    for (const line of [
      'Policy of hospital-a, version 7',
      'In force from 2026-11-01 00:00 UTC until just before 2027-05-01 00:00 UTC.',
      '  - analysts may ask POST /risk-score, each at most 100 per day',
      '  - clinicians and nightly may ask POST /risk-score/batch',
      '  - GET to https://api.example.com/v1/lookup/*, together at most 1 MiB per day',
      '      the worker puts the secret "lookup-token" into the header authorization; the function never sees it',
      '  - POST to enclave://scorer.example/score',
      '  - patients at /data/patients.csv, at most 64 MiB',
      '  - at most 64 KiB, as application/json',
      '  - 2 of these keys together:',
      '  - only a proven caller',
    ])
      expect(text.split('\n')).toContain(line);
  });

  it('of a policy that allows nothing says so for every section', () => {
    const closed = parse(HEAD);
    const text = showPolicy(closed.canonical, closed.digest);
    for (const line of ['nobody is named', 'nobody may ask anything', 'nowhere', 'nothing', 'nobody: it can only end'])
      expect(text.split('\n')).toContain(`  ${line}`);
  });

  it('warns of what is not encrypted, and shows empty lists as nothing', () => {
    const open = parse(`${HEAD}machine: { products: [], tcb: any, smt: required, images: [], counters: durable }
queries: [{ allow: [], to: POST /risk-score }]
egress: [{ to: "http://a.example/", methods: [] }]
results: { max: 1 B, types: [] }
`);
    const text = showPolicy(open.canonical, open.digest);
    for (const part of [
      'WARNING: not encrypted',
      'nobody may ask POST /risk-score',
      'no method at all to http://a.example/',
    ])
      expect(text).toContain(part);
    for (const part of [
      'of no type',
      'processors: none',
      'no image is accepted',
      'must be on',
      'must survive a restart',
    ])
      expect(text).toContain(part);
  });

  it.each([
    [
      'whole',
      `${SAMPLE.replace('egress:\n', 'egress:\n  - to: tcp://db.example.com:5432\n    limit: 10/day\n  - to: "http://plain.example/**"\n    methods: [GET, PUT]\n')}
revoked:
  - { certificate: spki-sha256:${'2'.repeat(64)} }
  - { key: ${KEY_B} }
  - { token: { issuer: https://id.hospital-a.example, subject: ada } }
  - { token: { issuer: https://id.hospital-a.example, id: t-1 } }
`,
    ],
    ['closed', HEAD],
  ])('reads as in its golden file (%s), every section of it', async (name, file) => {
    const { canonical, digest, sections } = parse(file);
    const text = showPolicy(canonical, digest);
    await expect(text).toMatchFileSnapshot(`../golden/show/${name}.txt`);
    // Each section of the language has a title of its own, but for the dates, which stand in the head.
    const titles = text.split('\n').filter((line, i, all) => i > 0 && all[i - 1] === '' && line !== '');
    expect(titles).toHaveLength(Object.keys(sections).length - 1);
  });

  it('is made from the canonical form alone', () => {
    const copy = JSON.parse(JSON.stringify(policy.canonical)) as typeof policy.canonical;
    expect(showPolicy(copy, policy.digest)).toBe(showPolicy(policy.canonical, policy.digest));
  });
});
