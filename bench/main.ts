/**
 * Runs the benchmarks: one JSON line for each figure on stdout, then a table. Figures of a case are made side by side in one run; trust the
 * ratios, the absolute values are this machine's. Names of cases as arguments run only those.
 */
import { arch, cpus, loadavg, platform, release, totalmem } from 'node:os';
import type { BenchCase, Figure } from './case.ts';

/** Every case, in the order of the table; each is loaded only when it runs. */
const CASES: Readonly<Record<string, () => Promise<BenchCase>>> = {
  foundation: async () => (await import('./cases/foundation.ts')).foundation,
  appraise: async () => (await import('./cases/appraise.ts')).appraisal,
  policy: async () => (await import('./cases/policy.ts')).policyDecision,
  measure: async () => (await import('./cases/measure.ts')).launchDigest,
  freshness: async () => (await import('./cases/freshness.ts')).freshness,
  gas: async () => (await import('./cases/gas.ts')).gas,
  hello: async () => (await import('./cases/hello.ts')).hello,
};

function describeMachine(): Readonly<Record<string, string | number>> {
  const processors = cpus();
  return {
    machine: processors[0]?.model ?? 'unknown',
    processors: processors.length,
    memoryMiB: Math.round(totalmem() / 1024 / 1024),
    system: `${platform()} ${release()} ${arch()}`,
    node: process.versions.node,
    v8: process.versions.v8,
    openssl: process.versions.openssl,
    loadAverage: Number((loadavg()[0] ?? 0).toFixed(2)),
  };
}

function rounded(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3);
}

function tableRow(name: string, figures: Figure): string {
  const ratio = figures.ratio === null ? '' : `${rounded(figures.ratio.value)} x ${figures.ratio.to}`;
  return [
    name.padEnd(14),
    figures.name.padEnd(38),
    rounded(figures.value).padStart(9),
    figures.unit.padEnd(16),
    ratio,
  ].join('  ');
}

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !(name in CASES));
if (unknown.length > 0) {
  console.error(`bench: no case ${unknown.join(', ')}; there are ${Object.keys(CASES).join(', ')}`);
  process.exitCode = 2;
} else {
  const machine = describeMachine();
  console.log(JSON.stringify(machine));
  const table: string[] = [];
  for (const name of wanted.length > 0 ? wanted : Object.keys(CASES)) {
    const benchCase = await CASES[name]?.();
    const result = (await benchCase?.run()) ?? [];
    if (typeof result === 'string') {
      console.log(JSON.stringify({ case: name, skipped: result }));
      table.push(`${name.padEnd(14)}  not run: ${result}`);
      continue;
    }
    for (const each of result) {
      console.log(JSON.stringify({ case: name, ...each }));
      table.push(tableRow(name, each));
    }
  }
  const { machine: model, processors, node, loadAverage } = machine;
  console.log(`\n${model}, ${processors} processors, Node ${node}, load ${loadAverage}\n${table.join('\n')}`);
}
