/**
 * A guest's end of a stream or future: a waitable with a handle, which copies once at a time. How it leaves the guest's table and comes into
 * it is decided here, too. [Component Model CanonicalABI.md, Stream State, Future State, lift_stream, lower_stream]
 */
import { LIMITS } from '../../../../base/limits.ts';
import type { AbiContext, InstanceState } from '../call-context.ts';
import type { HandleKind } from '../handle-table.ts';
import { isSameOptional } from '../same-type.ts';
import { GuestTrap } from '../trap.ts';
import type { ValueType } from '../value-type.ts';
import { SharedStream } from './shared.ts';
import { Waitable } from './waitable.ts';

export type StreamKind = 'stream' | 'future';
export type Side = 'read' | 'write';
type Progress = 'idle' | 'copying' | 'cancelling' | 'done';

const kindOf = (name: string): HandleKind => ({ of: 'async', name });
const KINDS: Readonly<Record<StreamKind, Readonly<Record<Side, HandleKind>>>> = {
  stream: { read: kindOf('readable end of a stream'), write: kindOf('writable end of a stream') },
  future: { read: kindOf('readable end of a future'), write: kindOf('writable end of a future') },
};

export class GuestEnd extends Waitable {
  readonly shared: SharedStream;
  readonly element: ValueType | null;
  readonly side: Side;
  progress: Progress = 'idle';

  constructor(state: InstanceState, shared: SharedStream, element: ValueType | null, side: Side) {
    super(state);
    this.shared = shared;
    this.element = element;
    this.side = side;
  }

  get isCopying(): boolean {
    return this.progress === 'copying' || this.progress === 'cancelling';
  }

  /** Gives the end up, when its guest is over. */
  [Symbol.dispose](): void {
    this.shared.drop();
  }
}

function addEnd(state: InstanceState, end: GuestEnd): number {
  if (state.ends >= LIMITS.guestStreamEnds) throw new GuestTrap(`more than ${LIMITS.guestStreamEnds} ends of streams`);
  state.ends += 1;
  return state.handles.add(KINDS[end.shared.kind][end.side], end);
}

/** Which ends a canonical function is about. */
export interface EndType {
  readonly kind: StreamKind;
  readonly side: Side;
  readonly element: ValueType | null;
}

/** Gives an end that a guest names; one of another kind, side or type is a trap. */
export function endAt({ handles }: InstanceState, index: number, { kind, side, element }: EndType): GuestEnd {
  const end = handles.get(index, KINDS[kind][side]).representation as GuestEnd;
  if (end.element !== element && !isSameOptional(end.element, element)) {
    throw new GuestTrap(`handle ${index} is an end of another type`);
  }
  return end;
}

/** Takes an end out of the table, after all checks: what a trap leaves in it is dropped with the guest, so that its other side hears of that. */
function removeEnd(state: InstanceState, index: number, { kind, side }: EndType): void {
  state.handles.remove(index, KINDS[kind][side]);
  state.ends -= 1;
}

/** Makes a stream or future whose ends are both the guest's: the readable one in the low half, the writable one in the high. */
export function makeEnds(state: InstanceState, kind: StreamKind, element: ValueType | null): bigint {
  const shared = new SharedStream(kind);
  const readable = addEnd(state, new GuestEnd(state, shared, element, 'read'));
  const writable = addEnd(state, new GuestEnd(state, shared, element, 'write'));
  return BigInt(readable) | (BigInt(writable) << 32n);
}

/** Drops an end; one that copies is a trap, and so is a future that was promised and never written. */
export function dropEnd(state: InstanceState, index: number, type: EndType): void {
  const end = endAt(state, index, type);
  if (end.isCopying) throw new GuestTrap('an end is dropped while it copies');
  if (type.kind === 'future' && type.side === 'write' && end.progress !== 'done') {
    throw new GuestTrap('a future is dropped before it was written');
  }
  end.join(null);
  removeEnd(state, index, type);
  end.shared.drop();
}

/** Takes a readable end out of a guest; it must be at rest, and nobody may wait for it. */
export function liftEnd(
  { state }: AbiContext,
  index: number,
  kind: StreamKind,
  element: ValueType | null,
): SharedStream {
  const type: EndType = { kind, side: 'read', element };
  const end = endAt(state, index, type);
  if (end.progress !== 'idle') throw new GuestTrap('an end is given away after or while it copies');
  if (end.isInSet) throw new GuestTrap('an end is given away while it is in a waitable set');
  removeEnd(state, index, type);
  return end.shared;
}

/** Gives a guest a readable end. */
export function lowerEnd({ state }: AbiContext, shared: SharedStream, element: ValueType | null): number {
  return addEnd(state, new GuestEnd(state, shared, element, 'read'));
}
