/**
 * Appraises what lies in a file. A file proves nothing about now: whoever has it may have copied it, so the checks of freshness and
 * connection are shown as skipped, with the reason, and named in the result. Nothing may be sent on the strength of it.
 */
import type { Appraisal, Check } from '../appraisal.ts';
import type { CheckId } from './check-table.ts';
import { concludeAppraisal, makeCheck, skipCheck } from './checks.ts';
import { encodeEvidence } from './evidence.ts';
import { appraiseEvidence } from './evidence-appraisal.ts';
import { type EvidenceFile, type EvidenceForm, FORMS_IN_WORDS, titleOfForm } from './evidence-forms.ts';
import { checkRuntimeData, type RuntimeClaims } from './hcl.ts';
import { checkImage } from './release/accepted-images.ts';
import { appraise, type Questions } from './report-appraisal.ts';
import { createChainCache } from './snp/chain-cache.ts';
import type { CrlNumbers } from './snp/crl-numbers.ts';
import type { AttestationReport } from './snp/report.ts';
import type { TrustFile } from './trust-file.ts';

/** An appraisal of a file: `verdict` says whether all that a file can show is as demanded, and never that anything is so now. */
export interface FileAppraisal extends Appraisal {
  /** null when the file is of no form that is read. */
  readonly form: EvidenceForm | null;
  /** Checks that a session makes and this file has no answer to. */
  readonly unanswered: readonly CheckId[];
  /** What an HCL blob says; null unless an authentic report covers it. */
  readonly runtimeClaims: RuntimeClaims | null;
}

const NO_CONNECTION = 'a file has no connection to compare with';
const NO_CLAIMS = 'a report comes without a worker and its claims';
const OTHER_CLAIMS = 'REPORT_DATA of Azure covers the runtime data instead';

/** A reason for each check. */
type Reasons = Readonly<Partial<Record<CheckId, string>>>;

const NO_CHANNEL: Reasons = { 'channel-freshness': NO_CONNECTION, 'channel-tls-key': NO_CONNECTION };
const NO_WORKER: Reasons = {
  'channel-report-data': NO_CLAIMS,
  ...NO_CHANNEL,
  'code-functions': NO_CLAIMS,
  'owner-policies': NO_CLAIMS,
  lockdown: NO_CLAIMS,
};

/** Why each form has no answer to what a session checks. */
const UNANSWERED: Readonly<Record<EvidenceForm, Reasons>> = {
  evidence: NO_CHANNEL,
  cmw: NO_CHANNEL,
  report: NO_WORKER,
  'report-and-table': NO_WORKER,
  hcl: { ...NO_WORKER, 'channel-report-data': OTHER_CLAIMS },
};

/** What a session would expect. */
const EXPECTED: Reasons = {
  'channel-report-data': 'the hash of the claims',
  'channel-freshness': 'my nonce and my connection under the freshness root',
  'channel-tls-key': 'the key of my connection',
  'code-functions': 'the listed functions',
  'owner-policies': 'the listed owner policies',
  lockdown: 'the lockdown claims that are demanded',
};

/** Says for one check why this form has no answer to it. */
function leave(form: EvidenceForm, id: CheckId): Check {
  return skipCheck(id, EXPECTED[id] ?? '', `not checked: ${UNANSWERED[form][id] ?? NO_CLAIMS}`);
}

/** Refuses a file that is of no form, with the problem in words. */
export function refuseFile(problem: string, trust: TrustFile): FileAppraisal {
  const check = makeCheck('file-form', false, `one of: ${FORMS_IN_WORDS}`, problem);
  const appraisal = concludeAppraisal([check], null, trust.roots !== 'amd');
  return { ...appraisal, form: null, unanswered: [], runtimeClaims: null };
}

function questionsFor(file: EvidenceFile, trust: TrustFile, now: Date): Questions {
  const { form } = file;
  const title = titleOfForm(form);
  const runtimeData = (report: AttestationReport): readonly Check[] =>
    file.form === 'hcl' ? [checkRuntimeData(report, file.blob.runtimeData)] : [];
  return {
    parse: () => [makeCheck('file-form', true, title, title)],
    channel: (report) => [
      leave(form, 'channel-report-data'),
      ...runtimeData(report),
      leave(form, 'channel-freshness'),
      leave(form, 'channel-tls-key'),
    ],
    code: (report) => [...checkImage(report, trust.code.measurements, now), leave(form, 'code-functions')],
    isolation: () => [leave(form, 'owner-policies'), leave(form, 'lockdown')],
  };
}

async function appraiseForm(
  file: EvidenceFile,
  trust: TrustFile,
  now: Date,
  crlNumbers: CrlNumbers,
): Promise<Appraisal> {
  const cache = createChainCache();
  if (file.form !== 'evidence' && file.form !== 'cmw')
    return await appraise(file, trust.machine, trust.roots, questionsFor(file, trust, now), now, cache, crlNumbers);
  const { certificates, crl, evidence } = file;
  const skipChannel = (): readonly Check[] => [
    leave(file.form, 'channel-freshness'),
    leave(file.form, 'channel-tls-key'),
  ];
  return await appraiseEvidence(
    encodeEvidence({ ...evidence, certificates, crl }),
    trust,
    skipChannel,
    now,
    cache,
    crlNumbers,
  );
}

/** Appraises a decoded file: all that its form can show; `now` is the time to judge certificates by, `crlNumbers` what was seen before. */
export async function appraiseFile(
  file: EvidenceFile,
  trust: TrustFile,
  now: Date,
  crlNumbers: CrlNumbers,
): Promise<FileAppraisal> {
  const appraisal = await appraiseForm(file, trust, now, crlNumbers);
  const { checks } = appraisal;
  const covered = checks.some(({ id, outcome }) => id === 'hcl-runtime-data' && outcome === 'pass');
  return {
    ...appraisal,
    form: file.form,
    unanswered: Object.keys(UNANSWERED[file.form]) as CheckId[],
    runtimeClaims: covered && file.form === 'hcl' ? file.blob.runtimeClaims : null,
  };
}
