/**
 * Where one policy lets the code connect and another does not: requests and `tcp://`, by scheme, host, port, path and method; under which
 * terms; how much. A rule is held against all rules of the other file together. A limit is one for all code, so limits are simply compared.
 */
import { formatConnection, overlapsConnection } from '../connection.ts';
import { decideEgress } from '../decide.ts';
import { decideConnection } from '../decide-connection.ts';
import { matchesHost } from '../host.ts';
import type { ConnectionRule, EgressRule, OwnerPolicy, Position, RateLimit } from '../policy.ts';
import { formatRate } from '../quantity.ts';
import { joinNames } from '../reading.ts';
import { formatTargetPattern, overlapsTarget } from '../target.ts';
import { type Change, type Compare, change, type Pair, refusalOf } from './change.ts';
import { findUncovered } from './path-set.ts';
import { findRateExcess } from './rate-set.ts';

/** Longest name of a host, dots included. [RFC 1035 2.3.4] */
const MAX_HOST_LENGTH = 253;

type Terms = Omit<EgressRule, 'at' | 'scheme' | 'host' | 'port' | 'path' | 'methods' | 'limit'>;

/** Says what one rule's term allows that the other's does not, or null; every term must be here. */
const TERMS: { readonly [K in keyof Terms]-?: (own: Terms[K], other: Terms[K]) => string | null } = {
  pin: (own, other) =>
    other === null || own === other
      ? null
      : `to a server with ${own === null ? 'any key' : `the key spki-${own}`}, and not only with the key spki-${other}`,
  // Where the worker no longer fills a header, the code may fill it: with a name at the same server that is somebody else's.
  credential: (own, other) => {
    if (own?.header === other?.header && own?.secret === other?.secret) return null;
    const text = ({ header, secret }: NonNullable<typeof own>): string =>
      `the secret ${secret} in the header ${header}`;
    return `with ${own === null ? 'a header of its own' : text(own)} instead of ${other === null ? 'what the code itself sends' : text(other)}`;
  },
  trust: (own, other) =>
    own === other ? null : 'to a worker that satisfies another trust file, and two cannot be compared',
};

/**
 * Finds hosts that stand for all that a pattern names: one that none of the others names is enough, as with paths. But before a long
 * domain there is room for one letter or digit only, so all of them may be named.
 */
function hostsOf(pattern: string, named: readonly string[]): readonly string[] {
  if (!pattern.startsWith('*.')) return [pattern];
  const domain = pattern.slice(1);
  const tried: string[] = [];
  for (let i = -1; ; i++) {
    const host = `${i === -1 ? 'x' : i.toString(36)}${domain}`;
    if (host.length > MAX_HOST_LENGTH) return tried;
    if (!named.includes(host)) return [host];
    tried.push(host);
  }
}

/** Finds a request that a rule allows and the other file refuses, or null when there is none. */
function findOpening(rule: EgressRule, others: readonly EgressRule[]): readonly [method: string, url: string] | null {
  const near = others.filter(({ scheme, port }) => scheme === rule.scheme && port === rule.port);
  const named = near.map(({ host }) => host);
  for (const host of hostsOf(rule.host, named)) {
    for (const method of rule.methods) {
      const there = near.filter((other) => other.methods.includes(method) && matchesHost(other.host, host));
      const path = findUncovered(
        rule.path,
        there.map((other) => other.path),
      );
      if (path !== null)
        return [method, formatTargetPattern({ ...rule, host, path: { segments: path.slice(1).split('/') } })];
    }
  }
  return null;
}

const methodsText = ({ methods }: EgressRule): string => joinNames(methods, 'and');
const egressText = (rule: EgressRule): string => `${methodsText(rule)} to ${formatTargetPattern(rule)}`;
const overlaps = (a: EgressRule, b: EgressRule): boolean =>
  overlapsTarget(a, b) && a.methods.some((method) => b.methods.includes(method));

/** Gives the terms that are wider somewhere in what both files allow. */
function compareTerms(pair: Pair, rule: EgressRule, others: readonly EgressRule[]): readonly Change[] {
  const found = new Map<string, Change>();
  for (const other of others) {
    for (const key of Object.keys(TERMS) as (keyof Terms)[]) {
      // The two values are of one key, which the type of the table cannot say for a union of keys.
      const compare = TERMS[key] as (own: Terms[typeof key], other: Terms[typeof key]) => string | null;
      const wider = compare(rule[key], other[key]);
      if (wider === null) continue;
      const allows = `the code may send ${egressText(rule)} ${wider}`;
      found.set(allows, change(pair, 'egress', rule.at, allows, { certain: key !== 'trust' }));
    }
  }
  return [...found.values()];
}

interface Limited {
  readonly at: Position;
  readonly limit: RateLimit | null;
}

/** Gives how the rules that share something with a limited rule of the other file let more through than it does. */
function compareLimit<T extends Limited>(
  pair: Pair,
  other: T,
  touching: readonly T[],
  text: (rule: T) => string,
): readonly Change[] {
  const { limit: most } = other;
  const [first] = touching;
  if (most === null || first === undefined) return [];
  const what = (how: string): string => `the code may use ${text(other)} more: ${how}`;
  const limits: RateLimit[] = [];
  for (const { at, limit } of touching) {
    if (limit === null) return [change(pair, 'egress', at, what(`without a limit and not only ${formatRate(most)}`))];
    limits.push(limit);
  }
  const excess = findRateExcess(limits, [most]);
  const certain = limits.every(({ unit }) => unit === most.unit);
  return excess === null ? [] : [change(pair, 'egress', first.at, what(excess), { certain })];
}

/** The rules by which any code may connect at all: without code there is nobody who could. */
const inUse = <T>({ functions }: OwnerPolicy, rules: readonly T[]): readonly T[] =>
  functions.length === 0 ? [] : rules;

/** Compares the rules for requests. */
export const compareRequests: Compare = (pair) => {
  const { policy, other, now } = pair;
  const own = inUse(policy, policy.egress);
  const others = inUse(other, other.egress);
  const ask = (asked: OwnerPolicy, method: string, url: string) =>
    decideEgress(asked, { functionDigest: asked.functions[0]?.digest ?? '', method, url, now });
  const reach = own.flatMap((rule) => {
    const before = others.filter((one) => overlaps(one, rule));
    const opening = findOpening(rule, others);
    const terms = compareTerms(pair, rule, before);
    if (opening === null) return terms;
    const but = before.length === 0 ? '' : `, and not only ${joinNames(before.map(egressText), 'and')}`;
    const allows = `the code may send ${egressText(rule)}${but}`;
    const [method, url] = opening;
    const example = `${method} ${url}`;
    const refusal = refusalOf(example, ask(policy, method, url), ask(other, method, url));
    return [change(pair, 'egress', rule.at, allows, { example, refusal }), ...terms];
  });
  const more = others.flatMap((one) =>
    compareLimit(
      pair,
      one,
      own.filter((rule) => overlaps(rule, one)),
      egressText,
    ),
  );
  return [...reach, ...more];
};

/** Compares the rules for `tcp://`. A name may be looked up where a rule names it, so lookups need no comparison of their own. */
export const compareConnections: Compare = (pair) => {
  const { policy, other, now } = pair;
  const own = inUse(policy, policy.connections);
  const others = inUse(other, other.connections);
  const ask = (asked: OwnerPolicy, url: string) =>
    decideConnection(asked, { functionDigest: asked.functions[0]?.digest ?? '', url, now });
  const reach = own.flatMap((rule) => {
    const before = others.filter((one) => overlapsConnection(one, rule));
    const hosts = hostsOf(
      rule.host,
      before.map(({ host }) => host),
    );
    const open = hosts.find((host) => !before.some((one) => matchesHost(one.host, host)));
    if (open === undefined) return [];
    const but = before.length === 0 ? '' : `, and not only to ${joinNames(before.map(formatConnection), 'and')}`;
    const example = formatConnection({ host: open, port: rule.port });
    const refusal = refusalOf(example, ask(policy, example), ask(other, example));
    const allows = `the code may connect to ${formatConnection(rule)}${but}`;
    return [change(pair, 'egress', rule.at, allows, { example, refusal })];
  });
  const more = others.flatMap((one: ConnectionRule) =>
    compareLimit(
      pair,
      one,
      own.filter((rule) => overlapsConnection(rule, one)),
      formatConnection,
    ),
  );
  return [...reach, ...more];
};
