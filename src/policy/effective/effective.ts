/**
 * What several owners allow together, function by function: the intersection of their policies in canonical form, as the gate and the ways out apply
 * it. Everybody who lists a function must allow what happens with it. Decides nothing: decide.ts does, one question at a time.
 */
import { PolicyError } from '../../errors.ts';
import type { CanonicalPolicy } from '../canonical.ts';
import { type ConnectionPattern, formatConnection, parseConnectionPattern } from '../connection.ts';
import { type CanonicalTerms, canonicalFunction, stricterTerms, termsOfCanonical } from '../function-terms.ts';
import { intersectHosts, intersectPaths, intersectTargets } from '../intersect.ts';
import { formatPathPattern, parsePathPattern } from '../path.ts';
import type { FunctionTerms, PathPattern } from '../policy.ts';
import { parseByteSize, parseRate } from '../quantity.ts';
import { formatTargetPattern, parseTargetPattern, type TargetPattern } from '../target.ts';

/** Who must be proven to one owner: any of these of its callers. */
export interface EffectiveCaller {
  readonly owner: string;
  readonly allow: readonly string[];
}

/** A limit that holds, and whose it is. */
export interface EffectiveLimit {
  readonly owner: string;
  readonly limit: string;
}

export interface EffectiveQuery {
  readonly to: string;
  /** All of them have to be met. */
  readonly callers: readonly EffectiveCaller[];
  readonly limits: readonly EffectiveLimit[];
}

export interface EffectiveEgress {
  readonly to: string;
  /** Empty for connections of the code's own. */
  readonly methods: readonly string[];
  readonly pins: readonly string[];
  readonly limits: readonly EffectiveLimit[];
}

/** A query that one owner allows and another does not. */
export interface Blocked {
  readonly owner: string;
  readonly to: string;
  readonly by: string;
}

export interface EffectiveFunction {
  readonly name: string;
  /** Everyone who lists it, each of whom must agree. */
  readonly owners: readonly string[];
  /** null when they do not mean the same code: then it does not run. */
  readonly terms: string | CanonicalTerms | null;
  /** null when there is no time at which all of them are in force. */
  readonly valid: { readonly from: string; readonly until: string } | null;
  readonly queries: readonly EffectiveQuery[];
  readonly blocked: readonly Blocked[];
  readonly egress: readonly EffectiveEgress[];
  /** null when one of them lets nothing come back. */
  readonly results: { readonly maxBytes: number; readonly types: readonly string[] } | null;
}

/** Combinations of rules that are looked at: a few hundred rules of a few owners have far fewer that overlap. */
const MAX_COMBINATIONS = 10_000;

interface Query extends EffectiveQuery {
  readonly method: string;
  readonly path: PathPattern;
}

interface Request extends EffectiveEgress {
  readonly target: TargetPattern;
}

interface Connection extends EffectiveEgress {
  readonly target: ConnectionPattern;
}

/** Keeps of several limits that count the same thing over the same time the smallest one. */
function strictest(limits: readonly EffectiveLimit[]): readonly EffectiveLimit[] {
  const kept = new Map<string, { readonly amount: number; readonly limit: EffectiveLimit }>();
  for (const limit of limits) {
    const rate = parseRate(limit.limit);
    const key = rate.ok ? `${rate.value.unit} ${rate.value.windowSeconds}` : limit.limit;
    const amount = rate.ok ? rate.value.amount : 0;
    const other = kept.get(key);
    if (other === undefined || amount < other.amount) kept.set(key, { amount, limit });
  }
  return [...kept.values()].map(({ limit }) => limit);
}

const limitsOf = (owner: string, limit: string | null): readonly EffectiveLimit[] =>
  limit === null ? [] : [{ owner, limit }];

/** Combines what all of the lists allow: one of each, where they overlap. */
function combineAll<T>(lists: readonly (readonly T[])[], combine: (a: T, b: T) => T | null): readonly T[] {
  const [first = [], ...rest] = lists;
  return rest.reduce<readonly T[]>((all, list) => {
    if (all.length * list.length > MAX_COMBINATIONS)
      throw new PolicyError('ERR_POLICY_LIMIT', `the policies have over ${MAX_COMBINATIONS} combinations of rules`);
    return all.flatMap((a) => list.flatMap((b) => combine(a, b) ?? []));
  }, first);
}

function queriesOf({ owner, queries }: CanonicalPolicy, name: string): readonly Query[] {
  return queries.flatMap(({ to, allow, limit }) => {
    const [method = '', text = ''] = to.split(' ', 2);
    const path = parsePathPattern(text);
    if (!path.ok || path.value.segments[0] !== name || allow.length === 0) return [];
    return [{ to, method, path: path.value, callers: [{ owner, allow }], limits: limitsOf(owner, limit) }];
  });
}

function combineQueries(a: Query, b: Query): Query | null {
  const path = a.method === b.method ? intersectPaths(a.path, b.path) : null;
  if (path === null) return null;
  const to = `${a.method} ${formatPathPattern(path)}`;
  return { to, method: a.method, path, callers: [...a.callers, ...b.callers], limits: [...a.limits, ...b.limits] };
}

function requestsOf({ owner, egress }: CanonicalPolicy): readonly Request[] {
  return egress.flatMap((rule) => {
    const target = parseTargetPattern(rule.to);
    if (!target.ok || !('methods' in rule)) return [];
    const { to, methods, pin, limit } = rule;
    return [{ to, methods, pins: pin === null ? [] : [pin], limits: limitsOf(owner, limit), target: target.value }];
  });
}

function combineRequests(a: Request, b: Request): Request | null {
  const target = intersectTargets(a.target, b.target);
  const methods = a.methods.filter((method) => b.methods.includes(method));
  const pins = [...new Set([...a.pins, ...b.pins])];
  // A server has one key, so two pins that differ are met by none.
  if (target === null || methods.length === 0 || pins.length > 1) return null;
  return { to: formatTargetPattern(target), methods, pins, limits: [...a.limits, ...b.limits], target };
}

function connectionsOf({ owner, egress }: CanonicalPolicy): readonly Connection[] {
  return egress.flatMap(({ to, limit }) => {
    const target = parseConnectionPattern(to);
    return target.ok ? [{ to, methods: [], pins: [], limits: limitsOf(owner, limit), target: target.value }] : [];
  });
}

function combineConnections(a: Connection, b: Connection): Connection | null {
  const host = a.target.port === b.target.port ? intersectHosts(a.target.host, b.target.host) : null;
  if (host === null) return null;
  const target = { ...a.target, host };
  return { ...a, to: formatConnection(target), limits: [...a.limits, ...b.limits], target };
}

function resultsOf({ results }: CanonicalPolicy): EffectiveFunction['results'] {
  if (results === null) return null;
  const size = parseByteSize(results.max);
  return size.ok ? { maxBytes: size.value, types: results.types } : null;
}

function combineResults(policies: readonly CanonicalPolicy[]): EffectiveFunction['results'] {
  return policies.map(resultsOf).reduce((a, b) => {
    if (a === null || b === null) return null;
    return { maxBytes: Math.min(a.maxBytes, b.maxBytes), types: a.types.filter((type) => b.types.includes(type)) };
  });
}

function combineValid(policies: readonly CanonicalPolicy[]): EffectiveFunction['valid'] {
  const from =
    policies
      .map(({ valid }) => valid.from)
      .toSorted()
      .at(-1) ?? '';
  const until = policies.map(({ valid }) => valid.until).toSorted()[0] ?? '';
  return from < until ? { from, until } : null;
}

function combineTerms(policies: readonly CanonicalPolicy[], name: string): EffectiveFunction['terms'] {
  const entries = policies.map(({ functions }) => termsOfCanonical(functions[name] ?? ''));
  const [first, ...rest] = entries;
  if (first === undefined || rest.some(({ digest }) => digest !== first.digest)) return null;
  const terms = rest.reduce<FunctionTerms>((all, entry) => stricterTerms(all, entry.terms), first.terms);
  return canonicalFunction({ digest: first.digest, terms });
}

/** Names for each rule that somebody does not let through who does not. */
function findBlocked(lists: readonly { readonly owner: string; readonly queries: readonly Query[] }[]): Blocked[] {
  return lists.flatMap(({ owner, queries }) =>
    queries.flatMap((query) =>
      lists
        .filter((other) => !other.queries.some((q) => combineQueries(query, q) !== null))
        .map((other) => ({ owner, to: query.to, by: other.owner })),
    ),
  );
}

function combineFunction(policies: readonly CanonicalPolicy[], name: string): EffectiveFunction {
  const deciders = policies.filter(({ functions }) => Object.hasOwn(functions, name));
  const lists = deciders.map((policy) => ({ owner: policy.owner, queries: queriesOf(policy, name) }));
  const terms = combineTerms(deciders, name);
  const queries = combineAll(
    lists.map((list) => list.queries),
    combineQueries,
  );
  const egress = [
    ...combineAll(deciders.map(requestsOf), combineRequests),
    ...combineAll(deciders.map(connectionsOf), combineConnections),
  ];
  return {
    name,
    owners: deciders.map(({ owner }) => owner),
    terms,
    valid: combineValid(deciders),
    queries: queries.map(({ to, callers, limits }) => ({ to, callers, limits: strictest(limits) })),
    blocked: findBlocked(lists),
    egress: egress.map(({ to, methods, pins, limits }) => ({ to, methods, pins, limits: strictest(limits) })),
    results: combineResults(deciders),
  };
}

/**
 * Combines the policies of several owners, one entry for each function that any of them lists.
 * @throws PolicyError ERR_POLICY_LIMIT when they have too many combinations of rules
 */
export function combinePolicies(policies: readonly CanonicalPolicy[]): readonly EffectiveFunction[] {
  const names = [...new Set(policies.flatMap(({ functions }) => Object.keys(functions)))].toSorted();
  return names.map((name) => combineFunction(policies, name));
}
