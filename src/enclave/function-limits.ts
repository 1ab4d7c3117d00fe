/** What one function of a worker may use: the worker's own caps, and below them what the owners who list it say. Nobody raises a cap. */
import { LIMITS } from '../base/limits.ts';
import type { FunctionTerms } from '../policy/policy.ts';
import { DEFAULT_FUNCTION_LIMITS, type FunctionLimits } from './sandbox/load.ts';

const PAGE_BYTES = 64 * 1024;
/** Gas that stands for a millisecond of processor time, where an answer must not depend on how fast a machine is. */
const GAS_PER_MS = 1_000_000;

/** Gives the caps of a function whose owners demand `terms`, in a worker where no call may take longer than `deadlineMs`. */
export function limitFunction(
  terms: FunctionTerms,
  deadlineMs: number,
): FunctionLimits & { readonly deadlineMs: number } {
  const { memoryPages, gas } = DEFAULT_FUNCTION_LIMITS;
  const { instances, deterministic, memoryBytes, scratchBytes } = terms;
  const longest = Math.min(deadlineMs, terms.deadlineMs ?? deadlineMs);
  return {
    ...DEFAULT_FUNCTION_LIMITS,
    instances,
    deterministic,
    scratchBytes: Math.min(LIMITS.scratchBytes, scratchBytes),
    memoryPages: memoryBytes === null ? memoryPages : Math.min(memoryPages, Math.floor(memoryBytes / PAGE_BYTES)),
    deadlineMs: longest,
    // Where an answer must not depend on how fast a machine is, gas takes the place of time.
    cpuMs: deterministic === 'required' ? longest : Math.min(longest, terms.cpuMs ?? longest),
    // Not of the worker's own deadline: workers that have to agree may have different ones.
    gas: terms.cpuMs === null ? gas : terms.cpuMs * GAS_PER_MS,
  };
}
