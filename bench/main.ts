/**
 * Runs the benchmarks: one JSON line for each figure on stdout, then a table. Figures of a case are made side by side in one run; trust the
 * ratios, the absolute values are this machine's. Names of cases as arguments run only those; RESULTS=1 keeps the run in bench/results.
 */
import { type BenchCase, type Figure, keepsPromise, type Outcome } from './case.ts';
import { describeCommit, describeMachine, watchOthers } from './machine.ts';
import { type RecordedFigure, writeRecord } from './results.ts';

/** Every case, in the order of the table; each is loaded only when it runs. */
const CASES: Readonly<Record<string, () => Promise<BenchCase>>> = {
  foundation: async () => (await import('./cases/foundation.ts')).foundation,
  appraise: async () => (await import('./cases/appraise.ts')).appraisal,
  policy: async () => (await import('./cases/policy.ts')).policyDecision,
  measure: async () => (await import('./cases/measure.ts')).launchDigest,
  freshness: async () => (await import('./cases/freshness.ts')).freshness,
  gas: async () => (await import('./cases/gas.ts')).gas,
  instance: async () => (await import('./cases/instance.ts')).freshInstance,
  cold: async () => (await import('./cases/cold.ts')).coldStart,
  hello: async () => (await import('./cases/hello.ts')).hello,
  gate: async () => (await import('./cases/gate.ts')).gateShare,
  stream: async () => (await import('./cases/stream.ts')).streaming,
  runaway: async () => (await import('./cases/runaway.ts')).runaway,
  boot: async () => (await import('./cases/boot.ts')).boot,
  soak: async () => (await import('./cases/soak.ts')).soaking,
};

/** Share of the processors' time that others may use before a run says that it was disturbed. */
const QUIET = 0.1;

function rounded(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3);
}

const VERDICTS = { true: 'kept', false: 'NOT KEPT', null: '' } as const;

function tableRow(name: string, figure: Figure): string {
  const { ratio, atMost } = figure;
  const to = ratio === null ? '' : `${rounded(ratio.value)} x ${ratio.to}`;
  const promise = atMost === null ? '' : `at most ${rounded(atMost)}: ${VERDICTS[`${keepsPromise(figure)}`]}`;
  return [
    name.padEnd(12),
    figure.name.padEnd(40),
    rounded(figure.value).padStart(9),
    figure.unit.padEnd(16),
    [to, promise].filter((part) => part !== '').join('; '),
  ].join('  ');
}

async function runCases(names: readonly string[]): Promise<void> {
  const machine = describeMachine();
  console.log(JSON.stringify(machine));
  const othersUsed = watchOthers();
  const head = { date: new Date().toISOString(), commit: describeCommit(), machine };
  const [table, pictures]: [string[], string[]] = [[], []];
  const figures: RecordedFigure[] = [];
  const missing: { case: string; name: string; why: string }[] = [];
  const keep = (): string | null =>
    process.env['RESULTS'] === undefined ? null : writeRecord({ ...head, others: othersUsed(), figures, missing });
  const skip = (name: string, what: string, why: string): void => {
    console.log(JSON.stringify({ case: name, skipped: what, why }));
    missing.push({ case: name, name: what, why });
    table.push(`${name.padEnd(12)}  ${what.padEnd(40)}  not run: ${why}`);
  };
  const take = (name: string, outcome: Outcome): void => {
    if ('missing' in outcome) return skip(name, outcome.missing, outcome.why);
    if ('picture' in outcome) return void pictures.push(outcome.picture);
    console.log(JSON.stringify({ case: name, ...outcome }));
    figures.push({ case: name, ...outcome });
    table.push(tableRow(name, outcome));
  };
  for (const name of names) {
    try {
      const outcomes = (await (await CASES[name]?.())?.run()) ?? [];
      if (typeof outcomes === 'string') skip(name, 'all', outcomes);
      else for (const outcome of outcomes) take(name, outcome);
    } catch (error) {
      // One case that fails must not lose the figures of the others.
      skip(name, 'all', `it failed: ${String(error)}`);
      process.exitCode = 1;
    }
    keep();
  }
  const others = othersUsed();
  const { machine: model, processors, node, loadAverage } = machine;
  const title = `${model}, ${processors} processors, Node ${node}, load ${loadAverage} at the start`;
  console.log(`\n${[...pictures, `${title}\n${table.join('\n')}`].join('\n\n')}`);
  if (others > QUIET) {
    const share = (others * 100).toFixed(0);
    console.log(
      `\nThe machine was busy: others used ${share} % of the processors meanwhile. Trust ratios only, and repeat the run.`,
    );
  }
  const kept = keep();
  if (kept !== null) console.log(`\nkept in ${kept}`);
}

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !(name in CASES));
if (unknown.length > 0) {
  console.error(`bench: no case ${unknown.join(', ')}; there are ${Object.keys(CASES).join(', ')}`);
  process.exitCode = 2;
} else {
  await runCases(wanted.length > 0 ? wanted : Object.keys(CASES));
}
