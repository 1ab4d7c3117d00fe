/** Resolves types: indices become the types they stand for, and an imported instance type becomes the functions and resources it names. */
import { Malformed } from './cursor.ts';
import type { Entity, InstanceEntity, Scope, TypeEntity } from './scope.ts';
import { Scope as TypeScope } from './scope.ts';
import type { Alias, Definition, Labelled, TypeSyntax, ValueRef } from './syntax.ts';
import { type FunctionType, makeValueType, partsOf, type Resource, type Shape, type ValueType } from './value-type.ts';

/** Takes from what the planning of a component may cost; @throws Malformed when nothing is left. */
export type Spend = (parts: number) => void;

/** Gives what a definition costs: itself and what it lists. */
export function costOf(definition: Definition): number {
  if (definition.kind === 'core-instance' || definition.kind === 'instance') {
    return 1 + ('exports' in definition.of ? definition.of.exports : definition.of.args).length;
  }
  if (definition.kind !== 'type') return 1;
  const { type } = definition;
  const lists = [
    'fields' in type ? type.fields : [],
    'cases' in type ? type.cases : [],
    'elements' in type ? type.elements : [],
    'labels' in type ? type.labels : [],
    'params' in type ? type.params : [],
  ];
  return lists.reduce((sum, list) => sum + list.length, 1);
}

function resolveValue(ref: ValueRef, scope: Scope): ValueType {
  if (typeof ref === 'string') return makeValueType({ kind: ref });
  const { type } = scope.get('type', ref);
  if (type.is !== 'value') throw new Malformed(`type ${ref} is not a value type`);
  return type.type;
}

/** Resolves a value type, or its absence. */
export function resolveOptional(ref: ValueRef | null, scope: Scope): ValueType | null {
  return ref === null ? null : resolveValue(ref, scope);
}

const resolveLabelled = (items: readonly Labelled<ValueRef>[], scope: Scope): readonly Labelled<ValueType>[] =>
  items.map(([label, ref]) => [label, resolveValue(ref, scope)]);

/** Gives the resource that a type index stands for. */
export function resolveResource(index: number, scope: Scope): Resource {
  const { type } = scope.get('type', index);
  if (type.is !== 'resource') throw new Malformed(`type ${index} is not a resource`);
  return type.resource;
}

/** Gives the function type that a type index stands for. */
export function resolveFunction(index: number, scope: Scope): FunctionType {
  const { type } = scope.get('type', index);
  if (type.is !== 'func') throw new Malformed(`type ${index} is not a function type`);
  return type.type;
}

/** Gives what the stream or future that a type index stands for carries. */
export function resolveStream(index: number, kind: 'stream' | 'future', scope: Scope): ValueType | null {
  const { type } = scope.get('type', index);
  if (type.is !== 'value' || type.type.kind !== kind) throw new Malformed(`type ${index} is no ${kind}`);
  return type.type.element;
}

/** A label, of words of one case each. [Component Model Explainer.md, Import and Export Definitions] */
const LABEL = /^(?:[a-z][a-z0-9]*|[A-Z][A-Z0-9]*)(?:-(?:[a-z0-9]+|[A-Z0-9]+))*$/;

/** Checks labels: a host finds parts of a value by them, so two must never come down to one name, nor to one that every object has. */
function checkLabels(labels: readonly string[]): void {
  const odd = labels.find((label) => !LABEL.test(label));
  if (odd !== undefined) throw new Malformed(`"${odd}" is no label`);
  if (new Set(labels.map((label) => label.toLowerCase().replaceAll('-', ''))).size < labels.length) {
    throw new Malformed('a type has two labels that are alike');
  }
}

function checkParts(parts: readonly unknown[], kind: string): void {
  if (parts.length === 0) throw new Malformed(`a ${kind} without parts`);
}

/** Refuses what a stream or future cannot carry: something borrowed, because it would be kept past its call. */
function checkElement(element: ValueType | null, kind: string): void {
  if (element === null) return;
  if (kind === 'stream' && element.kind === 'char') throw new Malformed('a stream of characters');
  if (holdsBorrow(element)) throw new Malformed(`a ${kind} of something borrowed`);
}

function holdsBorrow(type: ValueType): boolean {
  return type.kind === 'borrow' || partsOf(type).some(holdsBorrow);
}

function resolveShape(syntax: TypeSyntax, scope: Scope): Shape | null {
  if (syntax.kind === 'primitive') {
    return { kind: syntax.primitive };
  }
  if (syntax.kind === 'record') {
    checkParts(syntax.fields, 'record');
    checkLabels(syntax.fields.map(([label]) => label));
    return { kind: 'record', fields: resolveLabelled(syntax.fields, scope) };
  }
  if (syntax.kind === 'variant') {
    checkLabels(syntax.cases.map(([label]) => label));
    return { kind: 'variant', cases: syntax.cases.map(([label, ref]) => [label, resolveOptional(ref, scope)]) };
  }
  if (syntax.kind === 'list' || syntax.kind === 'option') {
    return { kind: syntax.kind, element: resolveValue(syntax.element, scope) };
  }
  if (syntax.kind === 'tuple') {
    checkParts(syntax.elements, 'tuple');
    return { kind: 'tuple', elements: syntax.elements.map((ref) => resolveValue(ref, scope)) };
  }
  if (syntax.kind === 'flags' || syntax.kind === 'enum') {
    checkLabels(syntax.labels);
    return { kind: syntax.kind, labels: syntax.labels };
  }
  if (syntax.kind === 'result') {
    return { kind: 'result', ok: resolveOptional(syntax.ok, scope), err: resolveOptional(syntax.err, scope) };
  }
  if (syntax.kind === 'own' || syntax.kind === 'borrow') {
    return { kind: syntax.kind, resource: resolveResource(syntax.resource, scope) };
  }
  if (syntax.kind === 'stream' || syntax.kind === 'future') {
    const element = resolveOptional(syntax.element, scope);
    checkElement(element, syntax.kind);
    return { kind: syntax.kind, element };
  }
  return null;
}

/** Resolves a type definition in its scope. */
export function resolveType(syntax: TypeSyntax, scope: Scope): TypeEntity {
  const shape = resolveShape(syntax, scope);
  if (shape !== null) return { is: 'value', type: makeValueType(shape) };
  if (syntax.kind === 'func') {
    const params = resolveLabelled(syntax.params, scope);
    const type = { params, result: resolveOptional(syntax.result, scope), isAsync: syntax.isAsync };
    return { is: 'func', type };
  }
  if (syntax.kind === 'resource') {
    return { is: 'resource', resource: { of: 'guest', destructor: syntax.destructor, owner: scope.owner } };
  }
  if (syntax.kind === 'instance' || syntax.kind === 'component') {
    return { is: syntax.kind, declarations: syntax.declarations, scope };
  }
  throw new Malformed(`type ${syntax.kind} is not supported`);
}

/** Resolves an alias at the level of components. */
export function resolveAlias(alias: Exclude<Alias, { from: 'core-instance' }>, scope: Scope): Entity {
  if (alias.from === 'outer') {
    // Functions and instances belong to one component instance; what has no state can be seen from inside.
    if (alias.sort === 'func' || alias.sort === 'instance') throw new Malformed(`an outer alias of a ${alias.sort}`);
    return scope.outer(alias.levels).entity(alias.sort, alias.index);
  }
  const found = scope.get('instance', alias.instance).instance.exports.get(alias.name);
  if (found?.sort !== alias.sort) throw new Malformed(`an instance exports no ${alias.sort} "${alias.name}"`);
  return found;
}

/** Makes the instance that an import of this instance type is given: host functions and host resources under the import's name. */
export function resolveImportedInstance(type: TypeEntity, name: string, spend: Spend): InstanceEntity {
  if (type.is !== 'instance') throw new Malformed(`the import "${name}" is not described by an instance type`);
  for (const declaration of type.declarations) spend(costOf(declaration));
  const scope = new TypeScope(type.scope, type.scope.owner);
  const exports = new Map<string, Entity>();
  for (const declaration of type.declarations) {
    if (declaration.kind === 'export-declaration') {
      // Its functions would be found under a name that is not an import's.
      if (declaration.description.sort === 'instance') throw new Malformed(`"${name}" holds another instance`);
      const entity = resolveDeclared(declaration, scope, name, spend);
      scope.add(entity);
      exports.set(declaration.name, entity);
    } else if (declaration.kind === 'type') {
      scope.add({ sort: 'type', type: resolveType(declaration.type, scope) });
    } else if (declaration.kind === 'alias' && declaration.alias.from !== 'core-instance') {
      scope.add(resolveAlias(declaration.alias, scope));
    } else throw new Malformed(`a declaration of form ${declaration.kind} in an instance type is not supported`);
  }
  return { exports };
}

/** Makes what an import, or a declared export of an imported instance, is given by the host. */
export function resolveDeclared(
  { name, description }: Extract<Definition, { kind: 'import' | 'export-declaration' }>,
  scope: Scope,
  from: string,
  spend: Spend,
): Entity {
  if (description.sort === 'func') {
    const type = resolveFunction(description.type, scope);
    return { sort: 'func', func: { of: 'host', interface: from, name, type } };
  }
  if (description.sort === 'type') {
    return description.bound === 'resource'
      ? { sort: 'type', type: { is: 'resource', resource: { of: 'host', interface: from, name } } }
      : scope.get('type', description.bound);
  }
  if (description.sort === 'instance') {
    return {
      sort: 'instance',
      instance: resolveImportedInstance(scope.get('type', description.type).type, name, spend),
    };
  }
  throw new Malformed(`the import "${name}" is a component`);
}
