/** The worker's caps and the owners' terms: the smaller of each holds. */
import { describe, expect, it } from 'vitest';
import { LIMITS } from '../../src/base/limits.ts';
import { limitFunction } from '../../src/enclave/function-limits.ts';
import { DEFAULT_FUNCTION_LIMITS } from '../../src/enclave/sandbox/load.ts';
import { DEFAULT_TERMS } from '../../src/policy/function-terms.ts';

const PAGE = 65_536;

describe('the limits of a function', () => {
  it("are the worker's where its owners say nothing", () => {
    expect(limitFunction(DEFAULT_TERMS, 10_000)).toEqual({
      ...DEFAULT_FUNCTION_LIMITS,
      deadlineMs: 10_000,
      cpuMs: 10_000,
    });
  });

  it("are the owners' where those are smaller", () => {
    const instances = { kind: 'pooled', calls: 5 } as const;
    const caps = { deadlineMs: 500, memoryBytes: 3 * PAGE, cpuMs: 100, scratchBytes: 7 };
    const terms = { ...DEFAULT_TERMS, instances, deterministic: 'required', ...caps } as const;
    expect(limitFunction(terms, 10_000)).toEqual({
      ...DEFAULT_FUNCTION_LIMITS,
      instances,
      deterministic: 'required',
      memoryPages: 3,
      scratchBytes: 7,
      deadlineMs: 500,
      cpuMs: 500,
      gas: 100_000_000,
    });
    expect(limitFunction({ ...terms, deterministic: 'any' }, 10_000)).toMatchObject({ cpuMs: 100, gas: 100_000_000 });
  });

  it("never rise above the worker's, nor processor time above time", () => {
    const large = {
      ...DEFAULT_TERMS,
      deadlineMs: 600_000,
      memoryBytes: 2 ** 32,
      cpuMs: 600_000,
      scratchBytes: 2 ** 40,
    };
    expect(limitFunction(large, 1000)).toMatchObject({
      deadlineMs: 1000,
      memoryPages: DEFAULT_FUNCTION_LIMITS.memoryPages,
      cpuMs: 1000,
      scratchBytes: LIMITS.scratchBytes,
    });
    expect(limitFunction({ ...DEFAULT_TERMS, deadlineMs: 200, cpuMs: 300 }, 1000).cpuMs).toBe(200);
  });
});
