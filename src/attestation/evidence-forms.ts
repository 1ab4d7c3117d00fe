/**
 * The forms in which evidence comes as a file, told apart by structure and never by a name. Exactly one form must fit, and its bytes are
 * then decoded whole; what fits none, or more than one, is a problem that lists the forms. Nothing here is believed.
 */
import { encodeHex, equalBytes } from '../base/bytes.ts';
import { unwrapEvidence } from './cmw.ts';
import { type Evidence, parseEvidence } from './evidence.ts';
import { type HclBlob, isHclBlob, parseHclBlob } from './hcl.ts';
import type { Subject } from './report-appraisal.ts';
import { parseCertificateTable } from './snp/certificate-table.ts';
import { REPORT_SIZE } from './snp/layout.ts';

/** Names a form. */
export type EvidenceForm = 'evidence' | 'cmw' | 'report' | 'report-and-table' | 'hcl';

/** What a file holds, decoded but not believed: a subject to appraise, and what goes with it in this form. */
export type EvidenceFile = Subject &
  (
    | { readonly form: 'evidence' | 'cmw'; readonly evidence: Evidence }
    | { readonly form: 'report' | 'report-and-table' }
    | { readonly form: 'hcl'; readonly blob: HclBlob }
  );

export type ParsedEvidenceFile = { readonly value: EvidenceFile } | { readonly problem: string };

interface FormEntry {
  /** What a person calls it. */
  readonly title: string;
  /** Tells by its first bytes or its length whether a file means to be of this form. */
  readonly isLike: (bytes: Uint8Array) => boolean;
  readonly parse: (bytes: Uint8Array) => ParsedEvidenceFile;
}

/** A map of eight entries: the head of our bundle. */
const BUNDLE_HEAD = 0xa8;

const major = (bytes: Uint8Array): number => (bytes[0] ?? 0) >> 5;

/** Tells whether bytes begin with the version of a report, 2 to 5, as four bytes. */
function beginsWithVersion(bytes: Uint8Array): boolean {
  const [version = 0] = bytes;
  return version >= 2 && version <= 5 && equalBytes(bytes.subarray(1, 4), new Uint8Array(3));
}

function parseBundle(form: 'evidence' | 'cmw', bytes: Uint8Array): ParsedEvidenceFile {
  const parsed = parseEvidence(bytes);
  if ('problem' in parsed) return parsed;
  const { report, certificates, crl } = parsed.value;
  return { value: { form, report, certificates, crl, evidence: parsed.value } };
}

/** Every form, in the order in which they are listed to people. */
const FORMS: Readonly<Record<EvidenceForm, FormEntry>> = {
  evidence: {
    title: "Anchorhold's evidence",
    isLike: (bytes) => bytes[0] === BUNDLE_HEAD,
    parse: (bytes) => parseBundle('evidence', bytes),
  },
  cmw: {
    title: "a CMW with Anchorhold's evidence",
    isLike: (bytes) => bytes[0] !== BUNDLE_HEAD && major(bytes) >= 4 && major(bytes) <= 6,
    parse: (bytes) => {
      const unwrapped = unwrapEvidence(bytes);
      return 'problem' in unwrapped ? unwrapped : parseBundle('cmw', unwrapped.value);
    },
  },
  report: {
    title: `a report of ${REPORT_SIZE} bytes`,
    isLike: (bytes) => bytes.length === REPORT_SIZE,
    parse: (bytes) => ({ value: { form: 'report', report: bytes, certificates: [], crl: null } }),
  },
  'report-and-table': {
    title: 'a report followed by a certificate table',
    isLike: (bytes) => bytes.length > REPORT_SIZE && beginsWithVersion(bytes),
    parse: (bytes) => {
      const table = parseCertificateTable(bytes.subarray(REPORT_SIZE));
      if ('problem' in table) return { problem: `certificate table: ${table.problem}` };
      return { value: { form: 'report-and-table', report: bytes.slice(0, REPORT_SIZE), ...table.value } };
    },
  },
  hcl: {
    title: 'an HCL blob of an Azure confidential VM',
    isLike: isHclBlob,
    parse: (bytes) => {
      const parsed = parseHclBlob(bytes);
      if ('problem' in parsed) return parsed;
      const { report } = parsed.value;
      return { value: { form: 'hcl', report, certificates: [], crl: null, blob: parsed.value } };
    },
  },
};

/** Names a form to people. */
export function titleOfForm(form: EvidenceForm): string {
  return FORMS[form].title;
}

/** Lists the forms to people. */
export const FORMS_IN_WORDS: string = Object.values(FORMS)
  .map(({ title }) => title)
  .join('; ');

/** Finds the form of a file and decodes it whole; gives the first problem in words. */
export function parseEvidenceFile(bytes: Uint8Array): ParsedEvidenceFile {
  const [form, another] = Object.values(FORMS).filter(({ isLike }) => isLike(bytes));
  if (form === undefined) {
    const begin = bytes.length === 0 ? '' : ` that begin with ${encodeHex(bytes.subarray(0, 4))}`;
    return { problem: `none of them: ${bytes.length} bytes${begin}` };
  }
  if (another !== undefined) return { problem: `it could be ${form.title} or ${another.title}` };
  const parsed = form.parse(bytes);
  return 'problem' in parsed ? { problem: `${form.title}, but broken: ${parsed.problem}` } : parsed;
}

/** Adds endorsements that were given beside a file: certificates that are not in it yet, and a list, which goes before its own. */
export function addEndorsements(
  file: EvidenceFile,
  certificates: readonly Uint8Array[],
  crl: Uint8Array | null,
): EvidenceFile {
  const added = certificates.filter((der) => !file.certificates.some((own) => equalBytes(own, der)));
  return { ...file, certificates: [...file.certificates, ...added], crl: crl ?? file.crl };
}
