/**
 * What one owner's policy says to a connection of the code's own, and to the name lookup that goes before it. Only rules for `tcp://` count:
 * a rule for requests lets no bytes through that nobody reads. Total and closed as decide.ts is.
 */
import { type ConnectionTarget, formatConnection, parseConnection } from './connection.ts';
import { allowed, type Denial, denied, judgeCode, judgeTime, listRules, notNormal } from './denial.ts';
import { parseHost, patternsNaming } from './host.ts';
import type { ConnectionRule, Decision, OwnerPolicy } from './policy.ts';
import { lowerFirst, quote, type Reading } from './reading.ts';
import { KeyIndex, oncePer } from './rule-index.ts';

/** One connection that a function wants. */
export interface ConnectionRequest {
  /** Digest of the code that asks, `sha256:<hex>`. */
  readonly functionDigest: string;
  /** `tcp://host:port`; the host is a name, or an address that stands for itself. */
  readonly url: string;
  readonly now: Date;
}

/** One name whose addresses a function wants to know. */
export interface LookupRequest {
  readonly functionDigest: string;
  readonly name: string;
  readonly now: Date;
}

export interface ConnectionDecision extends Decision {
  /** The rule that allows it; null when denied. */
  readonly rule: ConnectionRule | null;
  /** What was judged; null when denied. */
  readonly target: ConnectionTarget | null;
}

export interface LookupDecision extends Decision {
  /** The name as it was judged: look up exactly this. null when denied. */
  readonly name: string | null;
  /** The rules that name it, in their order: one of their limits must bear the lookup. Empty when denied. */
  readonly rules: readonly ConnectionRule[];
}

const indexHosts = oncePer((rules: readonly ConnectionRule[]) => new KeyIndex(rules, ({ host }) => [host]));

/** Judges what comes before any rule. */
function judge<T>(
  policy: OwnerPolicy,
  request: { readonly functionDigest: string; readonly now: Date },
  reading: Reading<T>,
): { readonly value: T } | Denial {
  const early = judgeTime(policy, request.now);
  if (early !== null) return early;
  if (!reading.ok) return notNormal(policy.sections.egress, reading.why);
  return judgeCode(policy, request.functionDigest) ?? { value: reading.value };
}

function explain(policy: OwnerPolicy, asked: string, near: readonly ConnectionRule[], rule: string): Denial {
  const code = 'ERR_POLICY_DENIED_EGRESS';
  const hint = `Ask ${policy.owner} to add the rule "to: ${rule}" to the section egress.`;
  const [nearest] = near;
  if (nearest !== undefined) {
    const reason = `${policy.owner} does not allow ${asked}: there it allows ${listRules(near, formatConnection)}.`;
    return { code, at: nearest.at, reason, hint };
  }
  return {
    code,
    at: policy.sections.egress,
    reason:
      policy.connections.length === 0
        ? `${policy.owner} allows no connections over tcp:// at all, so not ${asked}.`
        : `${policy.owner} does not allow ${asked}: no rule for tcp:// names it.`,
    hint: `Only if this is the destination that is meant: ${lowerFirst(hint)}`,
  };
}

/** Decides whether the owner allows the function to open this connection. */
export function decideConnection(policy: OwnerPolicy, request: ConnectionRequest): ConnectionDecision {
  const deny = (denial: Denial): ConnectionDecision => ({ ...denied(policy, denial), rule: null, target: null });
  const judged = judge(policy, request, parseConnection(request.url));
  if (!('value' in judged)) return deny(judged);
  const target = judged.value;
  const sameHost = indexHosts(policy.connections).find(patternsNaming(target.host));
  const rule = sameHost.find(({ port }) => port === target.port);
  if (rule !== undefined)
    return {
      ...allowed(policy, rule.at, `${policy.owner} allows a connection to ${formatConnection(rule)}.`),
      rule,
      target,
    };
  const asked = formatConnection(target);
  return deny(explain(policy, `a connection to ${asked}`, sameHost, asked));
}

/** Decides whether the owner allows the function to know the addresses of a name: only if it may connect to one of its ports. */
export function decideLookup(policy: OwnerPolicy, request: LookupRequest): LookupDecision {
  const deny = (denial: Denial): LookupDecision => ({ ...denied(policy, denial), name: null, rules: [] });
  const judged = judge(policy, request, parseHost(request.name));
  if (!('value' in judged)) return deny(judged);
  const name = judged.value;
  const rules = indexHosts(policy.connections).find(patternsNaming(name));
  const [rule] = rules;
  if (rule !== undefined)
    return {
      ...allowed(policy, rule.at, `${policy.owner} allows to look up ${quote(name)} for ${formatConnection(rule)}.`),
      name,
      rules,
    };
  return deny(explain(policy, `to look up ${quote(name)}`, [], `tcp://${name}:PORT`));
}
