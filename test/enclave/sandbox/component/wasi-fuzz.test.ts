/** Every function of WASI, called by a guest with any numbers over any memory: it answers, or the call ends with a reason. */
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { instantiate } from '../../../../src/enclave/sandbox/component/instance.ts';
import { type LinkedComponent, linkComponent } from '../../../../src/enclave/sandbox/component/link.ts';
import { makePlan } from '../../../../src/enclave/sandbox/component/make-plan.ts';
import { shortenPlan } from '../../../../src/enclave/sandbox/component/shorten-plan.ts';
import {
  type FunctionType,
  MAX_FLAT_PARAMS,
  makeParams,
  type ValueType,
} from '../../../../src/enclave/sandbox/component/value-type.ts';
import { NO_EGRESS, openCall, reasonOf } from '../../../../src/enclave/sandbox/guest-call.ts';
import type { GuestCall } from '../../../../src/enclave/sandbox/wasi/call.ts';
import { WAITING, WASI_HOST } from '../../../../src/enclave/sandbox/wasi/host.ts';
import { REAL_SURROUNDINGS } from '../../../../src/enclave/sandbox/wasi/surroundings.ts';
import { buildComponent } from '../../../../tools/build-functions.ts';
import { ALL_FUNCTIONS, coreTypeOf, writeImports } from './core-imports.ts';
import { exportOf, memoryOf, WASM, watchInstances } from './kit.ts';

const RUNS = Number(process.env['ANCHORHOLD_FUZZ'] ?? 1);
/** Functions that return at once. */
const CALLED = ALL_FUNCTIONS.filter(([from, name]) => !WAITING.has(`${from}#${name}`));

/** A guest that exports a door to every function. */
const GUEST = `(module
  ${writeImports(CALLED)}
  (memory (export "memory") 1)
  (global $top (mut i32) (i32.const 32768))
  (func (export "cabi_realloc") (param i32 i32 i32) (param $size i32) (result i32)
    (global.set $top (i32.and (i32.add (i32.add (global.get $top) (local.get $size)) (i32.const 15)) (i32.const -8)))
    (i32.and (i32.sub (global.get $top) (local.get $size)) (i32.const -8)))
  ${CALLED.map(([, , type], i) => {
    const core = coreTypeOf(type);
    const count = [...core.matchAll(/param/g)].length;
    const args = Array.from({ length: count }, (_, k) => `(local.get ${k})`).join(' ');
    return `(func (export "door${i}")${core} (call $f${i} ${args}))`;
  }).join('\n')}
  (func (export "wasi:cli/run@0.2.12#run") (result i32) (i32.const 0)))`;

/** What the host is trusted to be: none of its own mistakes, and nothing that took one thing for another. */
const MISTAKE = /private|undefined|not a function|not iterable|Cannot|the host gave|invalid/;

type Resources = Map<string, number[]>;
const nameOf = (type: ValueType | null): string | null =>
  type !== null && (type.kind === 'own' || type.kind === 'borrow') && type.resource.of === 'host'
    ? type.resource.name
    : null;

/** Puts handles that the guest has, and places in its memory, where a function wants them, unless the number there is odd. */
function placeHandles(type: FunctionType, flat: number[], have: Resources): void {
  let at = 0;
  for (const [, param] of type.params) {
    const known = have.get(nameOf(param) ?? '') ?? [];
    const number = flat[at] ?? 0;
    if (known.length > 0 && number % 8 !== 1) flat[at] = known[Math.abs(number) % known.length] ?? 0;
    if ((param.kind === 'string' || param.kind === 'list') && number % 8 !== 1) {
      flat[at] = 1024 + 8 * Math.abs(number % 64);
      flat[at + 1] = Math.abs(number % 3);
    }
    at += param.flat.length;
  }
  if ((flat[at] ?? 0) % 8 !== 1) flat[at] = 2048;
}

/** Keeps the handle that a function gave, by itself or as what a `result` holds. */
function keepHandle(type: FunctionType, given: unknown, place: number, memory: Uint8Array, have: Resources): void {
  const direct = nameOf(type.result);
  const held = type.result?.kind === 'result' ? nameOf(type.result.ok) : null;
  const view = new DataView(memory.buffer);
  const name = direct ?? held;
  if (name === null || (direct === null && view.getUint8(place) !== 0)) return;
  const index = direct === null ? view.getUint32(place + Math.max(4, type.result?.align ?? 4), true) : Number(given);
  have.set(name, [...(have.get(name) ?? []), index]);
}

let linked: LinkedComponent<GuestCall>;
beforeAll(async () => {
  linked = await linkComponent(shortenPlan(makePlan(await buildComponent(GUEST, 'command'))), WASI_HOST);
});

describe('the functions of WASI', () => {
  it('answer any call, or end it with a reason that is the guest’s fault', async () => {
    const called = new Set<number>();
    let answered = 0;
    const number = fc.oneof(
      { weight: 6, arbitrary: fc.nat(6) },
      { weight: 3, arbitrary: fc.nat(4000).map((n) => n * 8) },
      fc.integer({ min: 65_500, max: 65_560 }),
      fc.integer(),
    );
    // Whatever needs no handle comes more often: it gives the others theirs.
    const makers = CALLED.flatMap(([, , type], i) => (type.params.every(([, t]) => nameOf(t) === null) ? [i] : []));
    const step = fc.record({
      which: fc.oneof(fc.nat(CALLED.length - 1), fc.constantFrom(...makers)),
      flat: fc.array(number, { minLength: 17, maxLength: 17 }),
    });
    const steps = fc.array(step, { minLength: 1, maxLength: 40, size: 'max' });
    await fc.assert(
      fc.asyncProperty(
        steps,
        fc.array(fc.oneof(fc.nat(3), fc.nat(255)), { minLength: 64, maxLength: 64 }),
        async (all, words) => {
          const call = openCall(
            {
              args: [],
              env: [],
              mounts: [],
              stdin: new Uint8Array(0),
              outside: NO_EGRESS,
              surroundings: REAL_SURROUNDINGS,
            },
            65_536,
          );
          const { value: instance, cores } = watchInstances(() => instantiate(linked, call));
          new Uint32Array(memoryOf(cores).buffer).set(words);
          const doors = cores.find((c) => 'door0' in c) ?? {};
          const have: Resources = new Map();
          let trapped: unknown = null;
          for (const { which, flat } of all) {
            const type = CALLED[which]?.[2];
            if (type === undefined) continue;
            const params = makeParams(type).flat;
            const kinds = params.length > MAX_FLAT_PARAMS ? ['i32'] : params;
            const numbers = [...flat];
            if (kinds === params) placeHandles(type, numbers, have);
            called.add(which);
            try {
              const args = numbers.map((n, i) => (kinds[i] === 'i64' ? BigInt(n) : n));
              const given = (doors[`door${which}`] as (...flat: unknown[]) => unknown)(...args);
              answered += 1;
              keepHandle(type, given, numbers[kinds.length] ?? 0, memoryOf(cores), have);
            } catch (e) {
              trapped = e;
              break;
            }
          }
          if (trapped !== null) {
            expect(trapped).toBeInstanceOf(WASM.RuntimeError);
            const reason = await instance.call(exportOf(linked.plan, 'wasi:cli/run@0.2.12#run'), []).catch(reasonOf);
            expect(reason).not.toMatch(MISTAKE);
          }
          instance.close(false);
        },
      ),
      { numRuns: 1000 * RUNS, seed: 13, endOnFailure: true },
    );
    expect(called.size).toBeGreaterThan(CALLED.length * 0.95);
    expect(answered).toBeGreaterThan(500);
  });
});
