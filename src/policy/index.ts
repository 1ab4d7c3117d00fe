/** The public door of the owner's policy: parse, decide, combine, explain, show. Pure: loads in a browser as in Node. */
export type { CanonicalPolicy } from './canonical.ts';
export {
  type AskedOwner,
  type CombinedDecision,
  combineDecisions,
  decideConnectionForAll,
  decideEgressForAll,
  decideLookupForAll,
  decideQueryForAll,
} from './combine.ts';
export type { Change } from './compare/change.ts';
export { comparePolicies, type PolicyComparison, renderChange } from './compare/compare-policies.ts';
export type { ConnectionTarget } from './connection.ts';
export {
  decideEgress,
  decideQuery,
  type EgressDecision,
  type EgressRequest,
  type QueryDecision,
  type QueryRequest,
} from './decide.ts';
export {
  type ConnectionDecision,
  type ConnectionRequest,
  decideConnection,
  decideLookup,
  type LookupDecision,
  type LookupRequest,
} from './decide-connection.ts';
export {
  type Blocked,
  combinePolicies,
  type EffectiveCaller,
  type EffectiveEgress,
  type EffectiveFunction,
  type EffectiveLimit,
  type EffectiveQuery,
} from './effective/effective.ts';
export { explainTogether, type QuestionToAll } from './effective/explain-together.ts';
export { showEffective } from './effective/show-effective.ts';
export {
  decideQuestion,
  type PolicyTestResult,
  parseQuestion,
  type Question,
  renderDecision,
  runPolicyTests,
} from './explain.ts';
export { type CanonicalTerms, stricterTerms } from './function-terms.ts';
export { digestCanonical, parseOwnerPolicy } from './parse.ts';
export type {
  CallerRule,
  CertificateCaller,
  ChangeRules,
  ConnectionRule,
  DataRule,
  Decision,
  EgressRule,
  FunctionInstances,
  FunctionRule,
  FunctionTerms,
  ImageRule,
  KeyCaller,
  MachineRules,
  OwnerPolicy,
  PathPattern,
  PolicyTest,
  Position,
  QueryRule,
  RateLimit,
  ResultRules,
  SectionName,
  TcbFloors,
  TokenCaller,
} from './policy.ts';
export {
  formatPosition,
  formatProblem,
  PolicyFileError,
  type PolicyProblem,
  renderProblem,
} from './policy-file-error.ts';
export { decideRate, type RateDecision, type RateState } from './rate.ts';
export type { Reading } from './reading.ts';
export { decideResult, type ResultRequest } from './results.ts';
export type { References } from './shape.ts';
export { showPolicy } from './show.ts';
export { isStatementSignedBy, signStatement } from './signing/jws.ts';
export { formatSignatureFile, parseSignatureFile, type SignatureFile } from './signing/signature-file.ts';
export {
  checkWorkerStatement,
  type PolicyStatement,
  readPolicyStatement,
  readWorkerStatement,
  stateForWorker,
  statePolicy,
  type WorkerStatement,
  type WorkerStatementKind,
} from './signing/statement.ts';
export { findSigners, formatOwnerKey, requireSignatures } from './signing/threshold.ts';
export type { EgressParts, EgressScheme, EgressTarget, TargetPattern } from './target.ts';
