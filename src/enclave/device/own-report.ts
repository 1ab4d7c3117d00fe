/** What this machine says that it is; the report is for the worker's own eyes, so it covers nothing and proves nothing to anybody. */
import { type AttestationReport, parseReport } from '../../attestation/snp/report.ts';
import type { ReportDevice } from './report-device.ts';

/** Asks the device; null when it gives no report that can be read. @throws ConfigurationError ERR_CONFIGURATION_DEVICE */
export async function readOwnReport(device: ReportDevice): Promise<AttestationReport | null> {
  return parseReport((await device.getReport(new Uint8Array(64))).report).report;
}
