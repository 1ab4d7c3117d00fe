/** How a check is made and how checks become a verdict; nothing else in the project writes an outcome. */
import { type Appraisal, type Check, type ReportSummary, STAGES } from '../appraisal.ts';
import { ERRORS } from '../error-table.ts';
import { CHECKS, type CheckId } from './check-table.ts';

/** Makes a check that was decided. */
export function makeCheck(id: CheckId, met: boolean, expected: string, actual: string): Check {
  const { stage, code } = CHECKS[id];
  return { id, stage, outcome: met ? 'pass' : 'fail', code, expected, actual };
}

/** Makes a check that was not decided: either nothing is demanded (`any`), or an earlier check of the stage left nothing to look at. */
export function skipCheck(id: CheckId, expected: string, actual: string): Check {
  const { stage, code } = CHECKS[id];
  return { id, stage, outcome: 'skipped', code, expected, actual };
}

/** Tells whether no check failed. */
export function allMet(checks: readonly Check[]): boolean {
  return checks.every((check) => check.outcome !== 'fail');
}

/**
 * Turns the checks that were made into an appraisal. Accepts only when every stage was reached and nothing failed: a stage without
 * checks is a stage that was not made.
 */
export function concludeAppraisal(
  checks: readonly Check[],
  report: ReportSummary | null,
  simulated: boolean,
): Appraisal {
  for (const stage of STAGES) {
    const failed = checks.find((check) => check.stage === stage && check.outcome === 'fail');
    if (failed !== undefined) {
      const { code } = failed;
      return { verdict: 'reject', stage, code, error: ERRORS[code].family, simulated, checks, report };
    }
    if (!checks.some((check) => check.stage === stage)) throw new TypeError(`no check of stage ${stage} was made`);
  }
  return { verdict: 'accept', stage: null, code: null, error: null, simulated, checks, report };
}
