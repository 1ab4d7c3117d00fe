/**
 * The reading end of a body that comes in frames. It holds one window of bytes at most: a writer that sends more than it was given credit
 * for breaks the protocol. Credit is given back as the bytes are taken.
 */

import { ChangeSignal } from '../../base/change-signal.ts';
import { LIMITS } from '../../base/limits.ts';
import { ByteQueue } from './byte-queue.ts';
import { NO_TRAILERS, type Trailers } from './trailers.ts';
import type { ByteSource } from './wasi/byte-stream.ts';

/** What a reader says to the writer. */
export interface ReaderVoice {
  credit(bytes: number): void;
  cancel(): void;
}

export class BodyReader implements ByteSource {
  readonly #voice: ReaderVoice;
  readonly #here = new ByteQueue();
  readonly #signal = new ChangeSignal();
  #state: ByteSource['state'] = 'open';
  /** What the writer may still send. */
  #credit = LIMITS.windowBytes;
  /** What was taken, and not yet given back as credit. */
  #owed = 0;
  #cancelled = false;
  #over = false;
  #trailers = NO_TRAILERS;

  constructor(voice: ReaderVoice) {
    this.#voice = voice;
  }
  get state(): ByteSource['state'] {
    return this.#state;
  }
  get trailers(): Trailers {
    return this.#trailers;
  }
  get available(): number {
    return this.#here.size;
  }
  take(maxBytes: number): Uint8Array {
    const bytes = this.#here.takePiece(maxBytes);
    this.#owed += bytes.length;
    // In halves of a window, so that a reader of single bytes does not send a frame for each.
    if (!this.#over && this.#owed >= LIMITS.windowBytes / 2) {
      this.#voice.credit(this.#owed);
      this.#credit += this.#owed;
      this.#owed = 0;
    }
    return bytes;
  }
  changed(): Promise<void> {
    return this.#signal.changed();
  }
  cancel(): void {
    this.#here.clear();
    if (this.#over) return;
    if (!this.#cancelled) this.#voice.cancel();
    this.#cancelled = true;
    this.#state = 'failed';
    this.#signal.notify();
  }

  /** Takes a piece from the writer, which is its own from now on; false when it had no credit for it or has ended before. */
  receive(bytes: Uint8Array): boolean {
    if (this.#over || bytes.length > this.#credit) return false;
    this.#credit -= bytes.length;
    if (this.#cancelled || bytes.length === 0) return true;
    this.#here.give(bytes);
    this.#signal.notify();
    return true;
  }
  /** Is told that the body ended well, and what follows it, or that it broke off; false when it did before. */
  finish(state: 'ended' | 'failed', trailers: Trailers = NO_TRAILERS): boolean {
    if (this.#over) return false;
    this.#over = true;
    this.#trailers = trailers;
    this.#state = this.#cancelled ? 'failed' : state;
    this.#signal.notify();
    return true;
  }
}
