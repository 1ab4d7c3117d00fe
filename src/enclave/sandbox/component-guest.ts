/**
 * Makes a component callable: plans and links it once, and makes its instances as the owner wants them: a fresh one for each call, or a few
 * that answer one call after another. What a guest does wrong ends its call as a `GuestFailure`, and nothing else.
 */
import type { Bundle, Instances } from './bundle.ts';
import { type ComponentInstance, instantiate } from './component/instance.ts';
import { type LinkedComponent, linkComponent } from './component/link.ts';
import { makePlan } from './component/make-plan.ts';
import type { LiftedFunction } from './component/plan.ts';
import { shortenPlan } from './component/shorten-plan.ts';
import { findQueryShape, type QueryInstance } from './component-queries.ts';
import { type CallSetting, checkGas, openSetting, withGas } from './determinism.ts';
import type { GivenFiles } from './files/mount.ts';
import type { Guest } from './guest.ts';
import { GuestFailure, type OpenCall, openCommand, reasonOf, settle } from './guest-call.ts';
import { type InstanceSupply, openFreshSupply, openPooledSupply } from './instance-supply.ts';
import { lendMemories } from './lend-memories.ts';
import { type ModuleRules, prepareModules } from './prepare-modules.ts';
import { QueryCall } from './query-call.ts';
import { runToEnd } from './service-call.ts';
import type { GuestCall } from './wasi/call.ts';
import { findGuestFunction, WASI_HOST } from './wasi/host.ts';
import type { Result } from './wasi/result.ts';

/** Fresh instances that wait for a query. */
const MADE_AHEAD = 4;
/** Pooled instances that wait for a query. */
const KEPT_IDLE = 16;

function openSupply(
  linked: LinkedComponent<GuestCall>,
  instances: Instances,
  files: GivenFiles,
  env: GuestCall['env'],
  setting: CallSetting,
): InstanceSupply<QueryInstance> {
  const maker = {
    make(): QueryInstance {
      const call = new QueryCall(files, env, setting.idle());
      try {
        return { call, component: instantiate(linked, call) };
      } catch (e) {
        // A guest can run, and fail, before anything of it is called.
        throw e instanceof GuestFailure ? e : new GuestFailure(reasonOf(e));
      }
    },
    close: ({ component }: QueryInstance, sound: boolean): void => component.close(sound),
    later: (run: () => void): void => void setImmediate(run),
  };
  return instances.kind === 'fresh'
    ? openFreshSupply(maker, MADE_AHEAD)
    : openPooledSupply(maker, { maxCalls: instances.calls, maxIdle: KEPT_IDLE });
}

async function runCommand(
  linked: LinkedComponent<GuestCall>,
  run: LiftedFunction | null,
  call: OpenCall,
  rules: ModuleRules,
): Promise<Awaited<ReturnType<typeof settle>>> {
  if (run === null) throw new GuestFailure('it has no such function');
  let instance: ComponentInstance;
  try {
    instance = instantiate(linked, call);
  } catch (e) {
    return await settle(Promise.reject(e), call.ended);
  }
  try {
    const running = run.isAsync ? runToEnd(instance.start(run, [])) : instance.call(run, []);
    return await settle(running, call.ended);
  } finally {
    instance.close(false);
    checkGas(instance.cores(), rules);
  }
}

function exitCodeOf(end: Awaited<ReturnType<typeof settle>>): number {
  if ('exit' in end) return end.exit;
  return (end.returned as Result<undefined, undefined>).tag === 'err' ? 1 : 0;
}

/**
 * Opens a component that is called in this way; @throws GuestFailure when it exports nothing of exactly that type, Malformed, and what the
 * engine throws for modules that are not valid.
 */
export async function openComponent(bundle: Bundle, files: GivenFiles, outputBytes: number): Promise<Guest> {
  const { kind, bytes, instances, rules, env } = bundle;
  const setting = openSetting(bundle);
  const whole = shortenPlan(makePlan(bytes));
  const made = whole.steps.map(({ module }) => module);
  const { plan, memories } = lendMemories({ ...whole, modules: prepareModules(whole.modules, made, rules) });
  const compiled = { ...(await linkComponent(plan, WASI_HOST)), memories };
  // A guest that may wait has a stack of its own, which ends at the same depth wherever it was called from.
  const linked = rules.gas === null ? compiled : { ...compiled, waits: true };
  const shape = findQueryShape(plan, kind, outputBytes);
  const run =
    kind === 'command'
      ? (findGuestFunction(plan, 'wasi:cli/run@0.3', 'run') ?? findGuestFunction(plan, 'wasi:cli/run', 'run'))
      : null;
  if (shape === null && run === null) throw new GuestFailure('what it exports is not of the type that is called');
  const supply = shape === null ? null : openSupply(linked, instances, files, env, setting);

  return {
    async query(asked, askedHost, cancelHandle) {
      if (shape === null || supply === null) throw new GuestFailure('it answers no queries');
      // A body that is read whole first may never come.
      const early = Promise.withResolvers<never>();
      cancelHandle.cancel = () => early.reject(new GuestFailure('it was cancelled'));
      const { request, host, surroundings } = await Promise.race([setting.query(asked, askedHost), early.promise]);
      const instance = supply.take();
      const { call, component } = instance;
      const { ended, cancel, fail } = call.begin({ outside: host, surroundings }, outputBytes);
      cancelHandle.cancel = cancel;
      const query = shape(request, host, fail);
      let sound = false;
      try {
        const end = await settle(query.run(instance), ended);
        if ('exit' in end) throw new GuestFailure('it asked its process to exit');
        sound = end.returned;
      } finally {
        const text = call.end();
        supply.giveBack(instance, sound);
        if (text.length > 0) host.log(text);
        checkGas(component.cores(), rules);
      }
      const answer = await query.answer(ended);
      return answer === null ? null : withGas(answer, component.cores(), rules);
    },
    async command(request, outside, cancelHandle) {
      const { call, ended } = openCommand(request, files, setting.command(request, outside), outputBytes);
      cancelHandle.cancel = call.cancel;
      return await ended(runCommand(linked, run, call, rules).then(exitCodeOf));
    },
  };
}
