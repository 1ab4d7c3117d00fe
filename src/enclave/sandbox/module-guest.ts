/** Makes a preview1 module callable as a program: a fresh instance for each run, linked with preview1, the Blockless families and nothing else. */
import { BLOCKLESS_NAMES, openBlockless } from './blockless/imports.ts';
import type { Bundle } from './bundle.ts';
import type { Fate } from './component/trap.ts';
import { checkGas, openSetting } from './determinism.ts';
import { ENGINE } from './engine.ts';
import type { GivenFiles } from './files/mount.ts';
import type { Guest } from './guest.ts';
import { GuestFailure, type OpenCall, openCommand, reasonOf, settle } from './guest-call.ts';
import { type ModuleRules, prepareModules } from './prepare-modules.ts';
import { ExitRequest } from './wasi/call.ts';
import { openPreview1, PREVIEW1, PREVIEW1_NAMES } from './wasi/preview1.ts';

/** Tells whether a module is given an import; by names only, because what every object inherits would be the host's own functions. */
function isGiven({ module, name }: { readonly module: string; readonly name: string }): boolean {
  return module === PREVIEW1 ? PREVIEW1_NAMES.has(name) : BLOCKLESS_NAMES.get(module)?.has(name) === true;
}

/** Says why a module's run is over; gives the exit code where it asked for that. @throws GuestFailure */
function codeOf(fate: Fate, thrown: unknown): number {
  const reason = fate.failure === null ? thrown : fate.failure.reason;
  if (reason instanceof ExitRequest) return reason.exitCode;
  throw reason instanceof GuestFailure ? reason : new GuestFailure(reasonOf(reason));
}

/** Runs a module to its end, and gives its exit code. @throws GuestFailure when it neither ended nor asked to */
async function runModule(module: object, call: OpenCall, rules: ModuleRules): Promise<number> {
  const fate: Fate = { mayLeave: true, failure: null };
  const { imports, memory } = openPreview1(call, fate);
  try {
    const { exports } = new ENGINE.Instance(module, { ...openBlockless(call, fate, memory), [PREVIEW1]: imports });
    const exported = exports['memory'];
    if (exported instanceof ENGINE.Memory && exported.buffer instanceof ArrayBuffer) memory.bind(exported);
    const start = exports['_start'];
    if (typeof start !== 'function') throw new GuestFailure('it exports no _start');
    try {
      const end = await settle(ENGINE.promising(start as () => unknown)(), call.ended);
      if ('exit' in end) return end.exit;
      return fate.failure === null ? 0 : codeOf(fate, null);
    } finally {
      checkGas([exports], rules);
    }
  } catch (e) {
    return codeOf(fate, e);
  } finally {
    // A guest that still waits for something is never woken, and would get nothing more.
    fate.mayLeave = false;
    fate.failure ??= { reason: new GuestFailure('its call is over') };
  }
}

/** Opens a module; @throws GuestFailure for imports that there are not, and what the engine throws for a module that is not valid. */
export async function openModule(bundle: Bundle, files: GivenFiles, outputBytes: number): Promise<Guest> {
  const { bytes, rules } = bundle;
  const setting = openSetting(bundle);
  const [prepared = bytes] = prepareModules([bytes], [0], rules);
  const module = await ENGINE.compile(Uint8Array.from(prepared));
  const foreign = ENGINE.Module.imports(module).find((i) => !isGiven(i));
  if (foreign !== undefined) throw new GuestFailure(`it imports ${foreign.module}.${foreign.name}`);

  return {
    query: () => Promise.reject(new GuestFailure('it answers no queries')),
    command: async (request, outside, handle) => {
      const { call, ended } = openCommand(request, files, setting.command(request, outside), outputBytes);
      handle.cancel = call.cancel;
      return await ended(runModule(module, call, rules));
    },
  };
}
