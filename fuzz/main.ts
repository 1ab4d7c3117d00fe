/**
 * Fuzzes every reader of bytes that others control, and prints what came of it.
 *   node fuzz/main.ts [--runs N] [--seed N] [--target NAME] [--max-ms N]
 *   node fuzz/main.ts --target NAME --input BASE64     runs one input again
 */
import { createHash } from 'node:crypto';
import { parseArgs } from 'node:util';
import { encodeBase64, parseBase64 } from '../src/base/bytes.ts';
import { POLICY_COMPARE_TARGET } from './policy-compare-target.ts';
import { fuzz, runInput, type TargetResult } from './run.ts';
import { sandboxTargets } from './sandbox-targets.ts';
import { loadSeeds } from './seeds.ts';
import { verifierTargets } from './verifier-targets.ts';

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '1000000' },
    seed: { type: 'string', default: String(Date.now() % 2 ** 31) },
    target: { type: 'string' },
    'max-ms': { type: 'string', default: '250' },
    input: { type: 'string' },
  },
});
const [runs, seed, maxMs] = [values.runs, values.seed, values['max-ms']].map(Number) as [number, number, number];
const OUTCOMES_SHOWN = 12;

function show({ target, inputs, ms, slowestMs, outcomes, findings }: TargetResult): void {
  const rate = Math.round((inputs / ms) * 1000);
  console.log(`${target}: ${inputs} inputs, ${rate} per second, slowest ${slowestMs.toFixed(1)} ms`);
  for (const [outcome, count] of outcomes.slice(0, OUTCOMES_SHOWN)) {
    console.log(`  ${String(count).padStart(8)} ${((count / inputs) * 100).toFixed(1).padStart(5)} %  ${outcome}`);
  }
  const rest = outcomes.slice(OUTCOMES_SHOWN);
  const others = rest.reduce((sum, [, count]) => sum + count, 0);
  if (rest.length > 0) console.log(`  ${String(others).padStart(8)}          ${rest.length} other outcomes`);
  for (const { seed, number, input, problem } of findings) {
    const base64 = encodeBase64(input);
    console.log(`FOUND ${target}, seed ${seed}, number ${number}: ${problem}`);
    console.log(`  input (base64): ${base64}`);
    console.log(`  again: node fuzz/main.ts --target ${target} --input ${base64}`);
  }
}

const seeds = await loadSeeds();
const all = [...verifierTargets(seeds), ...(await sandboxTargets()), POLICY_COMPARE_TARGET];
const targets = all.filter(({ name }) => values.target === undefined || name === values.target);
const [target] = targets;
if (target === undefined || !(runs >= 1) || !Number.isInteger(seed) || !(maxMs > 0)) {
  console.error(`fuzz: targets are ${all.map(({ name }) => name).join(', ')}`);
  process.exitCode = 2;
} else if (values.input !== undefined) {
  const input = parseBase64(values.input);
  console.log(input === null ? 'fuzz: --input is not base64' : await runInput(target, input, maxMs));
} else {
  const corpus = createHash('sha256');
  for (const list of Object.values(seeds)) for (const bytes of list) corpus.update(bytes);
  console.log(`fuzz: ${runs} inputs, seed ${seed}, valid inputs ${corpus.digest('hex').slice(0, 16)}`);
  const started = performance.now();
  let shownAt = started;
  const results = await fuzz({
    targets,
    runs,
    seed,
    maxMs,
    onProgress: (done, name) => {
      if (performance.now() - shownAt < 5000) return;
      shownAt = performance.now();
      const rate = Math.round((done / (shownAt - started)) * 1000);
      console.log(`fuzz: ${done} of ${runs}, at ${name}, ${rate} per second, seed ${seed}`);
    },
  });
  results.forEach(show);
  const inputs = results.reduce((sum, result) => sum + result.inputs, 0);
  const findings = results.flatMap((result) => result.findings);
  const seconds = ((performance.now() - started) / 1000).toFixed(0);
  console.log(`fuzz: ${inputs} inputs in ${seconds} s, seed ${seed}: ${findings.length} broke a property`);
  if (findings.length > 0) process.exitCode = 1;
}
