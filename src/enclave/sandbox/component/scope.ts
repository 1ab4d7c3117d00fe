/** The index spaces of one component or type while it is being understood; every look-up is checked. [Component Model Explainer.md, Index Spaces] */
import { Malformed } from './cursor.ts';
import type { CoreItem, HostFunction, LiftedFunction } from './plan.ts';
import type { CoreSort, Definition, Sort } from './syntax.ts';
import type { FunctionType, Resource, ValueType } from './value-type.ts';

export type TypeEntity =
  | { readonly is: 'value'; readonly type: ValueType }
  | { readonly is: 'func'; readonly type: FunctionType }
  | { readonly is: 'resource'; readonly resource: Resource }
  | { readonly is: 'instance' | 'component'; readonly declarations: readonly Definition[]; readonly scope: Scope };

export interface InstanceEntity {
  readonly exports: ReadonlyMap<string, Entity>;
}

export interface ComponentEntity {
  readonly definitions: readonly Definition[];
  readonly scope: Scope;
}

/** A core instance: one that a step makes, or a bag of items under names. */
export type CoreInstance =
  | { readonly made: 'step'; readonly step: number }
  | {
      readonly made: 'bag';
      readonly items: ReadonlyMap<string, CoreItem>;
      /** The same; modules that are given one bag share its list. */
      readonly list: readonly (readonly [name: string, item: CoreItem])[];
    };

/** Anything that has an index at the level of components. */
export type Entity =
  | { readonly sort: 'func'; readonly func: HostFunction | LiftedFunction }
  | { readonly sort: 'type'; readonly type: TypeEntity }
  | { readonly sort: 'instance'; readonly instance: InstanceEntity }
  | { readonly sort: 'component'; readonly component: ComponentEntity }
  | { readonly sort: 'core-module'; readonly module: number };

type Of<S extends Entity['sort']> = Extract<Entity, { sort: S }>;

/** Gives what stands at an index. */
export function at<T>(space: readonly T[], index: number, what: string): T {
  const found = space[index];
  if (found === undefined) throw new Malformed(`there is no ${what} ${index}`);
  return found;
}

export class Scope {
  readonly parent: Scope | null;
  /** The component instance that it belongs to. */
  readonly owner: number;
  readonly coreInstances: CoreInstance[] = [];
  readonly coreItems: ReadonlyMap<CoreSort, CoreItem[]> = new Map(
    (['func', 'table', 'memory', 'global'] as const).map((sort) => [sort, []]),
  );
  readonly #entities: ReadonlyMap<Sort, Entity[]> = new Map(
    (['func', 'type', 'instance', 'component', 'core-module'] as const).map((sort) => [sort, []]),
  );

  constructor(parent: Scope | null, owner: number) {
    this.parent = parent;
    this.owner = owner;
  }

  add(entity: Entity): void {
    this.#space(entity.sort).push(entity);
  }

  /** Gives the entity of a sort at an index. */
  get<S extends Entity['sort']>(sort: S, index: number): Of<S> {
    // Each space holds entities of its own sort only, because `add` looks at the sort.
    return at(this.#space(sort), index, sort) as Of<S>;
  }

  entity(sort: Sort, index: number): Entity {
    return at(this.#space(sort), index, sort);
  }

  addCore(sort: CoreSort, item: CoreItem): void {
    this.#core(sort).push(item);
  }

  core(sort: CoreSort, index: number): CoreItem {
    return at(this.#core(sort), index, `core ${sort}`);
  }

  /** Gives the scope that many levels up. */
  outer(levels: number): Scope {
    const up = levels === 0 ? this : this.parent?.outer(levels - 1);
    if (up === undefined) throw new Malformed('an alias leads out of the component');
    return up;
  }

  #space(sort: Sort): Entity[] {
    const space = this.#entities.get(sort);
    if (space === undefined) throw new Malformed(`${sort}s are not supported`);
    return space;
  }

  #core(sort: CoreSort): CoreItem[] {
    const space = this.coreItems.get(sort);
    if (space === undefined) throw new Malformed(`core ${sort}s cannot be passed on`);
    return space;
  }
}
