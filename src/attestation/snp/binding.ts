/** The binding stage: report and certificate are about the same signer, product, firmware and chip. [AMD 57230 certificate chain; SNP-ABI 1.58 ATTESTATION_REPORT] */
import type { Check } from '../../appraisal.ts';
import { encodeHex, equalBytes, isZero } from '../../base/bytes.ts';
import { makeCheck } from '../checks.ts';
import type { Endorsement } from './chain.ts';
import { findProduct, formatCpuid } from './product.ts';
import type { AttestationReport } from './report.ts';
import { equalTcb, formatTcb } from './tcb.ts';

/** Makes all checks of the binding stage. */
export function checkBinding(report: AttestationReport, endorsement: Endorsement): readonly Check[] {
  const { vek } = endorsement;
  const { signer, chipKeyMasked } = report.keyInfo;
  return [
    makeCheck('binding-signer', signer === vek.signer, `${vek.signer} (certificate)`, `${signer} (report)`),
    makeCheck('binding-mask', !chipKeyMasked, 'not masked', chipKeyMasked ? 'masked' : 'not masked'),
    checkProduct(report, endorsement),
    makeCheck(
      'binding-tcb',
      equalTcb(report.reportedTcb, vek.tcb),
      `${formatTcb(vek.tcb)} (certificate)`,
      `${formatTcb(report.reportedTcb)} (report)`,
    ),
    checkChip(report, endorsement),
  ];
}

function checkProduct({ cpuid }: AttestationReport, { product }: Endorsement): Check {
  // Version 2 does not name its CPU; it was made for Milan and Genoa only, and its TCB layout is theirs.
  if (cpuid === null) return makeCheck('binding-product', product !== 'Turin', product, 'version 2, names no CPU');
  return makeCheck('binding-product', findProduct(cpuid) === product, product, formatCpuid(cpuid));
}

function checkChip({ chipId }: AttestationReport, { vek }: Endorsement): Check {
  const actual = encodeHex(chipId);
  if (vek.hwid === null) return makeCheck('binding-chip', isZero(chipId), 'zero (VLEK)', actual);
  const { hwid } = vek;
  const met =
    isZero(chipId) || (equalBytes(chipId.subarray(0, hwid.length), hwid) && isZero(chipId.subarray(hwid.length)));
  return makeCheck('binding-chip', met, `${encodeHex(hwid)} (certificate)`, isZero(chipId) ? 'masked' : actual);
}
