/**
 * Appraises a report: genuine, then that code, then isolated. Reads like the protocol: the first stage with a failed check decides, all
 * of its checks are reported, and no later stage runs. Pure: time, roots and demands are arguments. [RFC 9334 8]
 */
import type { Appraisal, Check, ReportSummary } from '../appraisal.ts';
import { encodeHex, equalBytes } from '../base/bytes.ts';
import { LIMITS } from '../base/limits.ts';
import { CHECKS, type CheckId } from './check-table.ts';
import { allMet, concludeAppraisal, makeCheck, skipCheck } from './checks.ts';
import { checkMachine } from './machine.ts';
import { type AcceptedImage, checkImage } from './release/accepted-images.ts';
import type { Machine } from './requirements.ts';
import { checkBinding } from './snp/binding.ts';
import { checkChain } from './snp/chain.ts';
import type { ChainCache } from './snp/chain-cache.ts';
import type { CrlNumbers } from './snp/crl-numbers.ts';
import type { X509Certificate, X509Crl } from './snp/der.ts';
import { findProduct, type Product } from './snp/product.ts';
import { type AttestationReport, parseReport, REPORT_RULES } from './snp/report.ts';
import { checkReportSignature } from './snp/report-signature.ts';
import { checkRollback } from './snp/revocation.ts';
import type { Roots } from './snp/roots.ts';
import { componentsOf, layoutOf } from './snp/tcb.ts';

/** What is appraised: all of it untrusted bytes. */
export interface Subject {
  /** 1184 bytes. */
  readonly report: Uint8Array;
  /** DER certificates in any order, at most eight. */
  readonly certificates: readonly Uint8Array[];
  /** DER revocation list. */
  readonly crl: Uint8Array | null;
}

/** The questions that a report alone does not answer; each is asked only when all before it are met, and none may be left out. */
export interface Questions {
  /** More that has to be decoded; made together with the parse stage. */
  parse(): readonly Check[];
  /** At least `channel-report-data`. */
  channel(report: AttestationReport): readonly Check[];
  /** At least `code-measurement`. */
  code(report: AttestationReport): readonly Check[];
  /** What isolates the worker beyond `machine`. */
  isolation(report: AttestationReport): readonly Check[];
}

/**
 * Appraises a subject: the fixed stages of a genuine report, and the questions that are put to it. `cache` changes what it costs, never what
 * it gives; `crlNumbers` is what was seen before, and learns the number of an authentic revocation list.
 */
export async function appraise(
  subject: Subject,
  machine: Machine,
  roots: Roots,
  questions: Questions,
  now: Date,
  cache: ChainCache,
  crlNumbers: CrlNumbers,
): Promise<Appraisal> {
  // Signatures are checked later than fields are read, so both must see the same bytes whatever becomes of the caller's buffer.
  const bytes = new Uint8Array(subject.report);
  const { checks: parseChecks, report, certificates, crl } = parseSubject({ ...subject, report: bytes }, cache);
  const checks: Check[] = [...parseChecks, ...questions.parse()];
  const conclude = (product: Product | null, simulated: boolean): Appraisal =>
    concludeAppraisal(checks, report === null ? null : summarize(report, product), simulated);
  if (!allMet(checks) || report === null) return conclude(null, roots !== 'amd');

  const {
    checks: chainChecks,
    endorsement,
    path,
    product,
    simulated,
  } = await checkChain(certificates, crl, machine, roots, now, cache);
  const rollback = checkRollback(path, crl, machine.revocation, crlNumbers);
  checks.push(...chainChecks, rollback.check);
  if (!allMet(checks) || endorsement === null) return conclude(product, simulated);
  rollback.remember();

  checks.push(...checkBinding(report, endorsement));
  if (!allMet(checks)) return conclude(product, simulated);

  checks.push(...(await checkReportSignature(bytes, report, endorsement.certificate, cache)));
  if (!allMet(checks)) return conclude(product, simulated);

  checks.push(...questions.channel(report));
  if (!allMet(checks)) return conclude(product, simulated);

  checks.push(...questions.code(report));
  if (!allMet(checks)) return conclude(product, simulated);

  checks.push(...checkMachine(report, endorsement.product, machine), ...questions.isolation(report));
  return conclude(product, simulated);
}

/** What is expected of a single report; `'any'` is for tests and for looking at reports, and no session can say it. */
export interface Demands {
  readonly reportData: Uint8Array | 'any';
  /** Launch measurements in hex, and releases; an empty list accepts none. */
  readonly measurements: readonly AcceptedImage[] | 'any';
  readonly machine: Machine;
}

/** Appraises a single report against constants; sessions have their own questions (session-appraisal.ts). */
export async function appraiseReport(
  subject: Subject,
  demands: Demands,
  roots: Roots,
  now: Date,
  cache: ChainCache,
  crlNumbers: CrlNumbers,
): Promise<Appraisal> {
  const questions: Questions = {
    parse: () => [],
    channel: (report) => [checkReportData(report, demands.reportData)],
    code: (report) => checkImage(report, demands.measurements, now),
    isolation: () => [],
  };
  return await appraise(subject, demands.machine, roots, questions, now, cache, crlNumbers);
}

/** Checks all 64 bytes of REPORT_DATA. */
export function checkReportData(report: AttestationReport, expected: Uint8Array | 'any'): Check {
  const actual = encodeHex(report.reportData);
  if (expected === 'any') return skipCheck('channel-report-data', expected, actual);
  return makeCheck('channel-report-data', equalBytes(report.reportData, expected), encodeHex(expected), actual);
}

interface ParsedSubject {
  readonly checks: readonly Check[];
  readonly report: AttestationReport | null;
  readonly certificates: readonly X509Certificate[];
  readonly crl: X509Crl | null;
}

function parseSubject(subject: Subject, cache: ChainCache): ParsedSubject {
  const { report, problems } = parseReport(subject.report);
  const checks: Check[] = REPORT_RULES.map((rule) => {
    const id: CheckId = rule;
    const problem = problems.find((p) => p.rule === rule);
    if (problem !== undefined) return makeCheck(id, false, problem.expected, problem.actual);
    const unread = problems.some((p) => p.rule === 'report-length');
    const { meaning } = CHECKS[id];
    return unread ? skipCheck(id, meaning, 'not read') : makeCheck(id, true, meaning, 'so');
  });

  const { length: count } = subject.certificates;
  const decoded = subject.certificates.slice(0, LIMITS.certificates).map((der) => cache.parseCertificate(der));
  const certificates = decoded.filter((c) => c !== null);
  const bad = decoded.flatMap((c, i) => (c === null ? [`number ${i + 1} is not a certificate`] : []));
  if (count > LIMITS.certificates) bad.push(`${count} certificates`);
  const expected = `DER certificates, at most ${LIMITS.certificates}`;
  checks.push(makeCheck('certificates-form', bad.length === 0, expected, bad.join('; ') || String(count)));

  const crl = subject.crl === null ? null : cache.parseCrl(subject.crl);
  checks.push(
    subject.crl === null
      ? skipCheck('crl-form', 'a DER revocation list', 'none')
      : makeCheck('crl-form', crl !== null, 'a DER revocation list', `${subject.crl.length} bytes`),
  );
  return { checks, report, certificates, crl };
}

function summarize(report: AttestationReport, product: Product | null): ReportSummary {
  const { reportedTcb: tcb, cpuid } = report;
  return {
    version: report.version,
    product: product ?? (cpuid === null ? null : findProduct(cpuid)) ?? 'unknown',
    signer: report.keyInfo.signer,
    measurement: encodeHex(report.measurement),
    reportData: encodeHex(report.reportData),
    hostData: encodeHex(report.hostData),
    chipId: encodeHex(report.chipId),
    policy: `0x${report.guestPolicy.toString(16)}`,
    vmpl: report.vmpl,
    reportedTcb: Object.fromEntries(componentsOf(layoutOf(tcb)).map((c) => [c, tcb[c] ?? 0])),
  };
}
