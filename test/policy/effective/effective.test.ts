/** What several owners allow together: each part of it from two or three policies that differ in one thing. */
import { describe, expect, it } from 'vitest';
import type { CanonicalPolicy } from '../../../src/policy/canonical.ts';
import { combinePolicies, type EffectiveFunction } from '../../../src/policy/effective/effective.ts';
import { combine, DIGEST, OTHER_DIGEST, policyOf } from './owners.ts';

/** The function `f` of owners a, b and c with these sections. */
function together(...sections: readonly object[]): EffectiveFunction | undefined {
  return combine(...sections.map((more, i) => policyOf('abc'.charAt(i), more))).find(({ name }) => name === 'f');
}

const query = (to: string, limit?: string, allow: readonly string[] = ['ada']): object => ({
  allow,
  to,
  ...(limit === undefined ? {} : { limit }),
});

describe('a function', () => {
  it('is of those who list it, and runs where they mean the same code', () => {
    const f = { functions: { f: DIGEST } };
    const other = { functions: { f: OTHER_DIGEST } };
    expect(together(f, { functions: { g: DIGEST } }, f)).toMatchObject({ owners: ['a', 'c'], terms: DIGEST });
    expect(together(f, f, other)?.terms).toBe(null);
    expect(together(other, f, other)?.terms).toBe(null);
    expect(together(other, other)?.terms).toBe(OTHER_DIGEST);
  });

  it('is there once for each name, in the order of names', () => {
    const b = policyOf('b', { functions: { g: DIGEST, e: DIGEST } });
    expect(combine(policyOf('a'), b).map(({ name, owners }) => [name, owners])).toEqual([
      ['e', ['b']],
      ['f', ['a']],
      ['g', ['b']],
    ]);
    expect(combine()).toEqual([]);
  });

  it('has the strictest terms', () => {
    const terms = (more: object): object => ({ functions: { f: { digest: DIGEST, ...more } } });
    expect(together(terms({ deadline: '5 s', memory: '1 MiB' }), terms({ deadline: '9 s' }), {})?.terms).toMatchObject({
      deadline: '5000 ms',
      memory: '1048576 B',
    });
  });

  it('is in force while all of them are', () => {
    const during = (from: string, until: string): object => ({ valid: { from, until } });
    const [early, late, after] = [
      during('2026-01-01', '2027-01-01'),
      during('2026-06-01', '2028-01-01'),
      during('2027-01-01', '2028-01-01'),
    ];
    const both = { from: '2026-06-01T00:00:00.000Z', until: '2027-01-01T00:00:00.000Z' };
    expect([together(early, late)?.valid, together(late, early)?.valid]).toEqual([both, both]);
    expect(together(early, after)?.valid).toBe(null);
  });
});

describe('queries', () => {
  const queries = (...rules: readonly object[]): object => ({ queries: rules });
  it('are what one path and one method of each name, with the callers of each', () => {
    const a = queries(query('POST /f/*'), query('GET /f/x', undefined, ['ada', 'bob']));
    const b = queries(query('POST /f/x', undefined, ['bob']), query('POST /f/y'), query('PUT /f/x'));
    const callers = (allow: string) => [
      { owner: 'a', allow: ['ada'] },
      { owner: 'b', allow: [allow] },
    ];
    expect(together(a, b)?.queries).toEqual([
      { to: 'POST /f/x', callers: callers('bob'), limits: [] },
      { to: 'POST /f/y', callers: callers('ada'), limits: [] },
    ]);
  });

  it('are only those of the function, and only where somebody is allowed', () => {
    const both = { functions: { f: DIGEST, g: DIGEST } };
    const rules = [query('POST /f'), query('POST /g'), query('POST /f/x', undefined, [])];
    const { queries: own } = together({ ...both, ...queries(...rules) }) ?? {};
    expect(own?.map(({ to }) => to)).toEqual(['POST /f']);
  });

  it('that one allows and another does not are said with both names', () => {
    const a = queries(query('POST /f/x'), query('POST /f/z'));
    const b = queries(query('POST /f/y'), query('POST /f/z'));
    expect(together(a, b)?.blocked).toEqual([
      { owner: 'a', to: 'POST /f/x', by: 'b' },
      { owner: 'b', to: 'POST /f/y', by: 'a' },
    ]);
    expect(together(queries(query('POST /f/x')), {}, {})?.blocked).toEqual([
      { owner: 'a', to: 'POST /f/x', by: 'b' },
      { owner: 'a', to: 'POST /f/x', by: 'c' },
    ]);
    expect(together(a, a)?.blocked).toEqual([]);
  });

  it.each<readonly [what: string, limits: readonly (string | undefined)[], kept: readonly string[]]>([
    ['none', [undefined, undefined], []],
    ['the one there is', [undefined, '5/day'], ['5/day of b']],
    ['the smaller one', ['20/day', '100/day'], ['20/day of a']],
    ['the smaller one, in the other order', ['100/day', '20/day'], ['20/day of b']],
    ['the first of two that are the same', ['20/day', '20/day'], ['20/day of a']],
    ['one for each time', ['20/day', '30/hour', '10/day'], ['10/day of c', '30/hour of b']],
  ])('have of several limits %s', (_what, limits, kept) => {
    const found = together(...limits.map((limit) => queries(query('POST /f', limit))))?.queries[0]?.limits;
    expect(found?.map(({ owner, limit }) => `${limit} of ${owner}`)).toEqual(kept);
  });

  it('have limits of calls and of bytes side by side', () => {
    const egress = (limit: string): object => ({ egress: [{ to: 'https://a.test/**', methods: ['GET'], limit }] });
    expect(together(egress('5/day'), egress('1 B/day'))?.egress[0]?.limits).toEqual([
      { owner: 'a', limit: '5/day' },
      { owner: 'b', limit: '1 B/day' },
    ]);
  });
});

describe('connections', () => {
  const PIN = `spki-sha256:${'11'.repeat(32)}`;
  const OTHER_PIN = `spki-sha256:${'22'.repeat(32)}`;
  const egress = (...rules: readonly object[]): object => ({ egress: rules });
  const request = (to: string, methods: readonly string[] = ['GET'], more: object = {}): object => ({
    to,
    methods,
    ...more,
  });
  const open = { pins: [], limits: [] };

  it.each<readonly [what: string, a: object, b: object, both: object | null]>([
    [
      'the same',
      request('https://a.test/x'),
      request('https://a.test/x'),
      { to: 'https://a.test/x', methods: ['GET'], ...open },
    ],
    [
      'a narrower path',
      request('https://a.test/**'),
      request('https://a.test/x'),
      { to: 'https://a.test/x', methods: ['GET'], ...open },
    ],
    [
      'a narrower host',
      request('https://*.a.test:8443/x'),
      request('https://b.a.test:8443/x'),
      { to: 'https://b.a.test:8443/x', methods: ['GET'], ...open },
    ],
    [
      'some methods',
      request('https://a.test/x', ['GET', 'PUT']),
      request('https://a.test/x', ['POST', 'PUT']),
      { to: 'https://a.test/x', methods: ['PUT'], ...open },
    ],
    ['no method', request('https://a.test/x', ['GET']), request('https://a.test/x', ['POST']), null],
    ['another path', request('https://a.test/x'), request('https://a.test/y'), null],
    ['another host', request('https://a.test/x'), request('https://b.test/x'), null],
    ['another port', request('https://a.test/x'), request('https://a.test:8443/x'), null],
    ['another scheme on the same port', request('https://a.test:80/x'), request('http://a.test/x'), null],
    [
      'one pin',
      request('https://a.test/x', ['GET'], { pin: PIN }),
      request('https://a.test/x'),
      { to: 'https://a.test/x', methods: ['GET'], pins: [PIN], limits: [] },
    ],
    [
      'the same pin',
      request('https://a.test/x', ['GET'], { pin: PIN }),
      request('https://a.test/x', ['GET'], { pin: PIN }),
      { to: 'https://a.test/x', methods: ['GET'], pins: [PIN], limits: [] },
    ],
    [
      'another pin',
      request('https://a.test/x', ['GET'], { pin: PIN }),
      request('https://a.test/x', ['GET'], { pin: OTHER_PIN }),
      null,
    ],
    [
      'a limit of each',
      request('https://a.test/x', ['GET'], { limit: '1/day' }),
      request('https://a.test/x', ['GET'], { limit: '2/hour' }),
      {
        to: 'https://a.test/x',
        methods: ['GET'],
        pins: [],
        limits: [
          { owner: 'a', limit: '1/day' },
          { owner: 'b', limit: '2/hour' },
        ],
      },
    ],
    [
      'the same of its own',
      { to: 'tcp://a.test:1' },
      { to: 'tcp://a.test:1' },
      { to: 'tcp://a.test:1', methods: [], ...open },
    ],
    [
      'a narrower host of its own',
      { to: 'tcp://*.a.test:1' },
      { to: 'tcp://b.a.test:1' },
      { to: 'tcp://b.a.test:1', methods: [], ...open },
    ],
    [
      'an address of its own',
      { to: 'tcp://[2001:db8::1]:1' },
      { to: 'tcp://[2001:db8::1]:1' },
      { to: 'tcp://[2001:db8::1]:1', methods: [], ...open },
    ],
    ['another port of its own', { to: 'tcp://a.test:1' }, { to: 'tcp://a.test:2' }, null],
    ['another host of its own', { to: 'tcp://a.test:1' }, { to: 'tcp://b.test:1' }, null],
    [
      'a limit of each, of its own',
      { to: 'tcp://a.test:1', limit: '1/day' },
      { to: 'tcp://a.test:1', limit: '2/hour' },
      {
        to: 'tcp://a.test:1',
        methods: [],
        pins: [],
        limits: [
          { owner: 'a', limit: '1/day' },
          { owner: 'b', limit: '2/hour' },
        ],
      },
    ],
    ['requests, and connections of its own', request('https://a.test:1/**'), { to: 'tcp://a.test:1' }, null],
  ])('%s', (_what, a, b, both) => {
    expect(together(egress(a), egress(b))?.egress).toEqual(both === null ? [] : [both]);
  });

  it('of one owner are as they are written, requests first', () => {
    const rules = [{ to: 'tcp://a.test:1' }, request('https://a.test/x')];
    expect(together(egress(...rules))?.egress.map(({ to }) => to)).toEqual(['https://a.test/x', 'tcp://a.test:1']);
  });
});

describe('results', () => {
  const results = (max: string, ...types: readonly string[]): object => ({ results: { max, types } });
  it.each([
    ['the smaller size', results('2 KiB', 'a/b'), results('1 KiB', 'a/b'), { maxBytes: 1024, types: ['a/b'] }],
    [
      'the smaller size, in the other order',
      results('1 KiB', 'a/b'),
      results('2 KiB', 'a/b'),
      { maxBytes: 1024, types: ['a/b'] },
    ],
    ['the types of both', results('1 B', 'a/b', 'c/d'), results('1 B', 'c/d', 'e/f'), { maxBytes: 1, types: ['c/d'] }],
    ['no type', results('1 B', 'a/b'), results('1 B', 'c/d'), { maxBytes: 1, types: [] }],
    ['none of one', results('1 B', 'a/b'), {}, null],
    ['none of the other', {}, results('1 B', 'a/b'), null],
  ])('%s', (_what, a, b, both) => {
    expect(together(a, b)?.results).toEqual(both);
  });

  it('of three are what all of them let out', () => {
    const some = together(results('3 B', 'a/b', 'c/d'), results('1 B', 'c/d', 'a/b'), results('2 B', 'c/d'));
    expect(some?.results).toEqual({ maxBytes: 1, types: ['c/d'] });
  });
});

describe('a policy that a newer worker shows', () => {
  it('allows nothing by what cannot be read', () => {
    const { canonical } = policyOf('a', {
      queries: [query('POST /f/x')],
      egress: [{ to: 'https://a.test/x', methods: ['GET'] }, { to: 'tcp://a.test:1' }],
      results: { max: '1 B', types: ['a/b'] },
    });
    const limit = { allow: ['ada'], to: 'POST /f/y', limit: '5/fortnight' };
    const newer: CanonicalPolicy = {
      ...canonical,
      queries: [...canonical.queries, { allow: ['ada'], to: 'POST f', limit: null }, { ...limit }],
      egress: [
        ...canonical.egress,
        { to: 'quic://a.test/x', methods: ['GET'], pin: null, limit: null, credential: null, trust: null },
        { to: 'tcp://a.test', limit: null },
      ],
      results: { max: '1 furlong', types: ['a/b'] },
    };
    const [effective] = combinePolicies([newer]);
    expect(effective?.queries.map(({ to, limits }) => [to, limits])).toEqual([
      ['POST /f/x', []],
      // A limit is told as it is written.
      ['POST /f/y', [{ owner: 'a', limit: '5/fortnight' }]],
    ]);
    expect(effective?.egress.map(({ to }) => to)).toEqual(['https://a.test/x', 'tcp://a.test:1']);
    expect(effective?.results).toBe(null);
  });
});

describe('combinations', () => {
  const many = (count: number): object => ({
    queries: Array.from({ length: count }, (_, i) => query(`POST /f/${i}/**`)),
  });
  it('are looked at up to ten thousand', () => {
    expect(together(many(100), many(100))?.queries.length).toBe(100);
  });

  it('beyond that are refused', () => {
    expect(() => together(many(100), many(101))).toThrow(
      expect.objectContaining({ code: 'ERR_POLICY_LIMIT' }) as Error,
    );
  });
});
