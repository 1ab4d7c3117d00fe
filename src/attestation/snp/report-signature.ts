/** The signature stage: the VEK signed this report, over the bytes as they were received. [SNP-ABI 1.58 ATTESTATION_REPORT; FIPS 186-5 6.4.2] */
import type { Check } from '../../appraisal.ts';
import { makeCheck, skipCheck } from '../checks.ts';
import type { ChainCache } from './chain-cache.ts';
import type { X509Certificate } from './der.ts';
import { SIGNED_SIZE } from './layout.ts';
import type { AttestationReport } from './report.ts';
import { isP384Range } from './signature.ts';

/** Makes all checks of the signature stage; `bytes` are what `report` was parsed from. */
export async function checkReportSignature(
  bytes: Uint8Array,
  report: AttestationReport,
  vek: X509Certificate,
  cache: ChainCache,
): Promise<readonly Check[]> {
  const { r, s } = report.signature;
  const expected = 'signed by the VEK';
  if (!isP384Range(r, s)) {
    const actual = r === 0n && s === 0n ? 'zero' : 'out of range';
    return [
      makeCheck('signature-range', false, 'r and s in 1 to n-1', actual),
      skipCheck('signature-report', expected, actual),
    ];
  }
  const met = await cache.isSignedP384(vek, r, s, new Uint8Array(bytes.subarray(0, SIGNED_SIZE)));
  return [
    makeCheck('signature-range', true, 'r and s in 1 to n-1', 'in range'),
    makeCheck('signature-report', met, expected, met ? 'verifies' : 'does not verify'),
  ];
}
