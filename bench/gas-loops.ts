/** Runs a few tight loops with and without gas, and prints the processor's milliseconds of each as JSON; bench/cases/gas.ts starts it once for each of V8's compilers. */
import { parse } from '@bytecodealliance/jco';
import { ENGINE } from '../src/enclave/sandbox/engine.ts';
import { meterModule } from '../src/enclave/sandbox/wasm/meter.ts';

const next = '(br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1))))';
const loop = (body: string): string =>
  `(func (export "go") (param $n i32) (result i32) (local $x i32) (local $p i32) (loop $l ${body} ${next}) (local.get $x))`;

const LOOPS: Readonly<Record<string, { readonly wat: string; readonly times: number }>> = {
  'multiply and add': {
    wat: loop('(local.set $x (i32.add (i32.mul (local.get $x) (i32.const 1664525)) (i32.const 1013904223)))'),
    times: 100_000_000,
  },
  'add only': { wat: loop('(local.set $x (i32.add (local.get $x) (local.get $n)))'), times: 100_000_000 },
  'bytes of a memory': {
    wat: `(memory 1) ${loop(`(local.set $p (i32.and (local.get $n) (i32.const 65535)))
      (local.set $x (i32.add (local.get $x) (i32.load8_u (local.get $p)))) (i32.store8 (local.get $p) (local.get $x))`)}`,
    times: 50_000_000,
  },
  'recursive calls': {
    wat: `(func $f (export "go") (param i32) (result i32)
      (if (result i32) (i32.lt_u (local.get 0) (i32.const 2)) (then (local.get 0))
        (else (i32.add (call $f (i32.sub (local.get 0) (i32.const 1))) (call $f (i32.sub (local.get 0) (i32.const 2)))))))`,
    times: 32,
  },
};

/** More than any of the loops takes. */
const LIMIT = 1e15;
const ROUNDS = 5;

function open(bytes: Uint8Array): (times: number) => unknown {
  const { exports } = new ENGINE.Instance(new ENGINE.Module(bytes), {});
  return exports['go'] as (times: number) => unknown;
}

function time(go: (times: number) => unknown, times: number): number {
  const begin = process.threadCpuUsage();
  go(times);
  const { user, system } = process.threadCpuUsage(begin);
  return (user + system) / 1000;
}

const results: Record<string, { plain: number; metered: number }> = {};
for (const [name, { wat, times }] of Object.entries(LOOPS)) {
  const bytes = await parse(`(module ${wat})`);
  const [plain, metered] = [open(bytes), open(meterModule(bytes, LIMIT))];
  const best = { plain: Number.POSITIVE_INFINITY, metered: Number.POSITIVE_INFINITY };
  // In turns, so that what else the machine does meets both.
  for (let i = 0; i < ROUNDS; i++) {
    best.plain = Math.min(best.plain, time(plain, times));
    best.metered = Math.min(best.metered, time(metered, times));
  }
  results[name] = best;
}
console.log(JSON.stringify(results));
