/** What an owner is told when callers may ask more, or more often: who, what, where in the file, and with which example. */
import { describe, expect, it } from 'vitest';
import { DIGEST, HEAD, KEY_A, KEY_B, OTHER_DIGEST } from '../sample.ts';
import { examples, openings } from './openings.ts';

const KEY_C = `ed25519:MCowBQYDK2VwAyEA${'A'.repeat(43)}=`;
const key = (text: string): string => `{ key: "${text}" }`;
const cert = (more = ''): string => `{ certificate: { ca: ./research-ca.pem${more} } }`;
const A = key(KEY_A);
const B = key(KEY_B);
const C = key(KEY_C);

interface Content {
  readonly callers?: Readonly<Record<string, string>>;
  readonly revoked?: string;
  readonly rules?: readonly string[];
  readonly functions?: string;
}

/** A file whose first query rule is on line 10; callers are a, b and c by a key each unless others are given. */
function file({
  callers = { a: A, b: B, c: C },
  revoked = '',
  rules = [],
  functions = `f: ${DIGEST}`,
}: Content): string {
  const named = Object.entries(callers).map(([name, proof]) => `${name}: ${proof}`);
  return [
    HEAD.replace(/functions: .*/, functions === '' ? '' : `functions: { ${functions} }`).trimEnd(),
    functions === '' ? '\nexplain: nobody' : 'explain: nobody',
    `callers: { ${named.join(', ')} }`,
    `revoked: [${revoked}]`,
    rules.length === 0 ? '' : 'queries:',
    ...rules.map((rule) => `  - { ${rule} }`),
    '',
  ].join('\n');
}

const rule = (allow: string, to: string, limit = ''): string =>
  `allow: [${allow}], to: ${to.startsWith('/') ? 'POST ' : ''}${to}${limit === '' ? '' : `, limit: ${limit}/day`}`;

describe('what callers may ask', () => {
  const not = (who: string, asked: string, allowed: string) =>
    `${asked} as ${who}: hospital-a does not allow ${who} to ask ${asked}; allowed is ${allowed}.`;
  it.each<readonly [what: string, older: Content, newer: Content, opens: readonly string[], asked: readonly string[]]>([
    ['the same', { rules: [rule('a', '/f/x')] }, { rules: [rule('a', '/f/x')] }, [], []],
    ['less', { rules: [rule('a, b', '/f/**')] }, { rules: [rule('b', '/f/*/x')] }, [], []],
    [
      'where nobody could ask anything',
      {},
      { rules: [rule('a', '/f/x')] },
      ['10:5 a may ask POST /f/x'],
      ['POST /f/x as a: hospital-a allows no queries at all.'],
    ],
    [
      'where the code was not listed',
      { functions: '' },
      { rules: [rule('a', '/f/x')] },
      ['10:5 a may ask POST /f/x'],
      ['POST /f/x as a: hospital-a lists no function named "f".'],
    ],
    [
      'a second function',
      { functions: `e: ${OTHER_DIGEST}, f: ${DIGEST}`, rules: [rule('a', '/e/x')] },
      { functions: `e: ${OTHER_DIGEST}, f: ${DIGEST}`, rules: [rule('a', '/e/x'), rule('a', '/f/x')] },
      ['11:5 a may ask POST /f/x'],
      [not('a', 'POST /f/x', 'POST /e/x')],
    ],
    [
      'one caller more',
      { rules: [rule('a', '/f/x')] },
      { rules: [rule('a, b', '/f/x')] },
      ['10:5 b may ask POST /f/x'],
      ['POST /f/x as b: hospital-a allows POST /f/x only to a, not to b.'],
    ],
    [
      'more for several callers, who could ask differently before',
      { rules: [rule('c', '/f/x'), rule('c', '/f/y/z'), rule('c', '/f')] },
      { rules: [rule('a, b, c', '/f/*')] },
      ['10:5 a and b may ask POST /f/*', '10:5 c may ask POST /f/*, and not only POST /f/x'],
      [
        'POST /f/x as a: hospital-a allows POST /f/x only to c, not to a.',
        'POST /f/x1 as c: hospital-a does not allow c to ask POST /f/x1; allowed is POST /f/x, POST /f/y/z and POST /f.',
      ],
    ],
    [
      'with another method',
      { rules: [rule('a', 'GET /f/x')] },
      { rules: [rule('a', 'POST /f/x')] },
      ['10:5 a may ask POST /f/x'],
      [not('a', 'POST /f/x', 'GET /f/x')],
    ],
    [
      'of two rules in one',
      { rules: [rule('a', '/f/x'), rule('a, b', '/f/*')] },
      { rules: [rule('a, b', '/f/*')] },
      [],
      [],
    ],
    ['under another name', { rules: [rule('a', '/f/x')] }, { callers: { z: A }, rules: [rule('z', '/f/x')] }, [], []],
    [
      'under the same name, by another key',
      { rules: [rule('a', '/f/x')] },
      { callers: { a: C }, rules: [rule('a', '/f/x')] },
      ['10:5 a may ask POST /f/x'],
      ['POST /f/x as a: hospital-a allows POST /f/x only to a, not to c.'],
    ],
    [
      'by a proof that is revoked',
      {},
      { revoked: `{ key: "${KEY_A}" }`, rules: [rule('a, b', '/f/x')] },
      ['10:5 b may ask POST /f/x'],
      ['POST /f/x as b: hospital-a allows no queries at all.'],
    ],
  ])('%s', (_what, older, newer, opens, asked) => {
    const queries = openings(file(older), file(newer)).filter((one) => one.startsWith('queries'));
    expect(queries).toEqual(opens.map((one) => `queries ${one}`));
    const shown = examples(file(older), file(newer)).filter((one) => one?.startsWith('POST'));
    expect(shown).toEqual(asked);
  });

  it('by a proof that is no longer revoked is said of the revocation', () => {
    const older = file({ revoked: `{ key: "${KEY_A}" }`, rules: [rule('b', '/f/x')] });
    expect(openings(older, file({ rules: [rule('a, b', '/f/x')] }))).toEqual([
      `revoked 8:1 the key ${KEY_A} counts as a proof`,
    ]);
  });
});

describe('how often callers may ask', () => {
  const may = (who: string, what: string, how: string) => `${who} may ask ${what} more often: ${how}`;
  const SEVERAL =
    'several limits count for the same caller there, and it is not certain that they allow as much (not certain)';
  it.each<readonly [what: string, older: readonly string[], newer: readonly string[], opens: readonly string[]]>([
    ['as before', [rule('a', '/f/x', '1')], [rule('a', '/f/x', '1')], []],
    ['less often', [rule('a', '/f/x', '2')], [rule('a', '/f/x', '1')], []],
    ['with a first limit', [rule('a', '/f/x')], [rule('a', '/f/x', '9')], []],
    [
      'more often',
      [rule('a', '/f/x', '1')],
      [rule('a', '/f/x', '2')],
      [`10:5 ${may('a', 'POST /f/x', '2/day and not only 1/day: more at once')}`],
    ],
    [
      'without a limit',
      [rule('a', '/f/x', '1')],
      [rule('a', '/f/x')],
      [`10:5 ${may('a', 'POST /f/x', 'without a limit and not only 1/day')}`],
    ],
    [
      'more often, each of two callers of one rule',
      [rule('a, b', '/f/x', '1')],
      [rule('a, b', '/f/x', '2')],
      [`10:5 ${may('a and b', 'POST /f/x', '2/day and not only 1/day: more at once')}`],
    ],
    [
      'more often, each of two callers of two rules in one',
      [rule('a', '/f/x', '1'), rule('b', '/f/x', '2')],
      [rule('a, b', '/f/x', '3')],
      [
        `10:5 ${may('a', 'POST /f/x', '3/day and not only 1/day: more at once')}`,
        `10:5 ${may('b', 'POST /f/x', '3/day and not only 2/day: more at once')}`,
      ],
    ],
    [
      'more often, only one of two callers',
      [rule('a, b', '/f/x', '1')],
      [rule('a', '/f/x', '1'), rule('b', '/f/x', '2')],
      [`11:5 ${may('b', 'POST /f/x', '2/day and not only 1/day: more at once')}`],
    ],
    [
      'with another method that has no limit',
      [rule('a', 'GET /f/x'), rule('a', 'POST /f/x', '1')],
      [rule('a', 'GET /f/x'), rule('a', 'POST /f/x', '2')],
      [`11:5 ${may('a', 'POST /f/x', '2/day and not only 1/day: more at once')}`],
    ],
    [
      'with two methods',
      [rule('a', 'GET /f/x', '1'), rule('a', 'POST /f/x', '1')],
      [rule('a', 'GET /f/x', '2'), rule('a', 'POST /f/x', '3')],
      [
        `10:5 ${may('a', 'GET /f/x', '2/day and not only 1/day: more at once')}`,
        `11:5 ${may('a', 'POST /f/x', '3/day and not only 1/day: more at once')}`,
      ],
    ],
    [
      'beside a path without a limit',
      [rule('a', '/f/y'), rule('a', '/f/x', '1')],
      [rule('a', '/f/y'), rule('a', '/f/x', '2')],
      [`11:5 ${may('a', 'POST /f/x', '2/day and not only 1/day: more at once')}`],
    ],
    [
      'beside another caller without a limit',
      [rule('a', '/f/x', '1'), rule('b', '/f/x')],
      [rule('a, b', '/f/x', '5')],
      [`10:5 ${may('a', 'POST /f/x', '5/day and not only 1/day: more at once')}`],
    ],
    [
      'by one of two rules where it was one',
      [rule('a', '/f/*', '2')],
      [rule('a', '/f/x', '1'), rule('a', '/f/y', '2')],
      [`10:5 ${may('a', 'POST /f/*', '1/day and 2/day and not only 2/day: more at once')}`],
    ],
    [
      'by two rules that share its limit',
      [rule('a', '/f/*', '3')],
      [rule('a', '/f/x', '1'), rule('a', '/f/y', '2')],
      [],
    ],
    [
      'by one rule without a limit beside one with it',
      [rule('a', '/f/*', '2')],
      [rule('a', '/f/x', '1'), rule('a', '/f/y')],
      [`11:5 ${may('a', 'POST /f/*', 'without a limit and not only 2/day')}`],
    ],
    [
      'by one rule where there were two',
      [rule('a', '/f/x', '1'), rule('a', '/f/y', '2')],
      [rule('a', '/f/*')],
      [
        '10:5 a may ask POST /f/*, and not only POST /f/x and POST /f/y',
        `10:5 ${may('a', 'POST /f/x', 'without a limit and not only 1/day')}`,
        `10:5 ${may('a', 'POST /f/y', 'without a limit and not only 2/day')}`,
      ],
    ],
    [
      'by a wider rule that is no more than the limit',
      [rule('a', '/f/x', '5')],
      [rule('a', '/f/*', '1')],
      ['10:5 a may ask POST /f/*, and not only POST /f/x'],
    ],
    [
      'a path that had nothing to do with a limit',
      [rule('a', '/f/x', '1'), rule('a', '/f/y', '1')],
      [rule('a', '/f/x', '1'), rule('a', '/f/y', '1'), rule('a', '/f/z')],
      ['12:5 a may ask POST /f/z'],
    ],
  ])('%s', (_what, older, newer, opens) => {
    expect(openings(file({ rules: older }), file({ rules: newer }))).toEqual(opens.map((one) => `queries ${one}`));
  });

  describe('if one proof fits several callers', () => {
    // Whoever is x is also any.
    const callers = { x: cert(', organization: X'), any: cert(), k: A };
    it.each<readonly [what: string, older: readonly string[], newer: readonly string[], opens: readonly string[]]>([
      [
        'as before',
        [rule('any', '/f/**', '5'), rule('x', '/f/x', '5')],
        [rule('any', '/f/**', '5'), rule('x', '/f/x', '5')],
        [],
      ],
      [
        'as before, in another order',
        [rule('any', '/f/**', '5'), rule('x', '/f/x', '5')],
        [rule('x', '/f/x', '5'), rule('any', '/f/**', '5')],
        [],
      ],
      [
        'as before, beside what is more often',
        [rule('any', '/f/**', '5'), rule('x', '/f/x', '5'), rule('k', 'GET /f/x', '1')],
        [rule('any', '/f/**', '5'), rule('x', '/f/x', '5'), rule('k', 'GET /f/x', '2')],
        [`12:5 ${may('k', 'GET /f/x', '2/day and not only 1/day: more at once')}`],
      ],
      [
        'by one limit where there were two',
        [rule('any', '/f/x', '3'), rule('x', '/f/x', '3')],
        [rule('any', '/f/x', '3'), rule('x', '/f/x', '4')],
        [`10:5 ${may('any and x', 'POST /f/x', '3/day and 4/day and not only 3/day and 3/day: more at once')}`],
      ],
      [
        'by one limit that is as much as two',
        [rule('any', '/f/x', '3'), rule('x', '/f/*', '3')],
        [rule('x', '/f/x', '6')],
        [`10:5 ${may('x', 'POST /f/x and POST /f/*', SEVERAL)}`],
      ],
      [
        'by one limit that is as much as two for the same',
        [rule('any', '/f/x', '3'), rule('x', '/f/x', '3')],
        [rule('x', '/f/x', '6')],
        [`10:5 ${may('x', 'POST /f/x', SEVERAL)}`],
      ],
      [
        'what the wider caller may ask more often',
        [rule('x', '/f/x', '1'), rule('any', '/f/**', '1')],
        [rule('x', '/f/x', '1'), rule('any', '/f/y', '5')],
        [
          `10:5 ${may('x and any', 'POST /f/x and POST /f/**', '1/day and 5/day and not only 1/day and 1/day: more at once')}`,
          `11:5 ${may('any', 'POST /f/**', '5/day and not only 1/day: more at once')}`,
        ],
      ],
      [
        'what the wider caller may ask more often by the same rule',
        [rule('x, any', '/f/x', '1')],
        [rule('x, any', '/f/x', '2')],
        [`10:5 ${may('x and any', 'POST /f/x', '2/day and not only 1/day: more at once')}`],
      ],
      [
        'what the wider caller may ask without a limit',
        [rule('x, k', '/f/x', '1'), rule('any', '/f/x')],
        [rule('x, k', '/f/x', '5')],
        [`10:5 ${may('k', 'POST /f/x', '5/day and not only 1/day: more at once')}`],
      ],
    ])('%s', (_what, older, newer, opens) => {
      expect(openings(file({ callers, rules: older }), file({ callers, rules: newer }))).toEqual(
        opens.map((one) => `queries ${one}`),
      );
    });
  });

  describe('if one caller is another one and more', () => {
    const callers = {
      any: cert(),
      k: A,
      s: cert(', san: s.test'),
      t: cert(', san: t.test'),
      x: cert(', san: s.test, organization: X'),
    };
    const TWICE = '2/day and not only 1/day: more at once';
    it.each<readonly [what: string, older: readonly string[], newer: readonly string[], opens: readonly string[]]>([
      [
        'is said of the one who has to prove less, and of others',
        [rule('any, k', '/f/x', '1'), rule('x', 'GET /f/x')],
        [rule('any, k', '/f/x', '2'), rule('x', 'GET /f/x')],
        [`10:5 ${may('any and k', 'POST /f/x', TWICE)}`],
      ],
      [
        'is not said again of somebody who is both',
        [rule('t', '/f/x', '1'), rule('s', '/f/x', '1'), rule('k', '/f/x', '1')],
        [rule('t, s, k', '/f/x', '2')],
        [`10:5 ${may('t, s and k', 'POST /f/x', TWICE)}`],
      ],
      [
        'is said of each rule',
        [rule('any', '/f/y', '1'), rule('x', '/f/x', '1')],
        [rule('any', '/f/y', '2'), rule('x', '/f/x', '2')],
        [`10:5 ${may('any', 'POST /f/y', TWICE)}`, `11:5 ${may('x', 'POST /f/x', TWICE)}`],
      ],
      [
        'is said of each rule, if it is the same',
        [rule('any, k', '/f/x', '1')],
        [rule('any', '/f/x', '2'), rule('k', '/f/x', '2')],
        [`10:5 ${may('any', 'POST /f/x', TWICE)}`, `11:5 ${may('k', 'POST /f/x', TWICE)}`],
      ],
      [
        'is measured by all limits that touch each other',
        [rule('x', '/f/x', '1'), rule('any', '/f/**', '1'), rule('s', '/f/y', '1')],
        [rule('x', '/f/**', '3')],
        [`10:5 ${may('x', 'POST /f/x, POST /f/** and POST /f/y', SEVERAL)}`],
      ],
      [
        'is measured beside what has no limit',
        [rule('any', '/f/**', '1'), rule('x', '/f/x')],
        [rule('any', '/f/**', '2'), rule('x', '/f/x')],
        [`10:5 ${may('any', 'POST /f/**', TWICE)}`],
      ],
    ])('%s', (_what, older, newer, opens) => {
      expect(openings(file({ callers, rules: older }), file({ callers, rules: newer }))).toEqual(
        opens.map((one) => `queries ${one}`),
      );
    });
  });

  describe('if a proof may fit very many callers', () => {
    const names = Array.from({ length: 10 }, (_, i) => `c${i}`);
    const callers = Object.fromEntries(names.map((name) => [name, cert(`, san: ${name}.example`)]));
    const all = names.join(', ');
    const VERY_MANY = 'more often, as one proof may fit very many callers (not certain)';
    it.each<readonly [what: string, older: readonly string[], newer: readonly string[], opens: readonly string[]]>([
      ['as before', [rule(all, '/f/x', '1')], [rule(all, '/f/x', '1')], []],
      [
        'more often, which is not certain, beside what is as before',
        [rule('c0, c1', '/f/x', '1'), rule(all, '/f/y', '1'), rule('c2, c3', '/f/v/**'), rule('c1', '/f/*/y', '2')],
        [
          rule('c0', '/f/x', '2'),
          rule('c1', '/f/x', '1'),
          rule(all, '/f/y', '1'),
          rule('c2', '/f/v/x', '7'),
          rule('c3', '/f/v/z'),
          rule('c1', '/f/z/y', '1'),
        ],
        [`10:5 c0 may ask POST /f/x ${VERY_MANY}`],
      ],
      [
        'without a limit, which is not certain',
        [rule(all, '/f/x', '1')],
        [rule(all, '/f/x')],
        [`10:5 c0, c1, c2, c3, c4, c5, c6, c7, c8 and c9 may ask POST /f/x ${VERY_MANY}`],
      ],
      [
        'more often, where most callers may ask nothing',
        [rule('c1', '/f/x', '1')],
        [rule('c1', '/f/x', '2')],
        [`10:5 ${may('c1', 'POST /f/x', '2/day and not only 1/day: more at once')}`],
      ],
      [
        'more, where there were no limits',
        [rule(all, '/f/x')],
        [rule(all, '/f/*')],
        ['10:5 c0, c1, c2, c3, c4, c5, c6, c7, c8 and c9 may ask POST /f/*, and not only POST /f/x'],
      ],
    ])('%s', (_what, older, newer, opens) => {
      expect(openings(file({ callers, rules: older }), file({ callers, rules: newer }))).toEqual(
        opens.map((one) => `queries ${one}`),
      );
    });
  });
});
