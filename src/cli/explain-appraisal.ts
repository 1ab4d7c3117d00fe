/** An appraisal for people: every check under the claim that it belongs to, one line each, and the verdict in words. Judges nothing. */
import type { Appraisal, Check, Stage } from '../appraisal.ts';
import { CHECKS, type CheckId } from '../attestation/check-table.ts';
import type { CliIo } from './command.ts';
import { printable, writeLine } from './output.ts';

/** What was appraised: a worker at the other end of a connection, evidence that was kept, or a bare report. */
export type AppraisedSubject = 'connection' | 'evidence-file' | 'report-file';

const CLAIMS: readonly { readonly title: string; readonly stages: readonly Stage[] }[] = [
  { title: 'genuine', stages: ['parse', 'chain', 'binding', 'signature', 'channel'] },
  { title: 'code', stages: ['code'] },
  { title: 'isolated', stages: ['isolation'] },
];

/** What each claim says about a subject. */
const MEANINGS: Readonly<Record<AppraisedSubject, Readonly<Record<string, string>>>> = {
  connection: {
    genuine: 'an AMD machine that is alive and holds this connection',
    code: 'the image and the functions that you accept',
    isolated: 'as you and the data owners demand',
  },
  'evidence-file': {
    genuine: 'an AMD machine made this report over these claims',
    code: 'the image and the functions that you accept',
    isolated: 'as you and the data owners demand',
  },
  'report-file': {
    genuine: 'an AMD machine made this report',
    code: 'an image that you accept',
    isolated: 'a machine as you demand',
  },
};

const MARKS: Readonly<Record<Check['outcome'], string>> = { pass: 'ok  ', fail: 'FAIL', skipped: 'skip' };

/** Says what was expected and found, as far as the meaning of the check has not said it already. */
function explainOutcome({ outcome, expected, actual }: Check, meaning: string): string {
  if (outcome === 'skipped') return expected === 'any' ? ` (nothing demanded, found ${actual})` : ` (${actual})`;
  if (expected !== meaning) return ` (expected ${expected}, found ${actual})`;
  return outcome === 'pass' ? '' : ` (found ${actual})`;
}

function explainCheck(check: Check): string {
  const meaning = Object.hasOwn(CHECKS, check.id) ? CHECKS[check.id as CheckId].meaning : check.id;
  return printable(`  ${MARKS[check.outcome]} ${meaning}${explainOutcome(check, meaning)}`);
}

/** Answers one claim in a word; whatever rests on a simulated root says so. */
function answerClaim(title: string, checks: readonly Check[], simulated: boolean): string {
  if (checks.length === 0) return 'not reached';
  if (checks.some(({ outcome }) => outcome === 'fail')) return 'NO';
  return simulated && title === 'genuine' ? 'yes, SIMULATED' : 'yes';
}

/** Says what was not shown, so that nobody takes a file for a machine. */
function caveat(subject: AppraisedSubject): readonly string[] {
  if (subject === 'connection') return [];
  const unshown = 'a file cannot show that the machine is alive now, nor that you are connected to it';
  const claims = 'a bare report says nothing about functions, owner policies and lockdown';
  return subject === 'report-file' ? [unshown, claims] : [unshown];
}

/** Writes every check and the verdict to stdout. */
export function explainAppraisal(io: CliIo, appraisal: Appraisal, subject: AppraisedSubject): void {
  for (const { title, stages } of CLAIMS) {
    const checks = appraisal.checks.filter((check) => stages.includes(check.stage));
    writeLine(io, `${title} (${MEANINGS[subject][title] ?? ''}): ${answerClaim(title, checks, appraisal.simulated)}`);
    for (const check of checks) writeLine(io, explainCheck(check));
  }
  if (appraisal.simulated)
    writeLine(io, "SIMULATED: the accepted root is not AMD's; this proves nothing about hardware");
  for (const line of caveat(subject)) writeLine(io, `note: ${line}`);
  const { verdict, code } = appraisal;
  const scope = subject === 'connection' ? '' : ', as far as a file can show it';
  writeLine(io, code === null ? `verdict: ${verdict}${scope}` : `verdict: ${verdict} (${code})`);
}
