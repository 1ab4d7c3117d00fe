/** Who decides about a function, before and after a change, and that no coming or going of an owner allows more. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { openReplayCache } from '../../src/enclave/callers/replay-cache.ts';
import {
  decidersOf,
  openPolicyRegister,
  openVersionMemory,
  type PolicyRegister,
  type Standings,
  standWith,
  standWithdrawn,
} from '../../src/enclave/policy-register.ts';
import { openStandingGrant } from '../../src/enclave/standing-grant.ts';
import { decideEgressForAll, decideQueryForAll } from '../../src/policy/combine.ts';
import { parseOwnerPolicy } from '../../src/policy/parse.ts';
import type { OwnerPolicy } from '../../src/policy/policy.ts';

const NOW = new Date('2026-12-01T12:00:00Z');
const DIGESTS = ['ab', 'cd'].map((pair) => `sha256:${pair.repeat(32)}` as const);
const KEY = 'ed25519:MCowBQYDK2VwAyEALoTJQJM/T6kT2uOeLQ651DvzdM7NtljB7mLxhMBFsyk=';

interface Written {
  readonly owner: string;
  readonly version?: number;
  readonly functions?: Readonly<Record<string, string>>;
  readonly queries?: readonly string[];
  readonly egress?: readonly string[];
}

function policyOf({ owner, version = 1, functions = {}, queries = [], egress = [] }: Written): OwnerPolicy {
  const text = {
    anchorhold: 'owner-policy/1',
    owner,
    version: String(version),
    valid: { from: '2026-01-01', until: '2028-01-01' },
    functions,
    callers: { ada: { key: KEY } },
    queries: queries.map((to) => ({ allow: 'ada', to })),
    egress: egress.map((to) => ({ to, methods: ['GET'] })),
  };
  return parseOwnerPolicy(JSON.stringify(text), { file: `${owner}.yaml`, references: () => null });
}

const open = (...policies: OwnerPolicy[]): PolicyRegister => openPolicyRegister(policies, {}, openVersionMemory());

function mayAsk(standings: Standings, name: string, path: string, digest: string): boolean {
  const owners = decidersOf(standings, name).map(({ policy }) => ({ policy, callers: new Set(['ada']) }));
  return decideQueryForAll(owners, { method: 'POST', path, functionDigest: digest, now: NOW }).outcome === 'allow';
}

function mayConnect(standings: Standings, name: string, url: string, digest: string): boolean {
  const policies = decidersOf(standings, name).map(({ policy }) => policy);
  return decideEgressForAll(policies, { method: 'GET', url, functionDigest: digest, now: NOW }).outcome === 'allow';
}

describe('a register', () => {
  const a = policyOf({ owner: 'a', functions: { f: DIGESTS[0] ?? '' } });
  const b = policyOf({ owner: 'b', functions: { f: DIGESTS[0] ?? '', g: DIGESTS[1] ?? '' } });

  it('gives the same deciders until a change, and others from then on', () => {
    const register = open(a, b);
    const before = register.policiesFor('f');
    expect(before).toEqual([a, b]);
    expect(register.policiesFor('f')).toBe(before);
    expect([register.policiesFor('g'), register.policiesFor('none')]).toEqual([[b], []]);
    const next = policyOf({ owner: 'a', version: 2 });
    register.commit(standWith(register.standings, next));
    expect(register.policiesFor('f')).toEqual([b]);
    expect([register.epoch, register.policies()]).toEqual([1, [next, b]]);
  });

  it('keeps the nonces of an owner over a change', () => {
    const register = open(a);
    const replay = register.standings[0]?.replay ?? openReplayCache({ maxNonces: 1, maxNoncesPerKey: 1 });
    expect(replay.admit('key', 'nonce', NOW.getTime() / 1000 + 60, NOW)).toBe('fresh');
    register.commit(standWith(register.standings, policyOf({ owner: 'a', version: 2 })));
    expect(register.standings[0]?.replay.admit('key', 'nonce', NOW.getTime() / 1000 + 60, NOW)).toBe('replayed');
  });

  it('remembers the highest version, also of those who have withdrawn', () => {
    const register = open(policyOf({ owner: 'a', version: 7 }));
    expect([register.lastVersion('a'), register.lastVersion('b')]).toEqual([7, 0]);
    register.commit(standWithdrawn(register.standings, 'a', NOW));
    expect([register.lastVersion('a'), register.policies()]).toEqual([7, []]);
  });

  it.each([
    [
      { version: 7, withdrawn: true },
      { version: 7, withdrawn: true },
    ],
    [
      { version: 6, withdrawn: true },
      { version: 7, withdrawn: false },
    ],
    [
      { version: 8, withdrawn: false },
      { version: 8, withdrawn: false },
    ],
  ])('remembers %j after version 7', (seen, last) => {
    const memory = openVersionMemory();
    memory.remember('a', { version: 7, withdrawn: false });
    memory.remember('a', seen);
    expect(memory.last('a')).toEqual(last);
    // Only a higher version ends a withdrawal.
    memory.remember('a', { ...last, withdrawn: false });
    expect(memory.last('a')).toEqual(last);
  });

  it('lets nobody change what says nothing of changes, and newcomers only as configured', () => {
    const rules = { keys: [new Uint8Array(44)], needed: 1 };
    const register = openPolicyRegister([a], { b: rules, a: rules }, openVersionMemory());
    expect([register.changeRules('a'), register.changeRules('b'), register.changeRules('c')]).toEqual([
      null,
      rules,
      null,
    ]);
    expect(register.changeRules('toString')).toBeNull();
  });
});

describe('whoever comes or goes', () => {
  const functions = fc.dictionary(fc.constantFrom('f', 'g'), fc.constantFrom(...DIGESTS));
  const written = (owner: string): fc.Arbitrary<OwnerPolicy> =>
    fc
      .record({
        functions,
        queries: fc.uniqueArray(fc.constantFrom('/f', '/f/*', '/f/**', '/f/x', '/g', '/g/**')),
        egress: fc.uniqueArray(fc.constantFrom('https://a.test/**', 'https://*.a.test/x', 'https://a.test/x')),
        version: fc.integer({ min: 1, max: 3 }),
      })
      .map(({ queries, ...more }) => {
        // A policy may only speak of functions that it lists.
        const about = queries.filter((path) => Object.hasOwn(more.functions, path[1] ?? ''));
        return policyOf({ ...more, owner, queries: about.map((path) => `POST ${path}`) });
      });
  const questions = ['f', 'g'].flatMap((name) =>
    DIGESTS.flatMap((digest) => [
      ...['', '/x', '/x/y'].map((rest) => (standings: Standings) => mayAsk(standings, name, `/${name}${rest}`, digest)),
      ...['https://a.test/x', 'https://b.a.test/x', 'https://a.test/y'].map(
        (url) => (standings: Standings) => mayConnect(standings, name, url, digest),
      ),
    ]).map((question) => ({ name, question })),
  );
  const some = fc.tuple(written('a'), written('b'));
  const stand = (policies: readonly OwnerPolicy[]): Standings => policies.reduce<Standings>(standWith, []);

  it('never allows more by coming, for a function that somebody lists already', () => {
    let narrowed = 0;
    fc.assert(
      fc.property(some, written('c'), (policies, newcomer) => {
        const before = stand(policies);
        const after = standWith(before, newcomer);
        for (const { name, question } of questions) {
          if (decidersOf(before, name).length === 0) continue;
          if (question(after)) expect(question(before)).toBe(true);
          else if (question(before)) narrowed += 1;
        }
      }),
      { numRuns: 300 },
    );
    expect(narrowed).toBeGreaterThan(30);
  });

  it('never allows more by withdrawing, and nothing of what it listed', () => {
    let stopped = 0;
    fc.assert(
      fc.property(some, fc.constantFrom('a', 'b'), (policies, owner) => {
        const before = stand(policies);
        const after = standWithdrawn(before, owner, NOW);
        const lists = (name: string): boolean =>
          policies.some((policy) => policy.owner === owner && policy.functions.some((f) => f.name === name));
        for (const { name, question } of questions) {
          expect(question(after)).toBe(question(before) && !lists(name));
          if (question(before) && lists(name)) stopped += 1;
        }
      }),
      { numRuns: 300 },
    );
    expect(stopped).toBeGreaterThan(30);
  });
});

describe('what was allowed', () => {
  const a = policyOf({ owner: 'a' });

  it('is asked again after a change only, and once refused stays refused', () => {
    let policies = [a];
    const asked: unknown[] = [];
    let answer = true;
    const isStillAllowed = openStandingGrant(
      () => policies,
      (current) => {
        asked.push(current);
        return answer;
      },
    );
    expect([isStillAllowed(), asked.length]).toEqual([true, 0]);
    policies = [a, a];
    expect([isStillAllowed(), isStillAllowed(), asked]).toEqual([true, true, [[a, a]]]);
    [policies, answer] = [[], false];
    expect(isStillAllowed()).toBe(false);
    [policies, answer] = [[a], true];
    expect([isStillAllowed(), asked.length]).toEqual([false, 2]);
  });
});
