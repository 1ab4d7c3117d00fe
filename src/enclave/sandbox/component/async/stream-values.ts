/** Streams and futures as values of a call: a guest's readable end becomes a reader of the host, and what the host gives a readable end. */
import type { AbiContext } from '../call-context.ts';
import type { Shape } from '../value-type.ts';
import { GivenItems } from './copy-buffer.ts';
import { liftEnd, lowerEnd } from './guest-end.ts';
import { FutureReader, GivenFuture, GivenStream, StreamReader, StreamWriter } from './host-end.ts';
import { SharedStream } from './shared.ts';
import { failInstance } from './wait.ts';

type StreamShape = Extract<Shape, { kind: 'stream' | 'future' }>;

/** Makes what takes a readable end out of a guest. */
export function makeLiftStream({ kind, element }: StreamShape): (cx: AbiContext, index: number) => unknown {
  if (kind === 'stream') return (cx, index) => new StreamReader(liftEnd(cx, index, kind, element));
  return (cx, index) => new FutureReader(liftEnd(cx, index, kind, element));
}

/**
 * Writes a future's value once the host has it; a value that never comes because the host failed ends the instance. Who reads it for a guest that
 * is over hears that it never comes.
 */
async function fulfil({ state }: AbiContext, shared: SharedStream, value: Promise<unknown>): Promise<void> {
  try {
    const buffer = new GivenItems([await value]);
    if (state.over) shared.drop();
    else shared.start({ side: 'write', buffer, progressed: () => undefined, ended: () => undefined }, null);
  } catch (e) {
    shared.drop();
    failInstance(state, e);
  }
}

/** Makes what gives a guest a readable end. */
export function makeLowerStream({ kind, element }: StreamShape): (cx: AbiContext, value: unknown) => number {
  return (cx, value) => {
    // What came from a guest goes on as it is: the host does not stand between its two ends.
    if (value instanceof StreamReader || value instanceof FutureReader) return lowerEnd(cx, value.shared, element);
    const shared = new SharedStream(kind);
    const index = lowerEnd(cx, shared, element);
    if (value instanceof GivenStream) value.start(new StreamWriter(shared));
    else if (value instanceof GivenFuture) void fulfil(cx, shared, value.value);
    else throw new TypeError(`the host gave no ${kind}`);
    return index;
  };
}
