/**
 * The host's side of an instance: its handles, its functions, what its core modules import, and its memories. All of it is made once and serves
 * one instance after another, because it takes far longer to make than a small guest runs. Whoever is given one finds it as if it were new.
 */
import { ENGINE, type WasmMemory } from '../engine.ts';
import { OWN_MEMORY } from '../wasm/import-memory.ts';
import { GuestEnd } from './async/guest-end.ts';
import { type AbiContext, type InstanceState, LIFT_BUDGET } from './call-context.ts';
import { GuestMemory } from './guest-memory.ts';
import { HandleTable } from './handle-table.ts';
import type { GuestFunction } from './lift-function.ts';
import type { LinkedComponent, Making } from './link.ts';
import type { CoreItem, ImportSource } from './plan.ts';
import { at } from './scope.ts';
import { GuestTrap } from './trap.ts';

export type Exports = Readonly<Record<string, unknown>>;

const PAGE_BYTES = 65_536;
/** To clear more takes longer than to make it. */
const MAX_KEPT_PAGES = 32;
/** As many as instances that are ready beside those that are called. */
const MAX_IDLE = 16;

function openState(): InstanceState {
  return {
    handles: new HandleTable(),
    mayLeave: true,
    failure: null,
    over: false,
    lent: [],
    taken: [],
    liftLeft: LIFT_BUDGET,
    pending: 0,
    wake: null,
    mayBlock: false,
    task: null,
    storage: [0, 0],
    backpressure: 0,
    ends: 0,
    subtasks: 0,
  };
}

/** Makes an object without what every object inherits: a module could import that, and would hold the host's own functions. */
const bare = <T>(): Record<string, T> => Object.create(null) as Record<string, T>;

/** Tells whether what a module is given under one name is the host's alone, and so the same for each instance. */
const isOfHost = (source: ImportSource): boolean =>
  'items' in source && source.items.every(([, item]) => item.from === 'canonical');

export class HostSide<Call> implements Making<Call> {
  call: Call;
  readonly states: readonly InstanceState[];
  readonly contexts: readonly AbiContext[];
  /** What the core instances made so far export, in their order. */
  made: Exports[] = [];
  readonly #linked: LinkedComponent<Call>;
  readonly #functions: readonly unknown[];
  /** What a step imports where that is the same for each instance. */
  readonly #imports: (Exports | null)[];
  readonly #memories: (WasmMemory | null)[];

  private constructor(linked: LinkedComponent<Call>, call: Call) {
    const { plan, canonicals } = linked;
    this.#linked = linked;
    this.call = call;
    this.states = Array.from({ length: plan.owners }, openState);
    this.contexts = plan.contexts.map(({ owner, memory }) => ({
      state: at(this.states, owner, 'component instance'),
      memory: new GuestMemory(memory !== null),
    }));
    this.#functions = canonicals.map((make) => make(this));
    this.#imports = plan.steps.map(() => null);
    this.#memories = plan.steps.map(() => null);
  }

  /** Gives one that nobody else has, for a call. */
  static take<Call>(linked: LinkedComponent<Call>, call: Call): HostSide<Call> {
    const idle = linked.idle.pop();
    if (idle === undefined) return new HostSide(linked, call);
    idle.call = call;
    return idle;
  }

  valueOf = (item: CoreItem): unknown =>
    item.from === 'canonical' ? this.#functions[item.index] : this.made[item.step]?.[item.name];

  /** Instantiates the core modules in their order; @throws what the engine throws, and whatever the guest's start functions do. */
  instantiate(): void {
    const { plan, modules } = this.#linked;
    for (const [i, step] of plan.steps.entries()) {
      this.made.push(new ENGINE.Instance(at(modules, step.module, 'module'), this.#importsOf(i)).exports);
      this.#bindContexts(i);
    }
  }

  #importsOf(step: number): Exports {
    const known = this.#imports[step] ?? null;
    if (known !== null) return known;
    const { plan, memories } = this.#linked;
    const { imports: sources, module } = at(plan.steps, step, 'step');
    const imports = bare<Exports>();
    for (const [name, source] of sources) imports[name] = this.#itemsOf(source);
    const limits = memories[module] ?? null;
    if (limits !== null) {
      const memory = new ENGINE.Memory(limits);
      this.#memories[step] = memory;
      imports[OWN_MEMORY.module] = { [OWN_MEMORY.name]: memory };
    }
    if (sources.every(([, source]) => isOfHost(source))) this.#imports[step] = imports;
    return imports;
  }

  #itemsOf(source: ImportSource): Exports {
    if ('step' in source) return at(this.made, source.step, 'step');
    const items = bare<unknown>();
    for (const [name, item] of source.items) items[name] = this.valueOf(item);
    return items;
  }

  /** Tells the contexts where their memory and allocator are, as soon as the step that has them is made. */
  #bindContexts(step: number): void {
    for (const [i, { memory, realloc }] of this.#linked.plan.contexts.entries()) {
      const target = at(this.contexts, i, 'context').memory;
      if (memory?.from === 'instance' && memory.step === step) {
        const found = this.valueOf(memory);
        if (!(found instanceof ENGINE.Memory)) throw new GuestTrap(`"${memory.name}" is no memory`);
        target.bind(found);
      }
      if (realloc?.from === 'instance' && realloc.step === step)
        target.bindRealloc(this.valueOf(realloc) as GuestFunction);
    }
  }

  /** Drops what the guest left behind, and never lets it run again. Serves other instances only after a `sound` end. */
  end(sound: boolean): void {
    for (const state of this.states) {
      state.mayLeave = false;
      state.over = true;
      const left = [...state.taken, ...state.handles.drain()];
      state.taken.length = 0;
      for (const { resource, representation } of left) {
        if (resource.of === 'host') this.#linked.drop(representation);
        else if (representation instanceof GuestEnd) representation[Symbol.dispose]();
      }
    }
    for (const { memory } of this.contexts) memory.release();
    const { idle, reusable } = this.#linked;
    // What the host still waits for would come to another guest.
    const isQuiet = this.states.every(({ failure, pending }) => failure === null && pending === 0);
    if (!sound || !reusable || !isQuiet || idle.length >= MAX_IDLE) return;
    this.#renew();
    idle.push(this);
  }

  #renew(): void {
    this.made = [];
    for (const state of this.states) {
      state.over = false;
      state.mayLeave = true;
      state.lent.length = 0;
      state.liftLeft = LIFT_BUDGET;
      state.mayBlock = false;
      state.storage.fill(0);
    }
    for (const [step, memory] of this.#memories.entries()) {
      if (memory === null) continue;
      const limits = this.#linked.memories[at(this.#linked.plan.steps, step, 'step').module] ?? null;
      // One that has grown cannot shrink again.
      const isKept = memory.buffer.byteLength === (limits?.initial ?? 0) * PAGE_BYTES;
      if (isKept && memory.buffer.byteLength <= MAX_KEPT_PAGES * PAGE_BYTES) new Uint8Array(memory.buffer).fill(0);
      else [this.#memories[step], this.#imports[step]] = [null, null];
    }
  }
}
