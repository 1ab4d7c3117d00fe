/** The door `anchorhold`: a session that sends nothing before it has appraised the worker, what callers prove themselves with, and the errors. */
export type { Appraisal, Check, ReportSummary, Stage } from './appraisal.ts';
export type { CollateralSource } from './client/collateral-source.ts';
export {
  type CertificateCredential,
  type Credential,
  certificateCredential,
  type KeyCredential,
  keyCredential,
  type TokenCredential,
  tokenCredential,
} from './client/credentials.ts';
export { type CallOptions, SecureSession, type SessionOptions } from './client/secure-session.ts';
export {
  ConfigurationError,
  EnclaveError,
  ERRORS,
  type ErrorCode,
  type ErrorEntry,
  FunctionError,
  InvalidEnclaveCodeError,
  NotAnEnclaveError,
  NotIsolatedEnclaveError,
  PolicyError,
  SecretError,
  TransportError,
} from './errors.ts';
