/** Runs suites and compares what comes of each test with what is expected: the list of expected failures can only get shorter. */
import { findTests, type Suite, type SuiteTest } from './suites.ts';

/** Tests that are known to fail, by suite and name, each with the reason. */
export type ExpectedFailures = Readonly<Record<string, Readonly<Record<string, string>>>>;

/** `stale`: it was expected to fail, and passed. */
export type Outcome = 'pass' | 'fail' | 'expected' | 'stale';

export interface TestResult {
  readonly suite: string;
  readonly name: string;
  readonly outcome: Outcome;
  /** Why it failed; null when it passed. */
  readonly why: string | null;
  readonly ms: number;
}

const SIDE_BY_SIDE = 2;

async function runTest(suite: Suite, { name, modulePath }: SuiteTest, expected: ExpectedFailures): Promise<TestResult> {
  const started = performance.now();
  // A specification that cannot be read is a failure of its test, not of the others.
  const why = await suite.run(modulePath).catch((e: unknown) => (e instanceof Error ? e.message : String(e)));
  const isExpected = expected[suite.name]?.[name] !== undefined;
  const outcome = why === null ? (isExpected ? 'stale' : 'pass') : isExpected ? 'expected' : 'fail';
  return { suite: suite.name, name, outcome, why, ms: Math.round(performance.now() - started) };
}

/** Runs the tests of a suite, some side by side; `onResult` hears each when it is over. */
export async function runSuite(
  suite: Suite,
  checkout: string,
  expected: ExpectedFailures,
  onResult: (result: TestResult) => void,
): Promise<readonly TestResult[]> {
  const left = [...findTests(suite, checkout)];
  const results: TestResult[] = [];
  async function work(): Promise<void> {
    for (let test = left.shift(); test !== undefined; test = left.shift()) {
      const result = await runTest(suite, test, expected);
      results.push(result);
      onResult(result);
    }
  }
  await Promise.all(Array.from({ length: SIDE_BY_SIDE }, work));
  return results;
}

/** Says what is wrong with a whole run, one line each; nothing when all is as expected. */
export function judge(
  suites: readonly Suite[],
  results: readonly TestResult[],
  expected: ExpectedFailures,
): readonly string[] {
  const of = (outcome: Outcome): readonly string[] =>
    results.filter((r) => r.outcome === outcome).map((r) => `${r.suite} ${r.name}`);
  const ran = new Set(results.map((r) => `${r.suite} ${r.name}`));
  const listed = suites.flatMap(({ name }) => Object.keys(expected[name] ?? {}).map((test) => `${name} ${test}`));
  return [
    ...suites.filter(({ name }) => !results.some((r) => r.suite === name)).map(({ name }) => `${name}: no tests there`),
    ...of('fail').map((test) => `${test}: fails`),
    ...of('stale').map((test) => `${test}: passes, take it off the list of expected failures`),
    ...listed.filter((test) => !ran.has(test)).map((test) => `${test}: listed as an expected failure, and not there`),
  ];
}
