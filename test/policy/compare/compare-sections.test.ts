/** What an owner is told of the sections whose rules stand alone: clause, place, and the example with what the older file says to it. */
import { describe, expect, it } from 'vitest';
import { HEAD, KEY_A, KEY_B } from '../sample.ts';
import { examples, openings } from './openings.ts';

const KEY_C = `ed25519:MCowBQYDK2VwAyEA${'A'.repeat(43)}=`;
const NO_CODE = HEAD.replace(/functions: .*\n/, '');

describe('validity', () => {
  const VALID = 'valid: { from: 2026-11-01, until: 2027-05-01 }';
  const during = (from: string, until: string, text = HEAD): string =>
    text.replace(VALID, `valid: { from: ${from}, until: ${until} }`);
  const NOT = 'The policy of hospital-a (version 7) is not in force then.';
  const earlier = (from: string) => [
    `valid 4:1 all that it allows is allowed from ${from}T00:00:00.000Z on`,
    `whatever is asked at ${from}T00:00:00.000Z: ${NOT}`,
  ];
  const later = (at: string, until: string) => [
    `valid 4:1 all that it allows is allowed until ${until}T00:00:00.000Z`,
    `whatever is asked at ${at}T00:00:00.000Z: ${NOT}`,
  ];
  it.each([
    ['the same', '2026-11-01', '2027-05-01', []],
    ['shorter', '2026-12-01', '2027-04-01', []],
    ['begins earlier', '2026-10-01', '2027-05-01', [earlier('2026-10-01')]],
    ['ends later', '2026-12-01', '2027-06-01', [later('2027-05-01', '2027-06-01')]],
    ['does both', '2026-10-01', '2027-06-01', [earlier('2026-10-01'), later('2027-05-01', '2027-06-01')]],
    ['begins after the other one has ended', '2028-01-01', '2028-06-01', [later('2028-01-01', '2028-06-01')]],
  ])('that %s', (_what, from, until, expected) => {
    const newer = during(from, until);
    expect(openings(HEAD, newer)).toEqual(expected.map(([clause]) => clause));
    expect(examples(HEAD, newer)).toEqual(expected.map(([, example]) => example));
  });

  it.each([
    ['nothing', '', 0],
    ['data', 'data: { d: { mount: /data/d, max: 1 B } }\n', 1],
    ['a secret', 'secrets: [s]\n', 1],
  ])('counts for a file without code that holds %s', (_what, section, count) => {
    const older = NO_CODE + section;
    expect(openings(older, during('2026-10-01', '2027-05-01', older)).length).toBe(count);
  });
});

describe('data and secrets', () => {
  const data = (files: string): string => `${HEAD}data: { ${files} }\n`;
  it.each([
    ['the same file', 'a: { mount: /data/a, max: 1 KiB }', []],
    ['a smaller file', 'a: { mount: /data/a, max: 1 B }', []],
    ['a larger file', 'a: { mount: /data/a, max: 2 KiB }', ['6:9 a may be loaded with up to 2 KiB and not only 1 KiB']],
    ['another place', 'a: { mount: /data/b, max: 1 KiB }', ['6:9 a may be loaded at /data/b, up to 1 KiB']],
    ['another name', 'b: { mount: /data/a, max: 1 KiB }', ['6:9 b may be loaded at /data/a, up to 1 KiB']],
  ])('%s', (_what, files, expected) => {
    const older = data('a: { mount: /data/a, max: 1 KiB }');
    expect(openings(older, data(files))).toEqual(expected.map((clause) => `data ${clause}`));
  });

  it('a secret that the older file does not name', () => {
    const older = `${HEAD}secrets: [a]\n`;
    expect(openings(older, `${HEAD}secrets: [a, b]\n`)).toEqual(['secrets 6:1 the worker may hold the secret b']);
  });
});

describe('results', () => {
  const results = (max: string, ...types: readonly string[]): string =>
    `${HEAD}results: { max: ${max}, types: [${types.join(', ')}] }\n`;
  const JSON_ONLY = results('1 KiB', 'application/json');
  it.each<readonly [what: string, older: string, newer: string, opens: readonly string[], asked: readonly string[]]>([
    ['the same', JSON_ONLY, JSON_ONLY, [], []],
    ['none any more', JSON_ONLY, HEAD, [], []],
    [
      'where there were none',
      HEAD,
      JSON_ONLY,
      ['answers may leave', 'answers may leave as application/json, up to 1 KiB'],
      [
        'an empty answer: hospital-a lets no results out at all.',
        'an answer of 1 bytes as application/json: hospital-a lets no results out at all.',
      ],
    ],
    [
      'larger ones',
      JSON_ONLY,
      results('2 KiB', 'application/json'),
      ['answers may leave with up to 2 KiB and not only 1 KiB'],
      ['an answer of 2048 bytes as application/json: The answer has 2048 bytes; hospital-a lets out at most 1 KiB.'],
    ],
    ['smaller ones', JSON_ONLY, results('1 B', 'application/json'), [], []],
    [
      'of another type as well, and larger',
      JSON_ONLY,
      results('2 KiB', 'text/csv', 'application/json'),
      ['answers may leave as text/csv, up to 2 KiB', 'answers may leave with up to 2 KiB and not only 1 KiB'],
      [
        'an answer of 1 bytes as text/csv: The answer is of type "text/csv"; hospital-a lets out only application/json.',
        'an answer of 2048 bytes as application/json: The answer has 2048 bytes; hospital-a lets out at most 1 KiB.',
      ],
    ],
    [
      'of another type only, and larger',
      JSON_ONLY,
      results('2 KiB', 'text/csv'),
      ['answers may leave as text/csv, up to 2 KiB'],
      [
        'an answer of 1 bytes as text/csv: The answer is of type "text/csv"; hospital-a lets out only application/json.',
      ],
    ],
  ])('%s', (_what, older, newer, opens, asked) => {
    expect(openings(older, newer)).toEqual(opens.map((clause) => `results 6:1 ${clause}`));
    expect(examples(older, newer)).toEqual(asked);
  });
});

describe('who may replace the file', () => {
  const changes = (needed: number, ...keys: readonly string[]): string =>
    `${HEAD}changes: { keys: [${keys.map((key) => `"${key}"`).join(', ')}], needed: ${needed} }\n`;
  const BOTH = changes(2, KEY_A, KEY_B);
  it.each<readonly [what: string, older: string, newer: string, opens: readonly string[]]>([
    ['the same two', BOTH, changes(2, KEY_B, KEY_A), []],
    ['nobody any more', BOTH, HEAD, []],
    ['two where it was nobody', HEAD, BOTH, [`the keys ${KEY_A} and ${KEY_B} together may replace this file`]],
    [
      'one of three where it was nobody',
      HEAD,
      changes(1, KEY_C, KEY_A, KEY_B),
      [`the key ${KEY_C} alone may replace this file`],
    ],
    ['one of the two', BOTH, changes(1, KEY_A, KEY_B), [`the key ${KEY_A} alone may replace this file`]],
    ['two where it was one of them', changes(1, KEY_A, KEY_B), BOTH, []],
    [
      'a third key, last',
      BOTH,
      changes(2, KEY_A, KEY_B, KEY_C),
      [`the keys ${KEY_C} and ${KEY_A} together may replace this file`],
    ],
    [
      'another key in place of one',
      BOTH,
      changes(2, KEY_A, KEY_C),
      [`the keys ${KEY_C} and ${KEY_A} together may replace this file`],
    ],
    ['a third key, with one signature more', BOTH, changes(3, KEY_A, KEY_B, KEY_C), []],
  ])('%s', (_what, older, newer, opens) => {
    expect(openings(older, newer)).toEqual(opens.map((clause) => `changes 6:1 ${clause}`));
  });
});

describe('who is told why something was refused', () => {
  const file = (
    explain: string,
    revoked: readonly string[] = [],
    callers = `a: { key: "${KEY_A}" }, b: { key: "${KEY_B}" }`,
  ) =>
    `${HEAD}callers: { ${callers} }\nrevoked: [${revoked.map((key) => `{ key: "${key}" }`).join(', ')}]\nexplain: ${explain}\n`;
  const [nobody, callers, anyone] = ['nobody', 'callers', 'anyone'].map((who) => file(who));
  it.each<readonly [what: string, older: string | undefined, newer: string | undefined, who: readonly string[]]>([
    ['nobody as before', nobody, nobody, []],
    ['nobody any more', anyone, nobody, []],
    ['callers as before', callers, callers, []],
    ['callers where it was nobody', nobody, callers, ['a', 'b']],
    ['callers where it was anyone', anyone, callers, []],
    ['anyone where it was nobody', nobody, anyone, ['anyone']],
    ['anyone where it was callers', callers, anyone, ['anyone']],
    ['another caller', callers, file('callers', [], `a: { key: "${KEY_A}" }, c: { key: "${KEY_C}" }`), ['c']],
    ['a caller under another name', callers, file('callers', [], `c: { key: "${KEY_A}" }`), []],
    ['callers of whom one is revoked', nobody, file('callers', [KEY_A]), ['b']],
    // What counts again is a change of the section revoked.
    ['callers of whom one was revoked', file('callers', [KEY_A]), callers, []],
  ])('%s', (_what, older = '', newer = '', who) => {
    const opened = openings(older, newer).filter((one) => one.startsWith('explain'));
    expect(opened).toEqual(who.map((one) => `explain 8:1 ${one} may learn why something was refused`));
  });
});

describe('a proof that is no longer taken back', () => {
  const PIN = `spki-sha256:${'5'.repeat(64)}`;
  const OTHER_PIN = `spki-sha256:${'6'.repeat(64)}`;
  const token = (claims: string) =>
    `{ token: { issuer: https://id.test, audience: a, claims: { ${claims} }, jwks: ./jwks.json } }`;
  const CALLERS = {
    key: `{ key: "${KEY_A}" }`,
    certificate: '{ certificate: { ca: ./research-ca.pem } }',
    pinned: `{ certificate: { ca: ./research-ca.pem, pin: "${PIN}" } }`,
    token: token(''),
    ann: token('sub: ann'),
  };
  const says = (caller: keyof typeof CALLERS, before: string, now = '') => {
    const file = (revoked: string) => `${HEAD}callers: { one: ${CALLERS[caller]} }\nrevoked: [${revoked}]\n`;
    return openings(file(before), file(now));
  };
  it.each<readonly [caller: keyof typeof CALLERS, revoked: string, what: string]>([
    ['key', `{ key: "${KEY_A}" }`, `the key ${KEY_A}`],
    ['certificate', `{ certificate: "${PIN}" }`, `a certificate with the key ${PIN}`],
    ['pinned', `{ certificate: "${PIN}" }`, `a certificate with the key ${PIN}`],
    // An authority above the caller may have been meant.
    ['pinned', `{ certificate: "${OTHER_PIN}" }`, `a certificate with the key ${OTHER_PIN}`],
    ['token', '{ token: { issuer: https://id.test, subject: ann } }', 'a token of https://id.test for "ann"'],
    ['token', '{ token: { issuer: https://id.test, id: x-7 } }', 'a token of https://id.test with the id "x-7"'],
    ['ann', '{ token: { issuer: https://id.test, subject: ann } }', 'a token of https://id.test for "ann"'],
    ['ann', '{ token: { issuer: https://id.test, id: x-7 } }', 'a token of https://id.test with the id "x-7"'],
  ])('of a caller by %s: %s', (caller, revoked, what) => {
    expect(says(caller, revoked)).toContain(`revoked 7:1 ${what} counts as a proof`);
    expect(says(caller, revoked, revoked)).toEqual([]);
  });

  it.each<readonly [caller: keyof typeof CALLERS, revoked: string]>([
    ['key', `{ key: "${KEY_B}" }`],
    ['key', `{ certificate: "${PIN}" }`],
    ['certificate', `{ key: "${KEY_A}" }`],
    ['token', '{ token: { issuer: https://other.test, subject: ann } }'],
    ['ann', '{ token: { issuer: https://id.test, subject: bob } }'],
  ])('says nothing of a caller by %s when it could not be one: %s', (caller, revoked) => {
    expect(says(caller, revoked)).toEqual([]);
  });
});
