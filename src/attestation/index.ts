/**
 * The door `anchorhold/attestation`: the verifier for every form in which evidence comes, and the launch digests that it compares with.
 * Pure, for Node and browsers. docs/library.md shows what each part is for.
 */
export type { Appraisal, Check, ReportSummary, Stage } from '../appraisal.ts';
export { CHECKS, type CheckEntry, type CheckId } from './check-table.ts';
export { type Claims, type LogCheckpoint, parseClaims, reportDataOf } from './claims.ts';
export {
  CMW_EVIDENCE,
  CMW_MEDIA_TYPE,
  type CmwRecord,
  encodeCmw,
  parseCmw,
  unwrapEvidence,
  wrapEvidence,
} from './cmw.ts';
export { appraiseCase, type Case, parseCase, type Verdict } from './conformance.ts';
export { EVIDENCE_MEDIA_TYPE, type Evidence, encodeEvidence, parseEvidence } from './evidence.ts';
export {
  addEndorsements,
  type EvidenceFile,
  type EvidenceForm,
  type ParsedEvidenceFile,
  parseEvidenceFile,
} from './evidence-forms.ts';
export { appraiseFile, type FileAppraisal, refuseFile } from './file-appraisal.ts';
export type { Inclusion } from './freshness.ts';
export { type HclBlob, parseHclBlob, type RuntimeClaims } from './hcl.ts';
export { CPU_NAMES, type CpuType, parseCpuType } from './measurement/cpu.ts';
export { ENFORCING_FIRMWARE, type EnforcingFirmware } from './measurement/enforcing-firmware.ts';
export { type Firmware, parseFirmware } from './measurement/firmware.ts';
export { parseGuestFeatures } from './measurement/guest-features.ts';
export {
  type ExpectedKeys,
  encodeIdAuth,
  type IdAuth,
  parseIdAuth,
  type SignedBy,
  signIdBlock,
  verifyIdAuth,
} from './measurement/id-auth.ts';
export { encodeIdBlock, type IdBlock, parseIdBlock } from './measurement/id-block.ts';
export { type IdSigner, idKeyDigest, openIdSigner } from './measurement/id-key.ts';
export type { DirectBoot } from './measurement/kernel-hashes.ts';
export { type BlankKind, LaunchDigest, type PageKind, type Sha384 } from './measurement/launch-digest.ts';
export { type LaunchMatrix, measureFirmware, measureMatrix, type ShapeDigest } from './measurement/matrix.ts';
export { VMMS, type Vmm } from './measurement/vmsa.ts';
export type { AcceptedImage, TrustedRelease } from './release/accepted-images.ts';
export { parseRelease, type Release, type ReleaseVersion } from './release/release.ts';
export { createReleaseSerials, type ReleaseSerials, type ReleaseSeries } from './release/release-serials.ts';
export { type ReleaseSigners, type VerifiedRelease, verifyRelease } from './release/verify-release.ts';
export { verifyReleases } from './release/verify-releases.ts';
export { appraiseReport, type Demands, type Subject } from './report-appraisal.ts';
export { type Machine, PRESETS, type PresetName } from './requirements.ts';
export { type ParsedCertificateTable, parseCertificateTable } from './snp/certificate-table.ts';
export { type ChainCache, createChainCache } from './snp/chain-cache.ts';
export { type CrlNumbers, type CrlSeries, createCrlNumbers } from './snp/crl-numbers.ts';
export { parsePemCertificates } from './snp/pem.ts';
export type { Product } from './snp/product.ts';
export { type AttestationReport, type ParsedReport, parseReport } from './snp/report.ts';
export { AMD_ROOTS, type Roots } from './snp/roots.ts';
export { formatTrustFile, parseTrustFile, type ReleaseFiles, type TrustFile } from './trust-file.ts';
