/** What two patterns name both: the narrower of two places in each part, or nothing. */
import { describe, expect, it } from 'vitest';
import { intersectHosts, intersectPaths, intersectTargets } from '../../src/policy/intersect.ts';
import { parseTargetPattern, type TargetPattern } from '../../src/policy/target.ts';

describe('two paths', () => {
  const pattern = (text: string) => ({ segments: text.slice(1).split('/') });
  it.each<readonly [a: string, b: string, shared: string | null]>([
    ['/f', '/f', '/f'],
    ['/f/a', '/f/a', '/f/a'],
    ['/f/a', '/f/b', null],
    ['/f', '/f/a', null],
    ['/f/a', '/f/a/b', null],
    ['/f/*', '/f/a', '/f/a'],
    ['/f/*', '/f/*', '/f/*'],
    ['/f/*', '/f', null],
    ['/f/*', '/f/', null],
    ['/f/*', '/f/a%2Fb', null],
    ['/f/*/b', '/f/a/*', '/f/a/b'],
    ['/f/*/b', '/f/a/c', null],
    ['/f/**', '/f/**', '/f/**'],
    ['/f/**', '/f/*/b', '/f/*/b'],
    ['/f/**', '/f/a/', '/f/a/'],
    ['/f/**', '/f', null],
    ['/f/**', '/f/', null],
    ['/f/**', '/f/a%2Fb', null],
    ['/f/a/**', '/f/*/**', '/f/a/**'],
    ['/f/a/**', '/f/a%2Fb/c', null],
    ['/f/a%2Fb', '/f/a%2Fb', '/f/a%2Fb'],
    ['/f/a%2Fb/**', '/f/a%2Fb/c', '/f/a%2Fb/c'],
  ])('%s and %s share %s, in whichever order', (a, b, shared) => {
    const expected = shared === null ? null : pattern(shared);
    expect(intersectPaths(pattern(a), pattern(b))).toEqual(expected);
    expect(intersectPaths(pattern(b), pattern(a))).toEqual(expected);
  });
});

describe('two hosts', () => {
  it.each<readonly [a: string, b: string, shared: string | null]>([
    ['a.test', 'a.test', 'a.test'],
    ['a.test', 'b.test', null],
    ['*.a.test', 'x.a.test', 'x.a.test'],
    ['*.a.test', '*.a.test', '*.a.test'],
    ['*.a.test', '*.b.test', null],
    ['*.a.test', 'a.test', null],
    ['*.a.test', 'x.y.a.test', null],
    ['*.a.test', '*.x.a.test', null],
    ['192.0.2.1', '192.0.2.1', '192.0.2.1'],
    ['[2001:db8::1]', '[2001:db8::2]', null],
  ])('%s and %s share %s, in whichever order', (a, b, shared) => {
    expect(intersectHosts(a, b)).toBe(shared);
    expect(intersectHosts(b, a)).toBe(shared);
  });
});

describe('two destinations', () => {
  const target = (text: string): TargetPattern => {
    const read = parseTargetPattern(text);
    if (!read.ok) throw new Error(read.why);
    return read.value;
  };
  it.each<readonly [a: string, b: string, shared: string | null]>([
    ['https://*.a.test:8443/**', 'https://b.a.test:8443/x', 'https://b.a.test:8443/x'],
    ['https://*.a.test/x', 'https://b.a.test/*', 'https://b.a.test/x'],
    ['https://a.test/x', 'https://a.test/y', null],
    ['https://a.test/x', 'https://b.test/x', null],
    ['https://a.test/x', 'https://a.test:8443/x', null],
    ['https://a.test/x', 'http://a.test:443/x', null],
  ])('%s and %s share %s, in whichever order', (a, b, shared) => {
    const expected = shared === null ? null : target(shared);
    expect(intersectTargets(target(a), target(b))).toEqual(expected);
    expect(intersectTargets(target(b), target(a))).toEqual(expected);
  });
});
