/**
 * Links a component with the host: compiles its core modules and prepares its functions, once; an instance (instance.ts) then only
 * connects them. Nothing is generated, and nothing that a component holds runs in the host's language.
 */
import { type CompiledModule, ENGINE } from '../engine.ts';
import { builtinWaits, prepareBuiltin } from './async/builtins.ts';
import { type AsyncLiftedCall, makeAsyncLift } from './async/lift-async.ts';
import { makeAsyncLower } from './async/lower-async.ts';
import type { AbiContext, InstanceState } from './call-context.ts';
import { Malformed } from './cursor.ts';
import type { HostSide } from './host-side.ts';
import { type LiftedCall, makeLift } from './lift-function.ts';
import { type CallHolder, type CoreFunction, type HostEntry, makeLower } from './lower-function.ts';
import type { CoreItem, HostFunction, Plan, PlannedCanonical } from './plan.ts';
import { at } from './scope.ts';
import { prepareSuspending } from './suspend-to-wait.ts';
import { endGuest, leaveGuest } from './trap.ts';
import type { FunctionType } from './value-type.ts';

/** What a component is linked with; `Call` is what the host knows of one call. */
export interface Host<Call> {
  /** Gives the host's function for an import; null when there is none of that name and type. */
  find(func: HostFunction): HostEntry<Call> | null;
  /** Is told of a handle that a guest dropped or left behind. */
  drop(representation: unknown): void;
}

/** What functions are made for: `call` is that of the instance which calls them, `valueOf` gives what its core instances made so far export. */
export interface Making<Call> extends CallHolder<Call> {
  readonly states: readonly InstanceState[];
  readonly contexts: readonly AbiContext[];
  readonly valueOf: (item: CoreItem) => unknown;
}

/** Makes a core function for one instance after another. */
export type MakeCore<Call> = (making: Making<Call>) => unknown;

/** A component that is ready to be instantiated. */
export interface LinkedComponent<Call> {
  readonly plan: Plan;
  readonly modules: readonly CompiledModule[];
  /** The memory, in pages of 64 KiB, of a module that is given it; null for one that makes its own, or has none. */
  readonly memories: readonly ({ readonly initial: number; readonly maximum: number } | null)[];
  /** Whether nothing of an instance outlives its calls, so that the host's side of it can serve another. */
  readonly reusable: boolean;
  /** Host's sides that no instance has. */
  readonly idle: HostSide<Call>[];
  readonly canonicals: readonly MakeCore<Call>[];
  /** Gives what calls functions of a type, made when it is first asked for: most exports are never called. */
  readonly liftOf: (type: FunctionType) => LiftedCall;
  readonly asyncLiftOf: (type: FunctionType) => AsyncLiftedCall;
  /** Whether a call may have to wait, so that its exports must be called with JSPI. */
  readonly waits: boolean;
  readonly drop: (representation: unknown) => void;
}

function prepareLower<Call>(
  canonical: Extract<PlannedCanonical, { op: 'lower' }>,
  entry: HostEntry<Call>,
): MakeCore<Call> {
  const { type } = canonical.func;
  const lower = makeLower(type, entry);
  const asImport = entry.waits ? prepareSuspending(type) : (core: CoreFunction): unknown => core;
  return (making) => asImport(lower(at(making.contexts, canonical.context, 'context'), making));
}

function prepareAsyncLower<Call>(
  canonical: Extract<PlannedCanonical, { op: 'lower' }>,
  { run }: HostEntry<Call>,
): MakeCore<Call> {
  const lower = makeAsyncLower(canonical.func.type, run);
  return (making) => lower(at(making.contexts, canonical.context, 'context'), making);
}

function prepareResource<Call>(
  { op, resource, owner }: Extract<PlannedCanonical, { op: 'new' | 'drop' | 'rep' }>,
  drop: (representation: unknown) => void,
  destructor: CoreItem | null,
): MakeCore<Call> {
  return ({ states, valueOf }) => {
    const state = at(states, owner, 'component instance');
    const { handles } = state;
    if (op === 'new') {
      return (representation: number) => leaveGuest(state, () => handles.add(resource, representation | 0));
    }
    if (op === 'rep') {
      return (index: number) => {
        try {
          return handles.get(index >>> 0, resource).representation;
        } catch (e) {
          return endGuest(state, e);
        }
      };
    }
    return (index: number) => {
      const representation = leaveGuest(state, () => {
        const removed = handles.remove(index >>> 0, resource);
        if (resource.of === 'host') drop(removed.representation);
        return removed.representation;
      });
      if (destructor === null) return;
      try {
        (valueOf(destructor) as (representation: unknown) => void)(representation);
      } catch (e) {
        endGuest(state, e);
      }
    };
  };
}

/** Makes each thing once, when it is first asked for. */
function remember<T>(make: (type: FunctionType) => T): (type: FunctionType) => T {
  const made = new Map<FunctionType, T>();
  return (type) => {
    const known = made.get(type) ?? make(type);
    made.set(type, known);
    return known;
  };
}

/** Compiles and prepares; @throws Malformed when the host lacks a function, and what the engine throws for modules that are not valid. */
export async function linkComponent<Call>(plan: Plan, host: Host<Call>): Promise<LinkedComponent<Call>> {
  const drop = (representation: unknown): void => host.drop(representation);
  let waits = false;
  const canonicals = plan.canonicals.map((canonical): MakeCore<Call> => {
    if (canonical.op === 'lower') {
      const { func } = canonical;
      const entry = host.find(func);
      if (entry === null) throw new Malformed(`there is no ${func.interface}#${func.name} of this type`);
      if (!canonical.isAsync) waits ||= entry.waits;
      return canonical.isAsync ? prepareAsyncLower(canonical, entry) : prepareLower(canonical, entry);
    }
    if ('resource' in canonical) {
      return prepareResource(canonical, drop, plan.destructors.get(canonical.resource) ?? null);
    }
    waits ||= builtinWaits(canonical);
    return prepareBuiltin(canonical);
  });
  const liftOf = remember(makeLift);
  const asyncLiftOf = remember(makeAsyncLift);
  const modules = await Promise.all(plan.modules.map((bytes) => ENGINE.compile(Uint8Array.from(bytes))));
  const memories = plan.modules.map(() => null);
  const reusable = plan.canonicals.every((c) => 'resource' in c || (c.op === 'lower' && !c.isAsync));
  return { plan, modules, memories, reusable, idle: [], canonicals, liftOf, asyncLiftOf, waits, drop };
}
