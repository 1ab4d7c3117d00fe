/**
 * One instance of a linked component: its core instances, its memory, its handles. It serves one call at a time, and is thrown away after
 * a trap. [Component Model CanonicalABI.md, Runtime State]
 */
import { ENGINE } from '../engine.ts';
import { GuestEnd } from './async/guest-end.ts';
import type { RunningTask } from './async/lift-async.ts';
import { type AbiContext, type InstanceState, LIFT_BUDGET } from './call-context.ts';
import { GuestMemory } from './guest-memory.ts';
import { HandleTable } from './handle-table.ts';
import type { GuestFunction } from './lift-function.ts';
import type { LinkedComponent } from './link.ts';
import type { CoreItem, ImportSource, LiftedFunction, Plan } from './plan.ts';
import { at } from './scope.ts';
import { GuestTrap } from './trap.ts';

type Exports = Readonly<Record<string, unknown>>;

export interface ComponentInstance {
  /** Calls an export; what the guest does wrong rejects, and from then on every call does. */
  call(func: LiftedFunction, args: readonly unknown[]): Promise<unknown>;
  /** Calls an export that gives its result by `task.return`; it may go on afterwards. */
  start(func: LiftedFunction, args: readonly unknown[]): RunningTask;
  /** Gives what each core instance exports, in the order in which they were made. */
  cores(): readonly Exports[];
  /** Drops what the guest left behind, and never lets it run again. */
  close(): void;
}

function openContexts(plan: Plan): { states: readonly InstanceState[]; contexts: readonly AbiContext[] } {
  const states = Array.from(
    { length: plan.owners },
    (): InstanceState => ({
      handles: new HandleTable(),
      mayLeave: true,
      failure: null,
      over: false,
      lent: [],
      taken: [],
      liftLeft: LIFT_BUDGET,
      wake: null,
      mayBlock: false,
      task: null,
      storage: [0, 0],
      backpressure: 0,
      ends: 0,
      subtasks: 0,
    }),
  );
  const contexts = plan.contexts.map(({ owner, memory }) => ({
    state: at(states, owner, 'component instance'),
    memory: new GuestMemory(memory !== null),
  }));
  return { states, contexts };
}

/** Makes an object without what every object inherits: a module could import that, and would hold the host's own functions. */
const bare = <T>(): Record<string, T> => Object.create(null) as Record<string, T>;

/** Makes an instance for a call; @throws what the engine throws, and whatever the guest's start functions do. */
export function instantiate<Call>(linked: LinkedComponent<Call>, call: Call): ComponentInstance {
  const { plan, modules, canonicals, liftOf, asyncLiftOf, waits, drop } = linked;
  const { states, contexts } = openContexts(plan);
  const made: Exports[] = [];
  const valueOf = (item: CoreItem): unknown =>
    item.from === 'canonical' ? functions[item.index] : made[item.step]?.[item.name];
  const functions = canonicals.map((make) => make({ states, contexts, call, valueOf }));

  function importsOf(source: ImportSource): Exports {
    if ('step' in source) return at(made, source.step, 'step');
    const items = bare<unknown>();
    for (const [name, item] of source.items) items[name] = valueOf(item);
    return items;
  }

  /** Tells the contexts where their memory and allocator are, as soon as the step that has them is made. */
  function bindContexts(step: number): void {
    for (const [i, { memory, realloc }] of plan.contexts.entries()) {
      const target = at(contexts, i, 'context').memory;
      if (memory?.from === 'instance' && memory.step === step) {
        const found = valueOf(memory);
        if (!(found instanceof ENGINE.Memory)) throw new GuestTrap(`"${memory.name}" is no memory`);
        target.bind(found);
      }
      if (realloc?.from === 'instance' && realloc.step === step) target.bindRealloc(valueOf(realloc) as GuestFunction);
    }
  }

  function close(): void {
    for (const state of states) {
      state.mayLeave = false;
      state.over = true;
      const left = [...state.taken, ...state.handles.drain()];
      state.taken.length = 0;
      for (const { resource, representation } of left) {
        if (resource.of === 'host') drop(representation);
        else if (representation instanceof GuestEnd) representation[Symbol.dispose]();
      }
    }
  }

  try {
    for (const [i, step] of plan.steps.entries()) {
      const imports = bare<Exports>();
      for (const [name, source] of step.imports) imports[name] = importsOf(source);
      made.push(new ENGINE.Instance(at(modules, step.module, 'module'), imports).exports);
      bindContexts(i);
    }
  } catch (e) {
    close();
    throw states.find(({ failure }) => failure !== null)?.failure?.reason ?? e;
  }

  const lifted = new Map<LiftedFunction, (args: readonly unknown[]) => Promise<unknown>>();

  function lift(func: LiftedFunction): (args: readonly unknown[]) => Promise<unknown> {
    const callLifted = liftOf(func.type);
    const core = valueOf(func.core) as GuestFunction;
    const postReturn = func.postReturn === null ? null : (valueOf(func.postReturn) as GuestFunction);
    const cx = at(contexts, func.context, 'context');
    const entry = waits ? ENGINE.promising(core) : core;
    const { state } = cx;
    return (args) => {
      state.mayBlock = func.type.isAsync;
      state.storage.fill(0);
      return callLifted(cx, entry, postReturn, args);
    };
  }

  return {
    start(func, args) {
      const callable = (item: CoreItem): GuestFunction => {
        const core = valueOf(item) as GuestFunction;
        return waits ? ENGINE.promising(core) : core;
      };
      for (const state of states) state.liftLeft = LIFT_BUDGET;
      const cores = { core: callable(func.core), callback: func.callback === null ? null : callable(func.callback) };
      return asyncLiftOf(func.type)(at(contexts, func.context, 'context'), cores, args);
    },
    async call(func, args) {
      const callGuest = lifted.get(func) ?? lift(func);
      lifted.set(func, callGuest);
      for (const state of states) state.liftLeft = LIFT_BUDGET;
      return await callGuest(args);
    },
    cores: () => made,
    close,
  };
}
