/** Hosts of requests and of rules: which are read, why the others are refused, and which of them a rule names. hostile.test.ts has the tricks. */
import { describe, expect, it } from 'vitest';
import { matchesHost, overlapsHost, parseHost, parseHostPattern, patternsNaming } from '../../src/policy/host.ts';
import type { Reading } from '../../src/policy/reading.ts';

const shown = (reading: Reading<string>): string => (reading.ok ? reading.value : `refused: ${reading.why}`);
const longest = `${'a'.repeat(63)}.${'b'.repeat(63)}.${'c'.repeat(63)}.${'d'.repeat(61)}`;

describe('the host of a request', () => {
  it.each([
    ['a.example', 'a.example'],
    ['A.Example', 'a.example'],
    ['localhost', 'localhost'],
    ['x.v1', 'x.v1'],
    ['x.1a', 'x.1a'],
    ['x.0x', 'refused: the host "x.0x" is an address in an unusual spelling'],
    ['x.0xyz', 'x.0xyz'],
    ['10.0.0.255', '10.0.0.255'],
    ['[2001:DB8::5]', '[2001:db8::5]'],
    [longest, longest],
  ])('%s is %s', (text, host) => {
    expect(shown(parseHost(text))).toBe(host);
  });

  it.each([
    ['', 'the host is missing'],
    [`x${longest}`, 'longer than 253 characters'],
    ['%61.example', 'is percent-encoded'],
    ['::1', 'has a colon: write an IPv6 address in brackets'],
    ['a.example.', 'ends with a dot'],
    ['.a.example', 'has an empty label'],
    ['a..example', 'has an empty label'],
    ['a_b.example', 'the host label "a_b" is not letters, digits and inner hyphens'],
    ['-a.example', 'the host label "-a" is not letters'],
    ['2130706433', 'an address in an unusual spelling; it would be 127.0.0.1'],
    ['0x7f.1', 'an address in an unusual spelling; it would be 127.0.0.1'],
    ['010.0.0.1', 'an address in an unusual spelling; it would be 8.0.0.1'],
    ['[::1', 'is not an IPv6 address in brackets'],
    ['[a.example]', 'is not an IPv6 address in brackets'],
    ['[fe80::1%eth0]', 'has a zone id'],
    ['[0:0:0:0:0:0:0:1]', 'is not in normal form; it would be [::1]'],
    ['bücher.example', 'must be sent in its ASCII form, xn--bcher-kva.example'],
    ['BÜCHER.example', 'must be sent in its ASCII form, xn--bcher-kva.example'],
    ['ü..example', 'has a character that host names cannot have'],
    ['ü.1', 'has a character that host names cannot have'],
    ['a\u00adb.example', 'has a character that host names cannot have'],
    ['\uff41.example', 'has a character that host names cannot have'],
  ])('%j is refused, and it is said why', (text, why) => {
    expect(shown(parseHost(text))).toMatch(/^refused: /);
    expect(shown(parseHost(text))).toContain(why);
  });

  it('that is no address in any spelling is not told one', () => {
    expect(shown(parseHost('999.1.1.1'))).toBe('refused: the host "999.1.1.1" is an address in an unusual spelling');
    expect(shown(parseHost('1.2.3.4.5'))).toMatch(/spelling$/);
  });
});

describe('the host of a rule', () => {
  it.each([
    ['a.example', 'a.example'],
    ['*.a.example', '*.a.example'],
    ['*.A.Example', '*.a.example'],
    ['Bücher.example', 'xn--bcher-kva.example'],
    ['*.bücher.example', '*.xn--bcher-kva.example'],
    ['10.0.0.5', '10.0.0.5'],
  ])('%s is %s', (text, host) => {
    expect(shown(parseHostPattern(text))).toBe(host);
  });

  it.each([
    ['*', '* may only be the whole first label'],
    ['a*.example.com', '* may only be the whole first label'],
    ['a.*.example.com', '* may only be the whole first label'],
    ['*.*.example.com', '* may only be the whole first label'],
    ['*.com', '*.com would name every site under com'],
    ['*.10.0.0.5', '* cannot stand before an address'],
    ['*.[::1]', '* cannot stand before an address'],
    ['ſite.example', 'has a character that host names cannot have'],
    ['ü..example', 'has a character that host names cannot have'],
    ['ü_.example', 'has a character that host names cannot have'],
    ['a..example', 'has an empty label'],
    ['*.', 'the host is missing'],
  ])('%j is refused, and it is said why', (text, why) => {
    expect(shown(parseHostPattern(text))).toMatch(/^refused: /);
    expect(shown(parseHostPattern(text))).toContain(why);
  });
});

describe('a rule names', () => {
  it.each([
    ['a.example', 'a.example', true],
    ['a.example', 'b.a.example', false],
    ['a.example', 'aa.example', false],
    ['*.example.com', 'a.example.com', true],
    ['*.example.com', 'example.com', false],
    ['*.example.com', 'a.b.example.com', false],
    ['*.example.com', 'aexample.com', false],
    ['*.example.com', '.example.com', false],
    ['*.example.com', 'com', false],
  ])('%s: host %s: %s', (pattern, host, expected) => {
    expect(matchesHost(pattern, host)).toBe(expected);
    expect(patternsNaming(host).includes(pattern)).toBe(expected);
    expect([overlapsHost(pattern, host), overlapsHost(host, pattern)]).toEqual([expected, expected]);
  });

  it('the same hosts as a rule that is like it', () => {
    expect(overlapsHost('*.a.example', '*.a.example')).toBe(true);
    expect(overlapsHost('*.a.example', '*.b.example')).toBe(false);
    expect(overlapsHost('a', 'b')).toBe(false);
  });

  it('a host of one label by its name only', () => {
    expect(patternsNaming('localhost')).toEqual(['localhost']);
    expect(patternsNaming('a.example')).toEqual(['a.example', '*.example']);
  });
});
