/**
 * Runs the prebuilt modules of WebAssembly/wasi-testsuite, or of bytecodealliance/jco, and says which pass.
 *   node conformance/main.ts CHECKOUT [--jco] [--suite NAME]... [--json]
 * Ends with 1 when a test fails that is not listed in expected-failures.json, when a listed one passes, or when a suite has no tests.
 */
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { JCO_SUITES, SUITES } from './suites.ts';
import { type ExpectedFailures, judge, runSuite, type TestResult } from './verdict.ts';

const MARKS = { pass: 'ok  ', fail: 'FAIL', expected: 'fail', stale: 'OK? ' } as const;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    jco: { type: 'boolean', default: false },
    suite: { type: 'string', multiple: true },
    json: { type: 'boolean', default: false },
  },
});
const [checkout] = positionals;
const all = values.jco ? JCO_SUITES : SUITES;
const suites = all.filter(({ name }) => values.suite?.includes(name) ?? true);

function show(result: TestResult): void {
  const { suite, name, outcome, why, ms } = result;
  if (values.json) console.log(JSON.stringify(result));
  else console.log(`${MARKS[outcome]} ${suite} ${name} (${ms} ms)${why === null ? '' : `: ${why}`}`);
}

if (checkout === undefined || positionals.length !== 1 || suites.length === 0) {
  console.error(`conformance: name one checkout of the suite; suites are ${all.map(({ name }) => name).join(', ')}`);
  process.exitCode = 2;
} else {
  const list = readFileSync(join(import.meta.dirname, 'expected-failures.json'), 'utf8');
  const expected = JSON.parse(list) as ExpectedFailures;
  const results: TestResult[] = [];
  for (const suite of suites) {
    const ran = await runSuite(suite, resolve(checkout), expected, show);
    const passed = ran.filter(({ why }) => why === null).length;
    if (!values.json) console.log(`${suite.name} ${passed} of ${ran.length}`);
    results.push(...ran);
  }
  const problems = judge(suites, results, expected);
  for (const problem of problems) console.error(`conformance: ${problem}`);
  if (problems.length > 0) process.exitCode = 1;
}
