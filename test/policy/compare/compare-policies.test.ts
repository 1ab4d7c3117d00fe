/** Two whole files: whose they are, at which instant they are asked, and how a change is written. */
import { describe, expect, it } from 'vitest';
import { comparePolicies, renderChange } from '../../../src/policy/compare/compare-policies.ts';
import { parse, SAMPLE } from '../sample.ts';
import { examples, openings } from './openings.ts';

const wider = (from: string, until: string): string =>
  SAMPLE.replace('risk-score/batch\n', 'risk-score/**\n').replace(
    '{ from: 2026-11-01, until: 2027-05-01 }',
    `{ from: ${from}, until: ${until} }`,
  );

it('of two owners are told apart, at the top of the file', () => {
  expect(openings(SAMPLE, SAMPLE.replace('owner: hospital-a', 'owner: hospital-b'))).toEqual([
    'owner 1:1 hospital-b is the owner',
  ]);
  expect(parse(SAMPLE).file).toBe('owner.yaml');
  const [opening] = comparePolicies(
    parse(SAMPLE),
    parse(SAMPLE.replace('owner: hospital-a', 'owner: hospital-b')),
  ).opened;
  expect(opening?.at.file).toBe('owner.yaml');
});

describe('an example is asked', () => {
  const QUERY = 'POST /risk-score/x as nightly: hospital-a does not allow nightly';
  it.each([
    ['when both are in force, if the newer one begins earlier', '2026-01-01', '2027-05-01', QUERY],
    ['when both are in force, if the newer one begins later', '2027-01-01', '2027-05-01', QUERY],
    [
      'when the newer one is in force, if it ended before the older one began',
      '2026-01-01',
      '2026-02-01',
      'POST /risk-score/x as nightly: The policy of hospital-a (version 7) comes into force at 2026-11-01T00:00:00.000Z.',
    ],
    [
      'when the newer one is in force, if it ends at the instant at which the older one begins',
      '2026-01-01',
      '2026-11-01',
      'POST /risk-score/x as nightly: The policy of hospital-a (version 7) comes into force at 2026-11-01T00:00:00.000Z.',
    ],
  ])('%s', (_what, from, until, expected) => {
    const asked = examples(SAMPLE, wider(from, until)).filter((one) => one?.startsWith('POST'));
    expect(asked).toEqual([expect.stringContaining(expected)]);
  });
});

describe('a change is written', () => {
  const [older, newer] = [parse(SAMPLE), parse(wider('2026-11-01', '2027-05-01'))];
  const refusal = 'hospital-a does not allow nightly to ask POST /risk-score/x; allowed is POST /risk-score/batch.';
  const clause = 'nightly and clinicians may ask POST /risk-score/**, and not only POST /risk-score/batch';

  it('as what was opened, with what was said before', () => {
    expect(comparePolicies(older, newer).opened.map((one) => renderChange('opened', one))).toEqual([
      [
        `opened: hospital-a now says that ${clause}.`,
        '  at owner.yaml:20:5',
        `  for example: POST /risk-score/x as nightly (before: ${refusal})`,
      ].join('\n'),
    ]);
  });

  it('as what was closed, with what is said now', () => {
    expect(comparePolicies(newer, older).closed.map((one) => renderChange('closed', one))).toEqual([
      [
        `closed: hospital-a no longer says that ${clause}.`,
        '  at owner.yaml:20:5',
        `  for example: POST /risk-score/x as nightly (now: ${refusal})`,
      ].join('\n'),
    ]);
  });

  it('without an example where none says more, and with a line where it is not certain', () => {
    const at = { file: 'owner.yaml', line: 2, column: 3 };
    const plain = { section: 'secrets', owner: 'a', at, allows: 'x', example: null, refusal: null } as const;
    expect(renderChange('opened', { ...plain, certain: true })).toBe('opened: a now says that x.\n  at owner.yaml:2:3');
    expect(renderChange('closed', { ...plain, certain: false }).split('\n')).toEqual([
      'closed: a no longer says that x.',
      '  at owner.yaml:2:3',
      '  It is not certain that the other file refuses this, so it counts as refused.',
    ]);
  });
});
