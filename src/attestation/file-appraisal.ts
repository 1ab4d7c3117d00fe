/**
 * Appraises what lies in a file: an evidence bundle that was kept, or a bare report. A file proves nothing about now: whoever has it may have
 * copied it, so the checks of freshness and connection are shown as skipped, with the reason. Nothing may be sent on the strength of it.
 */
import type { Appraisal, Check } from '../appraisal.ts';
import type { CheckId } from './check-table.ts';
import { skipCheck } from './checks.ts';
import { appraiseEvidence } from './evidence-appraisal.ts';
import { appraise, checkMeasurement, type Subject } from './report-appraisal.ts';
import { createChainCache } from './snp/chain-cache.ts';
import type { TrustFile } from './trust-file.ts';

const NO_CONNECTION = 'a file has no connection to compare with';
const NO_CLAIMS = 'a bare report comes without claims';

function skip(id: CheckId, expected: string, reason: string): Check {
  return skipCheck(id, expected, `not checked: ${reason}`);
}

const skipChannel = (): readonly Check[] => [
  skip('channel-freshness', 'my nonce and my connection under the freshness root', NO_CONNECTION),
  skip('channel-tls-key', 'the key of my connection', NO_CONNECTION),
];

/** Appraises an encoded evidence bundle: all that a session checks, but for freshness and the connection. */
export async function appraiseEvidenceFile(encoded: Uint8Array, trust: TrustFile, now: Date): Promise<Appraisal> {
  return await appraiseEvidence(encoded, trust, skipChannel, now, createChainCache());
}

/** Appraises a bare report with the certificates given beside it: what the hardware says, and nothing of what a worker claims. */
export async function appraiseReportFile(subject: Subject, trust: TrustFile, now: Date): Promise<Appraisal> {
  return await appraise(
    subject,
    trust.machine,
    trust.roots,
    {
      parse: () => [],
      channel: () => [skip('channel-report-data', 'the hash of the claims', NO_CLAIMS), ...skipChannel()],
      code: (report) => [
        checkMeasurement(report, trust.code.measurements),
        skip('code-functions', 'the listed functions', NO_CLAIMS),
      ],
      isolation: () => [
        skip('owner-policies', 'the listed owner policies', NO_CLAIMS),
        skip('lockdown', 'the listed lockdown claims', NO_CLAIMS),
      ],
    },
    now,
    createChainCache(),
  );
}
