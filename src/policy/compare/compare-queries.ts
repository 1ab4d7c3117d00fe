/**
 * What one policy lets callers ask that another does not: who, by what they prove and not by name; which method and paths; how often.
 * A rule is held against all rules of the other file together. A limit is one for each proof, so limits are compared proof by proof.
 */
import { decideQuery } from '../decide.ts';
import { intersectPaths } from '../intersect.ts';
import { formatPathPattern, overlapsPath } from '../path.ts';
import type { CallerRule, OwnerPolicy, QueryRule, RateLimit } from '../policy.ts';
import { formatRate } from '../quantity.ts';
import { joinNames } from '../reading.ts';
import { type Change, type Compare, change, type Pair, refusalOf } from './change.ts';
import { findUncovered } from './path-set.ts';
import { isRevoked, jointProofs, leastProof, namesProvenBy, type Proof } from './proof-set.ts';
import { findRateExcess } from './rate-set.ts';

/** More proofs that fit several callers at once than this are not looked at one by one. */
const MAX_PROOFS = 512;

const formatTo = ({ method, path }: Pick<QueryRule, 'method' | 'path'>): string =>
  `${method} ${formatPathPattern(path)}`;

/** Gives the rules of a method that someone with this proof may use. */
function usableRules(policy: OwnerPolicy, proof: Proof, method: string): readonly QueryRule[] {
  const names = namesProvenBy(proof, policy);
  return policy.queries.filter((rule) => rule.method === method && rule.allow.some((name) => names.has(name)));
}

const limitsOf = (rules: readonly QueryRule[]): readonly RateLimit[] =>
  rules.flatMap(({ limit }) => (limit === null ? [] : [limit]));

/** Asks both files, as someone with this proof. */
function ask({ policy, other, now }: Pair, proof: Proof, method: string, path: string): string {
  const decide = (asked: OwnerPolicy) =>
    decideQuery(asked, {
      callers: namesProvenBy(proof, asked),
      method,
      path,
      functionDigest: asked.functions.find(({ name }) => path.split('/')[1] === name)?.digest ?? '',
      now,
    });
  return refusalOf(`${method} ${path}`, decide(policy), decide(other));
}

/** Gives what a rule allows its callers beyond the other file, one change for all callers of whom the same is true. */
function compareReach(pair: Pair, rule: QueryRule, callers: readonly CallerRule[]): readonly Change[] {
  const groups = new Map<string, { names: string[]; path: string; proof: Proof; before: readonly QueryRule[] }>();
  for (const caller of callers) {
    const proof = leastProof(caller);
    // What is revoked here allows nothing; what was only revoked there is a change of that section.
    if (isRevoked(proof, pair.policy) || isRevoked(proof, pair.other)) continue;
    const before = usableRules(pair.other, proof, rule.method).filter(({ path }) => overlapsPath(path, rule.path));
    const path = findUncovered(
      rule.path,
      before.map((one) => one.path),
    );
    if (path === null) continue;
    const key = JSON.stringify(before.map(formatTo));
    const group = groups.get(key) ?? { names: [], path, proof, before };
    group.names.push(caller.name);
    groups.set(key, group);
  }
  return [...groups.values()].map(({ names, path, proof, before }) => {
    const but = before.length === 0 ? '' : `, and not only ${joinNames(before.map(formatTo), 'and')}`;
    const allows = `${joinNames(names, 'and')} may ask ${formatTo(rule)}${but}`;
    const example = `${rule.method} ${path} as ${names[0] ?? ''}`;
    return change(pair, 'queries', rule.at, allows, { example, refusal: ask(pair, proof, rule.method, path) });
  });
}

/** Tells whether whoever may use the one rule may use the other for the same, whatever else they prove. */
function includes(pair: Pair, wide: QueryRule, rule: QueryRule): boolean {
  const { policy, other } = pair;
  const isNamed = (name: string): boolean => {
    const caller = policy.callers.find((known) => known.name === name);
    const proven = caller === undefined ? new Set<string>() : namesProvenBy(leastProof(caller), other);
    return wide.allow.some((known) => proven.has(known));
  };
  return wide.method === rule.method && findUncovered(rule.path, [wide.path]) === null && rule.allow.every(isNamed);
}

/** Gives the rules that find no room in the limits of the other file, when each is given to one rule there that allows all of it. */
function findUnplaced(pair: Pair, rules: readonly QueryRule[], wides: readonly QueryRule[]): readonly QueryRule[] {
  const placed = new Map<QueryRule, QueryRule[]>();
  return rules.filter((rule) => {
    const { limit } = rule;
    const rooms = wides.filter((wide) => {
      if (!includes(pair, wide, rule)) return false;
      if (wide.limit === null || limit === null) return wide.limit === null;
      return findRateExcess(limitsOf([...(placed.get(wide) ?? []), rule]), [wide.limit]) === null;
    });
    // Most rules of a new version are those of the one before.
    const room = rooms.find((wide) => formatTo(wide) === formatTo(rule)) ?? rooms[0];
    if (room !== undefined) placed.set(room, [...(placed.get(room) ?? []), rule]);
    return room === undefined;
  });
}

/** Gives the limited rules of a list in groups, such that rules of different groups never allow the same. */
function groupOverlapping(rules: readonly QueryRule[]): readonly (readonly QueryRule[])[] {
  let groups: QueryRule[][] = [];
  for (const rule of rules) {
    const [touching, apart] = [true, false].map((wanted) =>
      groups.filter((group) => group.some(({ path }) => overlapsPath(path, rule.path)) === wanted),
    ) as [QueryRule[][], QueryRule[][]];
    groups = [...apart, [rule, ...touching.flat()]];
  }
  return groups;
}

/** Gives how someone with this proof may ask more often than the other file lets them. */
function compareLimits(
  pair: Pair,
  proof: Proof,
  own: readonly QueryRule[],
  others: readonly QueryRule[],
): readonly Change[] {
  const free = others.filter(({ limit }) => limit === null).map(({ path }) => path);
  const limited = groupOverlapping(others.filter(({ limit }) => limit !== null));
  const names = joinNames([...namesProvenBy(proof, pair.policy)], 'and');
  return limited.flatMap((group) => {
    const touching = own.filter(({ path }) =>
      group.some((wide) => {
        const shared = intersectPaths(path, wide.path);
        return shared !== null && findUncovered(shared, free) !== null;
      }),
    );
    const [first] = touching;
    if (first === undefined) return [];
    const paths = joinNames(group.map(formatTo), 'and');
    const what = (how: string): string => `${names} may ask ${paths} more often: ${how}`;
    const unlimited = touching.find(({ limit }) => limit === null);
    if (unlimited !== undefined) {
      const theirs = joinNames(limitsOf(group).map(formatRate), 'and');
      return [change(pair, 'queries', unlimited.at, what(`without a limit and not only ${theirs}`))];
    }
    const excess = findRateExcess(limitsOf(touching), limitsOf(group));
    if (excess !== null) return [change(pair, 'queries', first.at, what(excess))];
    const isSafe = group.length === 1 || findUnplaced(pair, touching, group).length === 0;
    if (isSafe) return [];
    const several = 'several limits count for the same caller there, and it is not certain that they allow as much';
    return [change(pair, 'queries', first.at, what(several), { certain: false })];
  });
}

/** Compares the section `queries`. */
export const compareQueries: Compare = (pair) => {
  const { policy, other } = pair;
  const reach = policy.queries.flatMap((rule) =>
    compareReach(
      pair,
      rule,
      policy.callers.filter(({ name }) => rule.allow.includes(name)),
    ),
  );
  if (other.queries.every(({ limit }) => limit === null)) return reach;
  const unplaced = findUnplaced(pair, policy.queries, other.queries);
  if (unplaced.length === 0) return reach;
  const named = policy.callers.filter(({ name }) => policy.queries.some(({ allow }) => allow.includes(name)));
  const proofs = jointProofs(named, MAX_PROOFS);
  if (proofs === null) {
    const allows = (rule: QueryRule): string =>
      `${joinNames(rule.allow, 'and')} may ask ${formatTo(rule)} more often, as one proof may fit very many callers`;
    return [...reach, ...unplaced.map((rule) => change(pair, 'queries', rule.at, allows(rule), { certain: false }))];
  }
  const methods = [...new Set(policy.queries.map(({ method }) => method))];
  const looked = new Set<string>();
  const often = methods.flatMap((method) =>
    proofs.flatMap((proof) => {
      const [own, others] = [policy, other].map((file) => usableRules(file, proof, method));
      if (own === undefined || others === undefined) return [];
      // Whoever may use the same rules of both files is the same here.
      const rules = JSON.stringify([own, others].map((list) => list.map(({ at }) => [at.line, at.column])));
      if (looked.has(rules)) return [];
      looked.add(rules);
      return compareLimits(pair, proof, own, others);
    }),
  );
  // What is so for one proof is so for every proof that shows more.
  const isFirst = ({ at }: Change, i: number): boolean => often.findIndex((one) => one.at === at) === i;
  return [...reach, ...often.filter(isFirst)];
};
