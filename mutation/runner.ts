/**
 * A test runner for Stryker that loads tests and mutated sources once per process and runs for each mutant only the tests that reach it, the
 * quickest first, until one fails. Stryker's own runner starts vitest anew for every mutant, which takes a hundred times as long.
 *
 * Tests of one process share state (caches), so a result is believed only when the state cannot have made it: after a kill the test that
 * failed must pass without the mutant, and a mutant that survives is tried once more in a process that has seen no other.
 */
import { globSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { relative, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { VECTORS } from '../test/vectors.ts';
import type { CollectedTest } from './collector.ts';

/** The tests that look at src/attestation directly. Left out: what only repeats others a thousand times over, and what reads the docs. */
const TESTS = ['test/attestation/**/*.test.ts', 'test/testing/appraise.test.ts'];
const LEFT_OUT = [/\/bit-flips\.test\.ts$/, /\/trust-doc\.test\.ts$/];
const SLOW_TESTS = [/one flipped bit of the signed region/, /both decoders > read changed ones alike/];

/** What the instrumented sources read and write, under `globalThis.__stryker__`. */
interface Instrumentation {
  activeMutant?: string | undefined;
  currentTestId?: string | undefined;
  hitCount?: number | undefined;
  hitLimit?: number | undefined;
  mutantCoverage?: unknown;
}

interface MutantRun {
  readonly activeMutant: { readonly id: string; readonly fileName: string };
  readonly testFilter?: readonly string[];
  readonly hitLimit?: number;
}

interface Outcome {
  readonly status: 'killed' | 'survived' | 'timeout';
  readonly [detail: string]: unknown;
}

const collectorUrl = import.meta.resolve('./collector.ts');
const idOf = (test: CollectedTest): string => `${test.file} > ${test.name}`;
const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

class OneProcessRunner {
  readonly #instrumentation: Instrumentation;
  readonly #tests = new Map<string, CollectedTest>();
  readonly #durations = new Map<string, number>();
  /** How many mutants of a file a test has killed: such a test is likely to kill the next one, too. */
  readonly #kills = new Map<string, number>();
  #mutantsSeen = 0;
  #spoilt = false;

  constructor() {
    const scope = globalThis as { __stryker__?: Instrumentation };
    scope.__stryker__ ??= {};
    this.#instrumentation = scope.__stryker__;
  }

  capabilities(): { reloadEnvironment: boolean } {
    return { reloadEnvironment: false };
  }

  async init(): Promise<void> {
    // The tests run from a copy, beside which there are no vectors.
    if (VECTORS !== null) process.env['ANCHORHOLD_VECTORS'] = VECTORS;
    registerHooks({
      resolve: (specifier, context, next) =>
        specifier === 'vitest' && context.parentURL !== collectorUrl
          ? { url: collectorUrl, shortCircuit: true }
          : next(specifier, context),
    });
    const { startFile, takeCollected } = (await import(collectorUrl)) as typeof import('./collector.ts');
    const { configureGlobal } = await import('fast-check');
    configureGlobal({ seed: 1, numRuns: 50 });
    const files = TESTS.flatMap((pattern) => globSync(pattern)).filter((f) => !LEFT_OUT.some((out) => out.test(f)));
    for (const file of files.sort()) {
      startFile(relative('.', file));
      await import(pathToFileURL(resolve(file)).href);
    }
    const { tests, before } = takeCollected();
    for (const run of before) await run();
    for (const test of tests) if (!SLOW_TESTS.some((slow) => slow.test(test.name))) this.#tests.set(idOf(test), test);
  }

  /** Runs all tests without a mutant; notes which mutants each of them reaches. */
  async dryRun(): Promise<unknown> {
    const results = [];
    for (const [id, test] of this.#tests) {
      const started = performance.now();
      const failure = await this.#run(test, undefined);
      const timeSpentMs = Math.round(performance.now() - started);
      const result = { id, name: id, fileName: resolve(test.file), timeSpentMs };
      results.push(failure === null ? { ...result, status: 0 } : { ...result, status: 1, failureMessage: failure });
    }
    return { status: 'complete', tests: results, mutantCoverage: this.#instrumentation.mutantCoverage };
  }

  /** Runs the tests that reach a mutant. Throwing makes Stryker start another process and try there. */
  async mutantRun({ activeMutant, testFilter, hitLimit }: MutantRun): Promise<Outcome> {
    if (this.#spoilt) throw new Error('an earlier mutant has spoilt the state of the tests');
    const fresh = this.#mutantsSeen++ === 0;
    const { fileName } = activeMutant;
    const rank = (id: string): number => this.#kills.get(`${fileName} ${id}`) ?? 0;
    const cost = (id: string): number => this.#durations.get(id) ?? 0;
    const ids = [...(testFilter ?? this.#tests.keys())].sort((a, b) => rank(b) - rank(a) || cost(a) - cost(b));
    this.#instrumentation.hitCount = hitLimit === undefined ? undefined : 0;
    this.#instrumentation.hitLimit = hitLimit;
    let nrOfTests = 0;
    for (const id of ids) {
      const test = this.#tests.get(id);
      if (test === undefined) continue;
      nrOfTests++;
      const started = performance.now();
      const failure = await this.#run(test, activeMutant.id);
      const { hitCount = 0 } = this.#instrumentation;
      if (hitLimit !== undefined && hitCount > hitLimit) {
        this.#spoilt = true;
        return { status: 'timeout', reason: `hit ${hitCount} times` };
      }
      if (failure === null) {
        this.#durations.set(id, performance.now() - started);
        continue;
      }
      this.#spoilt = (await this.#run(test, undefined)) !== null;
      if (this.#spoilt && !fresh) throw new Error('the test that failed also fails without the mutant');
      this.#kills.set(`${fileName} ${id}`, rank(id) + 1);
      return { status: 'killed', killedBy: [id], failureMessage: failure, nrOfTests };
    }
    if (!fresh && nrOfTests > 0) {
      this.#spoilt = true;
      throw new Error('survived among others: to be tried alone');
    }
    return { status: 'survived', nrOfTests };
  }

  async #run(test: CollectedTest, mutant: string | undefined): Promise<string | null> {
    this.#instrumentation.activeMutant = mutant;
    this.#instrumentation.currentTestId = idOf(test);
    try {
      await test.run();
      return null;
    } catch (error) {
      return messageOf(error) || 'failed';
    } finally {
      this.#instrumentation.activeMutant = undefined;
      this.#instrumentation.currentTestId = undefined;
    }
  }
}

/** What Stryker looks for in a plugin. */
export const strykerPlugins: readonly unknown[] = [
  { kind: 'TestRunner', name: 'one-process', injectableClass: OneProcessRunner },
];
