/** Rules that overlap: which pairs are refused, and that a pair without terms, or for different things, is not. */
import { describe, expect, it } from 'vitest';
import { PolicyFileError } from '../../src/policy/policy-file-error.ts';
import { splitRequest } from '../../src/policy/windows.ts';
import { HEAD, KEY_A, KEY_B, parse } from './sample.ts';

const CALLERS = `callers: { a: { key: "${KEY_A}" }, b: { key: "${KEY_B}" } }\nsecrets: [s]\n`;

/** Gives the place and what is wrong for a policy with these rules, of which the second stands on line 10; null when it is read. */
function problemOf(section: 'queries' | 'egress', first: string, second: string): string | null {
  try {
    parse(`${HEAD}${CALLERS}${section}:\n  - { ${first} }\n  - { ${second} }\n`);
    return null;
  } catch (error) {
    if (!(error instanceof PolicyFileError)) throw error;
    return error.problems.map(({ code, at, what }) => `${code} ${at.line}:${at.column} ${what}`).join('\n');
  }
}

/** Holds both orders of two rules; each pair is refused at the later one, or read. */
function expectPair(section: 'queries' | 'egress', a: string, b: string, isRead: boolean): void {
  for (const [first, second] of [
    [a, b],
    [b, a],
  ] as const) {
    const problem = problemOf(section, first, second);
    if (isRead) expect([first, second, problem]).toEqual([first, second, null]);
    else expect(problem).toMatch(/^ERR_POLICY_VALUE 10:5 this rule and the one on line 9 both allow [^\n]*$/);
  }
}

describe('two rules for one query', () => {
  const free = 'allow: [a, b], to: POST /risk-score/*';
  it.each([
    ['without terms', free, true],
    ['of which one has a limit', 'allow: [b], to: POST /risk-score/x, limit: 1/day', false],
    ['of which one has a limit and no caller', 'allow: [], to: POST /risk-score/x, limit: 1/day', true],
    ['by another method', 'allow: [b], to: GET /risk-score/x, limit: 1/day', true],
    ['at another path', 'allow: [b], to: POST /risk-score, limit: 1/day', true],
  ])('%s', (_, other, isRead) => {
    expectPair('queries', free, other, isRead);
  });
});

describe('two rules for one request', () => {
  const free = 'to: "https://x.example/**", methods: [GET, PUT]';
  it.each([
    ['without terms', free, true],
    ['of which one has a limit', 'to: "https://x.example/y", methods: [POST, PUT], limit: 1/day', false],
    [
      'of which one has a pin',
      `to: "https://x.example/y", methods: [GET], pin: "spki-sha256:${'0'.repeat(64)}"`,
      false,
    ],
    [
      'of which one has a credential',
      'to: "https://x.example/y", methods: [GET], credential: { header: x-key, secret: s }',
      false,
    ],
    ['by other methods', 'to: "https://x.example/y", methods: [POST], limit: 1/day', true],
    ['by no method', 'to: "https://x.example/y", methods: [], limit: 1/day', true],
    ['at another host', 'to: "https://y.example/y", methods: [GET], limit: 1/day', true],
    ['over another scheme', 'to: "http://x.example:443/y", methods: [GET], limit: 1/day', true],
  ])('%s', (_, other, isRead) => {
    expectPair('egress', free, other, isRead);
  });

  it('to a worker that a trust file names', () => {
    const worker = 'to: "enclave://x.example/y", methods: [GET], trust: ./scorer.trust.json';
    expectPair('egress', worker, worker, false);
  });
});

describe('two rules for one connection', () => {
  const free = 'to: "tcp://*.x.example:1"';
  it.each([
    ['without terms', 'to: "tcp://y.x.example:1"', true],
    ['of which one has a limit', 'to: "tcp://y.x.example:1", limit: 1/day', false],
    ['at another port', 'to: "tcp://y.x.example:2", limit: 1/day', true],
  ])('%s', (_, other, isRead) => {
    expectPair('egress', free, other, isRead);
  });
});

it('each rule that overlaps is told, once', () => {
  const rule = '  - { allow: a, to: POST /risk-score, limit: 1/day }\n';
  expect(() => parse(`${HEAD}${CALLERS}queries:\n${rule.repeat(3)}`)).toThrow(PolicyFileError);
  try {
    parse(`${HEAD}${CALLERS}queries:\n${rule.repeat(3)}`);
  } catch (error) {
    expect((error as PolicyFileError).problems.map(({ at }) => at.line)).toEqual([10, 11]);
  }
});

describe('a request in one line', () => {
  it('is cut at its one blank', () => {
    expect(splitRequest('POST /risk-score')).toEqual({ ok: true, value: { method: 'POST', rest: '/risk-score' } });
  });

  it.each(['', 'POST', 'POST ', ' /x', 'POST  /x', ' POST /x', 'POST /x ', 'POST /x y', 'a POST /x', 'POST\t/x'])(
    'is not %j',
    (line) => {
      const read = splitRequest(line);
      expect(read.ok ? 'read' : read.why).toContain('is not of the form METHOD /path');
    },
  );

  it('has a method that is known', () => {
    const read = splitRequest('post /x');
    expect(read.ok ? 'read' : read.why).toContain('did you mean POST?');
  });
});
