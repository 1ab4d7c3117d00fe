/**
 * A fresh instance of a small component and one call of it, in one process, in CPU time: by our linker, by the engine alone, and by wasmtime where this
 * machine has its Python package. Python's own work is in wasmtime's figure, so the parameter is one number.
 */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { componentEmbed, componentNew, parse } from '@bytecodealliance/jco';
import { instantiate } from '../../src/enclave/sandbox/component/instance.ts';
import { type LinkedComponent, linkComponent } from '../../src/enclave/sandbox/component/link.ts';
import { makePlan } from '../../src/enclave/sandbox/component/make-plan.ts';
import type { LiftedFunction } from '../../src/enclave/sandbox/component/plan.ts';
import { ENGINE } from '../../src/enclave/sandbox/engine.ts';
import { type BenchCase, compared, type Figure, figure, type Missing } from '../case.ts';
import { type Comparison, compareInTurns } from '../in-turns.ts';

const WIT = 'package bench:small; world small { export double: func(n: u32) -> u32; }';
const ROUNDS = 9;
const CALLS = 2000;
/** A fresh instance and a call are to take at most so many times what they take in wasmtime. */
const PROMISED = 5;

interface Small {
  readonly core: Uint8Array;
  readonly component: Uint8Array;
}

async function buildSmall(): Promise<Small> {
  const core = await parse(readFileSync(join(import.meta.dirname, '../functions/double.wat'), 'utf8'));
  const embedded = await componentEmbed({ binary: core, witSource: WIT, world: 'small' });
  return { core, component: await componentNew(embedded) };
}

function check(doubled: unknown): void {
  if (doubled !== 42) throw new Error('21 was not doubled');
}

interface Linked {
  readonly linked: LinkedComponent<null>;
  readonly double: LiftedFunction;
}

async function link(component: Uint8Array): Promise<Linked> {
  const plan = makePlan(component);
  const linked = await linkComponent<null>(plan, { find: () => null, drop: () => undefined });
  const double = plan.exports.get('double');
  if (double === undefined || !('of' in double)) throw new Error('the component does not export its function');
  return { linked, double };
}

/** Asks wasmtime, or says why it cannot be asked. */
async function askWasmtime(component: Uint8Array): Promise<number | string> {
  const python = promisify(execFile);
  const found = await python('python3', ['-c', 'import wasmtime.component']).then(
    () => true,
    () => false,
  );
  if (!found) return "this machine's Python has no package wasmtime";
  const home = await mkdtemp(join(tmpdir(), 'anchorhold-bench-'));
  try {
    const file = join(home, 'double.wasm');
    await writeFile(file, component);
    const script = join(import.meta.dirname, '../wasmtime-instance.py');
    const { stdout } = await python('python3', [script, file, String(ROUNDS), String(CALLS)]);
    return (JSON.parse(stdout) as { readonly us: number }).us;
  } finally {
    await rm(home, { recursive: true });
  }
}

export const freshInstance: BenchCase = {
  name: 'instance',
  about:
    'a fresh instance of a component without imports and a call of it, in process, against the engine alone and wasmtime',
  async run(): Promise<readonly (Figure | Missing)[]> {
    const { core, component } = await buildSmall();
    const { linked, double } = await link(component);
    const module = new ENGINE.Module(Uint8Array.from(core));
    const kept = instantiate(linked, null);
    const alone = async (): Promise<void> => {
      const run = new ENGINE.Instance(module, {}).exports['double'] as (n: number) => number;
      check(run(21));
    };
    const fresh = await compareInTurns(alone, async () => {
      const instance = instantiate(linked, null);
      check(await instance.call(double, [21]));
      instance.close(true);
    });
    const again = await compareInTurns(alone, async () => check(await kept.call(double, [21])));
    const engine = figure('engine alone, fresh instance and call', 'us CPU', fresh.baseCpuUs);
    const ofEngine = (name: string, { cpuUs, cpuRatio }: Comparison): Figure => ({
      ...figure(name, 'us CPU', cpuUs),
      ratio: { to: engine.name, value: cpuRatio },
    });
    const wasmtime = await askWasmtime(component);
    return [
      engine,
      ofEngine('our linker, fresh instance and call', fresh),
      ofEngine('our linker, call of one instance', again),
      ...(typeof wasmtime === 'string'
        ? [{ missing: 'wasmtime, fresh instance and call', why: wasmtime }]
        : [
            figure('wasmtime, fresh instance and call', 'us CPU', wasmtime),
            compared('ours against wasmtime', fresh.cpuUs, figure('wasmtime', 'us CPU', wasmtime), PROMISED),
          ]),
    ];
  },
};
