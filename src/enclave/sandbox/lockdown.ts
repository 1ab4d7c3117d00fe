/**
 * Asks Node, inside a child, whether the permission model is on and denies what it must, and shuts the doors that it leaves open. Part
 * of the child, so it imports nothing. [Node 26 Permissions]
 */

/** The permission model answers false for a scope that it does not know, so each name is tried by a test that opens that door. */
const DENIED = ['net', 'fs.write', 'fs.read', 'child', 'worker', 'addon', 'inspector', 'wasi', 'ffi'] as const;

/** The first Node whose permission model covers the network. */
const FIRST_MAJOR = 25;

/** Ways to reach other processes of the same user, which the permission model does not cover. */
const SIGNALS = ['kill', '_kill', '_debugProcess', '_debugEnd'] as const;

/**
 * Makes V8 end the process that changes a flag of its own. Its traces are files anywhere that the permission model never hears of, and the
 * cap on WASM memory is a flag, too.
 */
export const FROZEN_FLAGS = '--freeze-flags-after-init';

/** Removes the functions that reach other processes; code that breaks out of a guest must not be able to stop or slow the gate. */
export function removeSignals(): void {
  for (const name of SIGNALS) Reflect.deleteProperty(process, name);
  Reflect.deleteProperty(process.getBuiltinModule('node:os'), 'setPriority');
}

/** Gives the first thing that is not shut, or null when the process is locked down. */
export function findOpenDoor(): string | null {
  const { permission } = process as { readonly permission?: { has(scope: string): boolean } };
  if (permission === undefined) return 'no permission model';
  const open = DENIED.find((scope) => permission.has(scope));
  if (open !== undefined) return open;
  if (!(Number(process.versions.node.split('.')[0]) >= FIRST_MAJOR)) return 'net';
  // SQLite opens its files past the permission model, so it has to be switched off.
  if (process.getBuiltinModule('node:sqlite') !== undefined) return 'sqlite';
  if (!process.execArgv.includes(FROZEN_FLAGS)) return 'flags of V8';
  if (SIGNALS.some((name) => name in process)) return 'signals';
  if ('setPriority' in process.getBuiltinModule('node:os')) return 'priorities';
  return Object.keys(process.env).length === 0 ? null : 'environment';
}
