/** A guest for the canonical ABI: a memory of odd words, a table of handles, an allocator that answers with any place, and numbers to pass. */
import type { AbiContext, InstanceState } from '../src/enclave/sandbox/component/call-context.ts';
import { GuestMemory } from '../src/enclave/sandbox/component/guest-memory.ts';
import { type Handle, HandleTable } from '../src/enclave/sandbox/component/handle-table.ts';
import type { CoreValue } from '../src/enclave/sandbox/component/lift-flat.ts';
import { GuestTrap } from '../src/enclave/sandbox/component/trap.ts';
import { type CoreType, casesOf, type ValueType } from '../src/enclave/sandbox/component/value-type.ts';
import { flatten, Reference } from './abi-reference.ts';
import { RESOURCES } from './abi-types.ts';
import type { Choices } from './choices.ts';
import { createRandom } from './random.ts';

export const MEMORY_BYTES = 2048;
export const MAX_FLAT = 16;
/** More handles than a script makes. */
export const MOST_HANDLES = 200;
/** So much that a few lists fit, so little that an input takes no time. */
export const LIFT_BUDGET: number = 256 * 1024;
const EDGES = [
  0,
  1,
  4,
  -1,
  -8,
  2 ** 31 - 1,
  -(2 ** 31),
  MEMORY_BYTES - 8,
  MEMORY_BYTES - 1,
  MEMORY_BYTES,
  MEMORY_BYTES + 1,
];

/** The guest's allocator ended by itself. */
export class GuestFault extends Error {}

export type Range = readonly [start: number, end: number];

/** One guest: its memory, handles and allocator. */
export class Guest {
  readonly #choices: Choices;
  readonly memory: { buffer: ArrayBuffer };
  readonly cx: AbiContext;
  readonly reference: Reference = new Reference();
  /** Where the guest has said that the host may write. */
  readonly allowed: Range[] = [];
  /** Whether its allocator only ever gave room of its own. */
  isHonest = true;
  readonly #made = new Set<unknown>();
  #top = MEMORY_BYTES / 2;
  /** Gives something to call while the host is at work. */
  callOut: (() => void) | null = null;

  constructor(choices: Choices) {
    this.#choices = choices;
    this.memory = { buffer: new ArrayBuffer(MEMORY_BYTES) };
    const words = new DataView(this.memory.buffer);
    const random = createRandom('memory', choices.below(2 ** 24));
    for (let at = 0; at < MEMORY_BYTES; at += 4) {
      const isSmall = random.chance(0.6);
      words.setUint32(
        at,
        isSmall ? random.below(4) : random.chance(0.9) ? 8 * random.below(250) : random.below(2 ** 32),
        true,
      );
    }
    const memory = new GuestMemory(true);
    memory.bind(this.memory);
    memory.bindRealloc((_old, _oldSize, align, size) => this.#allocate(align, size));
    const state: InstanceState = {
      mayLeave: true,
      failure: null,
      handles: new HandleTable(),
      over: false,
      lent: [],
      taken: [],
      liftLeft: LIFT_BUDGET,
      pending: 0,
      wake: null,
      mayBlock: true,
      task: null,
      storage: [0, 0],
      backpressure: 0,
      ends: 0,
      subtasks: 0,
    };
    this.cx = { state, memory };
    for (let i = 0; i < 6; i++) this.own();
  }

  /** Gives the guest a handle. */
  own(): void {
    const resource = this.#choices.pick(RESOURCES);
    const representation = { of: resource };
    const index = this.cx.state.handles.add(resource, representation);
    this.reference.handles.set(index, { resource, representation, lent: 0 });
  }

  #allocate(align: number, size: number): number {
    const choices = this.#choices;
    const pointer = Math.ceil(this.#top / align) * align;
    let given = pointer;
    if (choices.chance(0.06)) {
      this.isHonest = false;
      const kind = choices.below(4);
      if (kind === 0) throw new GuestFault('unreachable');
      if (kind === 1) this.callOut?.();
      if (kind === 2) given = choices.pick([...EDGES, 8, 600, pointer + 1]);
      if (kind === 3) {
        // As the engine does: the old buffer has no bytes any more.
        const grown = choices.chance(0.5) ? MEMORY_BYTES * 2 : this.memory.buffer.byteLength;
        this.memory.buffer = this.memory.buffer.transfer(grown);
      }
    }
    this.#top = pointer + size;
    const start = given >>> 0;
    if (start % align === 0 && start + size <= this.memory.buffer.byteLength) this.allowed.push([start, start + size]);
    return given;
  }

  bytes(): Uint8Array {
    return new Uint8Array(this.memory.buffer);
  }

  /** Gives the handle at an index, or null. */
  handle(index: number): Handle | null {
    try {
      return this.cx.state.handles.any(index);
    } catch (error) {
      if (error instanceof GuestTrap) return null;
      throw error;
    }
  }

  /** Makes something of the host's that is to become a handle. */
  make(): object {
    const made = {};
    this.#made.add(made);
    return made;
  }

  /** Takes over from the table what the host has put there since, once each. */
  learnHandles(): void {
    for (let at = 1; at < MOST_HANDLES; at++) {
      const handle = this.handle(at);
      if (handle === null || handle.resource.of === 'async' || !this.#made.delete(handle.representation)) continue;
      this.reference.handles.set(at, { resource: handle.resource, representation: handle.representation, lent: 0 });
    }
  }
}

export function makeFlat(type: CoreType, choices: Choices): CoreValue {
  const kind = choices.below(10);
  const number =
    kind < 4
      ? choices.below(8)
      : kind < 8
        ? 8 * choices.below(128)
        : kind < 9
          ? choices.pick(EDGES)
          : new DataView(choices.bytes(4).buffer).getInt32(0);
  if (type === 'i32') return number;
  if (type === 'i64')
    return choices.chance(0.8) ? BigInt(number) : new DataView(choices.bytes(8).buffer).getBigInt64(0);
  return type === 'f32' ? Math.fround(number / 2) : number / 2;
}

/** Gives the numbers of one value: those that a well-behaved guest could pass, mostly. */
function makeFlatsOf(type: ValueType, reference: Reference, choices: Choices): readonly CoreValue[] {
  const types = flatten(type);
  const any = types.map((core) => makeFlat(core, choices));
  if (choices.chance(0.04)) return any;
  if (type.kind === 'tuple') return type.elements.flatMap((part) => makeFlatsOf(part, reference, choices));
  if (type.kind === 'record') return type.fields.flatMap(([, part]) => makeFlatsOf(part, reference, choices));
  if (type.kind === 'own' || type.kind === 'borrow') {
    const have = [...reference.handles].filter(([, { resource }]) => resource === type.resource);
    return have.length === 0 ? any : [choices.pick(have)[0]];
  }
  if (type.kind === 'string' || type.kind === 'list') return [8 * choices.below(128), choices.below(3)];
  const cases = casesOf(type);
  return cases === null ? any : [choices.below(cases.length), ...any.slice(1)];
}

/** Gives numbers for a function's core parameters, with a pointer behind them where its result goes through memory. */
export function makeFlats(
  params: ValueType,
  withPointer: boolean,
  guest: Guest,
  choices: Choices,
): readonly CoreValue[] {
  const isInMemory = flatten(params).length > MAX_FLAT;
  const pointer = (): CoreValue => (choices.chance(0.85) ? 8 * choices.below(100) : makeFlat('i32', choices));
  const flat = isInMemory ? [pointer()] : makeFlatsOf(params, guest.reference, choices);
  return withPointer ? [...flat, pointer()] : flat;
}
