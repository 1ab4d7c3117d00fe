/**
 * What a guest writes as the body of a message. It is held until its message departs: whole when the body is finished by then, else in pieces
 * from the moment that its guest waits for something or has filled a window. So a small body costs one frame, and a large one no memory.
 */
import { LIMITS } from '../../../base/limits.ts';
import { ByteQueue } from '../byte-queue.ts';
import { areTrailers, NO_TRAILERS, type Trailers } from '../trailers.ts';
import type { ByteSink } from './byte-stream.ts';
import type { GuestCall } from './call.ts';
import type { Allowance } from './output-buffer.ts';

/** How a message departs; one of the three is called, once. */
export interface Departure {
  /** Takes the message with its whole body. */
  whole(bytes: Uint8Array): void;
  /** Takes the head, with the length that the body will have if that is known; gives what takes the body, beginning with what was held. */
  begin(length: number | null, held: Uint8Array): ByteSink;
  /** Is told that the guest dropped the body before it was finished. */
  broken(): void;
}

/** Has what a guest has written so far go out, because it is about to wait. */
export function departAll({ departing }: Pick<GuestCall, 'departing'>): void {
  for (const body of departing) body.depart();
}

export class OutgoingBytes implements ByteSink {
  readonly #call: Pick<GuestCall, 'exceeded' | 'departing'>;
  readonly #allowance: Allowance;
  readonly #length: number | null;
  readonly #held = new ByteQueue();
  readonly #changes = Promise.withResolvers<void>();
  #departure: Departure | null = null;
  #sink: ByteSink | null = null;
  #written = 0;
  #phase: 'open' | 'finished' | 'broken' = 'open';
  #trailers = NO_TRAILERS;

  /** `length` is what the head declares. */
  constructor(call: Pick<GuestCall, 'exceeded' | 'departing'>, allowance: Allowance, length: number | null) {
    // An instance outlives its call, and what it writes late is still written for that one.
    this.#call = { exceeded: call.exceeded, departing: call.departing };
    this.#allowance = allowance;
    this.#length = length;
  }
  get state(): ByteSink['state'] {
    return this.#phase === 'open' ? (this.#sink?.state ?? 'open') : 'closed';
  }
  get room(): number {
    if (this.#sink !== null) return this.#sink.room;
    // Without a head there is nobody yet who could take any of it.
    const most = this.#departure === null ? LIMITS.bodyBytes : LIMITS.windowBytes;
    return this.#phase === 'open' ? Math.max(0, most - this.#held.size) : 0;
  }
  write(bytes: Uint8Array): boolean {
    if (bytes.length > this.room) return false;
    const allowance = this.#allowance;
    if (bytes.length > allowance.leftBytes) {
      allowance.leftBytes = 0;
      this.abort();
      this.#call.exceeded();
      return false;
    }
    if (this.#length !== null && this.#written + bytes.length > this.#length) {
      this.abort();
      return false;
    }
    allowance.leftBytes -= bytes.length;
    this.#written += bytes.length;
    if (this.#sink !== null) return this.#sink.write(bytes);
    this.#held.push(bytes);
    return true;
  }
  /** Tells whether fields may follow the body: one of a declared length has no place for them. [RFC 9112 7.1] */
  get takesTrailers(): boolean {
    return this.#length === null;
  }
  /** Finishes the body; false, and it is broken, when it does not have the length that its head declares. */
  finish(trailers?: Trailers): boolean {
    const isWhole = this.#length === null || this.#written === this.#length;
    if (isWhole) this.end(trailers);
    else this.abort();
    return isWhole;
  }
  end(trailers: Trailers = NO_TRAILERS): void {
    if (this.#phase !== 'open') return;
    // What follows a body must not get lost, so a body without a place for it is none.
    const fits = trailers.length === 0 || (this.takesTrailers && areTrailers(trailers));
    this.#phase = fits ? 'finished' : 'broken';
    this.#trailers = trailers;
    this.#settle();
  }
  abort(): void {
    if (this.#phase !== 'open') return;
    this.#phase = 'broken';
    this.#settle();
  }
  changed(): Promise<void> {
    // Nothing takes bytes for which there is no head yet, so who waits for that would wait for ever.
    if (this.#departure === null && this.room === 0) this.#call.exceeded();
    return this.#sink?.changed() ?? this.#changes.promise;
  }

  /** Lets the message depart from now on. */
  release(departure: Departure): void {
    this.#departure = departure;
    if (this.#phase === 'open') this.#call.departing.add(this);
    else this.#settle();
  }
  /** Has the message depart now, if it may and its body is not finished. */
  depart(): void {
    if (this.#departure === null || this.#sink !== null || this.#phase !== 'open') return;
    this.#begin(this.#departure, this.#length);
  }

  #begin(departure: Departure, length: number | null): ByteSink {
    this.#call.departing.delete(this);
    const sink = departure.begin(length, this.#held.take(this.#held.size));
    this.#held.clear();
    this.#sink = sink;
    this.#changes.resolve();
    return sink;
  }

  #settle(): void {
    this.#changes.resolve();
    if (this.#sink !== null) {
      if (this.#phase === 'finished') this.#sink.end(this.#trailers);
      else this.#sink.abort();
      return;
    }
    if (this.#departure === null) return;
    this.#call.departing.delete(this);
    if (this.#phase === 'broken') this.#departure.broken();
    else if (this.#trailers.length > 0) this.#begin(this.#departure, null).end(this.#trailers);
    else if (this.#held.size <= LIMITS.windowBytes) this.#departure.whole(this.#held.take(this.#held.size));
    else this.#begin(this.#departure, this.#held.size).end();
  }
}
