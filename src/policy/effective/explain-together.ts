/** What several owners together say to one question, as they would live: everyone who lists the function is asked, and the first who refuses is named. */
import { type CombinedDecision, combineDecisions } from '../combine.ts';
import { decideEgress, decideQuery } from '../decide.ts';
import { decideConnection } from '../decide-connection.ts';
import { parseQuestion } from '../explain.ts';
import type { Decision, OwnerPolicy } from '../policy.ts';
import { accept, type Reading, refuse } from '../reading.ts';

export interface QuestionToAll {
  /** `METHOD /path`, `METHOD scheme://host/path` or `tcp://host:port`. */
  readonly text: string;
  /** Who asks: for each owner the names of its callers, joined by commas. */
  readonly callers: ReadonlyMap<string, string>;
  /** The function that wants out; null for a query, whose path names it. */
  readonly function: string | null;
}

/** Decides a question that was read for one policy. */
function decideFor(policy: OwnerPolicy, text: string, functionDigest: string, now: Date): Reading<Decision> {
  const question = parseQuestion(policy, text);
  if (!question.ok) return question;
  const { window } = question.value;
  if (window === 'query') return accept(decideQuery(policy, { ...question.value, functionDigest, now }));
  return accept(
    window === 'egress'
      ? decideEgress(policy, { ...question.value, functionDigest, now })
      : decideConnection(policy, { ...question.value, functionDigest, now }),
  );
}

/** Decides for every owner who lists the function; the code is taken to be what the first of them lists. */
export function explainTogether(
  policies: readonly OwnerPolicy[],
  question: QuestionToAll,
  now: Date,
): Reading<CombinedDecision<Decision>> {
  const name = question.function ?? /^\S+ \/([^/?\s]*)/.exec(question.text)?.[1];
  if (name === undefined) return refuse('say which function wants out');
  const deciders = policies.flatMap((policy) => {
    const listed = policy.functions.find((one) => one.name === name);
    return listed === undefined ? [] : [{ policy, digest: listed.digest }];
  });
  const digest = deciders[0]?.digest ?? '';
  const decisions: Decision[] = [];
  for (const { policy } of deciders) {
    const names = question.callers.get(policy.owner);
    const decision = decideFor(
      policy,
      names === undefined ? question.text : `${question.text} as ${names}`,
      digest,
      now,
    );
    if (!decision.ok) return decision;
    decisions.push(decision.value);
  }
  return accept(combineDecisions(decisions));
}
