/** Connections of the code's own: what `tcp://` rules say, that nothing else says it for them, and that the digests of files without one stay. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decideConnectionForAll, decideLookupForAll } from '../../src/policy/combine.ts';
import {
  formatConnection,
  overlapsConnection,
  parseConnection,
  parseConnectionPattern,
} from '../../src/policy/connection.ts';
import { decideEgress } from '../../src/policy/decide.ts';
import { decideConnection, decideLookup } from '../../src/policy/decide-connection.ts';
import { decideQuestion, parseQuestion, runPolicyTests } from '../../src/policy/explain.ts';
import type { OwnerPolicy } from '../../src/policy/policy.ts';
import { showPolicy } from '../../src/policy/show.ts';
import { DIGEST, HEAD, NOW, OTHER_DIGEST, outcome, parse, SAMPLE } from './sample.ts';

const RULES = `${HEAD}egress:
  - to: tcp://db.example.com:5432
    limit: 1 MiB/day
  - to: https://api.example.com/**
    methods: [GET]
  - to: tcp://*.cluster.example:6379
    limit: 10/day
  - to: tcp://10.0.0.5:5432
  - to: tcp://[2001:db8::5]:5432
tests:
  - { egress: tcp://db.example.com:5432, expect: allow }
  - { egress: tcp://db.example.com:5433, expect: deny }
`;
const policy = parse(RULES);
const asked = { functionDigest: DIGEST, now: NOW };
const connect = (url: string, of: OwnerPolicy = policy) => decideConnection(of, { ...asked, url });
const lookUp = (name: string, of: OwnerPolicy = policy) => decideLookup(of, { ...asked, name });

describe('a rule for tcp', () => {
  it.each([
    ['a name without a port', 'tcp://db.example.com', 6],
    ['a path', 'tcp://db.example.com:5432/', 6],
    ['a query', 'tcp://db.example.com:5432?x', 6],
    ['port 0', 'tcp://db.example.com:0', 6],
    ['a port above 65535', 'tcp://db.example.com:65536', 6],
    ['any port', 'tcp://db.example.com:*', 6],
    ['any host', 'tcp://*:5432', 6],
    ['a whole top-level domain', 'tcp://*.com:5432', 6],
    ['a user name', 'tcp://u@db.example.com:5432', 6],
    ['an address in an unusual spelling', 'tcp://010.0.0.1:5432', 6],
    ['the code itself', 'tcp://127.0.0.1:5432', 6],
    ['the code itself by another address', 'tcp://127.9.9.9:5432', 6],
    ['the code itself by a long address', 'tcp://127.10.11.12:5432', 6],
    ['the code itself over IPv6', 'tcp://[::1]:5432', 6],
    ['no machine', 'tcp://0.0.0.0:5432', 6],
    ['no machine over IPv6', 'tcp://[::]:5432', 6],
    ['an IPv4 address in IPv6 form', 'tcp://[::ffff:a00:5]:5432', 6],
    ['the scheme in capitals', 'TCP://db.example.com:5432', 6],
    ['another transport', 'udp://db.example.com:53', 6],
  ])('is refused with %s', (_, to, line) => {
    expect(outcome(`${HEAD}egress: [{ to: "${to}" }]\n`)).toBe(`ERR_POLICY_VALUE ${line}:16`);
    expect(outcome(`${HEAD}egress: [{ to: "tcp://db.example.com:5432" }]\n`)).toBe('ok');
  });

  it.each([
    'methods: []',
    'methods: [GET]',
    `pin: "spki-sha256:${'0'.repeat(64)}"`,
    'credential: { header: x, secret: s }',
    'trust: ./scorer.trust.json',
  ])('has no %s', (key) => {
    expect(outcome(`${HEAD}secrets: [s]\negress: [{ to: "tcp://db.example.com:5432", ${key} }]\n`)).toBe(
      'ERR_POLICY_VALUE 7:10',
    );
  });

  it.each([
    ['the same place, one limited', 'tcp://db.example.com:5432', 'tcp://db.example.com:5432', 'ERR_POLICY_VALUE 8:5'],
    [
      'a host in a pattern, one limited',
      'tcp://*.example.com:5432',
      'tcp://db.example.com:5432',
      'ERR_POLICY_VALUE 8:5',
    ],
    ['another port', 'tcp://db.example.com:5433', 'tcp://db.example.com:5432', 'ok'],
    [
      'a request to the same place',
      'https://db.example.com:5432/**", methods: [GET], pin: "spki-sha256:' + '0'.repeat(64),
      'tcp://db.example.com:5432',
      'ok',
    ],
  ])('beside one for %s', (_, first, second, expected) => {
    expect(outcome(`${HEAD}egress:\n  - { to: "${first}" }\n  - { to: "${second}", limit: 1/day }\n`)).toBe(expected);
  });
});

describe('where a connection goes', () => {
  it.each([
    ['udp://db.example.com:53', 'is not of the form tcp://host:port'],
    ['db.example.com:5432', 'is not of the form tcp://host:port'],
    ['tcp://db.example.com:5432/x', 'a connection has no path'],
    ['tcp://db.example.com:5432?x', 'a connection has no path'],
    ['tcp://db.example.com', 'names no port'],
  ])('is not %s', (text, why) => {
    for (const reading of [parseConnection(text), parseConnectionPattern(text)])
      expect(reading.ok ? 'read' : reading.why).toContain(why);
  });

  it.each(['10.0.0.0', '127.0.0.1.example.com', '0.0.0.0.example.com', '[::12]', '[2001:db8::1]'])(
    'may be %s, which only looks like the code itself',
    (host) => {
      expect(parseConnectionPattern(`tcp://${host}:5432`)).toMatchObject({ ok: true, value: { host } });
    },
  );

  it.each([
    ['tcp://a.example:1', 'tcp://a.example:1', true],
    ['tcp://*.a.example:1', 'tcp://b.a.example:1', true],
    ['tcp://a.example:1', 'tcp://a.example:2', false],
    ['tcp://a.example:1', 'tcp://b.example:1', false],
  ])('%s and %s are the same: %s', (a, b, expected) => {
    const [one, other] = [parseConnectionPattern(a), parseConnectionPattern(b)];
    expect(one.ok && other.ok && overlapsConnection(one.value, other.value)).toBe(expected);
    expect(one.ok && formatConnection(one.value)).toBe(a);
  });
});

describe('a connection', () => {
  it('is allowed by the rule that names its host and port', () => {
    expect(connect('tcp://DB.example.com:5432')).toMatchObject({
      outcome: 'allow',
      code: null,
      at: { line: 7 },
      rule: { limit: { unit: 'bytes' } },
      target: { host: 'db.example.com', port: 5432 },
    });
    expect(connect('tcp://a.cluster.example:6379').rule?.limit).toMatchObject({ unit: 'calls', amount: 10 });
    expect(connect('tcp://10.0.0.5:5432').outcome).toBe('allow');
    expect(connect('tcp://[2001:db8::5]:5432').outcome).toBe('allow');
  });

  it.each([
    ['another port', 'tcp://db.example.com:5433', 'ERR_POLICY_DENIED_EGRESS', 7],
    ['another host', 'tcp://db.example.com.evil.test:5432', 'ERR_POLICY_DENIED_EGRESS', 6],
    ['the host of a request', 'tcp://api.example.com:443', 'ERR_POLICY_DENIED_EGRESS', 6],
    ['two labels for one', 'tcp://a.b.cluster.example:6379', 'ERR_POLICY_DENIED_EGRESS', 6],
    ['another address', 'tcp://10.0.0.6:5432', 'ERR_POLICY_DENIED_EGRESS', 6],
    ['an address in a mapped form', 'tcp://[::ffff:a00:5]:5432', 'ERR_POLICY_DENIED_EGRESS', 6],
    ['no port', 'tcp://db.example.com', 'ERR_POLICY_REQUEST', 6],
    ['a path', 'tcp://db.example.com:5432/', 'ERR_POLICY_REQUEST', 6],
    ['another scheme', 'https://api.example.com:443', 'ERR_POLICY_REQUEST', 6],
    ['nothing', '', 'ERR_POLICY_REQUEST', 6],
  ])('is denied to %s', (_, url, code, line) => {
    expect(connect(url)).toMatchObject({ outcome: 'deny', code, at: { line }, rule: null, target: null });
  });

  it('is denied at another time, and to other code', () => {
    const request = { ...asked, url: 'tcp://db.example.com:5432' };
    expect(decideConnection(policy, { ...request, now: new Date(0) }).code).toBe('ERR_POLICY_NOT_IN_FORCE');
    expect(decideConnection(policy, { ...request, functionDigest: OTHER_DIGEST }).code).toBe(
      'ERR_POLICY_DENIED_EGRESS',
    );
  });

  it('is no request, and a request is no connection', () => {
    const request = { ...asked, method: 'GET' };
    expect(decideEgress(policy, { ...request, url: 'https://db.example.com:5432/' }).outcome).toBe('deny');
    expect(decideEgress(policy, { ...request, url: 'tcp://db.example.com:5432' }).code).toBe('ERR_POLICY_REQUEST');
    expect(decideEgress(policy, { ...request, url: 'https://api.example.com/x' }).outcome).toBe('allow');
    expect(
      connect(
        'tcp://api.example.com:443',
        parse(`${HEAD}egress: [{ to: "https://api.example.com/**", methods: [GET] }]\n`),
      ).outcome,
    ).toBe('deny');
  });

  it('needs every owner', () => {
    const request = { ...asked, url: 'tcp://db.example.com:5432' };
    expect(decideConnectionForAll([], request).outcome).toBe('deny');
    expect(decideConnectionForAll([policy, policy], request).outcome).toBe('allow');
    expect(decideConnectionForAll([policy, parse(HEAD)], request).outcome).toBe('deny');
    const name = { ...asked, name: 'db.example.com' };
    expect(decideLookupForAll([], name).outcome).toBe('deny');
    expect(decideLookupForAll([policy, policy], name).outcome).toBe('allow');
    expect(decideLookupForAll([parse(HEAD), policy], name).outcome).toBe('deny');
  });

  it('never follows from any text that no rule names', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 40 }), (text) => {
        for (const url of [text, `tcp://${text}`, `tcp://db.example.com${text}x:5432`]) {
          const decision = connect(url);
          expect([decision.outcome, decision.target]).toEqual(['deny', null]);
          expect(decision.reason).toMatch(/^[\x20-\x7e]+$/);
        }
        expect(lookUp(`${text}.evil.test`).outcome).toBe('deny');
      }),
      { numRuns: 300 },
    );
  });
});

describe('a lookup', () => {
  it('is allowed for a name that a rule for tcp names', () => {
    expect(lookUp('DB.Example.com')).toMatchObject({ outcome: 'allow', name: 'db.example.com', at: { line: 7 } });
    expect(lookUp('x.cluster.example').outcome).toBe('allow');
  });

  it.each([
    ['the host of a request', 'api.example.com', 'ERR_POLICY_DENIED_EGRESS'],
    ['a name below', 'secret.db.example.com', 'ERR_POLICY_DENIED_EGRESS'],
    ['a name that ends like it', 'xdb.example.com', 'ERR_POLICY_DENIED_EGRESS'],
    ['two labels for one', 'a.b.cluster.example', 'ERR_POLICY_DENIED_EGRESS'],
    ['the bare domain of a pattern', 'cluster.example', 'ERR_POLICY_DENIED_EGRESS'],
    ['a final dot', 'db.example.com.', 'ERR_POLICY_REQUEST'],
    ['letters of another alphabet', 'dв.example.com', 'ERR_POLICY_REQUEST'],
    ['an underscore', '_x.cluster.example', 'ERR_POLICY_REQUEST'],
    ['nothing', '', 'ERR_POLICY_REQUEST'],
  ])('is denied for %s', (_, name, code) => {
    expect(lookUp(name)).toMatchObject({ outcome: 'deny', code, name: null });
  });
});

describe('what is said of connections', () => {
  it('is in the questions, the tests and the plain English', () => {
    const question = parseQuestion(policy, ' tcp://db.example.com:5432 ');
    expect(question.ok && decideQuestion(policy, question.value, NOW).outcome).toBe('allow');
    expect(runPolicyTests(policy).map(({ question, passed }) => [question, passed])).toEqual([
      ['tcp://db.example.com:5432', true],
      ['tcp://db.example.com:5433', true],
    ]);
    const lines = showPolicy(policy.canonical, policy.digest).split('\n');
    expect(lines).toContain('  - connections of its own to tcp://db.example.com:5432, together at most 1 MiB per day');
    expect(lines).toContain('  - connections of its own to tcp://*.cluster.example:6379, together at most 10 per day');
  });

  it('stands in the canonical form in the order of the file', () => {
    expect(policy.canonical.egress).toEqual([
      { to: 'tcp://db.example.com:5432', limit: '1 MiB/day' },
      { to: 'https://api.example.com/**', methods: ['GET'], pin: null, limit: null, credential: null, trust: null },
      { to: 'tcp://*.cluster.example:6379', limit: '10/day' },
      { to: 'tcp://10.0.0.5:5432', limit: null },
      { to: 'tcp://[2001:db8::5]:5432', limit: null },
    ]);
    expect(policy.canonical.tests[0]).toEqual({ egress: 'tcp://db.example.com:5432', expect: 'allow' });
  });

  it('changes the digest, and its absence leaves it as it was', () => {
    expect(parse(RULES.replace('5432\n    limit', '5433\n    limit')).digest).not.toBe(policy.digest);
    expect(parse(RULES.replace('1 MiB', '2 MiB')).digest).not.toBe(policy.digest);
    expect(parse(SAMPLE).digest).toBe('sha256:1c1b1c34a35ca194953fcd3ba6d47801aa5967dbc4b55c0bd01c70595e614980');
  });
});
