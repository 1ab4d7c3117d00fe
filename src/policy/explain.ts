/**
 * What a policy says to one question written as a sentence (`POST /risk-score as analysts`, `GET https://x/y`), and to the questions
 * that its own section `tests` asks. The code is taken to be what the owner lists; everything else is decided as it would be live.
 */
import { NOBODY } from './callers.ts';
import { decideEgress, decideQuery } from './decide.ts';
import type { Decision, OwnerPolicy, PolicyTest } from './policy.ts';
import { formatPosition } from './policy-file-error.ts';
import { accept, quote, type Reading, refuse } from './reading.ts';
import { checkListed } from './words.ts';

/** A question to a policy; without callers it is about egress. */
export type Question =
  | { readonly window: 'query'; readonly method: string; readonly path: string; readonly callers: ReadonlySet<string> }
  | { readonly window: 'egress'; readonly method: string; readonly url: string };

/** Reads `METHOD /path as caller[,caller]` or `METHOD scheme://host/path`; callers must be names of this policy. */
export function parseQuestion(policy: OwnerPolicy, text: string): Reading<Question> {
  const match = /^(\S+) (\S+)(?: as (\S+))?$/.exec(text.trim());
  const [, method = '', target = '', names] = match ?? [];
  if (match !== null && target.includes('://') && !target.startsWith('/') && names === undefined)
    return accept({ window: 'egress', method, url: target });
  if (match === null || !target.startsWith('/'))
    return refuse(`${quote(text)} is no question: write "POST /name as caller" or "GET https://host/path"`);
  const callers = names === undefined ? [] : names.split(',').filter((name) => name !== NOBODY);
  const known = policy.callers.map(({ name }) => name);
  for (const name of callers) {
    const listed = checkListed(name, known, 'callers');
    if (!listed.ok) return listed;
  }
  return accept({ window: 'query', method, path: target, callers: new Set(callers) });
}

/** Decides a question. */
export function decideQuestion(policy: OwnerPolicy, question: Question, now: Date): Decision {
  const { method } = question;
  if (question.window === 'egress') {
    const functionDigest = policy.functions[0]?.digest ?? '';
    return decideEgress(policy, { functionDigest, method, url: question.url, now });
  }
  const { path, callers } = question;
  const name = /^\/([^/?]*)/.exec(path)?.[1];
  const functionDigest = policy.functions.find((rule) => rule.name === name)?.digest ?? '';
  return decideQuery(policy, { callers, method, path, functionDigest, now });
}

/** Writes a decision as a sentence with its place, and what to do about a denial. */
export function renderDecision(decision: Decision): string {
  const word = decision.outcome === 'allow' ? 'allowed' : 'denied';
  const lines = [`${word}: ${decision.reason}`, `  at ${formatPosition(decision.at)}`];
  return [...lines, ...(decision.hint === '' ? [] : [`  hint: ${decision.hint}`])].join('\n');
}

/** What one entry of `tests` asked, wanted and got. */
export interface PolicyTestResult {
  readonly test: PolicyTest;
  /** The question as it stands in the file. */
  readonly question: string;
  readonly passed: boolean;
  readonly decision: Decision;
}

/** Runs the section `tests`, each at the first instant at which the policy is in force, so that no clock changes the outcome. */
export function runPolicyTests(policy: OwnerPolicy): readonly PolicyTestResult[] {
  return policy.tests.map((test) => {
    const question: Question =
      test.window === 'egress'
        ? { window: 'egress', method: test.method, url: test.url }
        : {
            window: 'query',
            method: test.method,
            path: test.path,
            callers: new Set(test.caller === NOBODY ? [] : [test.caller]),
          };
    const decision = decideQuestion(policy, question, policy.valid.from);
    const text =
      test.window === 'egress' ? `${test.method} ${test.url}` : `${test.method} ${test.path} as ${test.caller}`;
    return { test, question: text, passed: decision.outcome === test.expect, decision };
  });
}
