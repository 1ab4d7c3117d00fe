/**
 * What instantiating a component comes to, worked out once: which core modules are instantiated with what, which host functions are
 * lowered into them, and which core functions are lifted out. It holds no instance and no state. [Component Model Linking.md]
 */
import type { CancelOp, CopyOp, CoreSort, EndOp, PlainOp } from './syntax.ts';
import type { FunctionType, Resource, ValueType } from './value-type.ts';

/** Something of the core language: an export of a core instance, or a canonical function. */
export type CoreItem =
  | { readonly from: 'instance'; readonly step: number; readonly name: string; readonly sort: CoreSort }
  | { readonly from: 'canonical'; readonly index: number };

/** Where the strings and lists of some functions are, and who makes room for them; `owner` is the component instance whose handles they pass. */
export interface PlannedContext {
  readonly owner: number;
  readonly memory: CoreItem | null;
  readonly realloc: CoreItem | null;
}

/** A function that a component is given: the interface's and the function's full names. */
export interface HostFunction {
  readonly of: 'host';
  readonly interface: string;
  readonly name: string;
  readonly type: FunctionType;
}

/** A function that a component gives; `context` is a place in the plan's list. */
export interface LiftedFunction {
  readonly of: 'guest';
  readonly core: CoreItem;
  readonly postReturn: CoreItem | null;
  readonly context: number;
  readonly type: FunctionType;
  /** Whether it gives its result by `task.return`; then `callback`, when there is one, is told of each event that it waits for. */
  readonly isAsync: boolean;
  readonly callback: CoreItem | null;
}

/** A function of the canonical ABI by which a guest waits, or moves what streams and futures carry. */
export type PlannedBuiltin =
  | { readonly op: 'task.return'; readonly result: ValueType | null; readonly context: number }
  | { readonly op: 'context.get' | 'context.set'; readonly slot: number; readonly owner: number }
  | { readonly op: CopyOp; readonly element: ValueType | null; readonly context: number; readonly isAsync: boolean }
  | { readonly op: CancelOp; readonly element: ValueType | null; readonly owner: number; readonly isAsync: boolean }
  | { readonly op: EndOp; readonly element: ValueType | null; readonly owner: number }
  | { readonly op: 'subtask.cancel'; readonly owner: number; readonly isAsync: boolean }
  | { readonly op: 'waitable-set.wait' | 'waitable-set.poll'; readonly context: number }
  | { readonly op: PlainOp; readonly owner: number };

/** A function that core modules get from the canonical ABI. */
export type PlannedCanonical =
  | { readonly op: 'lower'; readonly func: HostFunction; readonly context: number; readonly isAsync: boolean }
  | { readonly op: 'new' | 'drop' | 'rep'; readonly resource: Resource; readonly owner: number }
  | PlannedBuiltin;

/** What a core module is given under one name: all exports of an earlier step, or single items by their names. */
export type ImportSource =
  | { readonly step: number }
  | { readonly items: readonly (readonly [name: string, item: CoreItem])[] };

/** One core instantiation, with its imports by module name. */
export interface Step {
  readonly module: number;
  readonly imports: readonly (readonly [name: string, source: ImportSource])[];
}

/** The exports of a component, by name: functions, and instances of functions. */
export type PlannedExports = ReadonlyMap<string, LiftedFunction | ReadonlyMap<string, LiftedFunction>>;

export interface Plan {
  readonly modules: readonly Uint8Array[];
  readonly contexts: readonly PlannedContext[];
  readonly canonicals: readonly PlannedCanonical[];
  readonly steps: readonly Step[];
  readonly exports: PlannedExports;
  /** Full names of the interfaces and functions that it imports, whether or not it calls them. */
  readonly imports: readonly string[];
  /** Core function of each guest resource's destructor. */
  readonly destructors: ReadonlyMap<Resource, CoreItem>;
  /** Component instances, each with handles of its own. */
  readonly owners: number;
}
