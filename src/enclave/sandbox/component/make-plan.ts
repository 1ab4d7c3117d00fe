/**
 * Makes the plan of a component: runs its definitions once with names instead of values, so that nested components, aliases and index
 * spaces are gone before the first instance is made. [Component Model Explainer.md]
 */
import { Malformed } from './cursor.ts';
import type {
  CoreItem,
  LiftedFunction,
  Plan,
  PlannedBuiltin,
  PlannedCanonical,
  PlannedContext,
  PlannedExports,
  Step,
} from './plan.ts';
import { readComponent } from './read-component.ts';
import {
  costOf,
  resolveAlias,
  resolveDeclared,
  resolveFunction,
  resolveOptional,
  resolveResource,
  resolveStream,
  resolveType,
  type Spend,
} from './resolve-type.ts';
import { at, type CoreInstance, type Entity, Scope } from './scope.ts';
import type { Canonical, CanonicalOptions, CoreSort, Definition, NamedIndex } from './syntax.ts';
import type { Resource } from './value-type.ts';

/** Definitions with what they list; components can instantiate others many times over, and a JavaScript engine of 14 MB takes under 5,000. */
const MAX_PARTS = 50_000;
/** Core instances, component instances and memories; tools make under 100. */
const MAX_INSTANCES = 1000;
/** Components that make components; tools nest one deep. */
const MAX_DEPTH = 16;

type BuiltinSyntax = Exclude<Canonical, { op: 'lift' | 'lower' } | { resource: number }>;

/** Refuses to wait in a function that says of itself that it never does. [Component Model CanonicalABI.md, validation of `async`] */
function checkAsync(asked: boolean, isAsync: boolean): void {
  if (asked && !isAsync) throw new Malformed('the option `async` for a function that is not');
}

class Planner {
  readonly modules: Uint8Array[] = [];
  readonly canonicals: PlannedCanonical[] = [];
  readonly contexts: PlannedContext[] = [];
  readonly steps: Step[] = [];
  readonly imports: string[] = [];
  readonly destructors = new Map<Resource, CoreItem>();
  owners = 0;
  #parts = 0;
  #depth = 0;
  /** Places of modules: a component that is instantiated twice has one set of them. */
  readonly #places = new Map<Uint8Array, number>();
  readonly spend: Spend = (parts) => {
    this.#parts += parts;
    if (this.#parts > MAX_PARTS) throw new Malformed(`more than ${MAX_PARTS} definitions`);
  };

  /** Runs a component's definitions; `given` has what it imports, or is null for the outermost, which the host gives everything. */
  run(
    definitions: readonly Definition[],
    parent: Scope | null,
    given: ReadonlyMap<string, Entity> | null,
  ): ReadonlyMap<string, Entity> {
    const scope = new Scope(parent, this.owners);
    this.owners += 1;
    this.#depth += 1;
    if (this.owners > MAX_INSTANCES) throw new Malformed(`more than ${MAX_INSTANCES} component instances`);
    if (this.#depth > MAX_DEPTH) throw new Malformed('components are instantiated too deeply');
    const names = new Set<string>();
    const exports = new Map<string, Entity>();
    for (const definition of definitions) {
      this.spend(costOf(definition));
      if (definition.kind === 'import') {
        if (names.has(definition.name)) throw new Malformed(`"${definition.name}" is imported twice`);
        names.add(definition.name);
      }
      if (definition.kind === 'export') {
        if (exports.has(definition.name)) throw new Malformed(`"${definition.name}" is exported twice`);
        const entity = scope.entity(definition.sort, definition.index);
        scope.add(entity);
        exports.set(definition.name, entity);
      } else this.#define(definition, scope, given);
    }
    this.#depth -= 1;
    return exports;
  }

  #define(definition: Definition, scope: Scope, given: ReadonlyMap<string, Entity> | null): void {
    if (definition.kind === 'core-module') {
      const module = this.#places.get(definition.bytes) ?? this.modules.push(definition.bytes) - 1;
      this.#places.set(definition.bytes, module);
      scope.add({ sort: 'core-module', module });
    } else if (definition.kind === 'core-instance') {
      scope.coreInstances.push(this.#coreInstance(definition, scope));
    } else if (definition.kind === 'component') {
      scope.add({ sort: 'component', component: { definitions: definition.definitions, scope } });
    } else if (definition.kind === 'instance') {
      scope.add({ sort: 'instance', instance: { exports: this.#instance(definition, scope) } });
    } else if (definition.kind === 'alias') this.#alias(definition, scope);
    else if (definition.kind === 'type') this.#type(definition, scope);
    else if (definition.kind === 'canonical') this.#canonical(definition.canonical, scope);
    else if (definition.kind === 'import') scope.add(this.#import(definition, scope, given));
    else throw new Malformed(`a definition of form ${definition.kind} is not supported here`);
  }

  #import(
    definition: Extract<Definition, { kind: 'import' }>,
    scope: Scope,
    given: ReadonlyMap<string, Entity> | null,
  ): Entity {
    const { name, description } = definition;
    if (given === null) {
      if (description.sort !== 'type') this.imports.push(name);
      return resolveDeclared(definition, scope, name, this.spend);
    }
    const found = given.get(name);
    if (found?.sort !== description.sort)
      throw new Malformed(`a nested component is not given its ${description.sort} "${name}"`);
    return found;
  }

  #coreInstance({ of }: Extract<Definition, { kind: 'core-instance' }>, scope: Scope): CoreInstance {
    if ('exports' in of) {
      const list = of.exports.map(([name, sort, index]) => [name, scope.core(sort, index)] as const);
      return { made: 'bag', items: new Map(list), list };
    }
    const imports = of.args.map(([name, index]): Step['imports'][number] => {
      const instance = at(scope.coreInstances, index, 'core instance');
      return [name, instance.made === 'step' ? { step: instance.step } : { items: instance.list }];
    });
    if (this.steps.length >= MAX_INSTANCES) throw new Malformed(`more than ${MAX_INSTANCES} core instances`);
    return { made: 'step', step: this.steps.push({ module: scope.get('core-module', of.module).module, imports }) - 1 };
  }

  #instance({ of }: Extract<Definition, { kind: 'instance' }>, scope: Scope): ReadonlyMap<string, Entity> {
    const collect = (items: readonly NamedIndex[]): Map<string, Entity> =>
      new Map(items.map(([name, sort, index]) => [name, scope.entity(sort, index)]));
    if ('exports' in of) return collect(of.exports);
    const { component } = scope.get('component', of.component);
    return this.run(component.definitions, component.scope, collect(of.args));
  }

  #alias({ alias }: Extract<Definition, { kind: 'alias' }>, scope: Scope): void {
    if (alias.from !== 'core-instance') {
      scope.add(resolveAlias(alias, scope));
      return;
    }
    const { sort, name } = alias;
    scope.addCore(sort, exportOf(at(scope.coreInstances, alias.instance, 'core instance'), sort, name));
  }

  #type({ type: syntax }: Extract<Definition, { kind: 'type' }>, scope: Scope): void {
    const type = resolveType(syntax, scope);
    if (type.is === 'resource' && type.resource.of === 'guest' && type.resource.destructor !== null) {
      this.destructors.set(type.resource, scope.core('func', type.resource.destructor));
    }
    scope.add({ sort: 'type', type });
  }

  #canonical(canonical: Canonical, scope: Scope): void {
    if (canonical.op === 'lift') {
      scope.add({ sort: 'func', func: this.#lift(canonical, scope) });
      return;
    }
    if (canonical.op === 'lower') {
      const { func } = scope.get('func', canonical.func);
      if (func.of === 'guest') throw new Malformed('calls between the parts of a composed component are not supported');
      const { isAsync } = canonical.options;
      checkAsync(isAsync, func.type.isAsync);
      this.#addCanonical({ op: 'lower', func, context: this.#context(canonical.options, scope), isAsync }, scope);
      return;
    }
    if (!('resource' in canonical)) {
      this.#addCanonical(this.#builtin(canonical, scope), scope);
      return;
    }
    const resource = resolveResource(canonical.resource, scope);
    // Otherwise a guest could make handles of things that the host never gave it, or look behind its handles.
    if (canonical.op !== 'drop' && (resource.of === 'host' || resource.owner !== scope.owner)) {
      throw new Malformed(`resource.${canonical.op} of a resource that another component defines`);
    }
    this.#addCanonical({ op: canonical.op, resource, owner: scope.owner }, scope);
  }

  #lift(canonical: Extract<Canonical, { op: 'lift' }>, scope: Scope): LiftedFunction {
    const { postReturn, callback, isAsync } = canonical.options;
    const core = scope.core('func', canonical.core);
    const type = resolveFunction(canonical.type, scope);
    checkAsync(isAsync, type.isAsync);
    // Nothing would ever call them.
    if (isAsync ? postReturn !== null : callback !== null)
      throw new Malformed('an option that its function has no use for');
    return {
      of: 'guest',
      core,
      postReturn: postReturn === null ? null : scope.core('func', postReturn),
      context: this.#context(canonical.options, scope),
      type,
      isAsync,
      callback: callback === null ? null : scope.core('func', callback),
    };
  }

  #builtin(canonical: BuiltinSyntax, scope: Scope): PlannedBuiltin {
    const { owner } = scope;
    if (canonical.op === 'task.return') {
      const { result, options } = canonical;
      return { op: canonical.op, result: resolveOptional(result, scope), context: this.#context(options, scope) };
    }
    if ('memory' in canonical) {
      return { op: canonical.op, context: this.#context({ memory: canonical.memory, realloc: null }, scope) };
    }
    if (!('type' in canonical)) return { ...canonical, owner };
    const { op, type } = canonical;
    const element = resolveStream(type, op.startsWith('stream') ? 'stream' : 'future', scope);
    if (!('options' in canonical)) return { ...canonical, element, owner };
    const { isAsync } = canonical.options;
    return { op: canonical.op, element, context: this.#context(canonical.options, scope), isAsync };
  }

  /** Finds or makes the context of some options: nearly all functions of a component share one. */
  #context(options: Pick<CanonicalOptions, 'memory' | 'realloc'>, scope: Scope): number {
    const memory = options.memory === null ? null : scope.core('memory', options.memory);
    const realloc = options.realloc === null ? null : scope.core('func', options.realloc);
    const { owner } = scope;
    const known = this.contexts.findIndex(
      (c) => c.owner === owner && isSame(c.memory, memory) && isSame(c.realloc, realloc),
    );
    if (known < 0 && this.contexts.length >= MAX_INSTANCES) throw new Malformed(`more than ${MAX_INSTANCES} memories`);
    return known >= 0 ? known : this.contexts.push({ owner, memory, realloc }) - 1;
  }

  #addCanonical(canonical: PlannedCanonical, scope: Scope): void {
    scope.addCore('func', { from: 'canonical', index: this.canonicals.push(canonical) - 1 });
  }
}

function exportOf(instance: CoreInstance, sort: CoreSort, name: string): CoreItem {
  if (instance.made === 'step') return { from: 'instance', step: instance.step, name, sort };
  const item = instance.items.get(name);
  if (item === undefined) throw new Malformed(`a core instance exports no "${name}"`);
  return item;
}

function isSame(a: CoreItem | null, b: CoreItem | null): boolean {
  if (a === null || b === null) return a === b;
  if (a.from === 'canonical') return b.from === 'canonical' && a.index === b.index;
  return b.from === 'instance' && a.step === b.step && a.name === b.name;
}

function liftedOf(entity: Entity): LiftedFunction | null {
  return entity.sort === 'func' && entity.func.of === 'guest' ? entity.func : null;
}

/** Keeps what a host can call: functions of the component itself, and of the instances it exports. */
function planExports(exports: ReadonlyMap<string, Entity>, spend: Spend): PlannedExports {
  const planned = new Map<string, LiftedFunction | ReadonlyMap<string, LiftedFunction>>();
  for (const [name, entity] of exports) {
    const func = liftedOf(entity);
    if (func !== null) planned.set(name, func);
    if (entity.sort !== 'instance') continue;
    spend(entity.instance.exports.size);
    const functions = [...entity.instance.exports].flatMap(([label, inner]) => {
      const lifted = liftedOf(inner);
      return lifted === null ? [] : ([[label, lifted]] as const);
    });
    planned.set(name, new Map(functions));
  }
  return planned;
}

/** Reads a component and makes its plan; @throws Malformed with a reason. */
export function makePlan(component: Uint8Array): Plan {
  const planner = new Planner();
  const exports = planExports(planner.run(readComponent(component), null, null), planner.spend);
  const { modules, contexts, canonicals, steps, imports, destructors, owners } = planner;
  return { modules, contexts, canonicals, steps, exports, imports, destructors, owners };
}
