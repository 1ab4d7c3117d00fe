/** The parts that every decision is made of: who says it, since when, for which code, and how rules are listed in a sentence. */
import type { PolicyCode } from '../error-table.ts';
import type { Decision, OwnerPolicy, Position } from './policy.ts';
import { joinNames, quote } from './reading.ts';

/** A denial without its owner, as the steps of a decision make it. */
export interface Denial {
  readonly code: PolicyCode;
  readonly at: Position;
  readonly reason: string;
  readonly hint: string;
}

/** Makes a decision that denies. */
export function denied(policy: OwnerPolicy, denial: Denial): Decision {
  return { outcome: 'deny', owner: policy.owner, ...denial };
}

/** Makes a decision that allows. */
export function allowed(policy: OwnerPolicy, at: Position, reason: string): Decision {
  return { outcome: 'allow', owner: policy.owner, at, code: null, reason, hint: '' };
}

/** Gives the denial of a policy that is not in force at this time, or null when it is. An instant that is no date is in no policy. */
export function judgeTime(policy: OwnerPolicy, now: Date): Denial | null {
  const { from, until } = policy.valid;
  if (now >= from && now < until) return null;
  const when = now < from ? `comes into force at ${from.toISOString()}` : `ended at ${until.toISOString()}`;
  return {
    code: 'ERR_POLICY_NOT_IN_FORCE',
    at: policy.sections.valid,
    reason: `The policy of ${policy.owner} (version ${policy.version}) ${when}.`,
    hint: `Ask ${policy.owner} for a version that is in force now.`,
  };
}

/** Says that what is asked could be read in two ways. */
export function notNormal(at: Position, why: string): Denial {
  return {
    code: 'ERR_POLICY_REQUEST',
    at,
    reason: `The request cannot be judged: ${why}.`,
    hint: 'Send it in normal form: what two readers could understand in two ways is refused.',
  };
}

/** Shows at most three rules in a sentence. */
export function listRules<T>(rules: readonly T[], show: (rule: T) => string): string {
  const shown = rules.slice(0, 3).map(show);
  return joinNames(rules.length > 3 ? [...shown, `${rules.length - 3} more`] : shown, 'and');
}

/** Gives the denial when the owner does not list the code that wants to connect, or null when it does. */
export function judgeCode(policy: OwnerPolicy, functionDigest: string): Denial | null {
  if (policy.functions.some(({ digest }) => digest === functionDigest)) return null;
  return {
    code: 'ERR_POLICY_DENIED_EGRESS',
    at: policy.sections.functions,
    reason: `${policy.owner} does not list the code that wants to connect: its digest is ${quote(functionDigest)}.`,
    hint: `Ask ${policy.owner} to review the code and list its digest.`,
  };
}
