/**
 * What several owners allow together, function by function: the intersection of their policies in canonical form, as the gate and the ways out apply
 * it. Everybody who lists a function must allow what happens with it. Decides nothing: decide.ts does, one question at a time.
 */
import { PolicyError } from '../../errors.ts';
import type { CanonicalPolicy } from '../canonical.ts';
import { type CanonicalTerms, canonicalFunction, stricterTerms, termsOfCanonical } from '../function-terms.ts';
import { intersectHosts, intersectPaths } from '../intersect.ts';
import { formatPathPattern, parsePathPattern } from '../path.ts';
import type { FunctionTerms, PathPattern } from '../policy.ts';
import { formatRate, parseByteSize, parseRate } from '../quantity.ts';
import { formatTargetPattern, parseTargetPattern } from '../target.ts';

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

interface Egress extends EffectiveEgress {
  readonly scheme: string;
  readonly host: string;
  readonly port: string;
  readonly path: PathPattern | null;
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

const limitsOf = (owner: string, limit: string | null): readonly EffectiveLimit[] => {
  const rate = limit === null ? null : parseRate(limit);
  return limit === null ? [] : [{ owner, limit: rate?.ok === true ? formatRate(rate.value) : limit }];
};

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

function egressOf({ owner, egress }: CanonicalPolicy): readonly Egress[] {
  return egress.flatMap((rule): Egress[] => {
    const limits = limitsOf(owner, rule.limit);
    if (!('methods' in rule)) {
      const [, host = '', port = ''] = /^tcp:\/\/(\[[^\]]*\]|[^:]*):(\d+)$/.exec(rule.to) ?? [];
      return [{ to: rule.to, scheme: 'tcp', host, port, path: null, methods: [], pins: [], limits }];
    }
    const target = parseTargetPattern(rule.to);
    if (!target.ok) return [];
    const { scheme, host, port, path } = target.value;
    const pins = rule.pin === null ? [] : [rule.pin];
    return [{ to: rule.to, scheme, host, port: String(port), path, methods: rule.methods, pins, limits }];
  });
}

function combineEgress(a: Egress, b: Egress): Egress | null {
  const host = a.scheme === b.scheme && a.port === b.port ? intersectHosts(a.host, b.host) : null;
  if (host === null) return null;
  const { scheme, port } = a;
  const both = { scheme, port, host, pins: [...new Set([...a.pins, ...b.pins])], limits: [...a.limits, ...b.limits] };
  if (a.path === null || b.path === null) return { ...both, to: `tcp://${host}:${port}`, path: null, methods: [] };
  const path = intersectPaths(a.path, b.path);
  const methods = a.methods.filter((method) => b.methods.includes(method));
  // A server has one key, so two pins that differ are met by none.
  if (path === null || methods.length === 0 || both.pins.length > 1) return null;
  const to = formatTargetPattern({ scheme: scheme as 'https', host, port: Number(port), path });
  return { ...both, to, path, methods };
}

function combineResults(policies: readonly CanonicalPolicy[]): EffectiveFunction['results'] {
  const sizes = policies.map(({ results }) => (results === null ? null : parseByteSize(results.max)));
  if (sizes.some((size) => size?.ok !== true)) return null;
  const maxBytes = Math.min(...sizes.map((size) => (size?.ok === true ? size.value : 0)));
  const [first = [], ...rest] = policies.map(({ results }) => results?.types ?? []);
  return { maxBytes, types: first.filter((type) => rest.every((types) => types.includes(type))) };
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
        .filter((other) => other.owner !== owner && !other.queries.some((q) => combineQueries(query, q) !== null))
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
  return {
    name,
    owners: deciders.map(({ owner }) => owner),
    terms,
    valid: combineValid(deciders),
    queries: queries.map(({ to, callers, limits }) => ({ to, callers, limits: strictest(limits) })),
    blocked: findBlocked(lists),
    egress: combineAll(deciders.map(egressOf), combineEgress).map(({ to, methods, pins, limits }) => ({
      to,
      methods,
      pins,
      limits: strictest(limits),
    })),
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
