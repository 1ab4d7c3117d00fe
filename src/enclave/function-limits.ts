/** What one function of a worker may use: the worker's own caps, and below them what the owners who list it say. Nobody raises a cap. */
import type { FunctionTerms } from '../policy/policy.ts';
import { DEFAULT_FUNCTION_LIMITS, type FunctionLimits } from './sandbox/load.ts';

const PAGE_BYTES = 64 * 1024;

/** Gives the caps of a function whose owners demand `terms`, in a worker where no call may take longer than `deadlineMs`. */
export function limitFunction(
  terms: FunctionTerms,
  deadlineMs: number,
): FunctionLimits & { readonly deadlineMs: number } {
  const { memoryPages } = DEFAULT_FUNCTION_LIMITS;
  const { instances, deterministic, memoryBytes } = terms;
  const longest = Math.min(deadlineMs, terms.deadlineMs ?? deadlineMs);
  return {
    ...DEFAULT_FUNCTION_LIMITS,
    instances,
    deterministic,
    memoryPages: memoryBytes === null ? memoryPages : Math.min(memoryPages, Math.floor(memoryBytes / PAGE_BYTES)),
    deadlineMs: longest,
    cpuMs: Math.min(longest, terms.cpuMs ?? longest),
  };
}
