/**
 * Lowers a function of the host for a guest that does not wait in place: it is answered `returned`, or gets a handle of the call. [Component Model
 * CanonicalABI.md, canon lower with `async`]
 */
import type { AbiContext } from '../call-context.ts';
import { makeLiftArgs } from '../lift-args.ts';
import type { CoreValue } from '../lift-flat.ts';
import type { CallHolder, HostRun } from '../lower-function.ts';
import { makeStore } from '../store.ts';
import { GuestTrap, leaveGuest } from '../trap.ts';
import { type FunctionType, makeParams } from '../value-type.ts';
import { addSubtask, SUBTASK, Subtask } from './subtask.ts';
import { failInstance } from './wait.ts';

/** More flat parameters than this go through memory. [Component Model CanonicalABI.md, Flattening] */
const MAX_FLAT_ASYNC_PARAMS = 4;

type AsyncCore = (...flat: CoreValue[]) => number;

/** Makes what lowers an asynchronous host function of this type. */
export function makeAsyncLower<Call>(
  type: FunctionType,
  run: HostRun<Call>,
): (cx: AbiContext, holder: CallHolder<Call>) => AsyncCore {
  const params = makeParams(type);
  const liftArgs = makeLiftArgs(params, MAX_FLAT_ASYNC_PARAMS);
  const place = params.flat.length <= MAX_FLAT_ASYNC_PARAMS ? params.flat.length : 1;
  const { result } = type;
  const store = result === null ? null : makeStore(result);

  function lowerResult(cx: AbiContext, value: unknown, flat: readonly CoreValue[]): void {
    if (result === null || store === null) return;
    const pointer = Number(flat[place]) >>> 0;
    cx.memory.at(pointer, result.size, result.align);
    store(cx, pointer, value);
  }

  async function finish(
    cx: AbiContext,
    subtask: Subtask,
    value: Promise<unknown>,
    flat: readonly CoreValue[],
  ): Promise<void> {
    try {
      const { task } = cx.state;
      const settled = await value;
      // What comes when its task is over is for nobody: the instance may answer another call by then.
      if (cx.state.task !== task) return;
      if (cx.state.over || cx.state.failure !== null || subtask.isResolved) return;
      lowerResult(cx, settled, flat);
      subtask.resolve(SUBTASK.returned);
    } catch (e) {
      failInstance(cx.state, e);
    }
  }

  return (cx, holder) =>
    (...flat) =>
      leaveGuest(cx.state, () => {
        const { state } = cx;
        if (!cx.memory.isThere()) throw new GuestTrap('a function was called before its memory was there');
        const args = liftArgs(cx, flat);
        state.taken.length = 0;
        const lenders = state.lent.splice(0);
        const value = run(holder.call, args);
        if (value instanceof Promise) {
          const subtask = new Subtask(state, lenders, value);
          const index = addSubtask(state, subtask);
          void finish(cx, subtask, value, flat);
          return SUBTASK.started | (index << 4);
        }
        lowerResult(cx, value, flat);
        for (const handle of lenders) handle.lent -= 1;
        return SUBTASK.returned;
      });
}
