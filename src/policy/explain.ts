/**
 * What a policy says to one question written as a sentence (`POST /risk-score as analysts`, `GET https://x/y`), and to the questions
 * that its own section `tests` asks. The code is taken to be what the owner lists; everything else is decided as it would be live.
 */
import { NOBODY } from './callers.ts';
import { isConnection } from './connection.ts';
import { decideEgress, decideQuery } from './decide.ts';
import { decideConnection } from './decide-connection.ts';
import type { Decision, OwnerPolicy, PolicyTest } from './policy.ts';
import { formatPosition } from './policy-file-error.ts';
import { accept, quote, type Reading, refuse } from './reading.ts';
import { checkListed } from './words.ts';

/** A question to a policy; without callers it is about a way out. */
export type Question =
  | { readonly window: 'query'; readonly method: string; readonly path: string; readonly callers: ReadonlySet<string> }
  | { readonly window: 'egress'; readonly method: string; readonly url: string }
  | { readonly window: 'connection'; readonly url: string };

/** Reads `METHOD /path as caller[,caller]`, `METHOD scheme://host/path` or `tcp://host:port`; callers must be names of this policy. */
export function parseQuestion(policy: OwnerPolicy, text: string): Reading<Question> {
  if (isConnection(text.trim())) return accept({ window: 'connection', url: text.trim() });
  const [, method = '', target = '', names] = /^(\S+) (\S+)(?: as (\S+))?$/.exec(text.trim()) ?? [];
  if (target.includes('://') && !target.startsWith('/') && names === undefined)
    return accept({ window: 'egress', method, url: target });
  if (!target.startsWith('/'))
    return refuse(
      `${quote(text)} is no question: write "POST /name as caller", "GET https://host/path" or "tcp://host:port"`,
    );
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
  if (question.window !== 'query') {
    const functionDigest = policy.functions[0]?.digest ?? '';
    const { url } = question;
    if (question.window === 'connection') return decideConnection(policy, { functionDigest, url, now });
    return decideEgress(policy, { functionDigest, method: question.method, url, now });
  }
  const { method, path, callers } = question;
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

/** Writes a question as it stands in the file. */
function writeQuestion(test: PolicyTest): string {
  if (test.window === 'connection') return test.url;
  return test.window === 'egress' ? `${test.method} ${test.url}` : `${test.method} ${test.path} as ${test.caller}`;
}

/** Runs the section `tests`, each at the first instant at which the policy is in force, so that no clock changes the outcome. */
export function runPolicyTests(policy: OwnerPolicy): readonly PolicyTestResult[] {
  return policy.tests.map((test) => {
    const question: Question =
      // No caller is named nobody, so no rule allows anything to that name.
      test.window === 'query' ? { ...test, callers: new Set([test.caller]) } : test;
    const decision = decideQuestion(policy, question, policy.valid.from);
    const text = writeQuestion(test);
    return { test, question: text, passed: decision.outcome === test.expect, decision };
  });
}
