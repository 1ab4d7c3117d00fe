/**
 * Bytes on their way into a guest and out of it, piece by piece. Neither end ever holds more than a window of them: who reads slowly
 * slows the writer, and nobody waits for a whole body. What carries the pieces (a pipe, a buffer, another guest) is not known here.
 */
import type { Trailers } from '../trailers.ts';

/** What a guest reads from. */
export interface ByteSource {
  /** `open`: more may come. `ended`: what was sent is complete. `failed`: it broke off, and what was read is not all of it. */
  readonly state: 'open' | 'ended' | 'failed';
  /** Takes at most so many bytes of those that are here already; none when nothing is. Bytes that are here are given in every state. */
  take(maxBytes: number): Uint8Array;
  /** Bytes that `take` would give at once. */
  readonly available: number;
  /** What followed the bytes; there once it has ended, where messages have such fields. */
  readonly trailers?: Trailers;
  /** Resolves when `available` or `state` has changed, or at once when it has since the last call. */
  changed(): Promise<void>;
  /** Says that no more is wanted. */
  cancel(): void;
}

/** What a guest writes to. */
export interface ByteSink {
  /** `open`: takes bytes. `closed`: the other end wants no more, or it was ended. */
  readonly state: 'open' | 'closed';
  /** Bytes that may be written at once. */
  readonly room: number;
  /** Takes a copy of the bytes; false, and nothing taken, when they are more than there is room for. */
  write(bytes: Uint8Array): boolean;
  /** The error of a file that closed it, as wasi:filesystem names it. */
  readonly failure?: string;
  /** Says that this was all, and what follows it; who knows of no such fields drops them. */
  end(trailers?: Trailers): void;
  /** Says that it breaks off here; the other end must not take it for complete. */
  abort(): void;
  /** Resolves when `room` has grown or `state` has changed, or at once when it has since the last call. */
  changed(): Promise<void>;
}
