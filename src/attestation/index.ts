/** The door `anchorhold/attestation`: the verifier, pure, for Node and browsers. */
export type { Appraisal, Check, ReportSummary, Stage } from '../appraisal.ts';
export { CHECKS, type CheckEntry, type CheckId } from './check-table.ts';
export { appraiseCase, type Case, parseCase, type Verdict } from './conformance.ts';
export { appraiseReport, type Demands, type Subject } from './report-appraisal.ts';
export { type Machine, PRESETS, type PresetName } from './requirements.ts';
export { type ChainCache, createChainCache } from './snp/chain-cache.ts';
export { type CrlNumbers, type CrlSeries, createCrlNumbers } from './snp/crl-numbers.ts';
export { parsePemCertificates } from './snp/pem.ts';
export type { Product } from './snp/product.ts';
export { type AttestationReport, type ParsedReport, parseReport } from './snp/report.ts';
export { AMD_ROOTS, type Roots } from './snp/roots.ts';
export { formatTrustFile, parseTrustFile, type TrustFile } from './trust-file.ts';
