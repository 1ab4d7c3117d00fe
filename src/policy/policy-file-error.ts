/** What is wrong in an owner's file and where, and how it is shown: message, the line itself, and a caret under the place. */
import type { PolicyCode } from '../error-table.ts';
import { PolicyError } from '../errors.ts';
import type { Position } from './policy.ts';

export interface PolicyProblem {
  readonly code: PolicyCode;
  readonly at: Position;
  /** What is wrong and what would be right, without the position. */
  readonly what: string;
}

/** Says that an owner's file cannot be used: carries every problem found, in the order of the file; the first one gives the code. */
export class PolicyFileError extends PolicyError {
  readonly problems: readonly [PolicyProblem, ...PolicyProblem[]];
  /** The whole file, to show the places in; empty when it is not text, or over the cap. */
  readonly text: string;
  constructor(
    first: PolicyProblem,
    others: readonly PolicyProblem[] = [],
    { text = '', ...options }: ErrorOptions & { readonly text?: string } = {},
  ) {
    const problems: [PolicyProblem, ...PolicyProblem[]] = [first, ...others];
    problems.sort((a, b) => a.at.line - b.at.line || a.at.column - b.at.column);
    super(problems[0].code, formatProblem(problems[0]), options);
    this.problems = problems;
    this.text = text;
  }
}

/** Writes `file:line:column`. */
export function formatPosition(at: Position): string {
  return `${at.file}:${at.line}:${at.column}`;
}

/** Writes `file:line:column: what is wrong`. */
export function formatProblem(problem: PolicyProblem): string {
  return `${formatPosition(problem.at)}: ${problem.what}`;
}

/** Writes a problem with the line of the file it is in and a caret under its column. `text` is the whole file. */
export function renderProblem(problem: PolicyProblem, text: string): string {
  const line = text.replace(/^\ufeff/, '').split(/\r\n|\n|\r/)[problem.at.line - 1];
  if (line === undefined) return formatProblem(problem);
  const number = String(problem.at.line);
  // Control characters would move the caret or the reader's cursor.
  const visible = line.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, '\ufffd');
  const start = Math.max(0, problem.at.column - 60);
  return [
    formatProblem(problem),
    `  ${number} | ${visible.slice(start, start + 110)}`,
    `  ${' '.repeat(number.length)} | ${' '.repeat(problem.at.column - 1 - start)}^`,
  ].join('\n');
}
