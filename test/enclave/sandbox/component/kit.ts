/** Builds components from text for the linker's tests, and runs them by our linker or by the glue that jco generates, over the same host. */
import { componentEmbed, componentNew, parse } from '@bytecodealliance/jco';
import { transpileBytes } from '@bytecodealliance/jco-transpile';
import { type ComponentInstance, instantiate } from '../../../../src/enclave/sandbox/component/instance.ts';
import { type Host, linkComponent } from '../../../../src/enclave/sandbox/component/link.ts';
import { makePlan } from '../../../../src/enclave/sandbox/component/make-plan.ts';
import type { LiftedFunction, Plan } from '../../../../src/enclave/sandbox/component/plan.ts';
import { shortenPlan } from '../../../../src/enclave/sandbox/component/shorten-plan.ts';

/** A host's function by what an import is called and by its own name. */
export type Functions = Readonly<Record<string, (...args: never[]) => unknown>>;
type Exports = Readonly<Record<string, unknown>>;

interface Wasm {
  readonly Instance: new (module: object, imports?: object) => { readonly exports: Exports };
  compile(bytes: Uint8Array): Promise<object>;
  readonly RuntimeError: new () => Error;
  readonly CompileError: new () => Error;
}
/** The engine, as far as tests use it. */
export const WASM: Wasm = (globalThis as unknown as { WebAssembly: Wasm }).WebAssembly;

/** Makes a component of a core module, as text, for the world `w` of some WIT. */
export async function buildWorld(wit: string, wat: string): Promise<Uint8Array> {
  const binary = await parse(wat);
  return componentNew(await componentEmbed({ binary, witSource: `package t:w;\n${wit}`, world: 'w' }));
}

/** Makes a component, or a module, of its own text. */
export const build: (wat: string) => Promise<Uint8Array> = parse;

/** What is left of a run: the instance, what was dropped, and the exports of each core instance in order. */
export interface Running {
  readonly plan: Plan;
  readonly instance: ComponentInstance;
  readonly dropped: unknown[];
  readonly cores: readonly Exports[];
  call(name: string, ...args: readonly unknown[]): Promise<unknown>;
}

/** Finds a function by `name`, or by `interface#name`. */
export function exportOf(plan: Plan, name: string): LiftedFunction {
  const [from = '', member] = name.split('#');
  const found = plan.exports.get(from);
  if (found === undefined) throw new Error(`no export ${name}`);
  if ('of' in found) return found;
  const inner = found.get(member ?? '');
  if (inner === undefined) throw new Error(`no export ${name}`);
  return inner;
}

/** Runs something while every core instance that is made is written down. */
export function watchInstances<T>(run: () => T): { readonly value: T; readonly cores: readonly Exports[] } {
  const cores: Exports[] = [];
  const { Instance } = WASM;
  (WASM as { Instance: unknown }).Instance = class extends Instance {
    constructor(module: object, imports?: object) {
      super(module, imports);
      cores.push(this.exports);
    }
  };
  try {
    return { value: run(), cores };
  } finally {
    (WASM as { Instance: unknown }).Instance = Instance;
  }
}

/** A host of plain functions by `interface#name`; nothing of it may wait unless it is named so. */
export function hostOf(functions: Functions, dropped: unknown[] = [], waiting: readonly string[] = []): Host<null> {
  return {
    find({ interface: from, name }) {
      const run = functions[`${from}#${name}`];
      if (run === undefined) return null;
      const waits = waiting.includes(`${from}#${name}`);
      return { waits, keeps: true, run: (_, args) => (run as (...a: unknown[]) => unknown)(...args) };
    },
    drop: (representation) => void dropped.push(representation),
  };
}

export interface OpenOptions {
  readonly whole?: boolean;
  readonly waiting?: readonly string[];
}

/** Links a component once, and gives what makes instances of it. */
export async function open(bytes: Uint8Array, functions: Functions, options: OpenOptions = {}): Promise<() => Running> {
  const whole = makePlan(bytes);
  const plan = options.whole === true ? whole : shortenPlan(whole);
  const dropped: unknown[] = [];
  const linked = await linkComponent(plan, hostOf(functions, dropped, options.waiting ?? []));
  return () => {
    const { value: instance, cores } = watchInstances(() => instantiate(linked, null));
    const call = async (name: string, ...args: readonly unknown[]) => {
      const func = exportOf(plan, name);
      if (!func.isAsync) return await instance.call(func, args);
      const { returned, exited } = instance.start(func, args);
      await exited;
      return await returned;
    };
    return { plan, instance, dropped, cores, call };
  };
}

/** The same component by jco's glue: its exports and its core instances. */
export interface Oracle {
  readonly exports: Readonly<Record<string, (...args: readonly unknown[]) => unknown>>;
  readonly cores: readonly Exports[];
}

/** Makes what makes instances by jco's glue; `imports` are in the form that the glue takes. */
export async function openOracle(bytes: Uint8Array, imports: object): Promise<() => Oracle> {
  const { files } = await transpileBytes(bytes, { name: 'guest', instantiation: { tag: 'sync' } });
  const modules = new Map<string, object>();
  for (const [name, file] of Object.entries(files)) {
    if (name.endsWith('.wasm')) modules.set(name, await WASM.compile(file));
  }
  const glue = Buffer.from(files['guest.js'] ?? []).toString('base64');
  const { instantiate: make } = (await import(/* @vite-ignore */ `data:text/javascript;base64,${glue}`)) as {
    readonly instantiate: (get: (name: string) => unknown, imports: object, core: unknown) => Oracle['exports'];
  };
  return () => {
    const cores: Exports[] = [];
    const core = (module: object, given: object) => {
      const made = new WASM.Instance(module, given);
      cores.push(made.exports);
      return made;
    };
    return { exports: make((name) => modules.get(name), imports, core), cores };
  };
}

/** Gives the memory of whichever core instance has one. */
export function memoryOf(cores: readonly Exports[]): Uint8Array {
  for (const { memory } of cores as readonly { memory?: { buffer: ArrayBuffer } }[]) {
    if (memory !== undefined) return new Uint8Array(memory.buffer);
  }
  throw new Error('no memory');
}
