/**
 * An asynchronous call of a guest: it gives its result once, by `task.return`, and may go on afterwards. The host never cancels one, so
 * `task.cancel` is always a trap. [Component Model CanonicalABI.md, Task State]
 */
import type { AbiContext, InstanceState } from '../call-context.ts';
import { makeLiftArgs } from '../lift-args.ts';
import type { CoreValue } from '../lift-flat.ts';
import { isSameOptional } from '../same-type.ts';
import { GuestTrap } from '../trap.ts';
import { type FunctionType, makeValueType, type ValueType } from '../value-type.ts';

/** One asynchronous call. */
export interface Task {
  readonly cx: AbiContext;
  readonly type: FunctionType;
  /** Whether it gives its result by `task.return`. */
  readonly returns: boolean;
  readonly resolve: (value: unknown) => void;
  isResolved: boolean;
}

function taskOf(state: InstanceState): Task {
  const { task } = state;
  if (task === null || !task.returns) throw new GuestTrap('there is no asynchronous call to return from');
  return task;
}

/** Makes what gives the result of the call that is under way; one of another type, from another memory or a second one is a trap. */
export function makeTaskReturn(result: ValueType | null): (cx: AbiContext, flat: readonly CoreValue[]) => void {
  const lift = makeLiftArgs(makeValueType({ kind: 'tuple', elements: result === null ? [] : [result] }));
  /** The last type that was the same: comparing takes a walk through both. */
  let known: ValueType | null = result;
  return (cx, flat) => {
    const task = taskOf(cx.state);
    const { type } = task;
    if (type.result !== known && !isSameOptional(type.result, result)) throw new GuestTrap('a result of another type');
    known = type.result;
    if (!cx.memory.isSame(task.cx.memory)) throw new GuestTrap('a result from another memory');
    const [value] = lift(cx, flat);
    if (task.isResolved) throw new GuestTrap('a call returned twice');
    task.isResolved = true;
    task.resolve(value);
  };
}

/** Confirms that the call was cancelled: it never is. */
export function cancelTask(state: InstanceState): never {
  taskOf(state);
  throw new GuestTrap('a call was not cancelled');
}
