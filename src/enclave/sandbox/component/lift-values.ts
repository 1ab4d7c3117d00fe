/** What lifting from memory and lifting from flat values have in common: characters, handles, strings, cases, labels. [Component Model CanonicalABI.md, Loading] */
import { parseUtf8 } from '../../../base/bytes.ts';
import { type AbiContext, spendLift } from './call-context.ts';
import { GuestTrap } from './trap.ts';
import type { Shape } from './value-type.ts';

/** Lifts a character; numbers that Unicode has no character for are a trap. */
export function liftCharacter(code: number): string {
  if (code >= 0x110000 || (code >= 0xd800 && code <= 0xdfff)) throw new GuestTrap(`${code} is no character`);
  return String.fromCodePoint(code);
}

/** Gives what a handle stands for: an `own` leaves the guest's table, a `borrow` is lent until the host function is over. */
export function liftHandle(type: Extract<Shape, { kind: 'own' | 'borrow' }>, cx: AbiContext, index: number): unknown {
  const { handles, lent, taken } = cx.state;
  if (type.kind === 'own') {
    const owned = handles.remove(index, type.resource);
    taken.push(owned);
    return owned.representation;
  }
  const handle = handles.get(index, type.resource);
  handle.lent += 1;
  lent.push(handle);
  return handle.representation;
}

/** Lifts a string; bytes that are not UTF-8 are a trap. */
export function liftString(cx: AbiContext, pointer: number, size: number): string {
  const bytes = cx.memory.bytes(pointer, size);
  spendLift(cx.state, size);
  const text = parseUtf8(bytes);
  if (text === null) throw new GuestTrap('a string is not UTF-8');
  return text;
}

/** Makes the value of a case from its payload. */
export function makeCase(shape: Shape, label: string): (payload: unknown) => unknown {
  if (shape.kind === 'enum') return () => label;
  if (shape.kind === 'option' && shape.element.kind !== 'option') return (payload) => payload;
  const tag = shape.kind === 'result' && label === 'error' ? 'err' : label;
  return (val) => ({ tag, val });
}

/** Gives the case that a discriminant names. */
export function caseAt<T>(cases: readonly T[], tag: number): T {
  const found = cases[tag];
  if (found === undefined) throw new GuestTrap(`case ${tag} of ${cases.length}`);
  return found;
}

/** Makes an object of values under their names. */
export function withNames(names: readonly string[], values: readonly unknown[]): Readonly<Record<string, unknown>> {
  const record: Record<string, unknown> = {};
  for (const [i, name] of names.entries()) record[name] = values[i];
  return record;
}

/** Lifts flags into an object of booleans; bits without a label mean nothing. */
export function liftFlags(names: readonly string[], bits: number): Readonly<Record<string, unknown>> {
  return withNames(
    names,
    names.map((_, i) => ((bits >>> i) & 1) === 1),
  );
}
