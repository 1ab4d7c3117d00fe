/** The laws of the language once more, on policies with every section: what takes something away opens nothing, and the digest sees every difference. */
import { describe, expect, it } from 'vitest';
import { makePlan, parsePlan } from '../../fuzz/policy-universe.ts';
import { createRandom } from '../../fuzz/random.ts';
import { decideConnectionForAll, decideLookupForAll } from '../../src/policy/combine.ts';
import { comparePolicies } from '../../src/policy/compare/compare-policies.ts';
import type { OwnerPolicy } from '../../src/policy/policy.ts';

type Plan = ReturnType<typeof makePlan>;

/** Lists and maps whose entries only open. */
const OPENING = ['queries', 'egress', 'data', 'secrets'];

/** Takes one entry out of a section that has one; null when there is nothing to take. */
function withoutOne(plan: Plan, name: string, which: number): Plan | null {
  const section = plan[name];
  if (typeof section !== 'object' || section === null) return null;
  const entries = Object.entries(section);
  const kept = entries.filter((_, i) => i !== which % entries.length);
  if (entries.length === 0) return null;
  return {
    ...plan,
    [name]: Array.isArray(section) ? kept.map(([, value]) => value as unknown) : Object.fromEntries(kept),
  };
}

function* policies(
  name: string,
  count: number,
): Generator<readonly [Plan, OwnerPolicy, ReturnType<typeof createRandom>]> {
  for (let number = 0; number < count; number++) {
    const random = createRandom(name, number);
    const plan = makePlan(random);
    const policy = parsePlan(plan);
    if (policy !== null) yield [plan, policy, random];
  }
}

describe('a policy with every section', () => {
  it('opens nothing when a rule, a file or a secret is taken out, and its digest changes', () => {
    let removed = 0;
    for (const [plan, policy, random] of policies('removal', 250)) {
      for (const name of OPENING) {
        const less = withoutOne(plan, name, random.below(4));
        const narrower = less === null ? null : parsePlan(less);
        if (narrower === null) continue;
        removed++;
        expect(comparePolicies(policy, narrower).opened).toEqual([]);
        expect(narrower.digest).not.toBe(policy.digest);
      }
    }
    expect(removed).toBeGreaterThan(200);
  });

  it('opens nothing when a whole section that only opens is taken out', () => {
    for (const [plan, policy] of policies('section', 150)) {
      for (const name of [...OPENING, 'results', 'changes']) {
        const narrower = parsePlan({ ...plan, [name]: undefined });
        if (narrower !== null) expect(comparePolicies(policy, narrower).opened).toEqual([]);
      }
    }
  });

  it('opens nothing against itself, whatever the order of its keys, and has one digest', () => {
    for (const [plan, policy] of policies('order', 150)) {
      const turned = parsePlan(Object.fromEntries(Object.entries(plan).toReversed()));
      expect(turned?.digest).toBe(policy.digest);
      expect(turned === null ? null : comparePolicies(policy, turned)).toEqual({ opened: [], closed: [] });
    }
  });

  it('never lets more connections or lookups through when an owner is added', () => {
    const all = [...policies('owners', 200)].map(([, policy]) => policy);
    let allowed = 0;
    for (const [i, policy] of all.entries()) {
      const owners = [policy, all[i + 1] ?? policy];
      const asker = { functionDigest: policy.functions[0]?.digest ?? '', now: policy.valid.from };
      for (const host of ['x.example', 'a.x.example', '192.0.2.1']) {
        const ask = (list: readonly OwnerPolicy[]): readonly boolean[] => [
          decideConnectionForAll(list, { ...asker, url: `tcp://${host}:1` }).outcome === 'allow',
          decideLookupForAll(list, { ...asker, name: host }).outcome === 'allow',
        ];
        const [alone, joined] = [ask([policy]), ask(owners)];
        joined.forEach((isAllowed, which) => expect(!isAllowed || alone[which]).toBe(true));
        allowed += alone.filter(Boolean).length;
      }
    }
    expect(allowed).toBeGreaterThan(10);
  });
});
