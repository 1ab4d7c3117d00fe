/** A few thousand inputs for each target of the sandbox: no property breaks, and inputs are both accepted and refused, so each sees something. */
import { describe, expect, it } from 'vitest';
import { fuzz, makeInput } from '../../fuzz/run.ts';
import { sandboxTargets } from '../../fuzz/sandbox-targets.ts';
import type { Target } from '../../fuzz/target.ts';

const SEED = 20261129;

/** Inputs of each target, and the least share of them that must be accepted, and refused: what is seldom is not tested. */
const RUNS: Readonly<Record<string, readonly [runs: number, accepted: number, refused: number]>> = {
  frames: [4000, 0.3, 0.1],
  gate: [3000, 0.3, 0.2],
  abi: [2500, 0.2, 0.3],
  async: [2500, 0.25, 0.25],
  modules: [4000, 0.15, 0.3],
  components: [4000, 0.1, 0.3],
  bundles: [4000, 0.1, 0.3],
  manifests: [4000, 0.05, 0.5],
  trees: [4000, 0.2, 0.2],
  'write-back': [500, 0.2, 0.2],
};
const named: readonly (readonly [name: string, target: Target])[] = (await sandboxTargets()).map((t) => [t.name, t]);

describe('fuzzing the sandbox', () => {
  it.each(named)('%s keeps its properties', async (name, target) => {
    const [runs, accepted, refused] = RUNS[name] ?? [0, 1, 1];
    const [result] = await fuzz({ targets: [target], runs, seed: SEED, maxMs: 1000, onProgress: () => undefined });
    expect(result?.findings.map(({ problem }) => problem)).toEqual([]);
    const share = (word: string): number =>
      (result?.outcomes ?? []).reduce((sum, [outcome, count]) => sum + (outcome.startsWith(word) ? count : 0), 0) /
      runs;
    expect(share('accepted') + share('refused')).toBeCloseTo(1);
    expect(share('accepted')).toBeGreaterThan(accepted);
    expect(share('refused')).toBeGreaterThan(refused);
  });

  it.each(named)('%s makes the same input again from seed and number', (_, target) => {
    expect(makeInput(target, SEED, 7)).toEqual(makeInput(target, SEED, 7));
    const inputs = Array.from({ length: 20 }, (__, number) => makeInput(target, SEED, number).join());
    expect(new Set(inputs).size).toBeGreaterThan(10);
  });
});
