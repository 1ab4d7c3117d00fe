/**
 * Runs a function inside its own process: compiles once, makes a fresh instance for each call, and drops it afterwards. What a guest
 * does wrong ends its call as a `GuestFailure`, and nothing else.
 */
import { encodeBase64, encodeUtf8 } from '../../base/bytes.ts';
import type { Bundle } from './bundle.ts';
import { type CompiledModule, ENGINE, type WasmMemory } from './engine.ts';
import type { CommandExit, CommandRequest } from './messages.ts';
import type { AskOutside, FunctionRequest, FunctionResponse } from './sandbox.ts';
import { type CliCall, ExitRequest, openCli } from './wasi/cli.ts';
import { CLOCKS, RANDOM } from './wasi/clocks.ts';
import { FILESYSTEM, SOCKETS } from './wasi/closed.ts';
import { openHttp } from './wasi/http.ts';
import { IO, OutputBuffer } from './wasi/io.ts';
import { openPreview1 } from './wasi/preview1.ts';

/** Says why a call has no answer. */
export class GuestFailure extends Error {}

/** A loaded function, ready to be called; each call has its own instance, and calls may overlap. */
export interface Guest {
  query(request: FunctionRequest, egress: AskOutside, log: (text: string) => void): Promise<FunctionResponse>;
  command(request: CommandRequest): Promise<CommandExit>;
}

type Imports = Readonly<Record<string, unknown>>;
type Exports = Readonly<Record<string, Readonly<Record<string, (...args: unknown[]) => unknown>>>>;
type Instantiate = (getModule: (name: string) => CompiledModule, imports: Imports) => Promise<Exports>;

const SHARED: Imports = { ...IO, ...CLOCKS, ...RANDOM, ...FILESYSTEM, ...SOCKETS };
const LOG_BYTES = 4096;
const PREVIEW1 = 'wasi_snapshot_preview1';

const describe = (e: unknown): string => (e instanceof Error ? e.message : typeof e === 'string' ? e : 'no reason');

/** Waits for a guest, or for the first thing that ends its call before it returns: glue may never settle after either. */
async function settle<T>(guest: unknown, ended: Promise<T>): Promise<T | undefined> {
  try {
    return await Promise.race([ended, Promise.resolve(guest).then(() => undefined)]);
  } catch (e) {
    if (e instanceof ExitRequest || e instanceof GuestFailure) return await ended;
    throw new GuestFailure(describe(e));
  }
}

/** Makes the ends that a call can come to by itself: an exit, or more output than it may write. */
function openEnds(): { ended: Promise<number>; exited: (code: number) => void; exceeded: () => void } {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  // An end that nobody waits for any more is no fault of the process.
  promise.catch(() => undefined);
  return {
    ended: promise,
    exited: resolve,
    exceeded: () => reject(new GuestFailure('it wrote more than it may')),
  };
}

function openCommandCall(request: CommandRequest, outputBytes: number): CliCall & { readonly ended: Promise<number> } {
  const { ended, exited, exceeded } = openEnds();
  const stdout = new OutputBuffer({ leftBytes: outputBytes }, exceeded);
  const stderr = new OutputBuffer({ leftBytes: outputBytes }, exceeded);
  return { ...request, stdout, stderr, exited, ended };
}

const writeExit = (code: number, call: CliCall): CommandExit => ({
  code,
  stdout: call.stdout.bytes(),
  stderr: call.stderr.bytes(),
});

async function openComponent(bundle: Bundle, outputBytes: number): Promise<Guest> {
  const modules = new Map<string, CompiledModule>();
  for (const { name, bytes } of bundle.modules) modules.set(name, await ENGINE.compile(Uint8Array.from(bytes)));
  const glue: { instantiate: Instantiate } = await import(
    `data:text/javascript;base64,${encodeBase64(encodeUtf8(bundle.glue))}`
  );
  const instantiate = (imports: Imports): Promise<Exports> =>
    glue.instantiate((name) => {
      const module = modules.get(name);
      if (module === undefined) throw new GuestFailure('a core module is missing');
      return module;
    }, imports);
  const find = (exports: Exports, instance: string, name: string): ((...args: unknown[]) => unknown) => {
    const found = exports[instance]?.[name];
    if (found === undefined) throw new GuestFailure(`it has no ${instance}.${name}`);
    return found;
  };

  async function query(
    request: FunctionRequest,
    egress: AskOutside,
    log: (text: string) => void,
  ): Promise<FunctionResponse> {
    const { ended, exited, exceeded } = openEnds();
    const output = new OutputBuffer({ leftBytes: LOG_BYTES }, () => undefined);
    const cli = openCli({ args: [], stdin: new Uint8Array(0), stdout: output, stderr: output, exited });
    const http = openHttp({ egress, outputBytes, exceeded });
    const { outparam, answer } = http.makeOutparam();
    try {
      const exports = await instantiate({ ...SHARED, ...cli, ...http.interfaces });
      const handle = find(exports, 'incomingHandler', 'handle');
      const exitCode = await settle(handle(http.makeRequest(request), outparam), ended);
      if (exitCode !== undefined) throw new GuestFailure('it asked its process to exit');
    } finally {
      const text = Buffer.from(output.bytes()).toString();
      if (text.length > 0) log(text);
    }
    const given = answer();
    if (given === null) throw new GuestFailure('it returned without an answer');
    if (given.tag === 'error') throw new GuestFailure(`it answered with the error ${given.code}`);
    const body = given.response.finished();
    if (body === null) throw new GuestFailure('it did not finish the body of its answer');
    return { status: given.response.statusCode(), headers: given.response.headers().toHeaders(), body };
  }

  async function command(request: CommandRequest): Promise<CommandExit> {
    const call = openCommandCall(request, outputBytes);
    const http = openHttp({
      egress: () => Promise.resolve({ error: 'HTTP-request-denied' }),
      outputBytes,
      exceeded: () => undefined,
    });
    const exports = await instantiate({ ...SHARED, ...openCli(call), ...http.interfaces });
    const run = find(exports, 'run', 'run');
    try {
      return writeExit((await settle(run(), call.ended)) ?? 0, call);
    } catch (e) {
      if (isFailedRun(e)) return writeExit(1, call);
      throw e;
    }
  }

  if (bundle.kind === 'http') {
    // One instance at load, so that a missing import is found now and not by the first caller.
    const http = openHttp({ egress: () => Promise.resolve({ error: '' }), outputBytes: 0, exceeded: () => undefined });
    const none = openCommandCall({ args: [], stdin: new Uint8Array(0) }, 0);
    await instantiate({ ...SHARED, ...openCli(none), ...http.interfaces });
  }
  return { query, command };
}

/** Tells whether `run` returned its error case, which glue throws as a value without a message of its own. */
function isFailedRun(e: unknown): boolean {
  return e instanceof GuestFailure && e.message === 'no reason';
}

async function openModule(bundle: Bundle, outputBytes: number): Promise<Guest> {
  const bytes = bundle.modules[0]?.bytes;
  if (bytes === undefined) throw new GuestFailure('it has no module');
  const module = await ENGINE.compile(Uint8Array.from(bytes));
  const known = openPreview1(openCommandCall({ args: [], stdin: new Uint8Array(0) }, 0), () => {
    throw new GuestFailure('no memory');
  });
  const foreign = ENGINE.Module.imports(module).find((i) => i.module !== PREVIEW1 || known[i.name] === undefined);
  if (foreign !== undefined) throw new GuestFailure(`it imports ${foreign.module}.${foreign.name}`);

  async function command(request: CommandRequest): Promise<CommandExit> {
    const call = openCommandCall(request, outputBytes);
    let memory: WasmMemory | null = null;
    const imports = openPreview1(call, () => {
      if (memory === null) throw new RangeError('no memory yet');
      return memory;
    });
    const { exports } = await ENGINE.instantiate(module, { [PREVIEW1]: imports });
    if (exports['memory'] instanceof ENGINE.Memory) memory = exports['memory'];
    const start = exports['_start'];
    if (typeof start !== 'function') throw new GuestFailure('it exports no _start');
    try {
      start();
      return writeExit(0, call);
    } catch (e) {
      if (e instanceof ExitRequest) return writeExit(e.exitCode, call);
      throw new GuestFailure(describe(e));
    }
  }
  return { command, query: () => Promise.reject(new GuestFailure('it answers no queries')) };
}

/** Compiles a bundle and makes it callable; whatever is wrong with it is thrown as an error with a message. */
export function openGuest(bundle: Bundle, outputBytes: number): Promise<Guest> {
  return bundle.kind === 'preview1' ? openModule(bundle, outputBytes) : openComponent(bundle, outputBytes);
}
