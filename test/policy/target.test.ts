/** Where a request goes and what a rule names: the parts of a URL, and why one is refused. */
import { describe, expect, it } from 'vitest';
import { parseHost } from '../../src/policy/host.ts';
import type { Reading } from '../../src/policy/reading.ts';
import {
  formatTarget,
  formatTargetPattern,
  overlapsTarget,
  parseAuthority,
  parseTarget,
  parseTargetPattern,
  type TargetPattern,
} from '../../src/policy/target.ts';

const whyOf = (reading: Reading<unknown>): string => (reading.ok ? 'ok' : reading.why);

describe('a destination of a request', () => {
  it.each([
    ['https://a.example', 'https', 'a.example', 443, '/', ['']],
    ['https://a.example/', 'https', 'a.example', 443, '/', ['']],
    ['https://a.example?x=/y', 'https', 'a.example', 443, '/?x=/y', ['']],
    ['http://a.example/x/y?z', 'http', 'a.example', 80, '/x/y?z', ['x', 'y']],
    ['enclave://A.example/x', 'enclave', 'a.example', 443, '/x', ['x']],
    ['https://[::1]:8443/', 'https', '[::1]', 8443, '/', ['']],
    ['https://a.example:1/', 'https', 'a.example', 1, '/', ['']],
    ['https://a.example:65535/', 'https', 'a.example', 65_535, '/', ['']],
  ])('%s is read in parts', (url, scheme, host, port, path, segments) => {
    const target = { scheme, host, port, path, segments };
    expect(parseTarget(url)).toEqual({ ok: true, value: target });
    const [, authority = ''] = /:\/\/([^/?]*)/.exec(url) ?? [];
    const rest = url.slice(url.indexOf(authority) + authority.length);
    expect(parseTarget({ scheme, authority, path: rest })).toEqual({ ok: true, value: target });
  });

  it.each([
    ['', 'is not of the form scheme://host/path'],
    ['a.example/x', 'is not of the form scheme://host/path'],
    ['https:/a.example', 'is not of the form scheme://host/path'],
    ['x y/z://a.example', 'is not of the form scheme://host/path'],
    ['ftp://a.example/', 'the scheme "ftp" is not https, http or enclave'],
    ['HTTPS://a.example/', 'the scheme "HTTPS" is not https, http or enclave'],
    ['https://u@a.example/', 'has a user name (@)'],
    ['https://a.example\\@b.example/', 'has a user name (@)'],
    ['https://a.example\\x/', 'has a backslash'],
    ['https:///x', 'the host is missing'],
    ['https://[::1]x/', 'is not an IPv6 address in brackets'],
    ['https://[::1/', 'is not an IPv6 address in brackets'],
    ['https://a.example:/', 'the port "" is not a number from 1 to 65535'],
    ['https://a.example:0/', 'the port "0" is not a number'],
    ['https://a.example:01/', 'the port "01" is not a number'],
    ['https://a.example:65536/', 'the port "65536" is not a number'],
    ['https://a.example:1:2/', 'the port "1:2" is not a number'],
    ['https://a.example:x1/', 'the port "x1" is not a number'],
    ['https://a.example/..', 'has a dot segment'],
    ['https://a.example:1\n/', 'the port "1\\n" is not a number'],
  ])('%j is refused, and it is said why', (url, why) => {
    expect(whyOf(parseTarget(url))).toContain(why);
  });

  it('has a port that is written where none goes without saying', () => {
    expect(parseAuthority('a.example:5432', null, parseHost)).toEqual({
      ok: true,
      value: { host: 'a.example', port: 5432 },
    });
    expect(whyOf(parseAuthority('a.example', null, parseHost))).toContain('names no port');
  });
});

describe('a destination of a rule', () => {
  it.each([
    ['https://a.example', 'names no path'],
    ['https://a.example?x', 'names no path'],
    ['https://a.example#x', 'names no path'],
    ['https://a.example/a*', '*'],
    ['https://*/x', '* may only be the whole first label'],
    ['a.example/x', 'is not of the form scheme://host/path'],
    ['tcp://a.example:1', 'the scheme "tcp" is not https, http or enclave'],
  ])('%s is refused, and it is said why', (text, why) => {
    expect(parseTargetPattern(text).ok).toBe(false);
    expect(whyOf(parseTargetPattern(text))).toContain(why);
  });

  const read = (text: string): TargetPattern => {
    const pattern = parseTargetPattern(text);
    if (!pattern.ok) throw new Error(pattern.why);
    return pattern.value;
  };

  it.each([
    ['https://a.example/**', 'https://a.example/x', true],
    ['https://*.a.example/x', 'https://b.a.example/x', true],
    ['https://a.example:80/x', 'http://a.example/x', false],
    ['https://a.example/x', 'enclave://a.example/x', false],
    ['https://a.example/x', 'https://a.example:8443/x', false],
    ['https://a.example/x', 'https://b.example/x', false],
    ['https://a.example/x', 'https://a.example/y', false],
  ])('%s and %s name the same: %s', (a, b, expected) => {
    expect(overlapsTarget(read(a), read(b))).toBe(expected);
    expect(overlapsTarget(read(b), read(a))).toBe(expected);
  });

  it('is written without a port that goes without saying', () => {
    for (const text of [
      'https://a.example/x',
      'http://a.example:443/**',
      'enclave://*.a.example/*',
      'https://a.example:80/',
    ])
      expect(formatTargetPattern(read(text))).toBe(text);
    expect(formatTargetPattern(read('http://a.example:80/x'))).toBe('http://a.example/x');
    const target = parseTarget('https://a.example:443/x/y?z');
    expect(target.ok && formatTarget(target.value)).toBe('https://a.example/x/y');
  });
});
