/** What owners allow together: held against the decisions themselves, question by question, and a whole example in words. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decideEgressForAll, decideQueryForAll } from '../../src/policy/combine.ts';
import { combinePolicies } from '../../src/policy/effective/effective.ts';
import { explainTogether } from '../../src/policy/effective/explain-together.ts';
import { intersectPaths } from '../../src/policy/effective/intersect.ts';
import { showEffective } from '../../src/policy/effective/show-effective.ts';
import { parseOwnerPolicy } from '../../src/policy/parse.ts';
import { matchesPath, parsePath, parsePathPattern } from '../../src/policy/path.ts';
import type { OwnerPolicy } from '../../src/policy/policy.ts';
import { parseTarget, parseTargetPattern } from '../../src/policy/target.ts';
import { KEY_A, KEY_B } from './sample.ts';
import { matchesTarget } from './walk.ts';

const DIGEST = `sha256:${'ab'.repeat(32)}`;
const NOW = new Date('2026-12-01T12:00:00Z');

function policyOf(owner: string, more: object = {}): OwnerPolicy {
  const text = {
    anchorhold: 'owner-policy/1',
    owner,
    version: '1',
    valid: { from: '2026-01-01', until: '2028-01-01' },
    functions: { f: DIGEST },
    callers: { ada: { key: KEY_A }, bob: { key: KEY_B } },
    ...more,
  };
  return parseOwnerPolicy(JSON.stringify(text), { file: `${owner}.yaml`, references: () => null });
}

const combine = (...policies: OwnerPolicy[]): ReturnType<typeof combinePolicies> =>
  combinePolicies(policies.map(({ canonical }) => canonical));

describe('together', () => {
  const rule = fc.record({
    allow: fc.subarray(['ada', 'bob'], { minLength: 1 }),
    to: fc.constantFrom(
      'POST /f',
      'POST /f/*',
      'POST /f/**',
      'GET /f/*/x',
      'POST /f/x',
      'POST /f/x/**',
      'POST /f/a%2Fb',
    ),
  });
  const door = fc.constantFrom(
    'https://a.test/**',
    'https://a.test/x/*',
    'https://*.a.test/x',
    'https://b.a.test/**',
    'https://a.test:8443/**',
    'http://a.test/**',
  );
  const policy = (owner: string): fc.Arbitrary<OwnerPolicy> =>
    fc
      .record({
        queries: fc.uniqueArray(rule, { selector: ({ to }) => to, maxLength: 4 }),
        egress: fc.uniqueArray(door, { maxLength: 3 }),
      })
      .map(({ queries, egress }) =>
        policyOf(owner, { queries, egress: egress.map((to) => ({ to, methods: ['GET'] })) }),
      );
  const owners = fc.tuple(policy('a'), policy('b'), policy('c'));
  const paths = ['/f', '/f/x', '/f/y', '/f/x/y', '/f/x/', '/f/y/x', '/f/a%2Fb', '/f/x/a%2Fb', '/f/'];
  const urls = [
    'https://a.test/x/y',
    'https://a.test/z',
    'https://b.a.test/x',
    'https://c.a.test/x',
    'https://a.test:8443/',
    'http://a.test/q',
  ];

  it('is allowed exactly what each of the owners decides to allow', () => {
    let allowed = 0;
    fc.assert(
      fc.property(owners, fc.tuple(...['a', 'b', 'c'].map(() => fc.subarray(['ada', 'bob']))), (policies, proven) => {
        const [effective] = combine(...policies);
        for (const method of ['GET', 'POST'])
          for (const path of paths) {
            const asked = policies.map((one, i) => ({ policy: one, callers: new Set(proven[i]) }));
            const decision = decideQueryForAll(asked, { method, path, functionDigest: DIGEST, now: NOW });
            const segments = parsePath(path);
            const isIn = (effective?.queries ?? []).some(({ to, callers }) => {
              const [verb, text = ''] = to.split(' ');
              const pattern = parsePathPattern(text);
              return (
                verb === method &&
                pattern.ok &&
                segments.ok &&
                matchesPath(pattern.value, segments.value) &&
                callers.every(({ owner, allow }) => proven['abc'.indexOf(owner)]?.some((name) => allow.includes(name)))
              );
            });
            expect([path, isIn]).toEqual([path, decision.outcome === 'allow']);
            if (isIn) allowed += 1;
          }
        for (const url of urls) {
          const decision = decideEgressForAll(policies, { method: 'GET', url, functionDigest: DIGEST, now: NOW });
          const target = parseTarget(url);
          const isIn = (effective?.egress ?? []).some(({ to }) => {
            const pattern = parseTargetPattern(to);
            return pattern.ok && target.ok && matchesTarget(pattern.value, target.value);
          });
          expect([url, isIn]).toEqual([url, decision.outcome === 'allow']);
          if (isIn) allowed += 1;
        }
      }),
      { numRuns: 1000 },
    );
    expect(allowed).toBeGreaterThan(100);
  });

  it('two patterns name what one names, or nothing', () => {
    const segment = fc.constantFrom('a', 'b', '*', 'x%2Fy');
    const pattern = fc
      .tuple(fc.array(segment, { maxLength: 3 }), fc.boolean())
      .map(([segments, open]) => ({ segments: open ? [...segments, '**'] : segments }))
      .filter(({ segments }) => segments.length > 0);
    const path = fc.array(fc.constantFrom('a', 'b', 'x%2Fy', ''), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(pattern, pattern, path, (a, b, asked) => {
        const both = intersectPaths(a, b);
        expect(both !== null && matchesPath(both, asked)).toBe(matchesPath(a, asked) && matchesPath(b, asked));
      }),
      { numRuns: 5000 },
    );
  });
});

describe('of several owners', () => {
  const results = (max: string, types: readonly string[]): object => ({ results: { max, types } });

  it('the strictest limit, the shortest time and the smallest answer hold', () => {
    const query = (limit: string): object => ({ queries: [{ allow: 'ada', to: 'POST /f', limit }] });
    const a = policyOf('a', { ...query('100/day'), ...results('64 KiB', ['text/plain', 'application/json']) });
    const b = policyOf('b', {
      ...query('20/day'),
      ...results('1 KiB', ['application/json']),
      valid: { from: '2026-06-01', until: '2027-01-01' },
      functions: { f: { digest: DIGEST, deadline: '5 s' } },
    });
    const c = policyOf('c', { ...query('3/minute'), ...results('2 KiB', ['application/json']) });
    expect(combine(a, b, c)[0]).toMatchObject({
      owners: ['a', 'b', 'c'],
      terms: { deadline: '5000 ms' },
      valid: { from: '2026-06-01T00:00:00.000Z', until: '2027-01-01T00:00:00.000Z' },
      queries: [
        {
          limits: [
            { owner: 'b', limit: '20/day' },
            { owner: 'c', limit: '3/minute' },
          ],
        },
      ],
      results: { maxBytes: 1024, types: ['application/json'] },
    });
  });

  it('who stands in the way of a rule is named', () => {
    const a = policyOf('a', { queries: [{ allow: 'ada', to: 'POST /f/x' }] });
    expect(combine(a, policyOf('b'))[0]).toMatchObject({
      queries: [],
      blocked: [{ owner: 'a', to: 'POST /f/x', by: 'b' }],
    });
  });

  it.each([
    ['other code', policyOf('b', { functions: { f: `sha256:${'cd'.repeat(32)}` } }), { terms: null }],
    ['another time', policyOf('b', { valid: { from: '2028-01-01', until: '2029-01-01' } }), { valid: null }],
    ['no results', policyOf('b'), { results: null }],
    [
      'another server key',
      policyOf('b', { egress: [{ to: 'https://a.test/**', methods: ['GET'], pin: `spki-sha256:${'11'.repeat(32)}` }] }),
      { egress: [] },
    ],
    ['another method', policyOf('b', { egress: [{ to: 'https://a.test/**', methods: ['POST'] }] }), { egress: [] }],
  ])('%s leaves nothing of it', (_what, other, expected) => {
    const a = policyOf('a', {
      egress: [{ to: 'https://a.test/**', methods: ['GET'], pin: `spki-sha256:${'22'.repeat(32)}` }],
      ...results('1 KiB', ['text/plain']),
    });
    expect(combine(a, other)[0]).toMatchObject(expected);
  });

  it('connections of its own need the same rule of each', () => {
    const tcp = (to: string): object => ({ egress: [{ to }] });
    expect(
      combine(policyOf('a', tcp('tcp://*.db.test:5432')), policyOf('b', tcp('tcp://x.db.test:5432')))[0]?.egress,
    ).toMatchObject([{ to: 'tcp://x.db.test:5432' }]);
    expect(
      combine(policyOf('a', tcp('tcp://x.db.test:5432')), policyOf('b', tcp('tcp://x.db.test:1')))[0]?.egress,
    ).toEqual([]);
  });

  it('functions that one of them lists alone are its own', () => {
    const b = policyOf('b', { functions: { g: DIGEST }, queries: [{ allow: 'bob', to: 'POST /g' }] });
    expect(combine(policyOf('a'), b).map(({ name, owners }) => [name, owners])).toEqual([
      ['f', ['a']],
      ['g', ['b']],
    ]);
  });

  it('too many combinations are refused', () => {
    const many = Array.from({ length: 200 }, (_, i) => ({ allow: 'ada', to: `POST /f/${i}/**` }));
    const policies = ['a', 'b', 'c'].map((owner) => policyOf(owner, { queries: many }));
    expect(() => combine(...policies)).toThrow(expect.objectContaining({ code: 'ERR_POLICY_LIMIT' }) as Error);
  });

  it('a question is decided by all of them, and the first who refuses is named with its line', () => {
    const a = policyOf('a', {
      queries: [{ allow: ['ada', 'bob'], to: 'POST /f' }],
      egress: [{ to: 'https://a.test/**', methods: ['GET'] }],
    });
    const b = policyOf('b', { queries: [{ allow: 'bob', to: 'POST /f' }] });
    const other = policyOf('b', {
      functions: { f: `sha256:${'cd'.repeat(32)}` },
      queries: [{ allow: 'bob', to: 'POST /f' }],
    });
    const decide = (
      policies: readonly OwnerPolicy[],
      text: string,
      callers: Readonly<Record<string, string>>,
      name: string | null = null,
    ): unknown => {
      const asked = { text, callers: new Map(Object.entries(callers)), function: name };
      const decision = explainTogether(policies, asked, NOW);
      return decision.ok ? [decision.value.outcome, decision.value.owner, decision.value.at.file] : 'refused';
    };
    const bob = { a: 'bob', b: 'bob' };
    expect(decide([a, b], 'POST /f', bob)).toEqual(['allow', 'a and b', 'a.yaml']);
    expect(decide([a, b], 'POST /f', { a: 'ada', b: 'ada' })).toEqual(['deny', 'b', 'b.yaml']);
    expect(decide([a, b], 'POST /f', { a: 'bob' })).toEqual(['deny', 'b', 'b.yaml']);
    expect(decide([a, other], 'POST /f', bob)).toEqual(['deny', 'b', 'b.yaml']);
    expect(decide([a], 'GET https://a.test/x', {}, 'f')).toEqual(['allow', 'a', 'a.yaml']);
    expect(decide([a, b], 'GET https://a.test/x', {}, 'f')).toEqual(['deny', 'b', 'b.yaml']);
    expect(decide([a, b], 'tcp://a.test:1', {}, 'f')).toEqual(['deny', 'a', 'a.yaml']);
    expect(decide([a, b], 'POST /g', bob)).toEqual(['deny', '', '']);
    expect([decide([a, b], 'GET https://a.test/x', {}), decide([a, b], 'POST /f', { a: 'eve' })]).toEqual([
      'refused',
      'refused',
    ]);
  });

  it('all of it is said in words', () => {
    const a = policyOf('a', {
      queries: [{ allow: ['ada', 'bob'], to: 'POST /f/**', limit: '100/day' }],
      egress: [{ to: 'https://a.test/**', methods: ['GET'] }],
      ...results('1 KiB', ['text/plain']),
    });
    const b = policyOf('b', { queries: [{ allow: 'bob', to: 'POST /f/*' }], ...results('2 KiB', ['text/plain']) });
    expect(showEffective(combine(a, b))).toBe(`Function f
  a and b must all allow what happens.
  In force from 2026-01-01T00:00:00.000Z until just before 2028-01-01T00:00:00.000Z.
  code: exactly ${DIGEST}
  Who may ask what
    - POST /f/*: whoever proves to be ada or bob to a and bob to b, each at most 100 per day (a)
  Where the code may connect
    nowhere
  What may come back
    at most 1 KiB, as text/plain
`);
    expect(showEffective([])).toBe('No owner lists any code, so nothing is allowed.\n');
  });
});
