/** Destinations and paths that try to be something else than they look, each with the outcome it must have and why. */
import { describe, expect, it } from 'vitest';
import { decideEgress, decideQuery } from '../../src/policy/decide.ts';
import { matchesHost, overlapsHost, parseHost, parseHostPattern } from '../../src/policy/host.ts';
import { matchesPath, overlapsPath, parsePath, parsePathPattern } from '../../src/policy/path.ts';
import { formatTarget, formatTargetPattern, parseTarget, parseTargetPattern } from '../../src/policy/target.ts';
import { DIGEST, HEAD, KEY_A, NOW, parse } from './sample.ts';

const policy = parse(`${HEAD}callers: { a: { key: "${KEY_A}" } }
queries:
  - { allow: a, to: POST /risk-score }
  - { allow: a, to: POST /risk-score/one/* }
  - { allow: a, to: POST /risk-score/all/** }
egress:
  - { to: "https://api.example.com/v1/lookup/*", methods: [GET] }
  - { to: "https://api.example.com/v1/", methods: [GET] }
  - { to: "https://*.wild.example/**", methods: [GET] }
  - { to: "https://port.example:8443/**", methods: [GET] }
  - { to: "http://plain.example/x", methods: [GET] }
  - { to: "https://192.0.2.7/x", methods: [GET] }
  - { to: "https://[2001:db8::7]/x", methods: [GET] }
  - { to: "https://München.example/x", methods: [GET] }
`);

const ALLOW = 'allow';
/** No rule names it. */
const DENY = 'ERR_POLICY_DENIED_EGRESS';
/** It can be understood in two ways, so it is not judged. */
const REFUSE = 'ERR_POLICY_REQUEST';

const URLS: readonly (readonly [url: string, expected: string, why: string])[] = [
  ['https://api.example.com/v1/lookup/7', ALLOW, 'what the rule names'],
  ['https://api.example.com/v1/lookup/7?q=a/../b', ALLOW, 'a query string is data, not path'],
  ['https://api.example.com:443/v1/lookup/7', ALLOW, 'the port that goes without saying'],
  ['https://API.Example.COM/v1/lookup/7', ALLOW, 'letters of a host have no case'],
  ['https://api.example.com/v1/lookup/caf%c3%a9', ALLOW, 'hex digits have no case'],
  ['https://api.example.com/v1/', ALLOW, 'a closing slash that the rule names'],
  // the host merely looks like a listed one
  ['https://api.example.com.evil.test/v1/lookup/7', DENY, 'listed name as a prefix'],
  ['https://evil-api.example.com/v1/lookup/7', DENY, 'listed name as a suffix of a label'],
  ['https://evil.api.example.com/v1/lookup/7', DENY, 'below the listed name'],
  ['https://example.com/v1/lookup/7', DENY, 'above the listed name'],
  ['https://api-example.com/v1/lookup/7', DENY, 'dot replaced'],
  ['https://apiXexample.com/v1/lookup/7', DENY, 'dot as any character'],
  ['https://api.example.co/v1/lookup/7', DENY, 'cut at the end'],
  ['https://api.example.com./v1/lookup/7', REFUSE, 'trailing dot'],
  ['https://api.example.com../v1/lookup/7', REFUSE, 'two trailing dots'],
  ['https://.api.example.com/v1/lookup/7', REFUSE, 'leading dot'],
  ['https://api..example.com/v1/lookup/7', REFUSE, 'empty label'],
  // user names
  ['https://api.example.com@evil.test/v1/lookup/7', REFUSE, 'listed name as user'],
  ['https://api.example.com:443@evil.test/v1/lookup/7', REFUSE, 'listed name and port as user and password'],
  ['https://user@api.example.com/v1/lookup/7', REFUSE, 'user name before the listed name'],
  ['https://@api.example.com/v1/lookup/7', REFUSE, 'empty user name'],
  ['https://evil.test%40api.example.com/v1/lookup/7', REFUSE, 'encoded @'],
  ['https://evil.test\\@api.example.com/v1/lookup/7', REFUSE, 'backslash that browsers read as a slash'],
  ['https://api.example.com\\.evil.test/v1/lookup/7', REFUSE, 'backslash in the host'],
  ['https://evil.test#@api.example.com/v1/lookup/7', REFUSE, 'fragment before the listed name'],
  ['https://evil.test?@api.example.com/v1/lookup/7', DENY, 'query before the listed name: the host is the other one'],
  ['https://evil.test/@api.example.com/v1/lookup/7', DENY, 'path that holds the listed name'],
  // spelling of the host
  ['https://%61pi.example.com/v1/lookup/7', REFUSE, 'encoded letter in the host'],
  ['https://api%2eexample.com/v1/lookup/7', REFUSE, 'encoded dot in the host'],
  ['https://api.example.com%00.evil.test/v1/lookup/7', REFUSE, 'encoded zero byte'],
  ['https://api.example.com\u0000.evil.test/v1/lookup/7', REFUSE, 'zero byte'],
  ['https://api.example.com%23.evil.test/v1/lookup/7', REFUSE, 'encoded fragment sign'],
  ['https://api.example.com /v1/lookup/7', REFUSE, 'blank at the end of the host'],
  ['https:// api.example.com/v1/lookup/7', REFUSE, 'blank before the host'],
  ['https://api.exam\u00adple.com/v1/lookup/7', REFUSE, 'soft hyphen, which URL parsers drop'],
  ['https://api.exam\u200bple.com/v1/lookup/7', REFUSE, 'zero-width space, which URL parsers drop'],
  ['https://ap\u0456.example.com/v1/lookup/7', REFUSE, 'letter of another alphabet that looks the same'],
  ['https://\uff41pi.example.com/v1/lookup/7', REFUSE, 'wide letter'],
  ['https://api\u3002example.com/v1/lookup/7', REFUSE, 'ideographic full stop'],
  ['https://api.example.com\u2044v1/lookup/7', REFUSE, 'fraction slash'],
  ['https://api_x.wild.example/', REFUSE, 'underscore'],
  ['https://-api.wild.example/', REFUSE, 'label that begins with a hyphen'],
  [`https://${'a'.repeat(64)}.wild.example/`, REFUSE, 'label of 64 letters'],
  [`https://${'a.'.repeat(130)}example/`, REFUSE, 'host of more than 253 letters'],
  ['https://api.example.com\r\nHost: evil.test/v1/lookup/7', REFUSE, 'line end in the host'],
  ['https:///v1/lookup/7', REFUSE, 'no host'],
  ['https://:443/v1/lookup/7', REFUSE, 'port without a host'],
  // ports
  ['https://api.example.com:8443/v1/lookup/7', DENY, 'another port'],
  ['https://api.example.com:80/v1/lookup/7', DENY, 'the port of http'],
  ['https://api.example.com:0443/v1/lookup/7', REFUSE, 'leading zero'],
  ['https://api.example.com:/v1/lookup/7', REFUSE, 'empty port'],
  ['https://api.example.com:0/v1/lookup/7', REFUSE, 'port zero'],
  ['https://api.example.com:65979/v1/lookup/7', REFUSE, 'port that wraps around to 443'],
  ['https://api.example.com:443:443/v1/lookup/7', REFUSE, 'two ports'],
  ['https://api.example.com:+443/v1/lookup/7', REFUSE, 'sign'],
  ['https://api.example.com:\u0664\u0664\u0663/v1/lookup/7', REFUSE, 'digits of another alphabet'],
  ['https://port.example:8443/x', ALLOW, 'the port that the rule names'],
  ['https://port.example/x', DENY, 'the usual port where the rule names another'],
  // schemes
  ['http://api.example.com/v1/lookup/7', DENY, 'not encrypted'],
  ['http://api.example.com:443/v1/lookup/7', DENY, 'not encrypted, on the listed port'],
  ['enclave://api.example.com/v1/lookup/7', DENY, 'another kind of server'],
  ['HTTPS://api.example.com/v1/lookup/7', REFUSE, 'scheme in capitals'],
  ['ftp://api.example.com/v1/lookup/7', REFUSE, 'unknown scheme'],
  ['file:///etc/passwd', REFUSE, 'file'],
  ['javascript://api.example.com/%0aalert(1)', REFUSE, 'script'],
  ['//api.example.com/v1/lookup/7', REFUSE, 'no scheme'],
  ['api.example.com/v1/lookup/7', REFUSE, 'no scheme and no slashes'],
  ['https:/api.example.com/v1/lookup/7', REFUSE, 'one slash'],
  ['https:api.example.com/v1/lookup/7', REFUSE, 'no slash'],
  ['https:\\\\api.example.com\\v1\\lookup\\7', REFUSE, 'backslashes'],
  [' https://api.example.com/v1/lookup/7', REFUSE, 'blank before the scheme'],
  ['\thttps://api.example.com/v1/lookup/7', REFUSE, 'tab before the scheme'],
  ['', REFUSE, 'nothing'],
  ['http://plain.example/x', ALLOW, 'http where a rule says so'],
  ['https://plain.example/x', DENY, 'https where the rule says http'],
  // addresses
  ['https://192.0.2.7/x', ALLOW, 'an address that is named'],
  ['https://3221225991/x', REFUSE, 'the same address as one number'],
  ['https://0xc0000207/x', REFUSE, 'in hex'],
  ['https://0300.0.02.07/x', REFUSE, 'in octal'],
  ['https://192.0.519/x', REFUSE, 'with fewer parts'],
  ['https://192.0.2.07/x', REFUSE, 'with a leading zero'],
  ['https://192.0.2.0x7/x', REFUSE, 'with a hex part'],
  ['https://192.0.2.7./x', REFUSE, 'with a trailing dot'],
  ['https://192.0.2.263/x', REFUSE, 'with a part over 255'],
  ['https://192.0.2.8/x', DENY, 'the next address'],
  ['https://169.254.169.254/latest/meta-data', DENY, 'the metadata service'],
  ['https://127.0.0.1/x', DENY, 'the machine itself'],
  ['https://127.1/x', REFUSE, 'the machine itself, short'],
  ['https://2130706433/x', REFUSE, 'the machine itself as a number'],
  ['https://0/x', REFUSE, 'address zero'],
  ['https://[2001:db8::7]/x', ALLOW, 'an IPv6 address that is named'],
  ['https://[2001:DB8::7]/x', ALLOW, 'letters of an address have no case'],
  ['https://[2001:db8:0:0:0:0:0:7]/x', REFUSE, 'the same address in full'],
  ['https://[2001:db8::0007]/x', REFUSE, 'with leading zeros'],
  ['https://[2001:db8::7%25eth0]/x', REFUSE, 'with a zone'],
  ['https://[2001:db8::7%eth0]/x', REFUSE, 'with a bare zone'],
  ['https://[::ffff:192.0.2.7]/x', REFUSE, 'mapped IPv4, dotted'],
  ['https://[::ffff:c000:207]/x', DENY, 'mapped IPv4 is another address'],
  ['https://[::1]/x', DENY, 'the machine itself'],
  ['https://2001:db8::7/x', REFUSE, 'without brackets'],
  ['https://[2001:db8::7/x', REFUSE, 'bracket not closed'],
  ['https://[2001:db8::7].evil.test/x', REFUSE, 'name after the address'],
  ['https://[api.example.com]/v1/lookup/7', REFUSE, 'name in brackets'],
  // names in other alphabets
  ['https://xn--mnchen-3ya.example/x', ALLOW, 'ASCII form of a listed name'],
  ['https://münchen.example/x', REFUSE, 'must be sent in its ASCII form'],
  ['https://xn--mnchen-3yA.example/x', ALLOW, 'letters of the ASCII form have no case'],
  ['https://xn--a.example/x', DENY, 'another ASCII form: they are compared as they stand'],
  ['https://munchen.example/x', DENY, 'without the dots'],
  // wildcard hosts
  ['https://a.wild.example/x', ALLOW, 'one label'],
  ['https://a.b.wild.example/x', DENY, 'two labels'],
  ['https://wild.example/x', DENY, 'no label'],
  ['https://.wild.example/x', REFUSE, 'empty label'],
  ['https://awild.example/x', DENY, 'no dot'],
  ['https://*.wild.example/x', REFUSE, 'the star itself'],
  ['https://a.wild.example.evil.test/x', DENY, 'listed name as a prefix'],
  ['https://evil.test/.wild.example/x', DENY, 'listed name in the path'],
  // paths
  ['https://api.example.com/v1/lookup/', DENY, 'a wildcard stands for no empty segment'],
  ['https://api.example.com/v1/lookup', DENY, 'nor for a missing one'],
  ['https://api.example.com/v1/lookup/7/8', DENY, 'nor for two'],
  ['https://api.example.com/v1/lookup/7/', DENY, 'nor for one with a closing slash'],
  ['https://api.example.com/V1/lookup/7', DENY, 'letters of a path have case'],
  ['https://api.example.com', DENY, 'no path is the root'],
  ['https://api.example.com?x', DENY, 'no path is the root, with a query string'],
  ['https://api.example.com/v1', DENY, 'without the closing slash that the rule names'],
  ['https://api.example.com/v1/lookup/..', REFUSE, 'dot segment at the end'],
  ['https://api.example.com/v1/lookup/../admin', REFUSE, 'dot segment'],
  ['https://api.example.com/v1/lookup/.', REFUSE, 'single dot'],
  ['https://api.example.com/v1/lookup/%2e%2e', REFUSE, 'encoded dots'],
  ['https://api.example.com/v1/lookup/.%2E', REFUSE, 'half encoded dots'],
  ['https://api.example.com/v1/lookup/%252e%252e', REFUSE, 'dots encoded twice'],
  ['https://api.example.com/v1/lookup/..;x=1', REFUSE, 'dots before a parameter, which some servers cut off'],
  ['https://api.example.com/v1/lookup/..%20', REFUSE, 'dots before a blank, which some servers trim'],
  ['https://api.example.com/v1/lookup/%c0%ae%c0%ae', REFUSE, 'overlong form of dots'],
  ['https://api.example.com/v1/lookup/%ef%bc%8e%ef%bc%8e', REFUSE, 'wide dots'],
  ['https://api.example.com/v1/lookup/a%2fb', REFUSE, 'encoded slash'],
  ['https://api.example.com/v1/lookup/a%2Fb', REFUSE, 'encoded slash in capitals'],
  ['https://api.example.com/v1/lookup/a%252fb', REFUSE, 'slash encoded twice'],
  ['https://api.example.com/v1/lookup/a%5cb', REFUSE, 'encoded backslash'],
  ['https://api.example.com/v1/lookup/a\\b', REFUSE, 'backslash'],
  ['https://api.example.com/v1/lookup/a%ef%bc%8fb', REFUSE, 'wide slash'],
  ['https://api.example.com//v1/lookup/7', REFUSE, 'empty segment at the front'],
  ['https://api.example.com/v1//lookup/7', REFUSE, 'empty segment'],
  ['https://api.example.com/v1/lookup//', REFUSE, 'empty segment at the end'],
  ['https://api.example.com/v1/lookup/7#x', REFUSE, 'fragment'],
  ['https://api.example.com/v1/lookup/%37', REFUSE, 'plain character encoded'],
  ['https://api.example.com/v1/lookup/%7e', REFUSE, 'tilde encoded'],
  ['https://api.example.com/v1/lookup/%00', REFUSE, 'zero byte'],
  ['https://api.example.com/v1/lookup/a%0d%0aX:y', REFUSE, 'encoded line end'],
  ['https://api.example.com/v1/lookup/a\r\nX: y', REFUSE, 'line end'],
  ['https://api.example.com/v1/lookup/a b', REFUSE, 'blank'],
  ['https://api.example.com/v1/lookup/a%20b', ALLOW, 'encoded blank'],
  ['https://api.example.com/v1/lookup/é', REFUSE, 'letter that must be encoded'],
  ['https://api.example.com/v1/lookup/%ff', REFUSE, 'escapes that are no text'],
  ['https://api.example.com/v1/lookup/%', REFUSE, 'escape without digits'],
  ['https://api.example.com/v1/lookup/%zz', REFUSE, 'escape with other letters'],
  ['https://api.example.com/v1/lookup/%25', ALLOW, 'an encoded percent sign that begins nothing'],
  ['https://api.example.com/v1/lookup/a;b=c', ALLOW, 'parameter in a segment that is no dot'],
  ['https://api.example.com/v1/lookup/...', ALLOW, 'three dots are a name'],
  ['https://api.example.com/v1/lookup/7?a b', REFUSE, 'blank in the query string'],
  ['https://api.example.com/v1/lookup/7?a\r\nb', REFUSE, 'line end in the query string'],
  ['https://api.example.com/v1/lookup/7?%', REFUSE, 'escape without digits in the query string'],
  [`https://api.example.com/v1/lookup/${'a'.repeat(20_000)}`, REFUSE, 'longer than any head'],
];

describe('an egress to', () => {
  it('more than a hundred and fifty places has its outcome written down', () => {
    expect(URLS.length).toBeGreaterThan(150);
    expect(new Set(URLS.map(([url]) => url)).size).toBe(URLS.length);
  });

  it.each(URLS)('%j: %s (%s)', (url, expected) => {
    const decision = decideEgress(policy, { functionDigest: DIGEST, method: 'GET', url, now: NOW });
    expect(decision.code ?? decision.outcome).toBe(expected);
    expect(decision.rule === null).toBe(expected !== ALLOW);
    expect(decision.target === null).toBe(expected !== ALLOW);
    // What others wrote cannot forge lines of a log.
    expect(decision.reason + decision.hint).toMatch(/^[\x20-\x7e]*$/);
  });

  it.each(['get', 'Get', '', 'GET ', 'G\u0000T', 'CONNECT', 'TRACE', 'GET\r\nX: y', '*'])(
    'by the method %j is not judged',
    (method) => {
      const url = 'https://api.example.com/v1/lookup/7';
      expect(decideEgress(policy, { functionDigest: DIGEST, method, url, now: NOW }).code).toBe(REFUSE);
    },
  );

  it('parts as wasi:http gives them is judged as the same address in one piece', () => {
    for (const [url] of URLS) {
      const match = /^([a-z]+):\/\/([^/?#]*)([^]*)$/.exec(url);
      if (match === null) continue;
      const [, scheme = '', authority = '', path = ''] = match;
      const ask = (where: Parameters<typeof decideEgress>[1]['url']): unknown => {
        const { outcome, code, target } = decideEgress(policy, {
          functionDigest: DIGEST,
          method: 'GET',
          url: where,
          now: NOW,
        });
        return { outcome, code, target };
      };
      expect(ask({ scheme, authority, path })).toEqual(ask(url));
    }
  });

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
  ['/risk-score%2fone%2fa', REFUSE],
  ['/risk-score\\one', REFUSE],
  ['/risk-score/one/%2e%2e/%2e%2e/admin', REFUSE],
  ['https://evil.test/risk-score', REFUSE],
  ['/risk-score#', REFUSE],
  ['/risk-score/one/\u202ea', REFUSE],
];

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
