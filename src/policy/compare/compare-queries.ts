/**
 * What one policy lets callers ask that another does not: who, by what they prove and not by name; which method and paths; how often.
 * A rule is held against all rules of the other file together. A limit is one for each proof, so limits are compared proof by proof.
 */
import { decideQuery } from '../decide.ts';
import { intersectPaths } from '../intersect.ts';
import { formatPathPattern, overlapsPath } from '../path.ts';
import type { CallerRule, OwnerPolicy, Position, QueryRule, RateLimit } from '../policy.ts';
import { formatRate } from '../quantity.ts';
import { joinNames } from '../reading.ts';
import { type Change, type Compare, change, type Pair, refusalOf } from './change.ts';
import { findUncovered } from './path-set.ts';
import { isRevoked, jointProofs, leastProof, namesProvenBy, type Proof, shows } from './proof-set.ts';
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
  const taken = new Map<QueryRule, readonly RateLimit[]>();
  const limitsIn = (wide: QueryRule, rule: QueryRule): readonly RateLimit[] =>
    rule.limit === null ? [] : [...(taken.get(wide) ?? []), rule.limit];
  const hasRoom = (wide: QueryRule, rule: QueryRule): boolean =>
    wide.limit === null || (rule.limit !== null && findRateExcess(limitsIn(wide, rule), [wide.limit]) === null);
  return rules.filter((rule) => {
    const rooms = wides.filter((wide) => includes(pair, wide, rule) && hasRoom(wide, rule));
    // Most rules of a new version are those of the one before.
    const room = rooms.find((wide) => formatTo(wide) === formatTo(rule)) ?? rooms[0];
    if (room !== undefined) taken.set(room, limitsIn(room, rule));
    return room === undefined;
  });
}

type LimitedRule = QueryRule & { readonly limit: RateLimit };
const isLimited = (rule: QueryRule): rule is LimitedRule => rule.limit !== null;

/** Puts rules in groups, such that rules of different groups never allow the same. */
function groupOverlapping(rules: readonly LimitedRule[]): readonly (readonly LimitedRule[])[] {
  let groups: (readonly LimitedRule[])[] = [];
  for (const rule of rules) {
    const touches = (group: readonly LimitedRule[]): boolean => group.some(({ path }) => overlapsPath(path, rule.path));
    groups = [...groups.filter((group) => !touches(group)), [...groups.filter(touches).flat(), rule]];
  }
  return groups;
}

/** That someone may ask more often: by which rule, who, and what. */
interface Excess {
  readonly at: Position;
  readonly allow: readonly string[];
  readonly what: string;
  readonly certain: boolean;
}

/** Gives how someone who may use these rules of both files may ask more often than the other file lets them. */
function findExcesses(pair: Pair, own: readonly QueryRule[], others: readonly QueryRule[]): readonly Excess[] {
  const free = others.filter((rule) => !isLimited(rule)).map(({ path }) => path);
  return groupOverlapping(others.filter(isLimited)).flatMap((group) => {
    const touching = own.filter(({ path }) =>
      group.some((wide) => {
        const shared = intersectPaths(path, wide.path);
        return shared !== null && findUncovered(shared, free) !== null;
      }),
    );
    const [first] = touching;
    if (first === undefined) return [];
    const paths = joinNames([...new Set(group.map(formatTo))], 'and');
    const allow = touching.flatMap((rule) => rule.allow);
    const say = (at: Position, how: string, certain = true): readonly Excess[] => [
      { at, allow, what: `${paths} more often: ${how}`, certain },
    ];
    const most = group.map(({ limit }) => limit);
    const limits: RateLimit[] = [];
    for (const { at, limit } of touching) {
      if (limit === null) return say(at, `without a limit and not only ${joinNames(most.map(formatRate), 'and')}`);
      limits.push(limit);
    }
    const excess = findRateExcess(limits, most);
    if (excess !== null) return say(first.at, excess);
    if (group.length === 1 || findUnplaced(pair, touching, group).length === 0) return [];
    const several = 'several limits count for the same caller there, and it is not certain that they allow as much';
    return say(first.at, several, false);
  });
}

/** Compares the limits for each of these proofs, and says together what is the same for several. */
function compareLimits(pair: Pair, proofs: readonly Proof[]): readonly Change[] {
  const { policy, other } = pair;
  const found: (Excess & { readonly proofs: Proof[] })[] = [];
  const add = (excess: Excess, proof: Proof): void => {
    const here = found.filter(({ at }) => at === excess.at);
    // What is so for one proof is so for every proof that shows more.
    if (here.some((known) => known.proofs.some((less) => less !== proof && shows(proof, less)))) return;
    const same = here.find(({ what }) => what === excess.what);
    if (same === undefined) found.push({ ...excess, proofs: [proof] });
    else same.proofs.push(proof);
  };
  // Whoever may use the same rules of both files is the same here.
  const known = new Map<string, readonly Excess[]>();
  for (const method of new Set(policy.queries.map((rule) => rule.method)))
    for (const proof of proofs) {
      const own = usableRules(policy, proof, method);
      const others = usableRules(other, proof, method);
      const key = JSON.stringify([own, others].map((rules) => rules.map(({ at }) => at)));
      const excesses = known.get(key) ?? findExcesses(pair, own, others);
      known.set(key, excesses);
      for (const excess of excesses) add(excess, proof);
    }
  return found.map(({ at, allow, what, certain, proofs: who }) => {
    const isProven = (name: string): boolean => who.some((proof) => namesProvenBy(proof, policy).has(name));
    const names = [...new Set(allow)].filter(isProven);
    return change(pair, 'queries', at, `${joinNames(names, 'and')} may ask ${what}`, { certain });
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
  if (!other.queries.some(isLimited)) return reach;
  const unplaced = findUnplaced(pair, policy.queries, other.queries);
  if (unplaced.length === 0) return reach;
  const named = policy.callers.filter(({ name }) => policy.queries.some(({ allow }) => allow.includes(name)));
  const proofs = jointProofs(named, MAX_PROOFS);
  if (proofs !== null) return [...reach, ...compareLimits(pair, proofs)];
  const allows = (rule: QueryRule): string =>
    `${joinNames(rule.allow, 'and')} may ask ${formatTo(rule)} more often, as one proof may fit very many callers`;
  return [...reach, ...unplaced.map((rule) => change(pair, 'queries', rule.at, allows(rule), { certain: false }))];
};
