/**
 * What each claim of a verdict means for a person, by what was appraised: what it proves when it holds, and what it does not, with the
 * place in LIMITATIONS.md. Words only.
 */
import type { Stage } from '../appraisal.ts';
import type { EvidenceForm } from '../attestation/evidence-forms.ts';

/** What was appraised: a worker at the other end of a connection, or a file with evidence, a report, a blob of Azure's or something else. */
export type AppraisedSubject = 'connection' | 'evidence-file' | 'report-file' | 'hcl-file' | 'unknown-file';

/** Says what kind of subject a form is; null is a file of no form. */
export function subjectOfForm(form: EvidenceForm | null): AppraisedSubject {
  if (form === null) return 'unknown-file';
  if (form === 'evidence' || form === 'cmw') return 'evidence-file';
  return form === 'hcl' ? 'hcl-file' : 'report-file';
}

/** The three claims of a verdict. */
export type ClaimName = 'genuine' | 'code' | 'isolated';

/** Names the stages that each claim rests on. */
export const STAGES_OF: Readonly<Record<ClaimName, readonly Stage[]>> = {
  genuine: ['parse', 'chain', 'binding', 'signature', 'channel'],
  code: ['code'],
  isolated: ['isolation'],
};

/** Lists the claims in the order in which they are decided. */
export const CLAIMS: readonly ClaimName[] = ['genuine', 'code', 'isolated'];

/** What a claim says about a subject when it holds: in short, what that proves, and what it does not. */
export interface Meaning {
  readonly title: string;
  readonly proves: string;
  readonly not: string;
}

/** What is said instead of `proves` where the root is a simulated one. */
export const PROVES_NOTHING = 'nothing, because everything here rests on a SIMULATED root';
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

/** What each claim means for each kind of subject. */
export const MEANINGS: Readonly<Record<AppraisedSubject, Readonly<Record<ClaimName, Meaning>>>> = {
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
