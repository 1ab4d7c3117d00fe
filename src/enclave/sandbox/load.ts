/**
 * Loads a function: digest, form, process, in this order, and nothing of a step before the one above it passed. What is
 * loaded is called through sandbox.ts and knows nothing of policies.
 */
import { equalBytes } from '../../base/bytes.ts';
import { LIMITS } from '../../base/limits.ts';
import { FunctionError } from '../../errors.ts';
import { nativeSha256 } from '../../io/native-digest.ts';
import { admitModules } from './admit.ts';
import { type Instances, type Variables, writeBundle } from './bundle.ts';
import { CIRCUITS_LIMITS } from './circuits.ts';
import { type CommandExit, type CommandRequest, writeCommand } from './command-messages.ts';
import type { SandboxState } from './confinement.ts';
import type { MountImage } from './files/mount.ts';
import { type FunctionNotice, type FunctionProcess, openFunctionProcess } from './function-process.ts';
import { checkFunctionForm, type FunctionKind, type WasiRelease } from './grants.ts';
import { openLauncher } from './launcher.ts';
import { openQueryShape } from './query-shapes.ts';
import type { ResourceGroups } from './resource-groups.ts';
import type { CallTerms, Egress, FunctionRequest, FunctionResponse, LoadedFunction } from './sandbox.ts';
import { NO_SOCKET_EGRESS } from './socket-egress.ts';
import { SYSTEM_TIMERS } from './timers.ts';

/** Caps on one function; all of them are needed, none has a hidden default. */
export interface FunctionLimits {
  /** Releases of WASI whose functions are loaded. */
  readonly wasi: readonly WasiRelease[];
  readonly instances: Instances;
  /** What a call may keep in `/tmp` while it lasts; 0 for no such directory. */
  readonly scratchBytes: number;
  /** Whether the same call must always give the same answer. */
  readonly deterministic: 'required' | 'any';
  /** Most processor time of one call, in milliseconds. */
  readonly cpuMs: number;
  /** Instructions of one call, roughly, of a function that must be deterministic; others count none. */
  readonly gas: number;
  /** Largest WASM memory of one instance, in pages of 64 KiB. */
  readonly memoryPages: number;
  /** V8 heap of the function's process, in MiB. */
  readonly heapMiB: number;
  /** What the function's process may write to in memory beyond what the runtime takes, all calls together, in MiB. */
  readonly processMiB: number;
  /** What one call may write as its answer, and as much again in all its outgoing requests together; what a program writes is held, and less. */
  readonly outputBytes: number;
  /** How long a process may take until it is ready. */
  readonly startDeadlineMs: number;
  /** Calls at the same time. */
  readonly maxCalls: number;
  /** Outgoing requests at the same time, per call. */
  readonly maxEgress: number;
  /** How long a process may take to drop a call that is past its deadline, before it is killed. */
  readonly graceMs: number;
  /** How long after its last call a function keeps a spare process; 0 keeps none. */
  readonly spareMs: number;
}

/** Limits that fit a small function: 256 MiB of memory, ten minutes of processor time, and as much output as a streamed body may have. */
export const DEFAULT_FUNCTION_LIMITS: FunctionLimits = {
  wasi: ['0.2'],
  instances: { kind: 'fresh' },
  scratchBytes: 0,
  deterministic: 'any',
  cpuMs: 600_000,
  gas: 10_000_000_000,
  memoryPages: 4096,
  heapMiB: 256,
  processMiB: 1024,
  outputBytes: LIMITS.streamBytes,
  startDeadlineMs: 10_000,
  maxCalls: 64,
  maxEgress: 8,
  // Room for one turn of two event loops: with it, and a kill of 4 ms, nothing of a call is left 20 ms after its deadline.
  graceMs: 5,
  spareMs: 60_000,
};

export interface LoadOptions {
  readonly bytes: Uint8Array;
  /** SHA-256 that the bytes must have, 32 bytes. */
  readonly digest: Uint8Array;
  readonly name: string;
  readonly limits: FunctionLimits;
  /** Control groups of this machine. */
  readonly groups: ResourceGroups;
  /** Trees that every call may read. */
  readonly mounts: readonly MountImage[];
  /** What a function finds in its environment; nothing of a call's. */
  readonly env: Variables;
  /** Hears what the operator should know, in fixed words that hold nothing of what was asked. */
  readonly onNotice: (notice: FunctionNotice) => void;
  /** Media type of what a program or a function of bytes answers: neither can say it. */
  readonly answerType: string;
  /** Gets lines that the function wrote; they may hold what was asked, so they must not leave the enclave. */
  readonly onLog: (line: string) => void;
}

/** A function that answers queries, with what is known of how it is confined. */
export interface SandboxedFunction extends LoadedFunction {
  readonly kind: FunctionKind;
  readonly sandbox: SandboxState;
}

/** A program that is started with arguments and standard input. */
export interface SandboxedCommand {
  /** @throws FunctionError ERR_FUNCTION_TRAP, _DEADLINE, _UNAVAILABLE or _PROTOCOL */
  run(request: CommandRequest, deadlineMs: number, egress?: Egress): Promise<CommandExit>;
  close(): Promise<void>;
}

/** Refuses every request. */
const NO_WAY_OUT: Egress = () => Promise.resolve({ error: 'HTTP-request-denied' });

/** Checks digest and form before anything else sees the bytes. */
function checkBytes(options: LoadOptions): FunctionKind {
  const { bytes, digest, name, limits } = options;
  if (bytes.length > LIMITS.functionBytes) {
    throw new FunctionError(
      'ERR_FUNCTION_INVALID',
      `function "${name}" has ${bytes.length} bytes; at most ${LIMITS.functionBytes} are loaded`,
    );
  }
  if (!equalBytes(nativeSha256(bytes), digest)) {
    throw new FunctionError('ERR_FUNCTION_DIGEST', `the file of function "${name}" has another SHA-256 than was named`);
  }
  const kind = checkFunctionForm(bytes, name, limits.wasi);
  admitModules(bytes, name, limits.deterministic);
  return kind;
}

/** Gives the environment of a function; that of one whose answers must depend on its query alone is empty. */
function environmentOf({ limits, env }: LoadOptions): Variables {
  return limits.deterministic === 'required' ? [] : env;
}

async function openProcess(options: LoadOptions, kind: FunctionKind, frameBytes: number): Promise<FunctionProcess> {
  const { bytes, name, limits, mounts, onNotice, onLog } = options;
  const { memoryPages, outputBytes, scratchBytes } = limits;
  const isDeterministic = limits.deterministic === 'required';
  // What an instance keeps of earlier calls would be another on each worker.
  const instances: Instances = isDeterministic ? { kind: 'fresh' } : limits.instances;
  const env = environmentOf(options);
  const rules = { memoryPages, gas: isDeterministic ? limits.gas : null };
  const bundle = writeBundle({ kind, instances, rules, mounts, env, scratchBytes, bytes }, outputBytes);
  const { launch, close } = openLauncher(options.groups, name, limits, () => onNotice('killed for its memory'));
  const end = (): void => {
    // The trees may be data of owners, who take them back.
    bundle.fill(0);
    close();
  };
  try {
    const running = await openFunctionProcess({
      name,
      launch,
      load: bundle,
      startDeadlineMs: limits.startDeadlineMs,
      frameBytes,
      maxCalls: limits.maxCalls,
      maxEgress: limits.maxEgress,
      cpuMs: limits.cpuMs,
      graceMs: limits.graceMs,
      spareMs: limits.spareMs,
      circuits: CIRCUITS_LIMITS,
      timers: SYSTEM_TIMERS,
      onNotice,
      onLog,
    });
    return { ...running, close: () => running.close().finally(end) };
  } catch (e) {
    end();
    throw e;
  }
}

/**
 * Loads a function that answers queries; when it resolves, its process is up, locked down, and has accepted the function.
 * @throws FunctionError ERR_FUNCTION_DIGEST, ERR_FUNCTION_INVALID or ERR_FUNCTION_UNAVAILABLE
 */
export async function loadFunction(options: LoadOptions): Promise<SandboxedFunction> {
  const kind = checkBytes(options);
  const shape = openQueryShape(kind, options.name, options.answerType, environmentOf(options));
  const running = await openProcess(options, kind, LIMITS.frameBytes);
  async function call(request: FunctionRequest, terms: CallTerms): Promise<FunctionResponse> {
    const { expects } = shape;
    const { head, body } = await shape.write(request);
    return shape.read(await running.call(head, body, { ...terms, expects }));
  }
  return { kind, sandbox: 'node-permission', call, close: () => running.close() };
}

/**
 * Loads a program: a wasi:cli/run component or a preview1 module. It gets arguments, variables, standard input and files, and no way out.
 * @throws FunctionError ERR_FUNCTION_DIGEST, ERR_FUNCTION_INVALID or ERR_FUNCTION_UNAVAILABLE
 */
export async function loadCommand(options: LoadOptions): Promise<SandboxedCommand> {
  const kind = checkBytes(options);
  if (kind === 'http' || kind === 'bytes') {
    throw new FunctionError(
      'ERR_FUNCTION_INVALID',
      `"${options.name}" answers queries and has no wasi:cli/run; load it in a worker`,
    );
  }
  // A program runs once, so a spare process would be started for nobody.
  const limits = { ...options.limits, spareMs: 0 };
  const running = await openProcess({ ...options, limits }, kind, LIMITS.exitFrameBytes);
  const always = { sockets: NO_SOCKET_EGRESS, caller: '', whenGone: (): void => undefined };
  return {
    run: async (request, deadlineMs, egress = NO_WAY_OUT) => {
      const { head, body } = writeCommand(request);
      const expects = { trees: request.mounts.length };
      const answer = await running.call(head, body, { ...always, deadlineMs, egress, expects });
      if (answer.type !== 'exit') throw new FunctionError('ERR_FUNCTION_PROTOCOL', 'the program gave no exit code');
      return answer.exit;
    },
    close: () => running.close(),
  };
}
