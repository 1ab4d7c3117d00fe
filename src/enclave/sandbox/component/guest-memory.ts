/** A guest's linear memory as the canonical ABI touches it: every range is checked against the memory as it is now. [Component Model CanonicalABI.md, Loading, Storing] */
import type { WasmMemory } from '../engine.ts';
import { GuestTrap } from './trap.ts';

type Realloc = (old: number, oldSize: number, align: number, size: number) => unknown;

const NO_BYTES: Uint8Array = new Uint8Array(0);
const NO_VIEW = new DataView(NO_BYTES.buffer);

export class GuestMemory {
  readonly #wanted: boolean;
  #memory: WasmMemory | null = null;
  #realloc: Realloc | null = null;
  #bytes = NO_BYTES;
  #view = NO_VIEW;

  /** `wanted` says that there will be a memory. */
  constructor(wanted: boolean) {
    this.#wanted = wanted;
  }

  /** Tells whether the memory is there already, where one is wanted. */
  isThere(): boolean {
    return this.#memory !== null || !this.#wanted;
  }

  /** Tells where the memory is, once its module is instantiated. */
  bind(memory: WasmMemory): void {
    this.#memory = memory;
  }

  /** Lets the memory go: whoever still wants to touch it traps. */
  release(): void {
    this.#memory = null;
    this.#realloc = null;
    this.#bytes = NO_BYTES;
    this.#view = NO_VIEW;
  }

  /** Tells whether both are the same memory, or both none. */
  isSame(other: GuestMemory): boolean {
    return this.#memory === other.#memory;
  }

  bindRealloc(realloc: Realloc): void {
    this.#realloc = realloc;
  }

  /** Refreshes the views when the guest has grown its memory: that detaches the old buffer, and leaves it with no bytes. */
  #refresh(): void {
    if (this.#memory === null) throw new GuestTrap('there is no memory');
    const { buffer } = this.#memory;
    this.#bytes = new Uint8Array(buffer);
    this.#view = new DataView(buffer);
  }

  /** Gives a view of the whole memory after checking that `size` bytes at `pointer` are in it, at a multiple of `align`. */
  at(pointer: number, size: number, align: number): DataView {
    this.#check(pointer, size, align);
    return this.#view;
  }

  /** Gives these bytes of the memory itself; whoever keeps them must copy them. */
  bytes(pointer: number, size: number): Uint8Array {
    this.#check(pointer, size, 1);
    return this.#bytes.subarray(pointer, pointer + size);
  }

  /** Has the guest make room; what it answers is checked like any pointer. */
  allocate(size: number, align: number): number {
    if (this.#realloc === null) throw new GuestTrap('there is nothing to make room with');
    const pointer = Number(this.#realloc(0, 0, align, size)) >>> 0;
    this.#check(pointer, size, align);
    return pointer;
  }

  #check(pointer: number, size: number, align: number): void {
    if (this.#bytes.length === 0) this.#refresh();
    if (pointer % align !== 0) throw new GuestTrap(`pointer ${pointer} is not a multiple of ${align}`);
    if (pointer + size > this.#bytes.length) throw new GuestTrap(`${size} bytes at ${pointer} are outside of memory`);
  }
}
