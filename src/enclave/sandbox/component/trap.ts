/**
 * Ends a guest that did what the Component Model answers with a trap, or whose host cannot go on. A guest can catch errors of the host's
 * language; it cannot catch a trap of the engine, so that is what unwinds it. [Component Model CanonicalABI.md, trap]
 */
import { type CompiledModule, ENGINE } from '../engine.ts';

/** A guest did what the Component Model answers with a trap: the instance is over, and so is its call. */
export class GuestTrap extends Error {}

/** What became of one component instance, shared by all that runs in its name. */
export interface Fate {
  /** True only while the guest's own code runs: never inside its allocator, its clean-up or a function of the host, nor after a failure. */
  mayLeave: boolean;
  /** Why the instance is over, as the one who called it is told. */
  failure: { readonly reason: unknown } | null;
}

/** (module (func (export "trap") unreachable)) */
const TRAPPING: Uint8Array = Uint8Array.from([
  0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00, 0x01, 0x04, 0x01, 0x60, 0x00, 0x00, 0x03, 0x02, 0x01, 0x00, 0x07,
  0x08, 0x01, 0x04, 0x74, 0x72, 0x61, 0x70, 0x00, 0x00, 0x0a, 0x05, 0x01, 0x03, 0x00, 0x00, 0x0b,
]);
let trapping: CompiledModule | null = null;

/** Ends an instance for this reason, and unwinds its guest past every handler that it has. */
export function endGuest(fate: Fate, reason: unknown): never {
  fate.mayLeave = false;
  fate.failure ??= { reason };
  trapping ??= new ENGINE.Module(TRAPPING);
  const trap = new ENGINE.Instance(trapping, {}).exports['trap'] as () => never;
  return trap();
}

/** Runs the host's part of a canonical function. Whatever it throws, even for want of stack, leaves the instance unusable. */
export function leaveGuest<T>(fate: Fate, run: () => T): T {
  if (!fate.mayLeave) return endGuest(fate, new GuestTrap('a function was called where none may be'));
  fate.mayLeave = false;
  try {
    const value = run();
    returnToGuest(fate);
    return value;
  } catch (e) {
    return endGuest(fate, e);
  }
}

/** Says why an instance is over. */
export function reasonFor({ failure }: Fate): unknown {
  return failure === null ? new GuestTrap('the instance is over') : failure.reason;
}

/** Lets the guest's code go on. */
export function returnToGuest(fate: Fate): void {
  fate.mayLeave = fate.failure === null;
}
