/** What owners allow together, held against the decisions themselves, question by question. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decideEgressForAll, decideQueryForAll } from '../../src/policy/combine.ts';
import { intersectPaths } from '../../src/policy/intersect.ts';
import { matchesPath, parsePath, parsePathPattern } from '../../src/policy/path.ts';
import type { OwnerPolicy } from '../../src/policy/policy.ts';
import { parseTarget, parseTargetPattern } from '../../src/policy/target.ts';
import { combine, DIGEST, policyOf } from './effective/owners.ts';
import { matchesTarget } from './walk.ts';

const NOW = new Date('2026-12-01T12:00:00Z');

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
