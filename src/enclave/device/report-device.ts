/** What every attestation device gives: a report over 64 bytes, with the certificates that came along. It judges nothing. */

/** A report and the endorsements the device had at hand. */
export interface DeviceEvidence {
  /** 1184 bytes. [SNP-ABI 1.58 Table 23] */
  readonly report: Uint8Array;
  /** DER certificates in any order. */
  readonly certificates: readonly Uint8Array[];
  readonly crl: Uint8Array | null;
}

/** Makes attestation reports; implementations allow one call at a time or queue them themselves. */
export interface ReportDevice {
  /** Name for logs and claims: `sev-snp` or `simulated`. */
  readonly kind: 'sev-snp' | 'simulated';
  /**
   * Requests a report whose REPORT_DATA are these 64 bytes.
   * @throws ConfigurationError ERR_CONFIGURATION_DEVICE when the device gives none.
   */
  getReport(reportData: Uint8Array): Promise<DeviceEvidence>;
}
