/** Destinations and paths that try to be something else than they look, each with the outcome it must have and why. */
import { describe, expect, it } from 'vitest';
import { addressFlaw } from '../../src/enclave/addresses.ts';
import { decideEgress, decideQuery } from '../../src/policy/decide.ts';
import { matchesHost, overlapsHost, parseHost, parseHostPattern } from '../../src/policy/host.ts';
import { matchesPath, overlapsPath, parsePath, parsePathPattern } from '../../src/policy/path.ts';
import {
  type EgressParts,
  formatTarget,
  formatTargetPattern,
  parseTarget,
  parseTargetPattern,
} from '../../src/policy/target.ts';
import { ADDRESSES, DENY, PLACES, REFUSE, RULES } from './hostile-places.ts';
import { DIGEST, HEAD, KEY_A, NOW, parse } from './sample.ts';

const policy = parse(`${HEAD}callers: { a: { key: "${KEY_A}" } }
queries:
  - { allow: a, to: POST /risk-score }
  - { allow: a, to: POST /risk-score/one/* }
  - { allow: a, to: POST /risk-score/all/** }
  - { allow: a, to: POST /risk-score/exact/a%2Fb }
${RULES}`);

const ALLOW = 'allow';

/** Cuts an address at its first signs into what wasi:http has apart; what cannot be cut stays whole, as a host. [RFC 3986 appendix B] */
function partsOf(url: string): EgressParts {
  const match = /^([^:/?#]+):\/\/([^/?#]*)(.*)$/s.exec(url);
  const [, scheme = '', authority = url, path = ''] = match ?? [];
  return { scheme, authority, path };
}

function judge(url: string | EgressParts): ReturnType<typeof decideEgress> {
  return decideEgress(policy, { functionDigest: DIGEST, method: 'GET', url, now: NOW });
}

describe('an egress to', () => {
  const outcomes: string[] = [];

  it.each(PLACES)('%j: %s (%s)', (url, expected) => {
    for (const place of [url, partsOf(url)]) {
      const { code, rule, target, reason, hint } = judge(place);
      const isAllowed = expected !== DENY && expected !== REFUSE;
      expect(code ?? (target === null ? 'nowhere' : formatTarget(target))).toBe(expected);
      expect(rule !== null).toBe(isAllowed);
      expect(target !== null).toBe(isAllowed);
      // What others wrote cannot forge lines of a log.
      expect(reason + hint).toMatch(/^[\x20-\x7e]*$/);
      outcomes.push(code ?? ALLOW);
    }
  });

  it('hundreds of places has its outcome written down, whole and in parts, each place once', () => {
    expect(outcomes.length).toBe(2 * PLACES.length);
    expect(PLACES.length).toBeGreaterThanOrEqual(350);
    expect(new Set(PLACES.map(([url]) => url)).size).toBe(PLACES.length);
    expect(new Set(outcomes)).toEqual(new Set([ALLOW, DENY, REFUSE]));
  });

  it.each(['get', 'Get', '', 'GET ', 'G\u0000T', 'CONNECT', 'TRACE', 'GET\r\nX: y', '*'])(
    'by the method %j is not judged',
    (method) => {
      const url = 'https://api.example.com/v1/lookup/7';
      expect(decideEgress(policy, { functionDigest: DIGEST, method, url, now: NOW }).code).toBe(REFUSE);
    },
  );

  it('parts with a host in the path or a path in the host is refused', () => {
    const ask = (authority: string, path: string): string | null =>
      decideEgress(policy, {
        functionDigest: DIGEST,
        method: 'GET',
        url: { scheme: 'https', authority, path },
        now: NOW,
      }).code;
    expect(ask('api.example.com/v1/lookup', '/7')).toBe(REFUSE);
    expect(ask('api.example.com', 'v1/lookup/7')).toBe(REFUSE);
    expect(ask('api.example.com', '@evil.test/v1/lookup/7')).toBe(REFUSE);
    expect(ask('api.example.com?', '/v1/lookup/7')).toBe(REFUSE);
    expect(ask('api.example.com', '/v1/lookup/7')).toBe(null);
  });
});

const PATHS: readonly (readonly [path: string, expected: string])[] = [
  ['/risk-score', ALLOW],
  ['/risk-score?x=1', ALLOW],
  ['/risk-score/one/a', ALLOW],
  ['/risk-score/all/a', ALLOW],
  ['/risk-score/all/a/b/c', ALLOW],
  ['/risk-score/all/a/', ALLOW],
  ['/risk-score/', 'ERR_POLICY_DENIED_QUERY'],
  ['/risk-score/one', 'ERR_POLICY_DENIED_QUERY'],
  ['/risk-score/one/', 'ERR_POLICY_DENIED_QUERY'],
  ['/risk-score/one/a/b', 'ERR_POLICY_DENIED_QUERY'],
  ['/risk-score/all', 'ERR_POLICY_DENIED_QUERY'],
  ['/risk-score/all/', 'ERR_POLICY_DENIED_QUERY'],
  ['/risk-score2', 'ERR_POLICY_DENIED_QUERY'],
  ['/Risk-score', 'ERR_POLICY_DENIED_QUERY'],
  ['/', 'ERR_POLICY_DENIED_QUERY'],
  ['', REFUSE],
  ['*', REFUSE],
  ['risk-score', REFUSE],
  ['//risk-score', REFUSE],
  ['/risk-score//one/a', REFUSE],
  ['/risk-score/one/..', REFUSE],
  ['/x/../risk-score', REFUSE],
  ['/./risk-score', REFUSE],
  ['/%72isk-score', REFUSE],
  ['/risk-score%2fone%2fa', 'ERR_POLICY_DENIED_QUERY'],
  ['/risk-score/exact/a%2Fb', ALLOW],
  ['/risk-score/exact/a/b', 'ERR_POLICY_DENIED_QUERY'],
  ['/risk-score/one/a%2Fb', 'ERR_POLICY_DENIED_QUERY'],
  ['/risk-score/all/a%2Fb', 'ERR_POLICY_DENIED_QUERY'],
  ['/risk-score/all/a/b%2Fc/', 'ERR_POLICY_DENIED_QUERY'],
  ['/risk-score\\one', REFUSE],
  ['/risk-score/one/%2e%2e/%2e%2e/admin', REFUSE],
  ['https://evil.test/risk-score', REFUSE],
  ['/risk-score#', REFUSE],
  ['/risk-score/one/\u202ea', REFUSE],
];

describe('a name that leads to', () => {
  it.each(ADDRESSES)('%j: %s', (address, flaw) => {
    expect(addressFlaw(address)).toBe(flaw);
  });

  it('more than a hundred addresses, each of them once', () => {
    expect(ADDRESSES.length).toBeGreaterThanOrEqual(110);
    expect(new Set(ADDRESSES.map(([address]) => address)).size).toBe(ADDRESSES.length);
  });
});

describe('a query to', () => {
  it.each(PATHS)('%j: %s', (path, expected) => {
    const decision = decideQuery(policy, {
      callers: new Set(['a']),
      method: 'POST',
      path,
      functionDigest: DIGEST,
      now: NOW,
    });
    expect(decision.code ?? decision.outcome).toBe(expected);
    expect(decision.rules.length > 0).toBe(expected === ALLOW);
  });
});

describe('patterns', () => {
  const pattern = (text: string): { readonly segments: readonly string[] } => {
    const read = parsePathPattern(text);
    if (!read.ok) throw new Error(read.why);
    return read.value;
  };

  it.each([
    ['/a', '/a', true],
    ['/a', '/b', false],
    ['/a', '/a/', false],
    ['/a/*', '/a/b', true],
    ['/a/*', '/a/', false],
    ['/*', '/*', true],
    ['/a/*', '/*/b', true],
    ['/a/*/c', '/a/b/d', false],
    ['/**', '/a/b', true],
    ['/**', '/', false],
    ['/a/**', '/a', false],
    ['/a/**', '/a/', false],
    ['/a/**', '/**', true],
    ['/a/**', '/b/**', false],
    ['/a/**', '/*/*/*', true],
    ['/a/b', '/a/b/c', false],
    ['/a/b%2Fc', '/a/b%2Fc', true],
    ['/a/*', '/a/b%2Fc', false],
    ['/a/**', '/a/b%2Fc', false],
    ['/a/**', '/a/b/c%2Fd/e', false],
    ['/a/**', '/a/*/c%2Fd', false],
    ['/*/x%2Fy', '/a/x%2Fy', true],
    ['/a%2Fb/**', '/a%2Fb/c', true],
    ['/a%2Fb/**', '/**', false],
    ['/a%2Fb', '/a/b', false],
  ])('%s and %s overlap: %s', (a, b, expected) => {
    expect(overlapsPath(pattern(a), pattern(b))).toBe(expected);
    expect(overlapsPath(pattern(b), pattern(a))).toBe(expected);
    if (!b.includes('*')) expect(matchesPath(pattern(a), pattern(b).segments)).toBe(expected);
  });

  it.each([
    ['a.example', 'a.example', true],
    ['*.example.com', 'a.example.com', true],
    ['*.example.com', '*.example.com', true],
    ['*.example.com', 'example.com', false],
    ['*.a.example.com', '*.example.com', false],
    ['a.example', 'b.example', false],
  ])('hosts %s and %s overlap: %s', (a, b, expected) => {
    expect(overlapsHost(a, b)).toBe(expected);
    expect(overlapsHost(b, a)).toBe(expected);
  });

  it('match no host that has an empty first label', () => {
    expect(matchesHost('*.example.com', '.example.com')).toBe(false);
  });

  it.each([
    ['https://API.Example.com:443/v1/*', 'https://api.example.com/v1/*'],
    ['http://a.example:80/', 'http://a.example/'],
    ['https://a.example:80/', 'https://a.example:80/'],
    ['enclave://a.example:443/**', 'enclave://a.example/**'],
    ['https://Bücher.example/x', 'https://xn--bcher-kva.example/x'],
    ['https://*.Bücher.example/x', 'https://*.xn--bcher-kva.example/x'],
    ['https://[::1]:8443/caf%c3%a9', 'https://[::1]:8443/caf%C3%A9'],
    ['https://a.example/x%2fy/*', 'https://a.example/x%2Fy/*'],
  ])('%s has the one spelling %s', (text, expected) => {
    const read = parseTargetPattern(text);
    expect(read.ok && formatTargetPattern(read.value)).toBe(expected);
  });

  it.each([
    'https://\uff41.example/x',
    'https://a\u00adb.example/x',
    'https://a\u3002example/x',
    'https://ⓔxample.com/x',
    'https://a.example./x',
    'https://0x7f.1/x',
    'https://[fe80::1%25eth0]/x',
    'https://*.[::1]/x',
    'https://%61.example/x',
    'https://a.example/x%2f',
    'https://a.example/x%2f*',
    'https://a.example/x%2f..',
  ])('%j is refused in a rule', (text) => {
    expect(parseTargetPattern(text).ok).toBe(false);
  });

  it('say what the normal form would be', () => {
    const why = (text: string): string => {
      const read = parseHost(text);
      return read.ok ? '' : read.why;
    };
    expect(why('münchen.example')).toContain('xn--mnchen-3ya.example');
    expect(why('2130706433')).toContain('127.0.0.1');
    expect(why('[0:0:0:0:0:0:0:1]')).toContain('[::1]');
    expect(parseHostPattern('*.com').ok).toBe(false);
  });

  it('write a destination without its query string', () => {
    const read = parseTarget('https://a.example:8443/x/?token=1');
    expect(read.ok && formatTarget(read.value)).toBe('https://a.example:8443/x/');
    expect(read.ok && read.value.path).toBe('/x/?token=1');
    expect(parsePath('/a/b?c')).toEqual({ ok: true, value: ['a', 'b'] });
  });
});
