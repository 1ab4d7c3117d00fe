/**
 * How the command line speaks: results on stdout, everything else on stderr. An error is one lower-case line, then the failed checks,
 * then what to do; with --json it is one JSON object. Text from outside cannot drive the terminal: control characters are shown, not sent.
 */
import type { Appraisal, Check } from '../appraisal.ts';
import {
  EnclaveError,
  type ErrorCode,
  InvalidEnclaveCodeError,
  NotAnEnclaveError,
  NotIsolatedEnclaveError,
} from '../errors.ts';
import type { Position } from '../policy/policy.ts';
import { PolicyFileError, renderProblem } from '../policy/policy-file-error.ts';
import type { CliIo } from './command.ts';

/** Exit code of a fault of our own. [sysexits.h EX_SOFTWARE] */
const EXIT_UNEXPECTED = 70;

const REPORT =
  'This is a fault of anchorhold itself: please report it with the command, `anchorhold --version` and this text.';

/** An error as machines read it. `code` is null when the error is a fault of our own. */
export interface ErrorReport {
  readonly error: string;
  readonly code: ErrorCode | null;
  readonly message: string;
  readonly hint: string;
  /** Of a verdict: every check that was made. */
  readonly checks?: readonly Check[];
  /** Of an owner's file that cannot be used: everything that is wrong in it. */
  readonly problems?: readonly ProblemReport[];
}

/** A problem in an owner's file as machines read it. */
export type ProblemReport = Position & Readonly<Record<'code' | 'message', string>>;

/** Lists the problems of an owner's file for machines. */
export function describeProblems({ problems }: PolicyFileError): readonly ProblemReport[] {
  return problems.map(({ code, at, what }) => ({ code, ...at, message: what }));
}

/** Shows control, format and line-breaking characters as escapes, so that a name from a server cannot rewrite a terminal. */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (c) => `\\u{${(c.codePointAt(0) ?? 0).toString(16)}}`);
}

/** Lowers the first letter of a sentence, but leaves a name in capitals as it is. */
export function lowerFirst(text: string): string {
  return /^\p{Lu}(?![\p{Lu}\d_])/u.test(text) ? text.charAt(0).toLowerCase() + text.slice(1) : text;
}

function appraisalOf(error: unknown): Appraisal | null {
  const verdict =
    error instanceof NotAnEnclaveError ||
    error instanceof InvalidEnclaveCodeError ||
    error instanceof NotIsolatedEnclaveError;
  return verdict ? error.appraisal : null;
}

/** Gives the exit code of an error: the table's for our own errors, 70 for a fault. */
export function exitOf(error: unknown): number {
  return error instanceof EnclaveError ? error.exit : EXIT_UNEXPECTED;
}

/** Describes any thrown value for machines. */
export function describeError(error: unknown): ErrorReport {
  if (!(error instanceof EnclaveError)) {
    const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return { error: 'UnexpectedError', code: null, message, hint: REPORT };
  }
  const { name, code, message, hint } = error;
  if (error instanceof PolicyFileError) return { error: name, code, message, hint, problems: describeProblems(error) };
  const appraisal = appraisalOf(error);
  return appraisal === null
    ? { error: name, code, message, hint }
    : { error: name, code, message, hint, checks: appraisal.checks };
}

/** Writes everything that is wrong in an owner's file: each problem with its line and a caret, then how many, and what to do. */
function writeProblems(io: CliIo, error: PolicyFileError): void {
  const { problems, text, hint } = error;
  const shown = problems.map(({ code, at, what }) =>
    renderProblem({ code, at: { ...at, file: printable(at.file) }, what: printable(what) }, text),
  );
  const count = problems.length === 1 ? '1 problem' : `${problems.length} problems`;
  const lines = [
    ...shown.flatMap((problem) => problem.split('\n')),
    `anchorhold: ${problems[0]?.at.file ?? 'the policy'} cannot be used: ${count}`,
    `hint: ${problems.length === 1 ? lowerFirst(hint) : 'mend each place that is shown above, and check the file again.'}`,
  ];
  io.stderr.write(lines.map((line) => `${printable(line)}\n`).join(''));
}

/** Writes an error to stderr: one JSON object, or lines for people; `hint` is what to do here, when the table's advice is too general. */
export function writeError(io: CliIo, error: unknown, json: boolean, hint: string | null = null): void {
  const report = describeError(error);
  if (json) {
    io.stderr.write(`${JSON.stringify(report)}\n`);
    return;
  }
  if (error instanceof PolicyFileError) {
    writeProblems(io, error);
    return;
  }
  const [first = '', ...stack] = report.message.split('\n');
  const simulated = appraisalOf(error)?.simulated === true ? ["note: SIMULATED: the accepted root is not AMD's"] : [];
  const failed = (report.checks ?? [])
    .filter((check) => check.outcome === 'fail')
    .map((check) => `check: ${check.id}: expected ${check.expected}, got ${check.actual}`);
  const fault = report.code === null;
  const lines = [
    `anchorhold: ${fault ? `unexpected error: ${first}` : lowerFirst(report.message)}`,
    ...(fault ? stack.map((line) => `  ${line.trim()}`) : []),
    ...simulated,
    ...failed,
    `hint: ${hint ?? lowerFirst(report.hint)}`,
  ];
  io.stderr.write(lines.map((line) => `${printable(line)}\n`).join(''));
}

/** Writes one value as a line of JSON to stdout. */
export function writeJson(io: CliIo, value: unknown): void {
  io.stdout.write(`${JSON.stringify(value)}\n`);
}

/** Writes one line for people to stdout. */
export function writeLine(io: CliIo, line: string): void {
  io.stdout.write(`${line}\n`);
}

/** Writes a line of progress to stderr when a person is watching. */
export function writeProgress(io: CliIo, line: string): void {
  if (io.isTty) io.stderr.write(`${printable(line)}\n`);
}
