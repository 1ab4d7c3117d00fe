import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { decideQuestion, parseQuestion } from '../../src/policy/explain.ts';
import { PolicyFileError } from '../../src/policy/policy-file-error.ts';
import { NOW, parse } from './sample.ts';

const FOLDER = join(import.meta.dirname, '../golden/policies');
const files = readdirSync(FOLDER).filter((name) => name.endsWith('.policytest'));

/** Says what comes of a policy and of the questions in `wanted`, in the words of the golden files. */
function outcomes(text: string, wanted: readonly string[]): string[] {
  try {
    const policy = parse(text);
    const answers = wanted.slice(1).map((line) => {
      const question = line.split(' -> ')[0] ?? '';
      const asked = parseQuestion(policy, question);
      if (!asked.ok) return asked.why;
      const { outcome, code, at } = decideQuestion(policy, asked.value, NOW);
      return `${question} -> ${[outcome, code, at.line].filter((part) => part !== null).join(' ')}`;
    });
    return ['ok', ...answers];
  } catch (error) {
    if (!(error instanceof PolicyFileError)) throw error;
    return error.problems.map(({ code, at }) => `${code} ${at.line}:${at.column}`);
  }
}

describe('golden policies', () => {
  it('are all there', () => {
    expect(files.length).toBe(26);
  });

  it.each(files)('%s', (name) => {
    const [text = '', expected = ''] = readFileSync(join(FOLDER, name), 'utf8').split('-----\n');
    const wanted = expected.trimEnd().split('\n');
    expect(outcomes(text, wanted)).toEqual(wanted);
  });
});
