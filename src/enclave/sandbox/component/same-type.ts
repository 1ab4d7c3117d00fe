/** Compares function types: a host function answers an import only when both say the same, label by label and resource by resource. */
import { interfaceOf } from './labels.ts';
import { casesOf, type FunctionType, type Resource, type ValueType } from './value-type.ts';

/** Tells whether two resources of the host are one; versions of an interface share their resources. */
function isSameResource(a: Resource, b: Resource): boolean {
  if (a.of === 'guest' || b.of === 'guest') return a === b;
  return a.name === b.name && interfaceOf(a.interface) === interfaceOf(b.interface);
}

/** Tells whether two types, or their absence, are the same. */
export function isSameOptional(a: ValueType | null, b: ValueType | null): boolean {
  return a === null || b === null ? a === b : isSameValue(a, b);
}

function isSameLabelled(
  a: readonly (readonly [string, ValueType | null])[],
  b: readonly (readonly [string, ValueType | null])[],
): boolean {
  return a.length === b.length && a.every(([label, type], i) => label === b[i]?.[0] && isSameOptional(type, b[i][1]));
}

function isSameValue(a: ValueType, b: ValueType): boolean {
  if (a.kind !== b.kind) return false;
  if (a.kind === 'own' || a.kind === 'borrow') {
    return (b.kind === 'own' || b.kind === 'borrow') && isSameResource(a.resource, b.resource);
  }
  if (a.kind === 'stream' || a.kind === 'future') {
    return (b.kind === 'stream' || b.kind === 'future') && isSameOptional(a.element, b.element);
  }
  if (a.kind === 'list') return b.kind === 'list' && isSameValue(a.element, b.element);
  if (a.kind === 'record') return b.kind === 'record' && isSameLabelled(a.fields, b.fields);
  if (a.kind === 'tuple') {
    return (
      b.kind === 'tuple' &&
      a.elements.length === b.elements.length &&
      a.elements.every((t, i) => isSameOptional(t, b.elements[i] ?? null))
    );
  }
  if (a.kind === 'flags') return b.kind === 'flags' && a.labels.join() === b.labels.join();
  const [left, right] = [casesOf(a), casesOf(b)];
  // What is left has cases, or no parts at all.
  return left === null || right === null ? true : isSameLabelled(left, right);
}

/** Tells whether two functions take and give the same; names of parameters do not count. */
export function isSameFunction(a: FunctionType, b: FunctionType): boolean {
  const params =
    a.params.length === b.params.length &&
    a.params.every(([, type], i) => isSameOptional(type, b.params[i]?.[1] ?? null));
  return params && a.isAsync === b.isAsync && isSameOptional(a.result, b.result);
}
