/** docs/policy.md is a contract: its whole policy works, its tables are those of the code. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { LIMITS } from '../../src/base/limits.ts';
import { ERRORS } from '../../src/errors.ts';
import { decideQuestion, parseQuestion, renderDecision, runPolicyTests } from '../../src/policy/explain.ts';
import { NOW, parse } from './sample.ts';

const text = readFileSync(join(import.meta.dirname, '../../docs/policy.md'), 'utf8');
const whole = /```yaml\n(anchorhold: [^]*?)```/.exec(text)?.[1] ?? '';

describe('docs/policy.md', () => {
  it('has a whole policy that can be used and whose tests pass', () => {
    const results = runPolicyTests(parse(whole));
    expect(results).toHaveLength(3);
    expect(results.every(({ passed }) => passed)).toBe(true);
  });

  it('shows the answer that the whole policy gives', () => {
    const policy = parse(whole);
    const question = parseQuestion(policy, 'POST /risk-score as nightly');
    const answer = question.ok ? renderDecision(decideQuestion(policy, question.value, NOW)) : '';
    expect(text).toContain(`\`\`\`text\n${answer.replaceAll('owner.yaml', 'hospital-a.yaml')}\n\`\`\``);
  });

  it('names every section and every code, and no other', () => {
    const { sections } = parse(whole);
    const named = [...text.matchAll(/^\| `([a-z]+)` \|/gm)].map((match) => match[1] ?? '');
    expect(named.sort()).toEqual([...Object.keys(sections), 'anchorhold', 'owner', 'version'].sort());
    const codes = [...text.matchAll(/^\| `(ERR_[A-Z_]+)` \|/gm)].map((match) => match[1] ?? '');
    const known = Object.keys(ERRORS).filter((code) => code.startsWith('ERR_POLICY_'));
    expect(codes.sort()).toEqual(known.sort());
  });

  it('tells the caps as they are', () => {
    const { policyBytes, policyDepth, policyNodes, policyScalarBytes, referenceBytes } = LIMITS;
    expect(text.replaceAll('\n', ' ')).toContain(
      `at most ${policyBytes / 1024} KiB, ${policyDepth} levels, ${policyNodes} values, and ${policyScalarBytes / 1024} KiB in one value; each file it refers to at most ${referenceBytes / 1024 ** 2} MiB`,
    );
  });
});
