/** How functions of WASI 0.3 are called: they give their result before they end. */
import type { RunningTask } from './component/async/lift-async.ts';
import { yieldToOthers } from './component/async/wait.ts';
import type { ComponentInstance } from './component/instance.ts';
import type { LiftedFunction } from './component/plan.ts';
import type { FunctionRequest } from './sandbox.ts';
import type { GuestCall } from './wasi/call.ts';
import type { ResponseOutparam } from './wasi/http-outgoing.ts';
import { answerQuery, receiveQuery } from './wasi/p3/http.ts';
import type { Response } from './wasi/p3/http-messages.ts';
import type { Result, Variant } from './wasi/result.ts';

/** Waits until a call is over, and gives what it returned. */
export async function runToEnd({ returned, exited }: RunningTask): Promise<unknown> {
  await exited;
  return await returned;
}

/** Has a service answer: its call is over when its answer is complete. Tells whether the guest is done by then. */
export async function callService(
  component: ComponentInstance,
  call: GuestCall,
  handle: LiftedFunction,
  query: FunctionRequest,
  outparam: ResponseOutparam,
): Promise<boolean> {
  const { returned, exited } = component.start(handle, [receiveQuery(query)]);
  let isDone = false;
  async function watch(): Promise<void> {
    await exited;
    isDone = true;
  }
  async function giveAnswer(): Promise<void> {
    await answerQuery(call, outparam, (await returned) as Result<Response, Variant>);
  }
  const [over, answering] = [watch(), giveAnswer()];
  // A guest that ends in a trap never finishes its answer.
  await Promise.race([answering, over.then(() => answering)]);
  await Promise.race([over, yieldToOthers()]);
  return isDone;
}
