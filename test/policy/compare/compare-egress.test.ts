/** What an owner is told when the code may connect to more, under wider terms, or more often; for requests and for `tcp://`. */
import { describe, expect, it } from 'vitest';
import { DIGEST, HEAD } from '../sample.ts';
import { examples, openings } from './openings.ts';

/** A file with these rules, the first on line 8. */
const egress = (...rules: readonly string[]): string =>
  `${HEAD}secrets: [s, t]\negress: ${rules.length === 0 ? '[]' : ''}\n${rules.map((rule) => `  - { ${rule} }\n`).join('')}`;
const withoutCode = (text: string): string => text.replace(/functions: .*\n/, '\n');
const to = (url: string, methods = 'GET', terms = ''): string => `to: "${url}", methods: [${methods}]${terms}`;
const tcp = (host: string, terms = ''): string => `to: "tcp://${host}"${terms}`;

describe('the reach of requests', () => {
  const send = (what: string, but = '') => `the code may send ${what}${but === '' ? '' : `, and not only ${but}`}`;
  const not = (asked: string, why: string) => `${asked}: hospital-a does not allow ${asked}: ${why}.`;
  const NOWHERE = 'no rule names this scheme, host and port';
  it.each<
    readonly [what: string, older: readonly string[], newer: string, opens: string | null, example: string | null]
  >([
    ['the same', [to('https://a.test/x')], to('https://a.test/x'), null, null],
    ['a narrower path', [to('https://a.test/**')], to('https://a.test/x'), null, null],
    ['no method', [], to('https://a.test/x', ''), null, null],
    [
      'a first one',
      [],
      to('https://a.test/x'),
      send('GET to https://a.test/x'),
      'GET https://a.test/x: hospital-a allows no connections at all, so not GET https://a.test/x.',
    ],
    [
      'a wider path',
      [to('https://a.test/x')],
      to('https://a.test/*'),
      send('GET to https://a.test/*', 'GET to https://a.test/x'),
      not('GET https://a.test/x1', 'on this host it allows only https://a.test/x'),
    ],
    [
      'a path of two rules',
      [to('https://a.test/x'), to('https://a.test/y')],
      to('https://a.test/*'),
      send('GET to https://a.test/*', 'GET to https://a.test/x and GET to https://a.test/y'),
      not('GET https://a.test/x1', 'on this host it allows only https://a.test/x and https://a.test/y'),
    ],
    [
      'another method',
      [to('https://a.test/x', 'GET, PUT')],
      to('https://a.test/x', 'GET, POST'),
      send('GET and POST to https://a.test/x', 'GET and PUT to https://a.test/x'),
      not('POST https://a.test/x', 'there it allows only GET and PUT'),
    ],
    [
      'methods of two rules',
      [to('https://a.test/x'), to('https://a.test/x', 'POST')],
      to('https://a.test/x', 'POST, GET'),
      null,
      null,
    ],
    [
      'another scheme on the same port',
      [to('http://a.test:443/x')],
      to('https://a.test/x'),
      send('GET to https://a.test/x'),
      not('GET https://a.test/x', NOWHERE),
    ],
    [
      'another port',
      [to('https://a.test/x')],
      to('https://a.test:8443/x'),
      send('GET to https://a.test:8443/x'),
      not('GET https://a.test:8443/x', NOWHERE),
    ],
    [
      'another host',
      [to('https://a.test/x')],
      to('https://b.test/x'),
      send('GET to https://b.test/x'),
      not('GET https://b.test/x', NOWHERE),
    ],
    ['one host of many', [to('https://*.a.test/x')], to('https://x.a.test/x'), null, null],
    ['the same hosts', [to('https://b.a.test/y'), to('https://*.a.test/x')], to('https://*.a.test/x'), null, null],
    [
      'any host instead of two',
      [to('https://x.a.test/x'), to('https://0.a.test/x')],
      to('https://*.a.test/x'),
      send('GET to https://*.a.test/x', 'GET to https://x.a.test/x and GET to https://0.a.test/x'),
      not('GET https://1.a.test/x', NOWHERE),
    ],
    [
      'any host of another domain',
      [to('https://*.b.test/x')],
      to('https://*.a.test/x'),
      send('GET to https://*.a.test/x'),
      not('GET https://x.a.test/x', NOWHERE),
    ],
  ])('%s', (_what, older, newer, opens, example) => {
    expect(openings(egress(...older), egress(newer))).toEqual(opens === null ? [] : [`egress 8:5 ${opens}`]);
    expect(examples(egress(...older), egress(newer))).toEqual(example === null ? [] : [example]);
  });

  /** A domain before which there is room for so many characters of a host. */
  const domain = (room: number): string =>
    `${'d'.repeat(63)}.${'d'.repeat(63)}.${'d'.repeat(63)}.${'d'.repeat(60 - room)}`;
  const labels = Array.from({ length: 36 }, (_, i) => i.toString(36));
  const hosts = labels.map((label) => to(`https://${label}.${domain(1)}/`));
  it.each(['0', '9', 'a', 'x', 'z'])('of a domain before which one character has room is all but %s', (label) => {
    const older = egress(...hosts.filter((_, i) => labels[i] !== label));
    const asked = examples(older, egress(to(`https://*.${domain(1)}/`))).map((one) => one?.split(': ')[0]);
    expect(asked).toEqual([`GET https://${label}.${domain(1)}/`]);
  });

  it('of a long domain ends where every host of it is named, or has no room', () => {
    expect(openings(egress(...hosts), egress(to(`https://*.${domain(1)}/`)))).toEqual([]);
    expect(openings(egress(...hosts), egress(to(`https://*.${domain(1)}/`, 'POST'))).length).toBe(1);
    expect(openings(egress(), egress(to(`https://*.${domain(0)}/`)))).toEqual([]);
    expect(openings(egress(), egress(tcp(`*.${domain(0)}:1`)))).toEqual([]);
  });
});

describe('code', () => {
  const REFUSED = `hospital-a does not list the code that wants to connect: its digest is "".`;
  it.each([
    [to('https://a.test/x'), 'the code may send GET to https://a.test/x', 'GET https://a.test/x'],
    [tcp('a.test:1'), 'the code may connect to tcp://a.test:1', 'tcp://a.test:1'],
  ])('that is not there sends nothing by %s', (rule, allows, example) => {
    const without = withoutCode(egress(rule));
    const opened = openings(without, egress(rule));
    expect(opened).toEqual([`functions 5:14 the code ${DIGEST} may run as risk-score`, `egress 8:5 ${allows}`]);
    expect(examples(without, egress(rule))).toEqual([null, `${example}: ${REFUSED}`]);
    expect(openings(egress(rule), without)).toEqual([]);
    expect(openings(withoutCode(egress()), without)).toEqual([]);
  });
});

describe('the terms of requests', () => {
  const URL = 'https://a.test/x';
  const pin = (digit: string) => `, pin: "spki-sha256:${digit.repeat(64)}"`;
  const key = (digit: string) => `spki-sha256:${digit.repeat(64)}`;
  const credential = (header: string, secret: string) => `, credential: { header: ${header}, secret: ${secret} }`;
  const S = 'the secret s in the header authorization';
  const ITS_OWN = 'what the code itself sends';
  it.each<readonly [older: string, newer: string, opens: readonly string[], closes: readonly string[]]>([
    [pin('1'), '', [`to a server with any key, and not only with the key ${key('1')}`], []],
    [
      pin('1'),
      pin('2'),
      [`to a server with the key ${key('2')}, and not only with the key ${key('1')}`],
      [`to a server with the key ${key('1')}, and not only with the key ${key('2')}`],
    ],
    [
      '',
      credential('authorization', 's'),
      [`with ${S} instead of ${ITS_OWN}`],
      [`with a header of its own instead of ${S}`],
    ],
    [
      credential('authorization', 's'),
      credential('authorization', 't'),
      [`with the secret t in the header authorization instead of ${S}`],
      [`with ${S} instead of the secret t in the header authorization`],
    ],
    [
      credential('authorization', 's'),
      credential('x-key', 's'),
      [`with the secret s in the header x-key instead of ${S}`],
      [`with ${S} instead of the secret s in the header x-key`],
    ],
    [
      pin('1') + credential('authorization', 's'),
      '',
      [`to a server with any key, and not only with the key ${key('1')}`, `with a header of its own instead of ${S}`],
      [`with ${S} instead of ${ITS_OWN}`],
    ],
  ])('from {%s} to {%s}', (older, newer, opens, closes) => {
    const file = (terms: string) => egress(to(URL, 'GET', terms));
    const told = (clauses: readonly string[]) =>
      clauses.map((clause) => `egress 8:5 the code may send GET to ${URL} ${clause}`);
    expect(openings(file(older), file(newer))).toEqual(told(opens));
    expect(openings(file(newer), file(older))).toEqual(told(closes));
    expect(openings(file(newer), file(newer))).toEqual([]);
    expect(examples(file(older), file(newer))).toEqual(opens.map(() => null));
  });

  it('are not certain of two trust files', () => {
    const file = (trust: string) => egress(to('enclave://a.test/x', 'POST', `, trust: ${trust}`));
    const other = file('./other.trust.json');
    expect(openings(other, other)).toEqual([]);
    expect(openings(file('./scorer.trust.json'), other)).toEqual([
      'egress 8:5 the code may send POST to enclave://a.test/x to a worker that satisfies another trust file, and two cannot be compared (not certain)',
    ]);
  });

  it('are said once for all rules of the older file, and beside what is opened', () => {
    const older = egress(to('https://a.test/x', 'GET, PUT', pin('1')), to('https://a.test/y', 'GET', pin('1')));
    expect(openings(older, egress(to('https://a.test/*', 'GET, POST')))).toEqual([
      'egress 8:5 the code may send GET and POST to https://a.test/*, and not only GET and PUT to https://a.test/x and GET to https://a.test/y',
      `egress 8:5 the code may send GET and POST to https://a.test/* to a server with any key, and not only with the key ${key('1')}`,
    ]);
  });

  it('say nothing where the two have no request in common', () => {
    const older = egress(to('https://a.test/x', 'PUT', pin('1')), to('https://a.test/z', 'GET', pin('1')));
    expect(openings(older, egress(to('https://a.test/x', 'GET'))).length).toBe(1);
  });
});

describe.each([
  {
    kind: 'requests',
    rule: (name: string, limit: string) => to(`https://a.test/${name}`, 'GET', limit),
    // One rule of the older file for what two of the newer one allow.
    all: (limit: string) => to('https://a.test/*', 'GET, PUT', limit),
    allText: 'GET and PUT to https://a.test/*',
    text: (name: string) => `GET to https://a.test/${name}`,
  },
  {
    kind: 'connections',
    rule: (name: string, limit: string) => tcp(`${name}.a.test:1`, limit),
    all: (limit: string) => tcp('*.a.test:1', limit),
    allText: 'tcp://*.a.test:1',
    text: (name: string) => `tcp://${name}.a.test:1`,
  },
])('the limits of $kind', ({ rule, all, allText, text }) => {
  const per = (amount: string) => `, limit: ${amount}/day`;
  const more = (line: number, what: string, how: string) => `egress ${line}:5 the code may use ${what} more: ${how}`;
  it.each<readonly [what: string, older: string, newer: readonly string[], opens: readonly string[]]>([
    ['the same', rule('x', per('2')), [rule('x', per('2'))], []],
    ['a lower one', rule('x', per('2')), [rule('x', per('1'))], []],
    ['a first one', rule('x', ''), [rule('x', per('1'))], []],
    [
      'a higher one',
      rule('x', per('1')),
      [rule('x', per('2'))],
      [more(8, text('x'), '2/day and not only 1/day: more at once')],
    ],
    ['none any more', rule('x', per('1')), [rule('x', '')], [more(8, text('x'), 'without a limit and not only 1/day')]],
    [
      'two that are more together',
      all(per('2')),
      [rule('x', per('1')), rule('y', per('2'))],
      [more(8, allText, '1/day and 2/day and not only 2/day: more at once')],
    ],
    ['two that are not more together', all(per('3')), [rule('x', per('1')), rule('y', per('2'))], []],
    [
      'none for one of two',
      all(per('2')),
      [rule('x', per('1')), rule('y', '')],
      [more(9, allText, 'without a limit and not only 2/day')],
    ],
    [
      'of bytes instead of calls',
      rule('x', per('5')),
      [rule('x', per('1 MiB'))],
      [more(8, text('x'), '1 MiB/day instead of 5/day, and calls cannot be compared with bytes (not certain)')],
    ],
    [
      'of bytes beside calls',
      all(per('5')),
      [rule('x', per('1')), rule('y', per('1 B'))],
      [more(8, allText, '1/day and 1 B/day instead of 5/day, and calls cannot be compared with bytes (not certain)')],
    ],
    ['of bytes as before', rule('x', per('1 B')), [rule('x', per('1 B'))], []],
  ])('%s', (_what, older, newer, opens) => {
    expect(openings(egress(older), egress(...newer))).toEqual(opens);
  });

  it('say nothing of what the older file does not allow at all', () => {
    const opened = openings(egress(rule('x', per('1'))), egress(rule('x', per('1')), rule('y', '')));
    expect(opened).toEqual([
      expect.stringMatching(new RegExp(`^egress 9:5 .*${text('y').replace(/[/*.]/g, '\\$&')}$`)),
    ]);
  });
});

describe('the reach of connections', () => {
  const not = (asked: string) => `${asked}: hospital-a does not allow a connection to ${asked}: `;
  it.each<
    readonly [what: string, older: readonly string[], newer: string, opens: string | null, example: string | null]
  >([
    ['the same', [tcp('a.test:1')], tcp('a.test:1'), null, null],
    ['one host of many', [tcp('*.a.test:1')], tcp('x.a.test:1'), null, null],
    ['any host, beside one that is named', [tcp('*.a.test:1'), tcp('x.a.test:1')], tcp('*.a.test:1'), null, null],
    [
      'a first one',
      [],
      tcp('a.test:1'),
      'the code may connect to tcp://a.test:1',
      'tcp://a.test:1: hospital-a allows no connections over tcp:// at all, so not a connection to tcp://a.test:1.',
    ],
    [
      'another port',
      [tcp('a.test:2')],
      tcp('a.test:1'),
      'the code may connect to tcp://a.test:1',
      `${not('tcp://a.test:1')}there it allows tcp://a.test:2.`,
    ],
    [
      'another host',
      [tcp('b.test:1')],
      tcp('a.test:1'),
      'the code may connect to tcp://a.test:1',
      `${not('tcp://a.test:1')}no rule for tcp:// names it.`,
    ],
    [
      'any host instead of one',
      [tcp('x.a.test:1'), tcp('y.a.test:2')],
      tcp('*.a.test:1'),
      'the code may connect to tcp://*.a.test:1, and not only to tcp://x.a.test:1',
      `${not('tcp://0.a.test:1')}no rule for tcp:// names it.`,
    ],
    [
      'tcp:// where it was https://',
      [to('https://a.test:1/**')],
      tcp('a.test:1'),
      'the code may connect to tcp://a.test:1',
      'tcp://a.test:1: hospital-a allows no connections over tcp:// at all, so not a connection to tcp://a.test:1.',
    ],
  ])('%s', (_what, older, newer, opens, example) => {
    expect(openings(egress(...older), egress(newer))).toEqual(opens === null ? [] : [`egress 8:5 ${opens}`]);
    expect(examples(egress(...older), egress(newer))).toEqual(example === null ? [] : [example]);
  });
});
