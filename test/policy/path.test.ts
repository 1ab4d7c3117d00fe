/** Paths one by one: what is told about each that is refused, and where the sharp edges lie. hostile.test.ts has the tricks. */
import { describe, expect, it } from 'vitest';
import { LIMITS } from '../../src/base/limits.ts';
import { matchesPath, overlapsPath, parsePath, parsePathPattern } from '../../src/policy/path.ts';
import type { Reading } from '../../src/policy/reading.ts';

const shown = (reading: Reading<unknown>): unknown => (reading.ok ? reading.value : `refused: ${reading.why}`);

describe('a path', () => {
  it.each([
    ['/', ['']],
    ['/a', ['a']],
    ['/a/', ['a', '']],
    ['/a/b?c=/d?e', ['a', 'b']],
    ['/a?', ['a']],
    ['/a%c3%a9', ['a%C3%A9']],
    ['/a%2fb', ['a%2Fb']],
    ['/a%254g', ['a%254g']],
    ['/a?x%20y', ['a']],
    ["/!$&'()*+,;=:@", ["!$&'()*+,;=:@"]],
  ])('%s is read', (text, segments) => {
    expect(shown(parsePath(text))).toEqual(segments);
  });

  it.each([
    ['', 'the path "" does not begin with /'],
    ['a', 'the path "a" does not begin with /'],
    ['?/a', 'the path "" does not begin with /'],
    ['/a#b', 'the path has a fragment (#)'],
    ['/a?b#c', 'the path has a fragment (#)'],
    ['/a?ä', 'the query string has a character that must be percent-encoded'],
    ['/a?%', 'the query string has a % that begins no escape'],
    ['/a?%4', 'the query string has a % that begins no escape'],
    ['/a?%4g', 'the query string has a % that begins no escape'],
    ['/ä', 'the path segment "\\u{e4}" has a character that must be percent-encoded'],
    ['/ä?b', 'the path segment "\\u{e4}" has a character that must be percent-encoded'],
    ['/%', 'the path segment "%" has a % that begins no escape'],
    ['/a%4', 'the path segment "a%4" has a % that begins no escape'],
    ['/a%4g', 'the path segment "a%4g" has a % that begins no escape'],
    ['/%4g?b', 'the path segment "%4g" has a % that begins no escape'],
    ['//a', 'the path has an empty segment (//)'],
    ['/a\\b', 'the path has a backslash'],
    ['/a%ff', 'has escapes that are not UTF-8'],
    ['/a/..', 'the path has a dot segment'],
    ['/a/.;x', 'the path has a dot segment'],
    ['/a/%20..', 'the path has a dot segment'],
    ['/a%2F..', 'the path has a dot segment'],
    ['/a%5Cb', 'has an encoded backslash'],
    ['/a%EF%BC%8Fb', 'a sign that may be read as a slash'],
    ['/a%2F', 'begins or ends with an encoded slash'],
    ['/%2Fa', 'begins or ends with an encoded slash'],
    ['/a%2F%2Fb', 'has two of them together'],
    ['/a%0A', 'has an encoded control character'],
    ['/a%2541', 'is encoded twice'],
    ['/%41', 'the path has %41 where a plain A belongs'],
  ])('%j is refused, and it is said why', (text, why) => {
    expect(shown(parsePath(text))).toMatch(/^refused: /);
    expect(shown(parsePath(text))).toContain(why);
  });

  it('may be as long as the head of a request', () => {
    const longest = `/${'a'.repeat(LIMITS.requestHeadBytes - 1)}`;
    expect(parsePath(longest).ok).toBe(true);
    expect(shown(parsePath(`${longest}a`))).toContain('the path is longer than');
  });
});

describe('the path of a rule', () => {
  it.each(['/a/*', '/a/**', '/*/a', '/**'])('%s is read', (text) => {
    expect(shown(parsePathPattern(text))).toEqual({ segments: text.slice(1).split('/') });
  });

  it.each([
    ['/a?b', 'a path without a query string'],
    ['/**/a', '** may only be the last segment'],
    ['/a*', '* stands for a whole segment, so "a*" cannot be used'],
    ['/***', '* stands for a whole segment'],
    ['a', 'does not begin with /'],
  ])('%s is refused, and it is said why', (text, why) => {
    expect(shown(parsePathPattern(text))).toContain(why);
  });
});

describe('a rule', () => {
  const segmentsOf = (text: string): readonly string[] => text.slice(1).split('/');
  const names = (pattern: string, path: string): boolean =>
    matchesPath({ segments: segmentsOf(pattern) }, segmentsOf(path));
  const overlaps = (a: string, b: string): boolean =>
    overlapsPath({ segments: segmentsOf(a) }, { segments: segmentsOf(b) });

  it.each([
    ['/a', '/a', true],
    ['/a', '/b', false],
    ['/a', '/a/', false],
    ['/a', '/a/b', false],
    ['/a/', '/a/', true],
    ['/a%2Fb', '/a%2Fb', true],
    ['/*', '/a', true],
    ['/*', '/', false],
    ['/*', '/a/b', false],
    ['/*', '/a%2Fb', false],
    ['/*/b', '/a/b', true],
    ['/*/b', '/a/c', false],
    ['/a/*', '/b/c', false],
    ['/a/*', '/a', false],
    ['/a/*', '/a/', false],
    ['/**', '/a', true],
    ['/**', '/a/b', true],
    ['/**', '/a/b/', true],
    ['/**', '/', false],
    ['/**', '/a%2Fb', false],
    ['/**', '/a/b%2Fc', false],
    ['/a/**', '/a', false],
    ['/a/**', '/a/', false],
    ['/a/**', '/a/b', true],
    ['/a/**', '/a/b/', true],
    ['/a/**', '/b/c', false],
    ['/a%2Fb/**', '/a%2Fb/c', true],
    ['/*/**', '/a/b', true],
    ['/*/**', '/a', false],
  ])('for %s names %s: %s', (pattern, path, expected) => {
    expect(names(pattern, path)).toBe(expected);
    expect([overlaps(pattern, path), overlaps(path, pattern)]).toEqual([expected, expected]);
  });

  it.each([
    ['/a/*', '/*/b', true],
    ['/a/*', '/*', false],
    ['/a/**', '/*/b', true],
    ['/a/**', '/**', true],
    ['/a/**', '/b/**', false],
    ['/a/**', '/a/b/**', true],
    ['/a/**', '/a/*', true],
    ['/**', '/*', true],
    ['/**', '/*/', true],
    ['/a/b', '/*/**', true],
    ['/a%2Fb/c', '/*/**', false],
  ])('for %s names something that one for %s names: %s', (a, b, expected) => {
    expect([overlaps(a, b), overlaps(b, a)]).toEqual([expected, expected]);
  });
});
