/**
 * Limits that survive the worker, held against the simplest model there is: one state of decideRate for each key that no restart touches.
 * A worker that ended in order is exactly as the model; one that was killed allows at most a slice less, and never more.
 */
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Budget, openKeptBudget } from '../../src/enclave/budget.ts';
import { openDurableLedger } from '../../src/enclave/durable-ledger.ts';
import { openSealedRows } from '../../src/enclave/store/sealed-rows.ts';
import { openRowFile } from '../../src/io/row-file.ts';
import type { RateLimit } from '../../src/policy/policy.ts';
import { decideRate, type RateState } from '../../src/policy/rate.ts';
import { copyFolder, makeTestFolder } from './store/folder.ts';

const KEY = new Uint8Array(32).fill(7);
const BEGIN_MS = 1_700_000_000_000;
const HUNDRED: RateLimit = { amount: 100, unit: 'calls', windowSeconds: 3600 };

interface Run {
  readonly budget: Budget;
  readonly folder: string;
  readonly generation: () => number;
  end(): void;
}

function start(folder: string, maxKeys = 2000): Run {
  const rows = openSealedRows(openRowFile(join(folder, 'rows.db'), { rows: 10_000, valueBytes: 4096 }), KEY);
  const ledger = openDurableLedger(rows);
  return {
    budget: openKeptBudget(maxKeys, ledger),
    folder,
    generation: () => rows.generation(),
    end() {
      ledger.close();
      rows.close();
    },
  };
}

/** Ends a worker in order, and starts the next. */
function restart(run: Run): Run {
  run.end();
  return start(run.folder);
}

/** Starts the next worker on what one that was killed left. */
function kill(run: Run): Run {
  const left = copyFolder(run.folder);
  run.end();
  return start(left);
}

/** The model: what was taken of each key, and nothing of how that is kept. */
class Model {
  readonly #states = new Map<string, RateState>();
  /** Takes what the budget took, or only looks; tells whether it would have allowed it. */
  take(key: string, limit: RateLimit, cost: number, nowMs: number, taken: boolean): boolean {
    const decided = decideRate(this.#states.get(key) ?? null, limit, cost, nowMs);
    const looked = decideRate(this.#states.get(key) ?? null, limit, 0, nowMs);
    this.#states.set(key, taken ? decided.state : looked.state);
    return decided.allowed;
  }
  remaining(key: string, limit: RateLimit, nowMs: number): number {
    const { state } = decideRate(this.#states.get(key) ?? null, limit, 0, nowMs);
    return Math.floor(limit.amount - state.debt / (limit.windowSeconds * 1000));
  }
}

const LIMITS: readonly RateLimit[] = [
  { amount: 1, unit: 'calls', windowSeconds: 1 },
  { amount: 7, unit: 'calls', windowSeconds: 60 },
  { amount: 100, unit: 'calls', windowSeconds: 3600 },
  { amount: 1_048_576, unit: 'bytes', windowSeconds: 86_400 },
];

type Step =
  | { readonly do: 'take'; readonly key: number; readonly part: number }
  | { readonly do: 'clock'; readonly byMs: number }
  | { readonly do: 'restart' }
  | { readonly do: 'kill' };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 20,
    arbitrary: fc.record({
      do: fc.constant('take' as const),
      key: fc.nat(7),
      part: fc.double({ min: 0, max: 0.4, noNaN: true }),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({ do: fc.constant('clock' as const), byMs: fc.integer({ min: -5000, max: 5000 }) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('clock' as const),
      byMs: fc.integer({ min: -100_000_000, max: 100_000_000 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('restart' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('kill' as const) }) },
);

describe('a durable budget', () => {
  it('is as the model while workers end in order, and never allows more when they are killed', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), fc.boolean(), (steps, kills) => {
        const model = new Model();
        let run = start(makeTestFolder());
        let nowMs = BEGIN_MS;
        let isKilled = false;
        for (const each of steps) {
          if (each.do === 'clock') nowMs += each.byMs;
          else if (each.do === 'restart') run = restart(run);
          else if (each.do === 'kill') {
            if (!kills) continue;
            run = kill(run);
            isKilled = true;
          } else {
            const key = `caller ${each.key}`;
            const limit = LIMITS[each.key % LIMITS.length] ?? HUNDRED;
            const cost = Math.ceil(each.part * limit.amount);
            const left = run.budget.remaining(key, limit, new Date(nowMs));
            if (isKilled) expect(left).toBeLessThanOrEqual(model.remaining(key, limit, nowMs));
            else expect(left).toBe(model.remaining(key, limit, nowMs));
            const { allowed } = run.budget.take(key, limit, cost, new Date(nowMs));
            const modelAllows = model.take(key, limit, cost, nowMs, allowed);
            if (isKilled) expect(modelAllows || !allowed).toBe(true);
            else expect(allowed).toBe(modelAllows);
          }
        }
        run.end();
      }),
      { numRuns: 60 },
    );
  });

  it('has at most a sixteenth less after a kill, wherever that comes', () => {
    for (let used = 1; used <= 100; used += 9) {
      let run = start(makeTestFolder());
      for (let i = 0; i < used; i++) expect(run.budget.take('a', HUNDRED, 1, new Date(BEGIN_MS)).allowed).toBe(true);
      run = kill(run);
      const left = run.budget.remaining('a', HUNDRED, new Date(BEGIN_MS));
      expect(left).toBeLessThanOrEqual(100 - used);
      expect(left).toBeGreaterThanOrEqual(Math.max(0, 100 - used - 6));
      run.end();
    }
  });

  it('is not written at each call, and not at all where nothing is taken', () => {
    const run = start(makeTestFolder());
    const before = run.generation();
    const limit: RateLimit = { amount: 16_000, unit: 'calls', windowSeconds: 86_400 };
    expect(run.budget.take('a', limit, 16_001, new Date(BEGIN_MS)).allowed).toBe(false);
    expect(run.generation()).toBe(before);
    for (let i = 0; i < 16_000; i++) run.budget.take('a', limit, 1, new Date(BEGIN_MS));
    expect(run.generation() - before).toBe(16);
    run.end();
  });

  it('gives a thousand callers at once what each of them has, with a restart and a kill in between', async () => {
    let run = start(makeTestFolder());
    const limit: RateLimit = { amount: 3, unit: 'calls', windowSeconds: 86_400 };
    const allowed = new Map<string, number>();
    const ask = async (caller: string): Promise<void> => {
      await Promise.resolve();
      const { budget } = run;
      const now = new Date(BEGIN_MS);
      if (budget.remaining(caller, limit, now) >= 1 && budget.take(caller, limit, 1, now).allowed)
        allowed.set(caller, (allowed.get(caller) ?? 0) + 1);
    };
    const callers = Array.from({ length: 1000 }, (_, i) => `caller ${i}`);
    await Promise.all(callers.map(ask));
    run = restart(run);
    await Promise.all([...callers, ...callers].map(ask));
    run = kill(run);
    await Promise.all([...callers, ...callers].map(ask));
    expect(new Set(allowed.values())).toEqual(new Set([3]));
    expect(allowed.size).toBe(1000);
    run.end();
  });

  it('takes nothing when it cannot be written', () => {
    const run = start(makeTestFolder());
    expect(run.budget.take('a', HUNDRED, 1, new Date(BEGIN_MS)).allowed).toBe(true);
    run.end();
    expect(() => run.budget.take('b', HUNDRED, 1, new Date(BEGIN_MS))).toThrow(
      expect.objectContaining({ code: 'ERR_CONFIGURATION_FILE' }),
    );
    expect(run.budget.remaining('b', HUNDRED, new Date(BEGIN_MS))).toBe(100);
  });

  it('drops from the store what is full again', () => {
    let run = start(makeTestFolder(), 2);
    const limit: RateLimit = { amount: 3, unit: 'calls', windowSeconds: 30 };
    const at = (seconds: number): Date => new Date(BEGIN_MS + seconds * 1000);
    run.budget.take('a', limit, 1, at(0));
    run.budget.take('b', limit, 3, at(5));
    expect(run.budget.take('c', limit, 1, at(15)).allowed).toBe(true);
    run = restart(run);
    expect(['a', 'b', 'c'].map((key) => run.budget.remaining(key, limit, at(0)))).toEqual([3, 0, 2]);
    run.end();
  });
});
