import { describe, expect, it } from 'vitest';
import { combineDecisions, decideEgressForAll, decideQueryForAll } from '../../src/policy/combine.ts';
import { decideEgress, decideQuery, type QueryDecision } from '../../src/policy/decide.ts';
import type { OwnerPolicy } from '../../src/policy/policy.ts';
import { decideResult } from '../../src/policy/results.ts';
import { DIGEST, HEAD, KEY_A, KEY_B, NOW, OTHER_DIGEST, parse, SAMPLE } from './sample.ts';

const policy = parse(SAMPLE);

interface Asked {
  readonly callers?: readonly string[];
  readonly method?: string;
  readonly path?: string;
  readonly functionDigest?: string;
  readonly now?: Date;
}

/** Asks what the sample allows, but for what is named. */
function ask(changes: Asked, of: OwnerPolicy = policy): QueryDecision {
  const { callers = ['analysts'], method = 'POST', path = '/risk-score', functionDigest = DIGEST, now = NOW } = changes;
  return decideQuery(of, { callers: new Set(callers), method, path, functionDigest, now });
}

describe('a query that a rule names', () => {
  it('is allowed, and the decision names owner, rule and line', () => {
    expect(ask({})).toMatchObject({
      outcome: 'allow',
      owner: 'hospital-a',
      code: null,
      at: { file: 'owner.yaml', line: 17 },
      rules: [{ limit: { amount: 100, unit: 'calls' } }],
      reason: 'hospital-a allows analysts to ask POST /risk-score.',
      hint: '',
    });
  });

  it.each<[name: string, changes: Asked, code: string, line: number]>([
    ['another caller', { callers: ['nightly'] }, 'ERR_POLICY_DENIED_QUERY', 17],
    ['no caller', { callers: [] }, 'ERR_POLICY_DENIED_QUERY', 17],
    ['a caller that is not in the file', { callers: ['Analysts'] }, 'ERR_POLICY_DENIED_QUERY', 17],
    ['another method', { method: 'PUT' }, 'ERR_POLICY_DENIED_QUERY', 17],
    ['another path', { path: '/risk-score/batch' }, 'ERR_POLICY_DENIED_QUERY', 20],
    ['a longer path', { path: '/risk-score/x' }, 'ERR_POLICY_DENIED_QUERY', 17],
    ['another function', { path: '/other' }, 'ERR_POLICY_DENIED_QUERY', 5],
    ['other code', { functionDigest: OTHER_DIGEST }, 'ERR_POLICY_DENIED_QUERY', 5],
    ['no code', { functionDigest: '' }, 'ERR_POLICY_DENIED_QUERY', 5],
    ['a path that is not normal', { path: '/risk-score/.' }, 'ERR_POLICY_REQUEST', 16],
    ['a method that is none', { method: 'post' }, 'ERR_POLICY_REQUEST', 16],
    ['a time before', { now: new Date('2026-10-31T23:59:59.999Z') }, 'ERR_POLICY_NOT_IN_FORCE', 4],
    ['the instant of the end', { now: new Date('2027-05-01T00:00:00Z') }, 'ERR_POLICY_NOT_IN_FORCE', 4],
    ['no time at all', { now: new Date(Number.NaN) }, 'ERR_POLICY_NOT_IN_FORCE', 4],
  ])('is denied with %s', (_name, changes, code, line) => {
    const decision = ask(changes);
    expect(decision).toMatchObject({ outcome: 'deny', owner: 'hospital-a', code, at: { line }, rules: [] });
    expect(decision.hint).not.toBe('');
  });

  it('is allowed at the first and the last instant', () => {
    expect(ask({ now: new Date('2026-11-01T00:00:00Z') }).outcome).toBe('allow');
    expect(ask({ now: new Date('2027-04-30T23:59:59.999Z') }).outcome).toBe('allow');
  });
});

describe('a denial', () => {
  it.each<[name: string, changes: Asked, reason: string]>([
    [
      'to an unknown person',
      { callers: [] },
      'hospital-a allows POST /risk-score only to analysts, and you have proven to be none of them.',
    ],
    [
      'to someone else',
      { callers: ['nightly'] },
      'hospital-a allows POST /risk-score only to analysts, not to nightly.',
    ],
    [
      'of another path',
      { path: '/risk-score/x' },
      'hospital-a does not allow analysts to ask POST /risk-score/x; allowed is POST /risk-score.',
    ],
    [
      'before the time',
      { now: new Date(0) },
      'The policy of hospital-a (version 7) comes into force at 2026-11-01T00:00:00.000Z.',
    ],
  ])('%s says what was asked and what came nearest', (_name, changes, reason) => {
    expect(ask(changes).reason).toBe(reason);
  });

  it('tells an empty window from one without this rule', () => {
    expect(ask({}, parse(HEAD)).reason).toBe('hospital-a allows no queries at all.');
    expect(ask({}, parse(`${HEAD}queries: []\n`))).toMatchObject({ outcome: 'deny', at: { line: 6 } });
    const nobody = parse(
      `${HEAD}callers: { a: { key: "${KEY_A}" } }\nqueries: [{ allow: [], to: POST /risk-score }]\n`,
    );
    expect(ask({ callers: ['a'] }, nobody).reason).toBe('hospital-a allows POST /risk-score only to nobody, not to a.');
  });

  it.each<[name: string, changes: Asked, reason: string, hint: string]>([
    [
      'to someone else what to ask for',
      { callers: ['nightly'] },
      'hospital-a allows POST /risk-score only to analysts, not to nightly.',
      'Ask hospital-a to add nightly to this rule.',
    ],
    [
      'to an unknown person what to send',
      { callers: [] },
      'hospital-a allows POST /risk-score only to analysts, and you have proven to be none of them.',
      'Send the certificate, signature or token that the owner gave you.',
    ],
    [
      'of another path which rule to ask for',
      { callers: ['nightly'], path: '/risk-score/x' },
      'hospital-a does not allow nightly to ask POST /risk-score/x; allowed is POST /risk-score/batch.',
      'Ask for what is allowed, or ask hospital-a to add the rule "allow: nightly, to: POST /risk-score/x".',
    ],
    [
      'of another path to an unknown person where a rule would stand',
      { callers: [], path: '/risk-score/x' },
      'No rule of hospital-a allows anyone to ask POST /risk-score/x.',
      'Ask hospital-a to add a rule for it to the section queries.',
    ],
    [
      'of another function where to look',
      { path: '/other' },
      'hospital-a lists no function named "other".',
      "Check the first part of the path, or ask hospital-a to list the function's digest.",
    ],
    [
      'of other code which code is meant',
      { functionDigest: OTHER_DIGEST },
      `The code loaded as risk-score is not the code that hospital-a lists: its digest is "${OTHER_DIGEST}".`,
      `Load the code with the digest ${DIGEST}, or ask hospital-a to review the other one.`,
    ],
  ])('says %s', (_name, changes, reason, hint) => {
    expect(ask(changes)).toMatchObject({ reason, hint });
  });

  it('to a caller without rules names the caller', () => {
    const key = (name: string): string => `${name}: { key: "${KEY_A}" }`;
    const one = parse(`${HEAD}callers: { ${key('a')}, ${key('b')} }\nqueries: [{ allow: a, to: POST /risk-score }]\n`);
    expect(ask({ callers: ['b'], path: '/risk-score/x' }, one)).toMatchObject({
      at: { line: 7, column: 1 },
      reason: 'No rule of hospital-a allows b to ask POST /risk-score/x.',
    });
  });

  it('names the first eight of those who may', () => {
    const names = Array.from({ length: 10 }, (_, i) => `c${i}`);
    const callers = names.map((name) => `${name}: { key: "${KEY_A}" }`).join(', ');
    const rules = names.map((name) => `  - { allow: [${name}], to: POST /risk-score }\n`).join('');
    const reasonOf = (text: string): string => ask({ callers: [] }, parse(text)).reason;
    const listed = 'c0, c1, c2, c3, c4, c5, c6 and c7';
    const expected = `hospital-a allows POST /risk-score only to ${listed}, and you have proven to be none of them.`;
    expect(reasonOf(`${HEAD}callers: { ${callers} }\nqueries:\n${rules}`)).toBe(expected);
    const one = `queries: [{ allow: [${names.join(', ')}], to: POST /risk-score }]\n`;
    expect(reasonOf(`${HEAD}callers: { ${callers} }\n${one}`)).toBe(expected);
  });

  it('shows no more than a few rules', () => {
    const rules = Array.from({ length: 50 }, (_, i) => `  - { allow: a, to: POST /risk-score/${i} }\n`).join('');
    const many = parse(`${HEAD}callers: { a: { key: "${KEY_A}" } }\nqueries:\n${rules}`);
    expect(ask({ callers: ['a'] }, many).reason).toContain('/risk-score/2 and 47 more');
  });
});

describe('several rules for one query', () => {
  const both = parse(`${HEAD}callers: { a: { key: "${KEY_A}" }, b: { key: "${KEY_B}" } }
queries:
  - { allow: a, to: POST /risk-score, limit: 1/day }
  - { allow: b, to: POST /risk-score }
  - { allow: [a, b], to: GET /risk-score }
  - { allow: b, to: GET /risk-score }
`);

  it('are all named, those without a limit first', () => {
    const decision = ask({ callers: ['a', 'b'] }, both);
    expect(decision.rules.map(({ at }) => at.line)).toEqual([9, 8]);
    expect(decision.at.line).toBe(9);
    expect(decision.reason).toBe('hospital-a allows b to ask POST /risk-score.');
    expect(ask({ callers: ['a'] }, both).rules.map(({ at }) => at.line)).toEqual([8]);
    expect(ask({ callers: ['b'], method: 'GET' }, both).rules).toHaveLength(2);
  });
});

describe('an egress that a rule names', () => {
  const go = (changes: {
    method?: string;
    url?: string;
    functionDigest?: string;
    now?: Date;
  }): ReturnType<typeof decideEgress> => {
    const {
      method = 'GET',
      url = 'https://api.example.com/v1/lookup/7?q=1',
      functionDigest = DIGEST,
      now = NOW,
    } = changes;
    return decideEgress(policy, { method, url, functionDigest, now });
  };

  it('is allowed, with its rule and the destination that was judged', () => {
    expect(go({})).toMatchObject({
      outcome: 'allow',
      code: null,
      at: { line: 23 },
      rule: { credential: { header: 'authorization', secret: 'lookup-token' } },
      target: { scheme: 'https', host: 'api.example.com', port: 443, path: '/v1/lookup/7?q=1' },
    });
    expect(go({ method: 'POST', url: 'enclave://scorer.example/score' }).outcome).toBe('allow');
  });

  it.each([
    ['another method', { method: 'POST' }, 'ERR_POLICY_DENIED_EGRESS', 23, /there it allows only GET\./],
    [
      'another path',
      { url: 'https://api.example.com/v2' },
      'ERR_POLICY_DENIED_EGRESS',
      23,
      /on this host it allows only/,
    ],
    [
      'another host',
      { url: 'https://evil.test/' },
      'ERR_POLICY_DENIED_EGRESS',
      22,
      /no rule names this scheme, host and port/,
    ],
    ['other code', { functionDigest: OTHER_DIGEST }, 'ERR_POLICY_DENIED_EGRESS', 5, /does not list the code/],
    ['no address', { url: '' }, 'ERR_POLICY_REQUEST', 22, /cannot be judged/],
    ['a method that is none', { method: 'get' }, 'ERR_POLICY_REQUEST', 22, /cannot be judged/],
    ['a time after', { now: new Date('2028-01-01') }, 'ERR_POLICY_NOT_IN_FORCE', 4, /ended at/],
  ])('is denied with %s', (_name, changes, code, line, reason) => {
    const decision = go(changes);
    expect(decision).toMatchObject({ outcome: 'deny', code, at: { line }, rule: null, target: null });
    expect(decision.reason).toMatch(reason);
  });

  it.each([
    [
      'where it may only do something else, what to ask for',
      { method: 'POST' },
      'hospital-a does not allow POST https://api.example.com/v1/lookup/7: there it allows only GET.',
      'Ask hospital-a to add the rule "to: https://api.example.com/v1/lookup/7, methods: [POST]" to the section egress.',
    ],
    [
      'beside what is allowed, what that is',
      { url: 'https://api.example.com/v2' },
      'hospital-a does not allow GET https://api.example.com/v2: on this host it allows only https://api.example.com/v1/lookup/*.',
      'Ask hospital-a to add the rule "to: https://api.example.com/v2, methods: [GET]" to the section egress.',
    ],
    [
      'elsewhere, to look twice',
      { url: 'https://evil.test/' },
      'hospital-a does not allow GET https://evil.test/: no rule names this scheme, host and port.',
      'Only if this is the destination that is meant: ask hospital-a to add the rule "to: https://evil.test/, methods: [GET]" to the section egress.',
    ],
  ])('is told %s', (_name, changes, reason, hint) => {
    expect(go(changes)).toMatchObject({ reason, hint });
  });

  it('is denied by a policy that allows none', () => {
    const request = { method: 'GET', url: 'https://api.example.com/', functionDigest: DIGEST, now: NOW };
    expect(decideEgress(parse(HEAD), request).reason).toContain('allows no connections at all');
    const none = parse(`${HEAD}egress: [{ to: "https://api.example.com/", methods: [] }]\n`);
    expect(decideEgress(none, request)).toMatchObject({ outcome: 'deny', at: { line: 6 } });
    expect(decideEgress(none, request).reason).toContain('there it allows no method.');
  });
});

describe('several owners', () => {
  const other = parse(
    SAMPLE.replace('owner: hospital-a', 'owner: hospital-b').replace('allow: analysts', 'allow: nightly'),
  );
  const request = { method: 'POST', path: '/risk-score', functionDigest: DIGEST, now: NOW };
  const analysts = new Set(['analysts']);
  const nightly = new Set(['nightly']);

  it('all have to allow; the decision carries each of theirs', () => {
    const decision = decideQueryForAll(
      [
        { policy, callers: analysts },
        { policy: other, callers: nightly },
      ],
      request,
    );
    expect(decision).toMatchObject({
      outcome: 'allow',
      owner: 'hospital-a and hospital-b',
      code: null,
      reason: 'hospital-a allows analysts to ask POST /risk-score. hospital-b allows nightly to ask POST /risk-score.',
    });
    expect(decision.decisions.map((d) => d.rules.length)).toEqual([1, 1]);
  });

  it('are refused by the first who refuses, by name', () => {
    const decision = decideQueryForAll(
      [
        { policy, callers: analysts },
        { policy: other, callers: analysts },
      ],
      request,
    );
    expect(decision).toMatchObject({ outcome: 'deny', owner: 'hospital-b', code: 'ERR_POLICY_DENIED_QUERY' });
  });

  it('names proven to one owner count for no other', () => {
    const decision = decideQueryForAll(
      [
        { policy, callers: new Set() },
        { policy: other, callers: analysts },
      ],
      request,
    );
    expect(decision).toMatchObject({ outcome: 'deny', owner: 'hospital-a' });
  });

  it('that are none allow nothing', () => {
    expect(decideQueryForAll([], request)).toMatchObject({ outcome: 'deny', code: 'ERR_POLICY_NOT_IN_FORCE' });
    expect(decideEgressForAll([], { ...request, url: 'https://api.example.com/' }).outcome).toBe('deny');
    expect(combineDecisions([]).outcome).toBe('deny');
  });

  it('have to allow a connection together', () => {
    const asked = { method: 'GET', url: 'https://api.example.com/v1/lookup/1', functionDigest: DIGEST, now: NOW };
    expect(decideEgressForAll([policy, other], asked).outcome).toBe('allow');
    expect(decideEgressForAll([policy, parse(HEAD)], asked)).toMatchObject({ outcome: 'deny', owner: 'hospital-a' });
  });
});

describe('an answer', () => {
  const good = { status: 200, contentType: 'application/json', bytes: 65_536 };

  it.each([
    ['of a listed type and the largest size', good],
    ['with parameters and capitals', { ...good, contentType: 'Application/JSON; charset=utf-8' }],
    ['that reports an error', { ...good, status: 500 }],
    ['that is empty', { status: 204, contentType: null, bytes: 0 }],
  ])('%s is let out', (_name, result) => {
    expect(decideResult(policy, result)).toMatchObject({ outcome: 'allow', code: null, owner: 'hospital-a' });
  });

  it.each([
    ['one byte too large', { ...good, bytes: 65_537 }],
    ['of no known size', { ...good, bytes: Number.NaN }],
    ['of a negative size', { ...good, bytes: -1 }],
    ['of another type', { ...good, contentType: 'text/html' }],
    ['of a longer type', { ...good, contentType: 'application/json+x' }],
    ['of two types', { ...good, contentType: 'application/json, text/html' }],
    ['of no type', { ...good, contentType: null }],
    ['of an empty type', { ...good, contentType: '' }],
    ['that is empty, of another type', { status: 200, contentType: 'text/html', bytes: 0 }],
    ['that is not final', { ...good, status: 101 }],
    ['with a status that is none', { ...good, status: 600 }],
    ['with a fraction as status', { ...good, status: 200.5 }],
  ])('%s is kept', (_name, result) => {
    expect(decideResult(policy, result)).toMatchObject({
      outcome: 'deny',
      code: 'ERR_POLICY_DENIED_RESULT',
      at: { line: 34 },
    });
  });

  it('is kept by a policy without the section, or with an empty list', () => {
    expect(decideResult(parse(HEAD), { status: 204, contentType: null, bytes: 0 }).outcome).toBe('deny');
    expect(decideResult(parse(`${HEAD}results: { max: 1 GiB, types: [] }\n`), good).outcome).toBe('deny');
  });
});
