/** Makes a preview1 module callable as a program: a fresh instance for each run, linked with our own preview1 host and nothing else. */
import { ENGINE, type WasmMemory } from './engine.ts';
import type { Guest } from './guest.ts';
import { GuestFailure, NO_EGRESS, openCall, reasonOf } from './guest-call.ts';
import { ExitRequest } from './wasi/call.ts';
import { openPreview1 } from './wasi/preview1.ts';

const PREVIEW1 = 'wasi_snapshot_preview1';

/** Opens a module; @throws GuestFailure for imports that there are not, and what the engine throws for a module that is not valid. */
export async function openModule(bytes: Uint8Array, outputBytes: number): Promise<Guest> {
  const module = await ENGINE.compile(Uint8Array.from(bytes));
  const nothing = openCall({ args: [], env: [], stdin: new Uint8Array(0), egress: NO_EGRESS }, 0);
  const known = openPreview1(nothing, () => {
    throw new GuestFailure('no memory');
  });
  // Own names only: by what every object inherits, a module would get hold of the host's own functions.
  const foreign = ENGINE.Module.imports(module).find((i) => i.module !== PREVIEW1 || !Object.hasOwn(known, i.name));
  if (foreign !== undefined) throw new GuestFailure(`it imports ${foreign.module}.${foreign.name}`);

  return {
    query: () => Promise.reject(new GuestFailure('it answers no queries')),
    command: (request, egress) => {
      const call = openCall({ ...request, egress }, outputBytes);
      let memory: WasmMemory | null = null;
      const imports = openPreview1(call, () => {
        if (memory === null) throw new RangeError('no memory yet');
        return memory;
      });
      const { exports } = new ENGINE.Instance(module, { [PREVIEW1]: imports });
      if (exports['memory'] instanceof ENGINE.Memory) memory = exports['memory'];
      const start = exports['_start'];
      if (typeof start !== 'function') throw new GuestFailure('it exports no _start');
      const end = (code: number) => ({ code, stdout: call.stdout.bytes(), stderr: call.stderr.bytes() });
      try {
        start();
        return Promise.resolve(end(0));
      } catch (e) {
        if (e instanceof ExitRequest) return Promise.resolve(end(e.exitCode));
        throw new GuestFailure(reasonOf(e));
      }
    },
  };
}
