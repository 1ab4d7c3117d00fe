/**
 * An appraisal for people: what it comes to in the first line and the last, and between them every check under the claim that it belongs
 * to, with what each claim proves and what it does not. Judges nothing.
 */
import type { Appraisal, Check, Stage } from '../appraisal.ts';
import { CHECKS, type CheckId } from '../attestation/check-table.ts';
import { type EvidenceForm, titleOfForm } from '../attestation/evidence-forms.ts';
import type { RuntimeClaims } from '../attestation/hcl.ts';
import type { CliIo } from './command.ts';
import { printable, writeLine } from './output.ts';

/** What was appraised: a worker at the other end of a connection, or a file with evidence, a report, a blob of Azure's or something else. */
export type AppraisedSubject = 'connection' | 'evidence-file' | 'report-file' | 'hcl-file' | 'unknown-file';

/** Says what kind of subject a form is; null is a file of no form. */
export function subjectOfForm(form: EvidenceForm | null): AppraisedSubject {
  if (form === null) return 'unknown-file';
  if (form === 'evidence' || form === 'cmw') return 'evidence-file';
  return form === 'hcl' ? 'hcl-file' : 'report-file';
}

/** An appraisal and what it is about. */
export interface Explained {
  readonly appraisal: Appraisal;
  readonly subject: AppraisedSubject;
  /** null for a connection, and for a file of no form. */
  readonly form: EvidenceForm | null;
  /** What an HCL blob says, once a report covers it. */
  readonly runtimeClaims: RuntimeClaims | null;
}

type ClaimName = 'genuine' | 'code' | 'isolated';

const STAGES_OF: Readonly<Record<ClaimName, readonly Stage[]>> = {
  genuine: ['parse', 'chain', 'binding', 'signature', 'channel'],
  code: ['code'],
  isolated: ['isolation'],
};
const CLAIMS: readonly ClaimName[] = ['genuine', 'code', 'isolated'];

/** What a claim says about a subject when it holds: in short, what that proves, and what it does not. */
interface Meaning {
  readonly title: string;
  readonly proves: string;
  readonly not: string;
}

const NOTHING = 'nothing, because everything here rests on a SIMULATED root';
const NOT_NOW = 'that it is alive now, that you are connected to it, or when the report was made';
const HARDWARE = 'LIMITATIONS.md, "The hardware"';
const NOT_FLAWLESS = 'that it has no faults, or does what you want (LIMITATIONS.md, "The code")';
const NOT_WISE = 'that what you and the owners demand is enough (LIMITATIONS.md, "The policy")';

const LIVE: Readonly<Record<ClaimName, Meaning>> = {
  genuine: {
    title: 'an AMD machine that is alive and holds this connection',
    proves: 'AMD vouches for the chip, whose report is about your nonce and this connection',
    not: `that nobody attacks the chip itself (${HARDWARE})`,
  },
  code: {
    title: 'the image and the functions that you accept',
    proves: 'it started an image that you list, which loaded the functions that you list',
    not: NOT_FLAWLESS,
  },
  isolated: {
    title: 'as you and the data owners demand',
    proves: 'machine, owner policies and lockdown are as your trust file says',
    not: NOT_WISE,
  },
};
const EVIDENCE: Readonly<Record<ClaimName, Meaning>> = {
  genuine: {
    title: 'an AMD machine made this report over these claims',
    proves: 'AMD vouches for the chip, whose report covers the claims in this file',
    not: `${NOT_NOW} (${HARDWARE}, too)`,
  },
  code: LIVE.code,
  isolated: LIVE.isolated,
};
const REPORT: Readonly<Record<ClaimName, Meaning>> = {
  genuine: {
    title: 'an AMD machine made this report',
    proves: 'AMD vouches for the chip that signed this report',
    not: `${NOT_NOW} (${HARDWARE}, too)`,
  },
  code: {
    title: 'an image that you accept',
    proves: 'it started an image that you list',
    not: `which functions it loaded, ${NOT_FLAWLESS}`,
  },
  isolated: {
    title: 'a machine as you demand',
    proves: 'the machine was set up as your trust file says',
    not: `which owner policies and lockdown were in force, ${NOT_WISE}`,
  },
};
const MEANINGS: Readonly<Record<AppraisedSubject, Readonly<Record<ClaimName, Meaning>>>> = {
  connection: LIVE,
  'evidence-file': EVIDENCE,
  'report-file': REPORT,
  'hcl-file': {
    genuine: {
      title: 'an AMD machine made this report over this runtime data',
      proves: "AMD vouches for the chip, whose report covers the runtime data in this blob: the virtual TPM's keys",
      not: `${NOT_NOW}: that takes a quote of the TPM, which is not read (LIMITATIONS.md, "The connection")`,
    },
    code: {
      title: "Azure's firmware that you accept",
      proves: "it started firmware of Azure's (the paravisor) that you list",
      not: 'which operating system or program runs on it: that is in the TPM, which is not read',
    },
    isolated: REPORT.isolated,
  },
  'unknown-file': REPORT,
};

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

/** Says what was expected and found, as far as the meaning of the check has not said it already. */
function explainOutcome({ outcome, expected, actual }: Check, meaning: string): string {
  if (outcome === 'skipped')
    return expected === ANY ? ` (you demand nothing; it is: ${actual})` : ` (${SKIPS[actual] ?? actual})`;
  if (expected === meaning) return '';
  if (expected === actual || AS_EXPECTED.has(actual)) return ` (as expected: ${expected})`;
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

/** Answers one claim in a word; whatever rests on a simulated root says so. */
function answerClaim(claim: ClaimName, checks: readonly Check[], simulated: boolean): string {
  if (checks.length === 0) return 'not reached';
  if (checks.some(({ outcome }) => outcome === 'fail')) return 'NO';
  return simulated && claim === 'genuine' ? 'yes, SIMULATED' : 'yes';
}

/** Says in one line what it comes to; a file is never called accepted, since it says nothing about now. */
function summarize({ appraisal, subject, form }: Explained): string {
  const { verdict, stage, code, simulated } = appraisal;
  const live = subject === 'connection';
  const what = live ? 'this worker' : form === null ? 'this file' : titleOfForm(form);
  const genuine = `${simulated ? 'SIMULATED' : 'genuine'}${live ? '' : ' when it was made'}`;
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
  return `${genuine}, and as you demand as far as this can show; nothing about now (${what})`;
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
      writeLine(io, `  proves:         ${appraisal.simulated ? NOTHING : proves}`);
      writeLine(io, `  does not prove: ${not}`);
    }
    for (const line of checks.flatMap(explainCheck)) writeLine(io, printable(line));
  }
  if (runtimeClaims !== null) explainRuntimeClaims(io, runtimeClaims);
  if (appraisal.simulated)
    writeLine(io, "SIMULATED: the accepted root is not AMD's; this proves nothing about hardware");
  writeLine(io, 'docs/trust.md says more of each check, docs/glossary.md explains the words');
  writeLine(io, `verdict: ${summary}`);
}
