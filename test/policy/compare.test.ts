/** What a new policy opens and closes: one term at a time, and by brute force over a small universe. */
import { describe, expect, it } from 'vitest';
import { comparePair } from '../../fuzz/policy-compare-target.ts';
import { createRandom } from '../../fuzz/random.ts';
import { findUncovered } from '../../src/policy/compare/path-set.ts';
import { findRateExcess } from '../../src/policy/compare/rate-set.ts';
import { comparePolicies, decideRate, renderChange } from '../../src/policy/index.ts';
import { parsePathPattern } from '../../src/policy/path.ts';
import type { PathPattern, RateLimit } from '../../src/policy/policy.ts';
import { parseRate } from '../../src/policy/quantity.ts';
import { DIGEST, HEAD, KEY_A, KEY_B, OTHER_DIGEST, parse, SAMPLE } from './sample.ts';

/** Changes the sample, and gives the sections that the change opens and closes. */
function changed(from: string | RegExp, to: string): readonly [opened: readonly string[], closed: readonly string[]] {
  const text = SAMPLE.replace(from, to);
  expect(text).not.toBe(SAMPLE);
  const { opened, closed } = comparePolicies(parse(SAMPLE), parse(text));
  return [opened.map(({ section }) => section), closed.map(({ section }) => section)];
}

describe('two versions of a policy', () => {
  it('that say the same open and close nothing', () => {
    expect(comparePolicies(parse(SAMPLE), parse(`# a comment\n${SAMPLE}`))).toEqual({ opened: [], closed: [] });
  });

  it.each<readonly [what: string, from: string | RegExp, to: string, sections: readonly string[]]>([
    ['a longer time', '2027-05-01', '2027-06-01', ['valid']],
    ['an earlier time', '2026-11-01', '2026-10-01', ['valid']],
    ['a second function', `risk-score: ${DIGEST}`, `risk-score: ${DIGEST}, other: ${OTHER_DIGEST}`, ['functions']],
    ['another product', '[Genoa, Turin]', '[Genoa, Turin, Milan]', ['machine']],
    ['any firmware', 'tcb: 2026-09', 'tcb: any', ['machine']],
    ['threads', 'smt: forbidden', 'smt: any', ['machine']],
    [
      'another image',
      '[release:./anchorhold-1.4.json]',
      `[release:./anchorhold-1.4.json, ${'a'.repeat(96)}]`,
      ['machine'],
    ],
    ['a caller with fewer demands', ', organization: Research', '', ['queries', 'explain']],
    ['a claim that is not demanded', 'claims: { role: clinician }, ', '', ['queries', 'explain']],
    ['a caller in a rule', '[clinicians, nightly]', '[clinicians, nightly, analysts]', ['queries']],
    ['a wider path', 'risk-score/batch\n', 'risk-score/**\n', ['queries']],
    ['a higher limit', '100/day', '101/day', ['queries']],
    ['no limit', '    limit: 100/day\n', '', ['queries']],
    ['another method', '[GET]', '[GET, POST]', ['egress']],
    ['a wider destination', 'lookup/*', 'lookup/**', ['egress']],
    ['any host', 'https://api.example.com', 'https://*.example.com', ['egress']],
    ['no pin', /\n {4}pin: .*/, '', ['egress']],
    ['a higher limit of bytes', '1 MiB/day', '1 MiB/hour', ['egress']],
    ['a larger file', '64 MiB', '65 MiB', ['data']],
    ['another secret', 'secrets: [lookup-token]', 'secrets: [lookup-token, other]', ['secrets']],
    ['larger results', 'max: 64 KiB', 'max: 65 KiB', ['results']],
    ['another type', '[application/json]', '[application/json, text/csv]', ['results']],
    ['fewer signatures', 'needed: 2', 'needed: 1', ['changes']],
    ['more explanations', 'explain: callers', 'explain: anyone', ['explain']],
  ])('%s opens, and closes nothing; the other way round it closes, and opens nothing', (_what, from, to, sections) => {
    expect(changed(from, to)).toEqual([sections, []]);
    const { opened, closed } = comparePolicies(parse(SAMPLE.replace(from, to)), parse(SAMPLE));
    expect([opened, closed.map(({ section }) => section)]).toEqual([[], sections]);
  });

  it.each([
    ['other code', DIGEST, OTHER_DIGEST, 'functions'],
    ['another authority', './research-ca.pem', './other-ca.pem', 'queries explain'],
    ['another port', 'api.example.com/', 'api.example.com:8443/', 'egress'],
    ['another pin', '1'.repeat(64), '2'.repeat(64), 'egress'],
    ['another header', 'header: Authorization', 'header: x-token', 'egress'],
    ['another trust file', './scorer.trust.json', './other.trust.json', 'egress'],
    ['another place', '/data/patients.csv', '/data/other.csv', 'data'],
    ['another floor table', '2026-09', '2026-10', 'machine'],
  ])('%s opens and closes', (_what, from, to, section) => {
    const files = (text: string) =>
      parse(text, {
        './other-ca.pem': ['./research-ca.pem', '\n'],
        './other.trust.json': ['./scorer.trust.json', ' '],
      });
    const { opened, closed } = comparePolicies(files(SAMPLE), files(SAMPLE.replaceAll(from, to)));
    expect([...new Set([...opened, ...closed].map((one) => one.section))].join(' ')).toBe(section);
    expect([opened.length > 0, closed.length > 0]).toEqual([true, true]);
  });

  it('compares callers by what they prove, not by their names', () => {
    expect(changed(/nightly/g, 'at-night')).toEqual([[], []]);
    // The same name with another key is another caller.
    expect(changed(`nightly: { key: ${KEY_A} }`, `nightly: { key: ${KEY_B} }`)).toEqual([
      ['queries', 'explain'],
      ['queries', 'explain'],
    ]);
  });

  it('says nothing of tests, versions and callers who may ask nothing', () => {
    expect(changed(/tests:[\s\S]*/, '')).toEqual([[], []]);
    expect(changed('version: 7', 'version: 8')).toEqual([[], []]);
  });

  it('says which proofs count again that were revoked, if they can be a caller at all', () => {
    const revoked = (list: string) => parse(`${SAMPLE}revoked: [${list}]\n`);
    const says = (older: string, newer: string): readonly string[] =>
      comparePolicies(revoked(older), revoked(newer)).opened.map(({ section, allows }) => `${section}: ${allows}`);
    const nightly = `{ key: ${KEY_A} }`;
    expect(says(nightly, '')).toEqual([`revoked: the key ${KEY_A} counts as a proof`]);
    expect(says('', nightly)).toEqual([]);
    expect(says(nightly, nightly)).toEqual([]);
    expect(says(`{ key: ${KEY_B} }`, '')).toEqual([]);
    const token = (issuer: string) => `{ token: { issuer: ${issuer}, subject: ann } }`;
    expect(says(token('https://id.hospital-a.example'), '').length).toBe(1);
    expect(says(token('https://other.example'), '')).toEqual([]);
    expect(says(`{ certificate: "spki-sha256:${'5'.repeat(64)}" }`, '').length).toBe(1);
  });

  it('takes a key set at another address for another one', () => {
    const at = (pin: string): string => `{ url: "https://id.example/keys", pin: "spki-sha256:${pin.repeat(64)}" }`;
    const text = (pin: string): string => SAMPLE.replace('./jwks.json', at(pin));
    expect(comparePolicies(parse(text('1')), parse(text('1'))).opened).toEqual([]);
    expect(comparePolicies(parse(text('1')), parse(text('2'))).opened.map(({ section }) => section)).toEqual([
      'queries',
      'explain',
    ]);
  });

  it('is never wider when it allows nothing', () => {
    const nothing = parse(`${HEAD.replace(/functions.*/, '')}explain: nobody\n`);
    expect(comparePolicies(parse(SAMPLE), nothing).opened).toEqual([]);
    expect(comparePolicies(nothing, parse(SAMPLE)).closed).toEqual([]);
  });

  it('takes a file of another owner for wider', () => {
    expect(changed('owner: hospital-a', 'owner: hospital-b')).toEqual([['owner'], ['owner']]);
  });

  it('shows each opening as a sentence with owner, place, example and the reason of the old file', () => {
    const newer = parse(SAMPLE.replace('risk-score/batch\n', 'risk-score/**\n'));
    const [opening] = comparePolicies(parse(SAMPLE), newer).opened;
    expect(opening).toMatchObject({
      owner: 'hospital-a',
      at: newer.queries[1]?.at,
      example: 'POST /risk-score/x as nightly',
      certain: true,
    });
    expect(opening === undefined ? '' : renderChange('opened', opening).split('\n')).toEqual([
      'opened: hospital-a now says that nightly and clinicians may ask POST /risk-score/**, and not only POST /risk-score/batch.',
      expect.stringMatching(/^ {2}at owner\.yaml:\d+:\d+$/),
      expect.stringMatching(
        /^ {2}for example: POST \/risk-score\/x as nightly \(before: hospital-a does not allow nightly /,
      ),
    ]);
  });

  it('says where it is not certain', () => {
    const files = (text: string) => parse(text, { './other.trust.json': ['./scorer.trust.json', ' '] });
    const { opened } = comparePolicies(
      files(SAMPLE),
      files(SAMPLE.replace('./scorer.trust.json', './other.trust.json')),
    );
    expect(opened.map(({ certain }) => certain)).toEqual([false]);
  });
});

describe('paths', () => {
  const pattern = (text: string): PathPattern => {
    const read = parsePathPattern(text);
    if (!read.ok) throw new Error(read.why);
    return read.value;
  };
  it.each<readonly [string, readonly string[], string | null]>([
    ['/f/a', ['/f/a'], null],
    ['/f/*', ['/f/a', '/f/b'], '/f/x'],
    ['/f/*', ['/f/*'], null],
    ['/f/*', ['/f/**'], null],
    ['/f/**', ['/f/*', '/f/*/**'], '/f/x/'],
    ['/f/**', ['/f/*', '/f/*/', '/f/*/**'], null],
    ['/f/**', ['/f/*'], '/f/x/x'],
    ['/f/**', ['/f/*', '/f/*/*/**'], '/f/x/x'],
    ['/f/**', ['/f/a/**', '/f/a'], '/f/x'],
    ['/f/*/b', ['/f/a/*', '/f/x/*'], '/f/x1/b'],
    ['/f/', ['/f', '/f/*', '/f/**'], '/f/'],
    // A wildcard never stands for an encoded slash.
    ['/f/a%2Fb', ['/f/*', '/f/**'], '/f/a%2Fb'],
    ['/f/*/a%2Fb', ['/f/**', '/f/a/a%2Fb'], '/f/x/a%2Fb'],
    ['/f/*', ['/f/a%2Fb'], '/f/x'],
    ['/f/a%2Fb/*', ['/f/a%2Fb/**'], null],
  ])('%s is covered by %j but for %s', (one, others, path) => {
    expect(findUncovered(pattern(one), others.map(pattern))).toEqual(
      path === null ? { kind: 'covered' } : { kind: 'open', path },
    );
  });

  it('that would take too long are not called covered', () => {
    // Each part is free but for one combination of all: a tautology's size in steps, if it were walked.
    const others = Array.from({ length: 40 }, (_, i) =>
      Array.from({ length: 40 }, (_part, j) => (i === j ? 'a' : '*')).join('/'),
    );
    const all = [...others, ...others.map((path) => path.replace('a', 'b'))].map((path) => pattern(`/${path}`));
    const narrow = Array.from({ length: 40 }, () => '*').join('/');
    expect(findUncovered(pattern(`/${narrow}`), all).kind).not.toBe('covered');
    const halves = Array.from({ length: 16 }, (_, i) =>
      ['a', 'b'].map((part) =>
        pattern(`/${Array.from({ length: 16 }, (_p, j) => (i === j ? part : '*')).join('/')}/${i}`),
      ),
    ).flat();
    const started = performance.now();
    findUncovered(pattern(`/${Array.from({ length: 16 }, () => '*').join('/')}/*`), halves);
    expect(performance.now() - started).toBeLessThan(2000);
  });
});

describe('limits', () => {
  const limit = (text: string): RateLimit => {
    const read = parseRate(text);
    if (!read.ok) throw new Error(read.why);
    return read.value;
  };
  it.each<readonly [readonly string[], readonly string[], boolean]>([
    [['100/day'], ['100/day'], false],
    [['100/day'], ['101/day'], false],
    [['100/day'], ['99/day'], true],
    // 5 at once, but 120 in a day
    [['5/hour'], ['100/day'], true],
    [['4/hour'], ['100/day'], false],
    [['100/day'], ['5/hour'], true],
    [['50/day', '50/day'], ['100/day'], false],
    [['50/day', '51/day'], ['100/day'], true],
    [['100/day'], ['50/day', '50/day'], false],
    [['1 B/day'], ['1/day'], true],
    [['1/day'], ['1 GiB/day'], true],
  ])('%j lets more through than %j: %s', (own, others, expected) => {
    expect(findRateExcess(own.map(limit), others.map(limit)) !== null).toBe(expected);
  });

  it('that let more through in the long run do so before the real counter, too', () => {
    const [own, other] = [limit('5/hour'), limit('100/day')];
    let [mine, theirs] = [decideRate(null, own, 5, 0), decideRate(null, other, 5, 0)];
    let hours = 0;
    while (theirs.allowed && hours < 1000) {
      hours++;
      const now = hours * 3_600_000;
      [mine, theirs] = [decideRate(mine.state, own, 5, now), decideRate(theirs.state, other, 5, now)];
      expect(mine.allowed).toBe(true);
    }
    expect(theirs.allowed).toBe(false);
  });
});

describe('by brute force', () => {
  it('every question of a small universe says the same, in both directions, for 1000 pairs', {
    timeout: 240_000,
  }, () => {
    const outcomes = new Map<string, number>();
    let pairs = 0;
    for (let number = 0; pairs < 1000; number++) {
      const outcome = comparePair(createRandom('compare', number));
      if (outcome === null) continue;
      pairs++;
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
    }
    // A universe without each of these would prove little.
    for (const outcome of ['wider, not narrower', 'not wider, narrower', 'wider, narrower', 'not wider, not narrower'])
      expect([outcome, (outcomes.get(outcome) ?? 0) > 60]).toEqual([outcome, true]);
  });
});
