/** The words of the file, one by one: what is read, what is refused, and what is told then. */
import { describe, expect, it } from 'vitest';
import type { Reading } from '../../src/policy/reading.ts';
import {
  checkListed,
  parseByteValue,
  parseCount,
  parseDigestText,
  parseHeaderName,
  parseKey,
  parseListedType,
  parseMeasurement,
  parseMethod,
  parseMoment,
  parseMount,
  parseName,
  parsePhrase,
  parsePin,
} from '../../src/policy/words.ts';
import { KEY_A } from './sample.ts';

const whyOf = (reading: Reading<unknown>): string => (reading.ok ? '' : reading.why);

/** A grammar, what it reads (with the value where that is another text), and what it refuses. */
const GRAMMARS: readonly (readonly [
  name: string,
  parse: (text: string) => Reading<unknown>,
  read: Readonly<Record<string, unknown>>,
  refused: readonly string[],
])[] = [
  [
    'a name',
    parseName,
    { a: 'a', '0-9': '0-9', [`a${'-'.repeat(62)}z`]: `a${'-'.repeat(62)}z` },
    ['', '-a', 'a-', 'A', 'a_b', 'a b', 'a\n', 'a'.repeat(65)],
  ],
  ['a method', parseMethod, { GET: 'GET', OPTIONS: 'OPTIONS' }, ['', 'get', 'CONNECT', 'TRACE', 'GET ']],
  ['a phrase', parsePhrase, { 'a  b': 'a  b', '': '' }, [' a', 'a ', 'a\nb', '\ta']],
  [
    'a digest',
    parseDigestText,
    { [`sha256:${'0'.repeat(64)}`]: `sha256:${'0'.repeat(64)}` },
    ['0'.repeat(64), `sha256:${'0'.repeat(63)}`, `sha256:${'A'.repeat(64)}`, `sha384:${'0'.repeat(64)}`],
  ],
  [
    'a pin',
    parsePin,
    { [`spki-sha256:${'0'.repeat(64)}`]: `sha256:${'0'.repeat(64)}` },
    [`spki-sha256:${'0'.repeat(63)}`, `sha256:${'0'.repeat(64)}`, `SPKI-sha256:${'0'.repeat(64)}`],
  ],
  [
    'a key',
    parseKey,
    { [KEY_A]: expect.objectContaining({ length: 44 }) },
    [KEY_A.replace('ed25519:', 'ED25519:'), KEY_A.slice(0, -4), `${KEY_A.slice(0, -4)}AAAAAAAA`, 'ed25519:!'],
  ],
  [
    'a measurement',
    parseMeasurement,
    { [`${'0'.repeat(95)}f`]: `${'0'.repeat(95)}f` },
    ['0'.repeat(94), '0'.repeat(98), `${'0'.repeat(95)}F`],
  ],
  [
    'a count',
    parseCount,
    { 1: 1, 999999999999999: 999_999_999_999_999 },
    ['0', '-1', '1.5', '01', '1 ', ' 1', '1000000000000000', ''],
  ],
  ['a byte', parseByteValue, { 0: 0, 9: 9, 255: 255 }, ['256', '1000', '00', '01', 'x1', '1x', '-1', '']],
  [
    'a moment',
    parseMoment,
    { '2026-11-01': new Date('2026-11-01T00:00:00Z'), '2026-11-01T08:00:00+01:00': new Date('2026-11-01T07:00:00Z') },
    ['2026-13-01', 'soon', ''],
  ],
  [
    'a media type',
    parseListedType,
    { 'application/json': 'application/json', 'Text/Plain': 'text/plain' },
    ['json', 'text/*', '*/*', 'text/plain;q=1', 'text/plain; charset=utf-8', ''],
  ],
  [
    'a header',
    parseHeaderName,
    { Authorization: 'authorization', 'x-proxy-': 'x-proxy-', [`x${'-'.repeat(63)}`]: `x${'-'.repeat(63)}` },
    ['Host', 'TE', 'Proxy-Authorization', 'keep-alive', 'x-a:', ':x', 'x y', 'ü', '', 'x'.repeat(65)],
  ],
  [
    'a mount',
    parseMount,
    { '/data/a.csv': '/data/a.csv', '/_': '/_', '/-a/B9': '/-a/B9' },
    ['', '/', 'a', './a', '/a/', '//a', '/a/../b', '/.a', '/a b', '/a/b c', '/ü'],
  ],
];

describe.each(GRAMMARS)('%s', (_, parse, read, refused) => {
  it('is read', () => {
    for (const [text, value] of Object.entries(read)) expect([text, parse(text)]).toEqual([text, { ok: true, value }]);
  });

  it('is refused with a reason otherwise', () => {
    for (const text of refused) {
      const reading = parse(text);
      expect([text, reading.ok]).toEqual([text, false]);
      expect(whyOf(reading).length).toBeGreaterThan(10);
    }
  });
});

describe('whoever writes a word that is not known', () => {
  it('is told the method that is meant, or all methods', () => {
    expect(whyOf(parseMethod('post'))).toContain('did you mean POST?');
    expect(whyOf(parseMethod('POTS'))).toContain('did you mean POST?');
    expect(whyOf(parseMethod('QUERY'))).toContain('known: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS');
  });

  it('is told apart a header that steers the message and one that is none', () => {
    expect(whyOf(parseHeaderName('Host'))).toContain('steers the message');
    expect(whyOf(parseHeaderName('x y'))).toContain('is not a header name');
  });

  const listed = (name: string, known: readonly string[]): string => whyOf(checkListed(name, known, 'callers'));
  const ten = Array.from({ length: 10 }, (_, i) => `caller-number-${i}`);

  it('is told the name that is meant, what there is, or that there is nothing', () => {
    expect(checkListed('analysts', ['analysts'], 'callers')).toEqual({ ok: true, value: 'analysts' });
    expect(listed('analyst', ['nightly', 'analysts'])).toContain('did you mean "analysts"?');
    expect(listed('x', ['nightly', 'analysts'])).toContain('it lists nightly and analysts');
    expect(listed('x', [])).toContain('the file has no callers section');
  });

  it('is told eight names at most', () => {
    expect(listed('x', ten.slice(0, 8))).toContain('caller-number-6 and caller-number-7');
    expect(listed('x', ten)).toContain('caller-number-6 and caller-number-7');
    expect(listed('x', ten)).not.toContain('caller-number-8');
  });
});
