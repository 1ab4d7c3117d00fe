/**
 * The two ends of a copy through a stream or future: a place in a guest's memory, or a value of the host. A guest's place is checked when the
 * guest names it, and again whenever it is touched. [Component Model CanonicalABI.md, Buffer State]
 */
import type { AbiContext, InstanceState } from '../call-context.ts';
import { GuestTrap } from '../trap.ts';
import type { ValueType } from '../value-type.ts';

/** What is copied: bytes side by side, anything else as a list. */
export type Items = Uint8Array | readonly unknown[];

/** One side of a copy. */
export interface CopyBuffer {
  /** Whose memory it is in; null for the host. */
  readonly owner: InstanceState | null;
  /** Items that can still be copied. */
  readonly left: number;
  /** Items that were. */
  readonly done: number;
  /** Gives the next items; no more than are left. */
  take(count: number): Items;
  /** Puts items in; no more than there is room for. */
  put(items: Items): void;
}

/** How items of a type lie in memory. */
export interface Codec {
  readonly size: number;
  readonly align: number;
  load(cx: AbiContext, pointer: number, count: number): Items;
  store(cx: AbiContext, pointer: number, items: Items): void;
}

/** The canonical ABI has no room for more in what it says of a copy. */
const MAX_ITEMS = 2 ** 28 - 1;

const NUMBERS: ReadonlySet<string> = new Set(['u8', 's8', 'u16', 's16', 'u32', 's32', 'u64', 's64', 'f32', 'f64']);

/** Tells whether items are plain numbers, or nothing at all: then one instance may have both ends of a copy. */
export function isNumeric(element: ValueType | null): boolean {
  return element === null || NUMBERS.has(element.kind);
}

/** A place in a guest's memory. */
export class GuestBuffer implements CopyBuffer {
  readonly #cx: AbiContext;
  readonly #codec: Codec;
  #pointer: number;
  left: number;
  done = 0;
  constructor(cx: AbiContext, codec: Codec, pointer: number, count: number) {
    if (count > MAX_ITEMS) throw new GuestTrap(`${count} items in one copy`);
    if (codec.size > 0 && count > 0) cx.memory.at(pointer, codec.size * count, codec.align);
    this.#cx = cx;
    this.#codec = codec;
    this.#pointer = pointer;
    this.left = count;
  }
  get owner(): InstanceState {
    return this.#cx.state;
  }
  take(count: number): Items {
    const items = this.#codec.load(this.#cx, this.#pointer, count);
    this.#move(count);
    return items;
  }
  put(items: Items): void {
    this.#codec.store(this.#cx, this.#pointer, items);
    this.#move(items.length);
  }
  #move(count: number): void {
    this.#pointer += count * this.#codec.size;
    this.left -= count;
    this.done += count;
  }
}

/** Items that the host gives. */
export class GivenItems implements CopyBuffer {
  readonly owner = null;
  readonly #items: Items;
  done = 0;
  constructor(items: Items) {
    this.#items = items;
  }
  get left(): number {
    return this.#items.length - this.done;
  }
  take(count: number): Items {
    this.done += count;
    return this.#items instanceof Uint8Array
      ? this.#items.subarray(this.done - count, this.done)
      : this.#items.slice(this.done - count, this.done);
  }
  put(): never {
    throw new TypeError('the host gives and does not take here');
  }
}

/** Room in the host for at most so many items. */
export class WantedItems implements CopyBuffer {
  readonly owner = null;
  readonly pieces: Items[] = [];
  left: number;
  done = 0;
  constructor(max: number) {
    this.left = max;
  }
  put(items: Items): void {
    this.pieces.push(items);
    this.left -= items.length;
    this.done += items.length;
  }
  take(): never {
    throw new TypeError('the host takes and does not give here');
  }
}
