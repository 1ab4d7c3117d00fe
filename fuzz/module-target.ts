/**
 * Core modules on their way into a function's process: what our reader takes is what the engine sees, what is rewritten is as valid as it was,
 * keeps its caps and computes the same.
 */
import { isDeepStrictEqual } from 'node:util';
import { Malformed } from '../src/enclave/sandbox/component/cursor.ts';
import { ENGINE } from '../src/enclave/sandbox/engine.ts';
import { prepareModules } from '../src/enclave/sandbox/prepare-modules.ts';
import { findRefusals } from '../src/enclave/sandbox/wasm/admission.ts';
import { importMemory } from '../src/enclave/sandbox/wasm/import-memory.ts';
import { gasUsed } from '../src/enclave/sandbox/wasm/meter.ts';
import type { CoreModule } from '../src/enclave/sandbox/wasm/module.ts';
import { readModule } from '../src/enclave/sandbox/wasm/read-module.ts';
import { changeWasm } from './change-wasm.ts';
import { changeBytes } from './mutate.ts';
import { demand, nameOf, type Target } from './target.ts';

const PAGES = 4;
const GAS = 50_000;

type Exports = Readonly<Record<string, unknown>>;
interface ImportOrExport {
  readonly module?: string;
  readonly name: string;
  readonly kind: string;
}
interface Wasm {
  readonly Module: {
    new (bytes: Uint8Array): object;
    imports(module: object): readonly ImportOrExport[];
    exports(module: object): readonly ImportOrExport[];
  };
  readonly Instance: new (module: object, imports: object) => { readonly exports: Exports };
  readonly RuntimeError: new () => Error;
}
/** The engine with what a gate does not use of it. */
const { Module, Instance, RuntimeError } = ENGINE as unknown as Wasm;

/** Does something that may refuse; gives null and the reason's name when it does. */
function attempt<T>(run: () => T): { readonly value: T } | { readonly refused: string } {
  try {
    return { value: run() };
  } catch (error) {
    if (!(error instanceof Malformed)) throw error;
    return { refused: nameOf(error.message) };
  }
}

const kindOf = (sort: string): string => (sort === 'func' ? 'function' : sort);

/** Holds what our reader lists to what the engine lists: admission is decided by it. */
function compareLists(read: CoreModule, module: object): void {
  const imports = read.imports.map(({ module: from, name, sort }) => ({ module: from, name, kind: kindOf(sort) }));
  const seen = Module.imports(module).map(({ module: from, name, kind }) => ({ module: from, name, kind }));
  demand(isDeepStrictEqual(imports, seen), 'our reader and the engine see the same imports');
  const exports = read.exports.map(({ name, sort }) => ({ name, kind: kindOf(sort) }));
  const given = Module.exports(module).map(({ name, kind }) => ({ name, kind }));
  demand(isDeepStrictEqual(exports, given), 'our reader and the engine see the same exports');
}

/** Runs `go` of a module; null when it cannot be instantiated with what a test gives. */
function runModule(bytes: Uint8Array): { readonly exports: Exports; readonly outcome: readonly unknown[] } | null {
  const module = new Module(bytes);
  const foreign = Module.imports(module).some(({ module: from, kind }) => from !== 'host' || kind !== 'function');
  if (foreign) return null;
  let exports: Exports;
  try {
    ({ exports } = new Instance(module, { host: { touch: (n: number) => n + 1 } }));
  } catch {
    // What it begins with does not fit, or its start function trapped.
    return null;
  }
  const { go, memory } = exports as { readonly go?: unknown; readonly memory?: unknown };
  let value: unknown = 'no function';
  try {
    if (typeof go === 'function') value = (go as (...args: readonly number[]) => unknown)(5, -3);
  } catch (error) {
    if (error instanceof RangeError) return null;
    value = error instanceof RuntimeError ? 'trap' : 'exception';
  }
  const { buffer } = (memory ?? {}) as { readonly buffer?: ArrayBuffer };
  const shown = typeof value === 'object' || typeof value === 'function' ? typeof value : value;
  return { exports, outcome: [shown, buffer instanceof ArrayBuffer ? Buffer.from(buffer).toString('latin1') : ''] };
}

/** Holds an instance's memory to its cap. */
function checkCap(exports: Exports): void {
  for (const item of Object.values(exports)) {
    const { buffer } = (item ?? {}) as { readonly buffer?: ArrayBuffer };
    if (!(buffer instanceof ArrayBuffer)) continue;
    demand(buffer.byteLength <= PAGES * 65_536, 'a memory is not larger than its cap');
    let hasGrown = true;
    try {
      (item as { grow(pages: number): number }).grow(PAGES + 1 - buffer.byteLength / 65_536);
    } catch {
      hasGrown = false;
    }
    demand(!hasGrown, 'a memory does not grow past its cap');
  }
}

/** Runs a module with and without gas: who has enough computes the same. */
function compareRuns(capped: Uint8Array, metered: Uint8Array): string {
  const paid = runModule(metered);
  if (paid === null) return 'not run';
  const isSpent = gasUsed([paid.exports], GAS) > BigInt(GAS);
  // Whatever is over its gas may never end without it.
  if (!isSpent) {
    const free = runModule(capped);
    demand(free === null || isDeepStrictEqual(free.outcome, paid.outcome), 'a metered module computes the same');
    if (free !== null) checkCap(free.exports);
  }
  checkCap(paid.exports);
  return isSpent ? 'run to the end of its gas' : 'run';
}

function prepare(input: Uint8Array): string {
  const isValid = ENGINE.validate(input);
  const rules = (gas: number | null): { memoryPages: number; gas: number | null } => ({ memoryPages: PAGES, gas });
  const read = attempt(() => readModule(input));
  const capped = attempt(() => prepareModules([input], [0], rules(null))[0] ?? input);
  const metered = attempt(() => prepareModules([input], [0], rules(GAS))[0] ?? input);
  if ('value' in capped) demand(ENGINE.validate(capped.value) === isValid, 'caps leave a module as valid as it was');
  if ('value' in capped) {
    const lent = attempt(() => importMemory(capped.value));
    if ('refused' in lent) demand(!isValid, 'a valid module can be given its memory');
    else if (lent.value !== null)
      demand(ENGINE.validate(lent.value.module) === isValid, 'a module that is given its memory is as valid');
  }
  if ('value' in metered) demand(isValid && ENGINE.validate(metered.value), 'a metered module was and is valid');
  if ('refused' in read) {
    return `refused: ${isValid ? 'valid, but ' : ''}${read.refused}`;
  }
  if (!isValid) return 'refused: by the engine';
  compareLists(read.value, new Module(input));
  const refusals = findRefusals([{ name: 'x', module: read.value }], { isComponent: true, deterministic: true });
  if (refusals.length > 0) return `refused: ${nameOf(refusals[0]?.why ?? '')}`;
  if ('refused' in metered) return `refused: ${metered.refused}`;
  demand('value' in capped, 'what can be metered can be capped');
  return `accepted: ${compareRuns(capped.value, metered.value)}`;
}

/** Gives the target over these modules. */
export const moduleTarget = (seeds: readonly Uint8Array[]): Target => ({
  name: 'modules',
  share: 10,
  seeds,
  mutators: [changeWasm, changeWasm, changeWasm, changeWasm, changeBytes],
  run: prepare,
});
