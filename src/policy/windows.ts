/**
 * The sections `queries` and `egress`: the two windows. Every rule only opens; none narrows another. So that nobody reads an exception
 * where there is none, rules for the same thing may not overlap when one of them has terms (a limit, a pin, a credential).
 */

import { type ConnectionPattern, isConnection, overlapsConnection, parseConnectionPattern } from './connection.ts';
import { FORMS } from './forms.ts';
import { formatPathPattern, overlapsPath, parsePathPattern } from './path.ts';
import type { ConnectionRule, EgressRule, PathPattern, QueryRule, RateLimit } from './policy.ts';
import { parseRate } from './quantity.ts';
import { accept, quote, type Reading, refuse } from './reading.ts';
import { checkTrustFile, reference } from './reference.ts';
import {
  derived,
  Gathering,
  list,
  oneOrList,
  optional,
  problemAt,
  type Reader,
  record,
  required,
  text,
} from './shape.ts';
import { overlapsTarget, parseTargetPattern, type TargetPattern } from './target.ts';
import { parseHeaderName, parseMethod, parseName, parsePin } from './words.ts';

/** Cuts `POST /risk-score` at its one blank into method and the rest. */
export function splitRequest(line: string): Reading<{ readonly method: string; readonly rest: string }> {
  const [, word, rest] = /^(\S+) (\S+)$/.exec(line) ?? [];
  if (word === undefined || rest === undefined)
    return refuse(`${quote(line)} is not of the form METHOD /path, such as POST /risk-score`);
  const method = parseMethod(word);
  return method.ok ? accept({ method: method.value, rest }) : method;
}

function parseQuery(line: string): Reading<{ readonly method: string; readonly path: PathPattern }> {
  const parts = splitRequest(line);
  if (!parts.ok) return parts;
  const path = parsePathPattern(parts.value.rest);
  if (!path.ok) return path;
  const [first = ''] = path.value.segments;
  const name = parseName(first);
  return name.ok
    ? accept({ method: parts.value.method, path: path.value })
    : refuse(
        `the first part of ${quote(parts.value.rest)} must be the name of a function, not a wildcard or anything else`,
      );
}

/** A query's limit counts calls: what a caller may learn grows with the questions, and `results` caps each answer. */
function parseCallRate(limit: string): Reading<RateLimit> {
  const rate = parseRate(limit);
  if (!rate.ok || rate.value.unit === 'calls') return rate;
  return refuse(`the limit of a query counts calls, not bytes, such as 100/day; ${quote(limit)} belongs to egress`);
}

const queryRule = record('a query rule', {
  allow: required(oneOrList('allow', text(parseName, FORMS.name), String)),
  to: required(text(parseQuery, FORMS.query)),
  limit: optional(text(parseCallRate, FORMS.callRate), null),
});

/** Reads the section. */
export const readQueries: Reader<readonly QueryRule[]> = derived(list('queries', queryRule, null), (rules) =>
  rules.map(({ at, allow, to, limit }) => ({ at, allow, method: to.method, path: to.path, limit })),
);

const credential = record('credential', {
  header: required(text(parseHeaderName, FORMS.header)),
  secret: required(text(parseName, FORMS.name)),
});

function parseDestination(line: string): Reading<TargetPattern | ConnectionPattern> {
  return isConnection(line) ? parseConnectionPattern(line) : parseTargetPattern(line);
}

const egressRule = record('an egress rule', {
  to: required(text(parseDestination, FORMS.destination)),
  methods: optional(list('methods', text(parseMethod, FORMS.method), String), null),
  pin: optional(text(parsePin, FORMS.pin), null),
  limit: optional(text(parseRate, FORMS.rate), null),
  credential: optional(credential, null),
  trust: optional(reference(checkTrustFile), null),
});

/** A connection has no keys but these two; anything else has methods. */
const BY_SCHEME = {
  anyOf: [
    { properties: { to: { pattern: '^tcp://' } }, propertyNames: { enum: ['to', 'limit'] } },
    { properties: { to: { pattern: '^(?!tcp://)' } }, required: ['methods'] },
  ],
};

const checkedEgressRule: Reader<EgressRule | ConnectionRule> = derived(
  egressRule,
  (rule) => {
    const { at, to, methods, pin, limit, credential, trust } = rule;
    const fail = (what: string): Error => problemAt({ at }, 'ERR_POLICY_VALUE', what);
    if (to.scheme === 'tcp') {
      if (methods !== null || pin !== null || credential !== null || trust !== null)
        throw fail('a tcp:// rule has no keys but "to" and "limit": nobody reads what is sent over the connection');
      return { at, ...to, limit };
    }
    if (methods === null) throw fail('an egress rule lacks the key "methods"');
    if (to.scheme === 'enclave' && trust === null)
      throw fail('an enclave:// rule lacks the key "trust": the trust file that says which worker is meant');
    if (to.scheme !== 'enclave' && trust !== null) throw fail('"trust" belongs only to a rule for enclave://');
    if (to.scheme === 'http' && (pin !== null || credential !== null))
      throw fail('http:// is not encrypted: "pin" and "credential" need https:// or enclave://');
    const sent = credential === null ? null : { header: credential.header, secret: credential.secret };
    return { at, ...to, methods, pin, limit, credential: sent, trust };
  },
  BY_SCHEME,
);

/** Reads the section. */
export const readEgress: Reader<readonly (EgressRule | ConnectionRule)[]> = list('egress', checkedEgressRule, null);

/**
 * Refuses query rules that overlap where one has a limit.
 * @throws PolicyError ERR_POLICY_VALUE
 */
export function checkQueryOverlaps(rules: readonly QueryRule[]): void {
  checkOverlaps(rules, (a, b) => {
    if (a.method !== b.method || !overlapsPath(a.path, b.path) || !a.allow.some((name) => b.allow.includes(name)))
      return null;
    return a.limit !== null || b.limit !== null ? `${b.method} ${formatPathPattern(b.path)} for the same caller` : null;
  });
}

/**
 * Refuses egress rules that overlap where one has a pin, a limit, a credential or a trust file.
 * @throws PolicyError ERR_POLICY_VALUE
 */
export function checkEgressOverlaps(rules: readonly EgressRule[]): void {
  const hasTerms = (rule: EgressRule): boolean =>
    rule.pin !== null || rule.limit !== null || rule.credential !== null || rule.trust !== null;
  checkOverlaps(rules, (a, b) => {
    const method = a.methods.find((name) => b.methods.includes(name));
    if (method === undefined || !overlapsTarget(a, b)) return null;
    return hasTerms(a) || hasTerms(b) ? `${method} to the same place` : null;
  });
}

/**
 * Refuses rules for `tcp://` that overlap where one has a limit.
 * @throws PolicyError ERR_POLICY_VALUE
 */
export function checkConnectionOverlaps(rules: readonly ConnectionRule[]): void {
  checkOverlaps(rules, (a, b) => {
    if (!overlapsConnection(a, b)) return null;
    return a.limit !== null || b.limit !== null ? 'a connection to the same place' : null;
  });
}

function checkOverlaps<T extends QueryRule | EgressRule | ConnectionRule>(
  rules: readonly T[],
  overlap: (a: T, b: T) => string | null,
): void {
  const gathering = new Gathering();
  for (const [i, later] of rules.entries())
    gathering.try(() => {
      for (const earlier of rules.slice(0, i)) {
        const what = overlap(earlier, later);
        if (what !== null)
          throw problemAt(
            later,
            'ERR_POLICY_VALUE',
            `this rule and the one on line ${earlier.at.line} both allow ${what}, under different terms: a rule never narrows another, so make them one or keep them apart`,
          );
      }
    });
  gathering.close();
}
