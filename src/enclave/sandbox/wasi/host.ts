/**
 * The WASI host, 0.2 and 0.3: finds the function that answers an import. Everything but methods gets the call first, because what a function makes
 * may need it later; methods find it in what they are called on. [WASI 0.2.12, 0.3.0]
 */
import { camelCase, interfaceOf } from '../component/labels.ts';
import type { Host } from '../component/link.ts';
import type { HostEntry } from '../component/lower-function.ts';
import type { LiftedFunction, Plan } from '../component/plan.ts';
import { isSameFunction } from '../component/same-type.ts';
import { GuestTrap } from '../component/trap.ts';
import type { GuestCall } from './call.ts';
import { CLI } from './cli.ts';
import { CLOCKS, RANDOM } from './clocks.ts';
import { FILESYSTEM } from './filesystem.ts';
import { HTTP } from './http.ts';
import { IO } from './io.ts';
import { departAll } from './outgoing-bytes.ts';
import { CLI_3 } from './p3/cli.ts';
import { CLOCKS_3, RANDOM_3 } from './p3/clocks.ts';
import { FILESYSTEM_3 } from './p3/filesystem.ts';
import { HTTP_3 } from './p3/http.ts';
import { SOCKETS_3 } from './p3/sockets.ts';
import { CORE_WIT_3 } from './p3/wit/core.ts';
import { EXPORTS_WIT_3 } from './p3/wit/exports.ts';
import { FILESYSTEM_WIT_3 } from './p3/wit/filesystem.ts';
import { HTTP_WIT_3 } from './p3/wit/http.ts';
import { SOCKETS_WIT_3 } from './p3/wit/sockets.ts';
import { SOCKETS } from './sockets.ts';
import { CORE_WIT } from './wit/core.ts';
import { EXPORTS_WIT } from './wit/exports.ts';
import { FILESYSTEM_WIT } from './wit/filesystem.ts';
import { HTTP_WIT } from './wit/http.ts';
import { openWit, type Wit } from './wit/open-wit.ts';
import { SOCKETS_WIT } from './wit/sockets.ts';

/** Every interface, without version: a class for each resource, a function for each other function. */
export const INTERFACES: Readonly<Record<string, unknown>> = {
  ...IO,
  ...CLOCKS,
  ...RANDOM,
  ...CLI,
  ...FILESYSTEM,
  ...SOCKETS,
  ...HTTP,
  ...CLI_3,
  ...CLOCKS_3,
  ...RANDOM_3,
  ...FILESYSTEM_3,
  ...SOCKETS_3,
  ...HTTP_3,
};

const ALL_WIT =
  CORE_WIT + FILESYSTEM_WIT + SOCKETS_WIT + HTTP_WIT + CORE_WIT_3 + FILESYSTEM_WIT_3 + SOCKETS_WIT_3 + HTTP_WIT_3;

/** What every function of these interfaces takes and gives. */
export const SIGNATURES: Wit = openWit(ALL_WIT);

/** The same with what the host calls. */
const WITH_EXPORTS = openWit(ALL_WIT + EXPORTS_WIT + EXPORTS_WIT_3);

/** The functions that may make a guest wait. */
export const WAITING: ReadonlySet<string> = new Set([
  'wasi:io/poll#poll',
  'wasi:io/poll#[method]pollable.block',
  'wasi:io/streams#[method]input-stream.blocking-read',
  'wasi:io/streams#[method]input-stream.blocking-skip',
  'wasi:io/streams#[method]output-stream.blocking-flush',
  'wasi:io/streams#[method]output-stream.blocking-splice',
  'wasi:io/streams#[method]output-stream.blocking-write-and-flush',
  'wasi:io/streams#[method]output-stream.blocking-write-zeroes-and-flush',
]);

/** The functions that keep nothing of what they are given: a sink takes no more than it has room for, and that is counted there. */
const PASSING: ReadonlySet<string> = new Set([
  'wasi:io/streams#[method]output-stream.write',
  'wasi:io/streams#[method]output-stream.blocking-write-and-flush',
]);

type Run = HostEntry<GuestCall>['run'];
type AnyFunction = (...args: readonly unknown[]) => unknown;

const OF_RESOURCE = /^\[(method|static|constructor)\]([a-z0-9-]+)(?:\.([A-Za-z0-9-]+))?$/;

const isFunction = (value: unknown): value is AnyFunction => typeof value === 'function';

/** Gives an object's own function of this name: nothing that every object inherits may answer an import. */
function ownFunction(of: unknown, name: string): AnyFunction | null {
  if ((typeof of !== 'object' && typeof of !== 'function') || of === null) return null;
  const value: unknown = Object.getOwnPropertyDescriptor(of, name)?.value;
  return isFunction(value) ? value : null;
}

/** Gives a method that the class or a class it extends declares. */
function methodOf(prototype: unknown, name: string): AnyFunction | null {
  if (typeof prototype !== 'object' || prototype === null || prototype === Object.prototype) return null;
  return ownFunction(prototype, name) ?? methodOf(Object.getPrototypeOf(prototype), name);
}

function findRun(members: unknown, name: string): Run | null {
  const [, form, resource, member] = OF_RESOURCE.exec(name) ?? [];
  if (resource === undefined) {
    const run = ownFunction(members, camelCase(name));
    return run === null ? null : (call, args) => run(call, ...args);
  }
  const made = ownFunction(members, camelCase(`-${resource}`));
  if (made === null) return null;
  if (form === 'constructor') {
    return (call, args) => Reflect.construct(made, [call, ...args]);
  }
  const label = camelCase(member ?? '');
  if (form === 'static') {
    const run = ownFunction(made, label);
    return run === null ? null : (call, args) => run(call, ...args);
  }
  const method = label === 'constructor' ? null : methodOf(made.prototype, label);
  return method === null ? null : (_, [self, ...args]) => method.apply(self, args);
}

/** Has what the guest wrote go out before it waits. */
function letGoOut(run: Run): Run {
  return (call, args) => {
    const value = run(call, args);
    if (value instanceof Promise) departAll(call);
    return value;
  };
}

/** Stands for a method of something that no guest is ever given. */
const refuse: Run = () => {
  throw new GuestTrap('a method was called on something that does not exist');
};

/**
 * Finds a function that the host calls, whatever its interface's version; null when there is none of that type: a guest must not be able to
 * say that what it is given is something else.
 */
export function findGuestFunction(plan: Plan, from: string, name: string): LiftedFunction | null {
  const known = WITH_EXPORTS.functionsOf(from)?.get(name);
  for (const [exported, members] of plan.exports) {
    if (interfaceOf(exported) !== from || 'of' in members) continue;
    const func = members.get(name);
    if (known !== undefined && func !== undefined && isSameFunction(known, func.type)) return func;
  }
  return null;
}

/** The host that every function is linked with. */
export const WASI_HOST: Host<GuestCall> = {
  find({ interface: from, name, type }) {
    const unversioned = interfaceOf(from);
    const known = SIGNATURES.functionsOf(unversioned)?.get(name);
    if (known === undefined || !isSameFunction(known, type)) return null;
    const run = findRun(INTERFACES[unversioned], name) ?? refuse;
    const keeps = !PASSING.has(`${unversioned}#${name}`);
    if (type.isAsync) return { run, waits: true, keeps };
    const waits = WAITING.has(`${unversioned}#${name}`);
    return { run: waits ? letGoOut(run) : run, waits, keeps };
  },
  drop(representation) {
    (representation as Partial<Disposable>)[Symbol.dispose]?.();
  },
};
