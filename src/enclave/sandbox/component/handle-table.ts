/** The handles of one component instance: small numbers that stand for things a guest may use and never sees. [Component Model CanonicalABI.md, Table State] */
import { GuestTrap } from './trap.ts';
import type { Resource } from './value-type.ts';

/** What a handle may be for: a resource, or one of the things that a guest waits for and copies through. */
export type HandleKind = Resource | { readonly of: 'async'; readonly name: string };

/** What a handle stands for; `lent` counts the calls that have borrowed it and are not over. */
export interface Handle {
  readonly resource: HandleKind;
  /** The host's object, or the number that a guest gave its own resource. */
  readonly representation: unknown;
  lent: number;
  /** The later a handle was made, the higher. */
  readonly serial: number;
}

/** A guest that opens handles and never drops them fills its own table only. */
const MAX_HANDLES = 65_536;

export class HandleTable {
  /** Zero is no handle. */
  readonly #handles: (Handle | null)[] = [null];
  readonly #free: number[] = [];
  #made = 0;

  add(resource: HandleKind, representation: unknown): number {
    this.#made += 1;
    const handle: Handle = { resource, representation, lent: 0, serial: this.#made };
    const free = this.#free.pop();
    if (free === undefined) {
      if (this.#handles.length > MAX_HANDLES) throw new GuestTrap(`more than ${MAX_HANDLES} handles`);
      return this.#handles.push(handle) - 1;
    }
    this.#handles[free] = handle;
    return free;
  }

  /** Gives what a handle stands for; a wrong number, a dropped handle or one of another resource is a trap. */
  get(index: number, resource: HandleKind): Handle {
    const handle = this.#handles[index];
    if (handle?.resource !== resource) throw new GuestTrap(`handle ${index} is none of this resource`);
    return handle;
  }

  /** Gives what a handle stands for, whatever its kind; a wrong number is a trap. */
  any(index: number): Handle {
    const handle = this.#handles[index];
    if (handle === undefined || handle === null) throw new GuestTrap(`there is no handle ${index}`);
    return handle;
  }

  /** Takes a handle out; one that is lent out is a trap, because whoever borrowed it still uses it. */
  remove(index: number, resource: HandleKind): Handle {
    const handle = this.get(index, resource);
    if (handle.lent > 0) throw new GuestTrap(`handle ${index} is lent out`);
    this.#handles[index] = null;
    this.#free.push(index);
    return handle;
  }

  /** Gives all that is still there, the youngest first, because children are made after their parents; and forgets it. */
  drain(): readonly Handle[] {
    const rest = this.#handles.filter((h) => h !== null).sort((a, b) => b.serial - a.serial);
    this.#handles.length = 1;
    this.#free.length = 0;
    this.#made = 0;
    return rest;
  }
}
