/**
 * Makes a component callable: plans and links it once, makes a fresh instance for each call, and drops it afterwards. What a guest does
 * wrong ends its call as a `GuestFailure`, and nothing else.
 */
import { openAnswer } from './answer.ts';
import { type ComponentInstance, instantiate } from './component/instance.ts';
import { linkComponent } from './component/link.ts';
import { makePlan } from './component/make-plan.ts';
import type { LiftedFunction } from './component/plan.ts';
import { shortenPlan } from './component/shorten-plan.ts';
import type { Guest } from './guest.ts';
import { GuestFailure, NO_EGRESS, type OpenCall, openCall, openQuery, settle } from './guest-call.ts';
import { findGuestFunction, WASI_HOST } from './wasi/host.ts';
import { IncomingRequest } from './wasi/http-messages.ts';
import type { Result } from './wasi/result.ts';

/** Opens a component; @throws Malformed, and what the engine throws for modules that are not valid. */
export async function openComponent(bytes: Uint8Array, outputBytes: number): Promise<Guest> {
  const plan = shortenPlan(makePlan(bytes));
  const linked = await linkComponent(plan, WASI_HOST);
  const handle = findGuestFunction(plan, 'wasi:http/incoming-handler', 'handle');
  const run = findGuestFunction(plan, 'wasi:cli/run', 'run');

  async function callOnce(call: OpenCall, func: LiftedFunction | null, args: readonly unknown[]) {
    if (func === null) throw new GuestFailure('it has no such function');
    let instance: ComponentInstance;
    try {
      instance = instantiate(linked, call);
    } catch (e) {
      // A guest can run, and end, before anything of it is called.
      return await settle(Promise.reject(e), call.ended);
    }
    try {
      return await settle(instance.call(func, args), call.ended);
    } finally {
      instance.close();
    }
  }

  return {
    async query(request, host) {
      const call = openQuery(host, outputBytes);
      host.whenStopped(() => call.fail('nobody waits for its answer any more'));
      const answer = openAnswer(host, call.fail);
      try {
        const end = await callOnce(call, handle, [new IncomingRequest(request), answer.outparam]);
        if ('exit' in end) throw new GuestFailure('it asked its process to exit');
      } finally {
        const text = Buffer.from(call.stderr.bytes()).toString();
        if (text.length > 0) host.log(text);
      }
      return answer.response() ?? (await Promise.race([answer.sent(), call.ended.then(() => null)]));
    },
    async command(request) {
      const call = openCall({ ...request, outside: NO_EGRESS }, outputBytes);
      const end = await callOnce(call, run, []);
      const failed = 'returned' in end && (end.returned as Result<undefined, undefined>).tag === 'err';
      const code = 'exit' in end ? end.exit : failed ? 1 : 0;
      return { code, stdout: call.stdout.bytes(), stderr: call.stderr.bytes() };
    },
  };
}
