/** A few of the inputs of `make fuzz`: all targets of the verifier keep their properties, reach what lies behind their first checks, and can be repeated. */
import { beforeAll, describe, expect, it } from 'vitest';
import { fuzz, makeInput, runInput, type TargetResult } from '../../fuzz/run.ts';
import { loadSeeds } from '../../fuzz/seeds.ts';
import type { Target } from '../../fuzz/target.ts';
import { verifierTargets } from '../../fuzz/verifier-targets.ts';

const RUNS = 4000;
const SEED = 20261121;

describe('fuzzing', () => {
  let targets: readonly Target[] = [];
  let results: readonly TargetResult[] = [];
  beforeAll(async () => {
    targets = verifierTargets(await loadSeeds());
    results = await fuzz({ targets, runs: RUNS, seed: SEED, maxMs: 1000, onProgress: () => undefined });
  });

  it('gives every input a value or a typed problem', () => {
    expect(results.length).toBe(20);
    expect(results.reduce((sum, { inputs }) => sum + inputs, 0)).toBe(RUNS);
    expect(results.flatMap(({ findings }) => findings)).toEqual([]);
  });

  it('takes every valid input, so that changes start from something', async () => {
    for (const target of targets) {
      const outcomes = new Set<string>();
      for (const seed of target.seeds) {
        const result = await runInput(target, seed, 1000);
        outcomes.add('outcome' in result ? result.outcome : result.problem);
      }
      const refused = [...outcomes].filter((outcome) =>
        /^(not|no |none|the |this |entry|report-(?!and)|rejected)/.test(outcome),
      );
      expect([target.name, refused]).toEqual([target.name, []]);
    }
  });

  it('reaches more than one outcome of every target', () => {
    const shallow = results.filter(({ outcomes }) => outcomes.length < 2).map(({ target }) => target);
    expect(shallow).toEqual([]);
  });

  it('makes the same input again from seed, target and number', () => {
    for (const target of targets) {
      expect(makeInput(target, SEED, 7)).toEqual(makeInput(target, SEED, 7));
      const inputs = Array.from({ length: 20 }, (_, number) => makeInput(target, SEED, number).join());
      expect(new Set(inputs).size).toBeGreaterThan(10);
    }
  });

  it('finds an exception, an input that takes too long, and one that is changed', async () => {
    const broken = (run: Target['run']): Target => ({ name: 'x', share: 1, seeds: [], mutators: [], run });
    const input = Uint8Array.of(1);
    const thrown = await runInput(
      broken(() => {
        throw new TypeError('leaked');
      }),
      input,
      1000,
    );
    expect(thrown).toMatchObject({ problem: expect.stringContaining('leaked') });
    const slow = broken(() => {
      const end = performance.now() + 30;
      while (performance.now() < end);
      return 'fine';
    });
    expect(await runInput(slow, input, 1)).toMatchObject({ problem: expect.stringContaining('at most 1 ms') });
    const changed = await runInput(
      broken((bytes) => {
        bytes[0] = 2;
        return 'fine';
      }),
      input,
      1000,
    );
    expect(changed).toEqual({ problem: 'property: the input is not changed' });
  });
});
