/**
 * What one owner's policy says to one query or one egress. Total: any text as method, path or address gives a decision.
 * Closed: allowed is only what a rule names, at a time when the policy is in force, for code that the owner lists. Linear in the
 * request, whatever the length of the file. Limits are not counted here: a decision names the rules whose limits apply.
 */
import { allowed, type Denial, denied, judgeCode, judgeTime, listRules, notNormal } from './denial.ts';
import { patternsNaming } from './host.ts';
import { formatPathPattern, parsePath } from './path.ts';
import type { Decision, EgressRule, OwnerPolicy, QueryRule } from './policy.ts';
import { joinNames, lowerFirst, quote } from './reading.ts';
import { judgeRevoked, keepCounted } from './revoked.ts';
import { KeyIndex, NameOrder, oncePer, PathIndex } from './rule-index.ts';
import { type EgressParts, type EgressTarget, formatTarget, formatTargetPattern, parseTarget } from './target.ts';
import { parseMethod } from './words.ts';

/** One query as the gate knows it before it reads the body. */
export interface QueryRequest {
  /** Names of this owner's callers that whoever asks has proven to be. */
  readonly callers: ReadonlySet<string>;
  readonly method: string;
  /** As on the request line, with or without query string. */
  readonly path: string;
  /** Digest of the code that would answer, `sha256:<hex>`. */
  readonly functionDigest: string;
  readonly now: Date;
}

/** One connection that a function wants. */
export interface EgressRequest {
  /** Digest of the code that asks, `sha256:<hex>`. */
  readonly functionDigest: string;
  readonly method: string;
  readonly url: string | EgressParts;
  readonly now: Date;
}

export interface QueryDecision extends Decision {
  /** Every rule that allows it, those without a limit first: the call may be charged to any one of them. Empty when denied. */
  readonly rules: readonly QueryRule[];
}

export interface EgressDecision extends Decision {
  readonly rule: EgressRule | null;
  /** What was judged: connect to exactly this. null when denied. */
  readonly target: EgressTarget | null;
}

const indexCallers = oncePer((callers: OwnerPolicy['callers']) => new NameOrder(callers.map(({ name }) => name)));
const indexAllowed = oncePer((allow: QueryRule['allow']) => new NameOrder(allow));
const indexQueries = oncePer((rules: readonly QueryRule[]) => ({
  byPath: new PathIndex(rules, ({ method }) => method),
  byCaller: new KeyIndex(rules, ({ allow }) => allow),
}));

const originOf = ({ scheme, port }: Pick<EgressTarget, 'scheme' | 'port'>, host: string): string =>
  `${scheme}://${host}:${port}`;
const indexEgress = oncePer((rules: readonly EgressRule[]) => ({
  byPath: new PathIndex(rules, (rule) => originOf(rule, rule.host)),
  byOrigin: new KeyIndex(rules, (rule) => [originOf(rule, rule.host)]),
}));

/** Decides whether the owner allows the query. */
export function decideQuery(policy: OwnerPolicy, request: QueryRequest): QueryDecision {
  const deny = (denial: Denial): QueryDecision => ({ ...denied(policy, denial), rules: [] });
  const early = judgeTime(policy, request.now);
  if (early !== null) return deny(early);
  const method = parseMethod(request.method);
  if (!method.ok) return deny(notNormal(policy.sections.queries, method.why));
  const path = parsePath(request.path);
  if (!path.ok) return deny(notNormal(policy.sections.queries, path.why));
  const unlisted = judgeFunction(policy, path.value[0] ?? '', request.functionDigest);
  if (unlisted !== null) return deny(unlisted);
  const callers = keepCounted(policy, request.callers);
  const revoked = judgeRevoked(policy, request.callers);
  if (revoked !== null) return deny(revoked);
  const forAnyone = indexQueries(policy.queries).byPath.find([method.value], path.value);
  const matching = forAnyone.filter(({ allow }) => indexAllowed(allow).pick(callers).length > 0);
  const rules = [...matching.filter((r) => r.limit === null), ...matching.filter((r) => r.limit !== null)];
  const [first] = rules;
  if (first === undefined) return deny(explainQuery(policy, callers, method.value, path.value, forAnyone));
  const names = indexAllowed(first.allow).pick(callers);
  const reason = `${policy.owner} allows ${joinNames(names, 'and')} to ask ${formatQueryTo(first)}.`;
  return { ...allowed(policy, first.at, reason), rules };
}

function formatQueryTo(rule: QueryRule): string {
  return `${rule.method} ${formatPathPattern(rule.path)}`;
}

/** Gives the denial when the code is not what the owner lists under this name, or null when it is. */
function judgeFunction(policy: OwnerPolicy, name: string, digest: string): Denial | null {
  const listed = policy.functions.find((rule) => rule.name === name);
  const code = 'ERR_POLICY_DENIED_QUERY';
  if (listed === undefined)
    return {
      code,
      at: policy.sections.functions,
      reason: `${policy.owner} lists no function named ${quote(name)}.`,
      hint: `Check the first part of the path, or ask ${policy.owner} to list the function's digest.`,
    };
  if (listed.digest === digest) return null;
  return {
    code,
    at: listed.at,
    reason: `The code loaded as ${name} is not the code that ${policy.owner} lists: its digest is ${quote(digest)}.`,
    hint: `Load the code with the digest ${listed.digest}, or ask ${policy.owner} to review the other one.`,
  };
}

/** Gives the first eight names that rules allow: who is refused need not read a thousand. */
function firstNames(rules: readonly QueryRule[]): readonly string[] {
  const names = new Set<string>();
  for (const { allow } of rules) for (const name of allow) if (names.add(name).size === 8) return [...names];
  return [...names];
}

/** Says why no rule allows the query: the nearest rules, and the smallest change that would allow it. */
function explainQuery(
  policy: OwnerPolicy,
  callers: ReadonlySet<string>,
  method: string,
  path: readonly string[],
  forOthers: readonly QueryRule[],
): Denial {
  const asked = `${method} /${path.join('/')}`;
  const who = joinNames(indexCallers(policy.callers).pick(callers), 'and');
  const forThem = indexQueries(policy.queries).byCaller.find(callers);
  const code = 'ERR_POLICY_DENIED_QUERY';
  const [forAnother] = forOthers;
  if (forAnother !== undefined) {
    const names = joinNames(firstNames(forOthers), 'and');
    const only = `${policy.owner} allows ${asked} only to ${names === '' ? 'nobody' : names}`;
    if (who === '')
      return {
        code,
        at: forAnother.at,
        reason: `${only}, and you have proven to be none of them.`,
        hint: 'Send the certificate, signature or token that the owner gave you.',
      };
    const hint = `Ask ${policy.owner} to add ${who} to this rule.`;
    return { code, at: forAnother.at, reason: `${only}, not to ${who}.`, hint };
  }
  const [forThis] = forThem;
  if (forThis !== undefined)
    return {
      code,
      at: forThis.at,
      reason: `${policy.owner} does not allow ${who} to ask ${asked}; allowed is ${listRules(forThem, formatQueryTo)}.`,
      hint: `Ask for what is allowed, or ask ${policy.owner} to add the rule "allow: ${who}, to: ${asked}".`,
    };
  return {
    code,
    at: policy.sections.queries,
    reason:
      policy.queries.length === 0
        ? `${policy.owner} allows no queries at all.`
        : `No rule of ${policy.owner} allows ${who === '' ? 'anyone' : who} to ask ${asked}.`,
    hint: `Ask ${policy.owner} to add a rule for it to the section queries.`,
  };
}

/** Decides whether the owner allows the function to connect there. */
export function decideEgress(policy: OwnerPolicy, request: EgressRequest): EgressDecision {
  const deny = (denial: Denial): EgressDecision => ({ ...denied(policy, denial), rule: null, target: null });
  const early = judgeTime(policy, request.now);
  if (early !== null) return deny(early);
  const method = parseMethod(request.method);
  if (!method.ok) return deny(notNormal(policy.sections.egress, method.why));
  const target = parseTarget(request.url);
  if (!target.ok) return deny(notNormal(policy.sections.egress, target.why));
  const unlisted = judgeCode(policy, request.functionDigest);
  if (unlisted !== null) return deny(unlisted);
  const { host, segments } = target.value;
  const origins = patternsNaming(host).map((pattern) => originOf(target.value, pattern));
  const { byPath, byOrigin } = indexEgress(policy.egress);
  const samePlace = byPath.find(origins, segments);
  const rule = samePlace.find((r) => r.methods.includes(method.value));
  if (rule === undefined)
    return deny(explainEgress(policy, method.value, target.value, samePlace, () => byOrigin.find(origins)));
  const reason = `${policy.owner} allows ${method.value} to ${formatTargetPattern(rule)}.`;
  return { ...allowed(policy, rule.at, reason), rule, target: target.value };
}

/** Says why no rule allows the connection: what came nearest, and the smallest change that would allow it. */
function explainEgress(
  policy: OwnerPolicy,
  method: string,
  target: EgressTarget,
  samePlace: readonly EgressRule[],
  findSameHost: () => readonly EgressRule[],
): Denial {
  const asked = `${method} ${formatTarget(target)}`;
  const code = 'ERR_POLICY_DENIED_EGRESS';
  const hint = `Ask ${policy.owner} to add the rule "to: ${formatTarget(target)}, methods: [${method}]" to the section egress.`;
  const near = ({ at }: EgressRule, why: string): Denial => ({
    code,
    at,
    reason: `${policy.owner} does not allow ${asked}: ${why}.`,
    hint,
  });
  const [there] = samePlace;
  if (there !== undefined) {
    const methods = joinNames([...new Set(samePlace.flatMap((rule) => rule.methods))], 'and');
    return near(there, `there it allows ${methods === '' ? 'no method' : `only ${methods}`}`);
  }
  const sameHost = findSameHost();
  const [onHost] = sameHost;
  if (onHost !== undefined)
    return near(onHost, `on this host it allows only ${listRules(sameHost, formatTargetPattern)}`);
  return {
    code,
    at: policy.sections.egress,
    reason:
      policy.egress.length === 0
        ? `${policy.owner} allows no connections at all, so not ${asked}.`
        : `${policy.owner} does not allow ${asked}: no rule names this scheme, host and port.`,
    // A name that merely looks like a listed one is the usual attack, so nobody is told to list it without a look.
    hint: `Only if this is the destination that is meant: ${lowerFirst(hint)}`,
  };
}
