/** Decisions look only at rules that can match; a plain walk through all rules finds the same ones, in the same order. */
import { describe, expect, it } from 'vitest';
import { makePair } from '../../fuzz/policy-universe.ts';
import { createRandom } from '../../fuzz/random.ts';
import { parseConnection } from '../../src/policy/connection.ts';
import { decideEgress, decideQuery } from '../../src/policy/decide.ts';
import { decideConnection, decideLookup } from '../../src/policy/decide-connection.ts';
import { matchesHost } from '../../src/policy/host.ts';
import { matchesPath, parsePath } from '../../src/policy/path.ts';
import type { OwnerPolicy } from '../../src/policy/policy.ts';
import { NameOrder, oncePer } from '../../src/policy/rule-index.ts';
import { parseTarget } from '../../src/policy/target.ts';
import { matchesConnection, matchesTarget } from './walk.ts';

const PATHS = ['', '/', '/a', '/b', '/z', '/a/b', '/a/a', '/z/a', '/a/', '/a/b/', '/a/b/z', '/c%2Fd', '/a/c%2Fd'];
const HOSTS = ['x.example', 'a.x.example', 'z.x.example', 'a.b.x.example', '192.0.2.1', 'evil.test'];

const valueOf = <T>(reading: { readonly ok: true; readonly value: T } | { readonly ok: false }): T => {
  if (!reading.ok) throw new Error('the test asks for what cannot be read');
  return reading.value;
};

/** Some policies of the small universe, each with a stream of choices. */
function* policies(count: number): Generator<readonly [OwnerPolicy, ReturnType<typeof createRandom>]> {
  for (let number = 0; number < count; number++) {
    const random = createRandom('rule-index', number);
    const policy = makePair(random)?.[1];
    if (policy !== undefined && policy.functions.length > 0 && policy.revoked.length === 0) yield [policy, random];
  }
}

describe('names in the order of a list', () => {
  const order = new NameOrder(['c', 'a', 'b', 'd']);

  it('are those of a set that are listed', () => {
    expect(order.pick(new Set(['a', 'b', 'x', 'd', 'c']))).toEqual(['c', 'a', 'b', 'd']);
    expect(order.pick(new Set(['d', 'x']))).toEqual(['d']);
    expect([order.has('a'), order.has('x')]).toEqual([true, false]);
  });
});

it('what is made of an object is made once', () => {
  let made = 0;
  const of = oncePer((key: object) => ({ key, number: ++made }));
  const [one, other] = [{}, {}];
  expect([of(one), of(other), of(one)].map(({ number }) => number)).toEqual([1, 2, 1]);
  expect(of(one).key).toBe(one);
});

describe('the rules that a decision finds', () => {
  it('for a query are those of a walk through all rules, and so is the nearest one of a denial', () => {
    const seen = { allow: 0, deny: 0 };
    for (const [policy, random] of policies(700)) {
      for (let asked = 0; asked < 20; asked++) {
        const path = `/f${random.pick(PATHS)}`;
        const method = random.pick(['GET', 'POST']);
        const callers = new Set(['three', 'one', 'two', 'unknown'].filter(() => random.chance(0.4)));
        const functionDigest = policy.functions.find(({ name }) => name === 'f')?.digest ?? '';
        const decision = decideQuery(policy, { callers, method, path, functionDigest, now: policy.valid.from });
        if (functionDigest === '') continue;
        const forAnyone = policy.queries.filter(
          (rule) => rule.method === method && matchesPath(rule.path, valueOf(parsePath(path))),
        );
        const forThem = policy.queries.filter(({ allow }) => allow.some((name) => callers.has(name)));
        const rules = forAnyone.filter((rule) => forThem.includes(rule));
        const free = rules.filter(({ limit }) => limit === null);
        const limited = rules.filter(({ limit }) => limit !== null);
        expect(decision.rules).toEqual([...free, ...limited]);
        if (rules.length === 0)
          expect(decision.at).toEqual((forAnyone[0] ?? forThem[0])?.at ?? policy.sections.queries);
        seen[decision.outcome]++;
      }
    }
    expect(Math.min(seen.allow, seen.deny)).toBeGreaterThan(100);
  });

  it('for a way out are those of a walk through all rules, and so is the nearest one of a denial', () => {
    const seen = { allow: 0, deny: 0 };
    for (const [policy, random] of policies(700)) {
      const asker = { functionDigest: policy.functions[0]?.digest ?? '', now: policy.valid.from };
      for (let asked = 0; asked < 20; asked++) {
        const host = random.pick(HOSTS);
        const url = `https://${host}${random.pick(['', ':8443'])}${random.pick(PATHS) || '/'}`;
        const target = valueOf(parseTarget(url));
        const decision = decideEgress(policy, { ...asker, method: 'GET', url });
        const there = policy.egress.filter((rule) => matchesTarget(rule, target));
        const near = policy.egress.filter((rule) =>
          matchesTarget({ ...rule, path: { segments: target.segments } }, target),
        );
        const rule = there.find(({ methods }) => methods.includes('GET')) ?? null;
        expect(decision.rule).toBe(rule);
        expect(decision.at).toEqual((rule ?? there[0] ?? near[0])?.at ?? policy.sections.egress);
        seen[decision.outcome]++;

        const tcp = `tcp://${host}:${random.pick([1, 2])}`;
        const named = policy.connections.filter((one) => matchesHost(one.host, host));
        const connection =
          policy.connections.find((one) => matchesConnection(one, valueOf(parseConnection(tcp)))) ?? null;
        expect(decideConnection(policy, { ...asker, url: tcp }).rule).toBe(connection);
        expect(decideLookup(policy, { ...asker, name: host }).rules).toEqual(named);
      }
    }
    expect(Math.min(seen.allow, seen.deny)).toBeGreaterThan(50);
  });
});
