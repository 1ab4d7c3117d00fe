/**
 * An appraisal for people: what it comes to in the first line and the last, and between them every check under the claim that it belongs
 * to, with what each claim proves and what it does not. Judges nothing.
 */
import type { Appraisal, Check } from '../appraisal.ts';
import { CHECKS, type CheckId } from '../attestation/check-table.ts';
import { type EvidenceForm, titleOfForm } from '../attestation/evidence-forms.ts';
import type { RuntimeClaims } from '../attestation/hcl.ts';
import {
  type AppraisedSubject,
  CLAIMS,
  type ClaimName,
  MEANINGS,
  PROVES_NOTHING,
  STAGES_OF,
} from './claim-meanings.ts';
import type { CliIo } from './command.ts';
import { printable, writeLine } from './output.ts';

/** An appraisal and what it is about. */
export interface Explained {
  readonly appraisal: Appraisal;
  readonly subject: AppraisedSubject;
  /** null for a connection, and for a file of no form. */
  readonly form: EvidenceForm | null;
  /** What an HCL blob says, once a report covers it. */
  readonly runtimeClaims: RuntimeClaims | null;
}

const MARKS: Readonly<Record<Check['outcome'], string>> = { pass: 'ok  ', fail: 'FAIL', skipped: 'skip' };

const ANY = 'any';

/** Findings that say no more than that it is as expected. */
const AS_EXPECTED: ReadonlySet<string> = new Set([
  'so',
  'these',
  'verifies',
  'in range',
  'all there',
  'all three are',
  'the same in all three',
]);

/** Why a check was not decided, in words. */
const SKIPS: Readonly<Record<string, string>> = {
  off: 'your trust file says off',
  none: 'there is none',
  'no path': 'not looked at, because the certificates lead nowhere',
};

/** A check whose finding repeats what was expected at length: whole distinguished names. It is shown only when it fails. */
const LONG_FINDING: CheckId = 'chain-names';

/** Says what was expected and found, as far as the meaning of the check has not said it already. */
function explainOutcome({ id, outcome, expected, actual }: Check, meaning: string): string {
  if (outcome === 'skipped')
    return expected === ANY ? ` (you demand nothing; it is: ${actual})` : ` (${SKIPS[actual] ?? actual})`;
  if (expected === meaning) return '';
  if (expected === actual || id === LONG_FINDING || AS_EXPECTED.has(actual)) return ` (as expected: ${expected})`;
  return ` (expected: ${expected}; found: ${actual})`;
}

function markOf({ outcome, expected }: Check): string {
  return outcome === 'skipped' && expected === ANY ? 'any ' : MARKS[outcome];
}

/** Explains one check in a line, a failed one in three. */
function explainCheck(check: Check): readonly string[] {
  const { id, outcome, expected, actual } = check;
  const meaning = Object.hasOwn(CHECKS, id) ? CHECKS[id as CheckId].meaning : id;
  if (outcome === 'fail')
    return [`  ${MARKS.fail} ${meaning}`, `         expected: ${expected}`, `         found:    ${actual}`];
  return [`  ${markOf(check)} ${meaning}${explainOutcome(check, meaning)}`];
}

const hasFailed = ({ outcome }: Check): boolean => outcome === 'fail';

/** Says how what is missing, or what has ended, can be given; nothing when what failed cannot be mended like that. */
export function adviseOnMissing({ appraisal, subject }: Omit<Explained, 'form' | 'runtimeClaims'>): readonly string[] {
  const failed = new Set(appraisal.checks.filter(hasFailed).map(({ id }) => id));
  const live = subject === 'connection';
  const give = (option: string): string => (live ? '' : `give it with --${option} FILE, or `);
  const chain =
    appraisal.report?.signer === 'VLEK'
      ? "a VLEK's own certificate comes from the machine and never from AMD; --kds fetches those above it"
      : 'have AMD asked for it with --kds';
  const chainPath = live
    ? `a certificate is missing: ${chain}`
    : `a certificate is missing: give all three (key, issuer, root) with --certificate FILE each; or ${chain}`;
  const crlPresent = `the revocation list is missing: ${give('crl')}have AMD asked for it with --kds`;
  const dates = 'to judge a file by the time when it was made, add --at TIME';
  return [
    ...(failed.has('chain-path') ? [chainPath] : []),
    ...(failed.has('crl-present') ? [crlPresent] : []),
    ...(!live && (failed.has('chain-dates') || failed.has('crl-dates')) ? [dates] : []),
  ];
}

/** Answers one claim in a word; whatever rests on a simulated root says so. */
function answerClaim(claim: ClaimName, checks: readonly Check[], simulated: boolean): string {
  if (checks.length === 0) return 'not reached';
  if (checks.some(hasFailed)) return 'NO';
  return simulated && claim === 'genuine' ? 'yes, SIMULATED' : 'yes';
}

/** Says in one line what it comes to; a file is never called accepted, since it says nothing about now. */
function summarize({ appraisal, subject, form }: Explained): string {
  const { verdict, stage, code, simulated } = appraisal;
  const live = subject === 'connection';
  const title = form === null ? '' : titleOfForm(form);
  const what = live ? 'this worker' : `this file (${title})`;
  const genuine = `${simulated ? 'SIMULATED' : 'genuine'}${live ? '' : ' when it was made'}`;
  if (subject === 'unknown-file') return `reject: this file: not evidence that can be read (${code})`;
  if (verdict === 'reject') {
    const refusals: Readonly<Record<ClaimName, string>> = {
      genuine: 'not proven to be genuine',
      code: `${genuine}, but not the code that you accept`,
      isolated: `${genuine} and the code that you accept, but not isolated as you demand`,
    };
    const failed = CLAIMS.find((claim) => stage !== null && STAGES_OF[claim].includes(stage)) ?? 'genuine';
    return `reject: ${what}: ${refusals[failed]} (${code})`;
  }
  if (live) return `accept: ${what} is ${genuine}, and its code and its isolation are as you demand, now`;
  return `${genuine}, and as you demand, as far as a file can show; it says nothing about now (${title})`;
}

/** Longest runtime claim that is written whole: a public key of 2048 bits has some 450 characters. */
const MAX_CLAIM_LENGTH = 600;

/** Writes the runtime claims of a blob, one line for each; a value that is long is cut. */
function explainRuntimeClaims(io: CliIo, claims: RuntimeClaims): void {
  writeLine(io, "runtime data (the word of Azure's firmware, covered by the report):");
  for (const [name, value] of Object.entries(claims)) {
    for (const item of Array.isArray(value) ? (value as readonly unknown[]) : [value]) {
      const text = typeof item === 'string' ? item : JSON.stringify(item);
      writeLine(
        io,
        printable(`  ${name}: ${text.length > MAX_CLAIM_LENGTH ? `${text.slice(0, MAX_CLAIM_LENGTH)}...` : text}`),
      );
    }
  }
}

/** Writes what it comes to, every check, and what it comes to again, to stdout. */
export function explainAppraisal(io: CliIo, explained: Explained): void {
  const { appraisal, subject, runtimeClaims } = explained;
  const summary = printable(summarize(explained));
  writeLine(io, summary);
  for (const claim of CLAIMS) {
    const checks = appraisal.checks.filter((check) => STAGES_OF[claim].includes(check.stage));
    const answer = answerClaim(claim, checks, appraisal.simulated);
    const { title, proves, not } = MEANINGS[subject][claim];
    writeLine(io, `${claim} (${title}): ${answer}`);
    if (answer.startsWith('yes')) {
      writeLine(io, `  proves:         ${appraisal.simulated ? PROVES_NOTHING : proves}`);
      writeLine(io, `  does not prove: ${not}`);
    }
    // What failed comes first: it must not be looked for among eighty lines.
    const ordered = [...checks.filter(hasFailed), ...checks.filter((check) => !hasFailed(check))];
    for (const line of ordered.flatMap(explainCheck)) writeLine(io, printable(line));
  }
  if (runtimeClaims !== null) explainRuntimeClaims(io, runtimeClaims);
  if (appraisal.simulated)
    writeLine(io, "SIMULATED: the accepted root is not AMD's; this proves nothing about hardware");
  for (const note of adviseOnMissing(explained)) writeLine(io, `note: ${note}`);
  writeLine(io, 'docs/trust.md says more of each check, docs/glossary.md explains the words');
  writeLine(io, `verdict: ${summary}`);
}
