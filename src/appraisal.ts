/**
 * The result of appraising evidence: every check that was made, with expected and actual, and the verdict that follows.
 * Stages are ordered: the first one with a failed check decides, and all checks of that stage are still reported. [RFC 9334 8]
 */
import type { ErrorCode, ErrorFamily } from './error-table.ts';

/** The stages in the order in which they are made; an attacker must not be able to choose the error. */
export const STAGES: readonly Stage[] = ['parse', 'chain', 'binding', 'signature', 'channel', 'code', 'isolation'];
export type Stage = 'parse' | 'chain' | 'binding' | 'signature' | 'channel' | 'code' | 'isolation';

/** One comparison: `id` names the rule (see docs/trust.md), `expected` and `actual` are text for people and machines. */
export interface Check {
  readonly id: string;
  readonly stage: Stage;
  readonly outcome: 'pass' | 'fail' | 'skipped';
  readonly code: ErrorCode;
  readonly expected: string;
  readonly actual: string;
}

/** What the report says, for people: all byte values are lower-case hex. */
export interface ReportSummary {
  readonly version: number;
  readonly product: string;
  readonly signer: string;
  readonly measurement: string;
  readonly reportData: string;
  readonly hostData: string;
  readonly chipId: string;
  readonly policy: string;
  readonly vmpl: number;
  readonly reportedTcb: Readonly<Record<string, number>>;
}

/** The verdict and everything it rests on. `simulated` is true when the accepted root is not AMD's: every surface must say so. */
export interface Appraisal {
  readonly verdict: 'accept' | 'reject';
  readonly stage: Stage | null;
  readonly code: ErrorCode | null;
  readonly error: ErrorFamily | null;
  readonly simulated: boolean;
  readonly checks: readonly Check[];
  readonly report: ReportSummary | null;
}
