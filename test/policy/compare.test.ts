/** What a new policy opens and closes: one term at a time, and by brute force over a small universe. */
import { describe, expect, it } from 'vitest';
import { comparePair } from '../../fuzz/policy-compare-target.ts';
import { createRandom } from '../../fuzz/random.ts';
import { comparePolicies, renderChange } from '../../src/policy/index.ts';
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
