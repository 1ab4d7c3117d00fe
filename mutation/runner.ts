/**
 * A test runner for Stryker that loads tests and mutated sources once per process and runs for each mutant only the tests that reach it, the
 * quickest first, until one fails. Stryker's own runner starts vitest anew for every mutant, which takes a hundred times as long.
 *
 * Tests of one process share state (caches), and a mutant may spoil it. So after a kill the test that failed must pass without the mutant,
 * or the mutant is tried again in another process. State that hides a mutant is not looked for, and not
 * every test is run: both can only make the score too low.
 */
import { globSync, readFileSync, writeFileSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { basename, dirname, relative, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { VECTORS } from '../test/vectors.ts';
import type { CollectedTest } from './collector.ts';

/** The tests that look at a room of src directly. */
const TESTS_OF: Readonly<Record<string, readonly string[]>> = {
  attestation: ['test/attestation/**/*.test.ts', 'test/testing/appraise.test.ts'],
  policy: ['test/policy/**/*.test.ts'],
};
const ROOM = process.env['ROOM'] ?? 'attestation';
const TESTS = TESTS_OF[ROOM] ?? [];
/** What only repeats others a thousand times over, and what reads the docs. */
const LEFT_OUT = [/\/bit-flips\.test\.ts$/, /\/trust-doc\.test\.ts$/, /\/policy\/docs\.test\.ts$/];
/** Slow ones, and snapshots, which need vitest itself. */
const SKIPPED_TESTS = [
  /reads as in its golden file/,
  /one flipped bit of the signed region/,
  /both decoders > read changed ones alike/,
];

/** Tests that take longer are run for their own file only: they go through thousands of inputs, and others notice what they notice. */
const MAX_TEST_MS = 400;

/** Tests for one mutant; more would only look at the same from further away. */
const MAX_TESTS = 400;
/** Tests that are written one by one for what a mutant would change, whatever file it is in. */
const POINTED = /\/(wording|edges|material|rollback|der-forms|file-claims|demand-edges)\.test\.ts >/;

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
  /** `static`: the mutant is in what a module does while it is loaded. */
  readonly mutantActivation: 'static' | 'runtime';
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

/** How long each test took, for processes that start later. */
const DURATIONS = resolve(import.meta.dirname, `../.anchorhold/mutation/${ROOM}-durations.json`);

function readDurations(): ReadonlyMap<string, number> {
  try {
    return new Map(JSON.parse(readFileSync(DURATIONS, 'utf8')) as [string, number][]);
  } catch {
    return new Map();
  }
}

/** Tells which tests are a file's own: those of the file of its name, or of its folder's name where the folder is one idea. */
function openOwnTests(fileName: string): (id: string) => boolean {
  const names = [basename(fileName, '.ts'), basename(dirname(fileName))].map((name) => `/${name}.test.ts >`);
  return (id) => names.some((name) => id.includes(name));
}

class OneProcessRunner {
  readonly #instrumentation: Instrumentation;
  readonly #tests = new Map<string, CollectedTest>();
  readonly #durations: ReadonlyMap<string, number> = readDurations();
  /** How many mutants of a file a test has killed: such a test is likely to kill the next one, too. */
  readonly #kills = new Map<string, number>();
  #spoilt = false;

  constructor() {
    const scope = globalThis as { __stryker__?: Instrumentation };
    scope.__stryker__ ??= {};
    this.#instrumentation = scope.__stryker__;
  }

  capabilities(): { reloadEnvironment: boolean } {
    return { reloadEnvironment: false };
  }

  /** Loads sources and tests, once. */
  async #load(mutant: string | undefined): Promise<void> {
    if (this.#tests.size > 0) return;
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
    this.#instrumentation.activeMutant = mutant;
    const files = TESTS.flatMap((pattern) => globSync(pattern)).filter((f) => !LEFT_OUT.some((out) => out.test(f)));
    for (const file of files.sort()) {
      startFile(relative('.', file));
      await import(pathToFileURL(resolve(file)).href);
    }
    const { tests, before } = takeCollected();
    for (const run of before) await run();
    for (const test of tests)
      if (!SKIPPED_TESTS.some((slow) => slow.test(test.name))) this.#tests.set(idOf(test), test);
  }

  /** Runs all tests without a mutant; notes which mutants each of them reaches, and how long each takes. */
  async dryRun(): Promise<unknown> {
    await this.#load(undefined);
    const results = [];
    for (const [id, test] of this.#tests) {
      const started = performance.now();
      const failure = await this.#run(test, undefined);
      const timeSpentMs = Math.round(performance.now() - started);
      const result = { id, name: id, fileName: resolve(test.file), timeSpentMs };
      results.push(failure === null ? { ...result, status: 0 } : { ...result, status: 1, failureMessage: failure });
    }
    writeFileSync(DURATIONS, JSON.stringify(results.map(({ id, timeSpentMs }) => [id, timeSpentMs])));
    return { status: 'complete', tests: results, mutantCoverage: this.#instrumentation.mutantCoverage };
  }

  /** Takes the tests that notice a mutant soonest: what noticed others of its file, its own tests, pointed ones, the quickest. */
  #choose(ids: Iterable<string>, fileName: string): readonly string[] {
    const isOwn = openOwnTests(fileName);
    const nearness = (id: string): number => (isOwn(id) ? 2 : POINTED.test(id) ? 1 : 0);
    const rank = (id: string): number => 10 * (this.#kills.get(`${fileName} ${id}`) ?? 0) + nearness(id);
    const cost = (id: string): number => this.#durations.get(id) ?? 0;
    return [...ids]
      .filter((id) => cost(id) <= MAX_TEST_MS || isOwn(id))
      .sort((a, b) => rank(b) - rank(a) || cost(a) - cost(b))
      .slice(0, MAX_TESTS);
  }

  /** Runs the tests that reach a mutant. Throwing makes Stryker start another process and try there. */
  async mutantRun({ activeMutant, mutantActivation, testFilter, hitLimit }: MutantRun): Promise<Outcome> {
    if (this.#spoilt) throw new Error('an earlier mutant has spoilt the state of the tests');
    const fresh = this.#tests.size === 0;
    const loaded = mutantActivation === 'static';
    this.#instrumentation.hitCount = hitLimit === undefined ? undefined : 0;
    this.#instrumentation.hitLimit = hitLimit;
    // What was loaded with a mutant is no good for another.
    this.#spoilt = loaded;
    try {
      await this.#load(loaded ? activeMutant.id : undefined);
    } catch (error) {
      if (!loaded) throw error;
      return { status: 'killed', killedBy: [], failureMessage: messageOf(error), nrOfTests: 0 };
    }
    const { fileName } = activeMutant;
    let nrOfTests = 0;
    for (const id of this.#choose(testFilter ?? this.#tests.keys(), fileName)) {
      const test = this.#tests.get(id);
      if (test === undefined) continue;
      nrOfTests++;
      const failure = await this.#run(test, activeMutant.id);
      const { hitCount = 0 } = this.#instrumentation;
      if (hitLimit !== undefined && hitCount > hitLimit) {
        this.#spoilt = true;
        return { status: 'timeout', reason: `hit ${hitCount} times` };
      }
      if (failure === null) continue;
      this.#spoilt = loaded || (await this.#run(test, undefined)) !== null;
      if (this.#spoilt && !fresh) throw new Error('the test that failed also fails without the mutant');
      const key = `${fileName} ${id}`;
      this.#kills.set(key, (this.#kills.get(key) ?? 0) + 1);
      return { status: 'killed', killedBy: [id], failureMessage: failure, nrOfTests };
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
