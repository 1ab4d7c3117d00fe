/**
 * The writing end of a body that goes out in frames: never more than one window is under way, whatever is written. Small writes of one turn
 * go out as one piece.
 */

import { ChangeSignal } from '../../base/change-signal.ts';
import { LIMITS } from '../../base/limits.ts';
import { ByteQueue } from './byte-queue.ts';
import { NO_TRAILERS, type Trailers } from './trailers.ts';
import type { ByteSink } from './wasi/byte-stream.ts';

/** What a writer says to the reader. */
export interface WriterVoice {
  piece(bytes: Uint8Array): void;
  /** Ends the body with its last bytes, which may be none, and what follows them. */
  end(bytes: Uint8Array, trailers: Trailers): void;
  abort(): void;
}

export class BodyWriter implements ByteSink {
  readonly #voice: WriterVoice;
  readonly #kept = new ByteQueue();
  readonly #signal = new ChangeSignal();
  /** What was sent, and not yet given back as credit. */
  #underWay = 0;
  #flushing = false;
  #phase: 'open' | 'ending' | 'over' = 'open';
  #trailers = NO_TRAILERS;
  readonly #over = Promise.withResolvers<void>();

  constructor(voice: WriterVoice) {
    this.#voice = voice;
  }
  get state(): ByteSink['state'] {
    return this.#phase === 'open' ? 'open' : 'closed';
  }
  get room(): number {
    return this.#phase === 'open' ? Math.max(0, LIMITS.windowBytes - this.#underWay - this.#kept.size) : 0;
  }
  /** Resolves when its last frame is sent. */
  get over(): Promise<void> {
    return this.#over.promise;
  }
  write(bytes: Uint8Array): boolean {
    if (bytes.length > this.room) return false;
    this.#keep(bytes);
    return true;
  }
  /** Takes bytes that were written before there was anybody to send them to: they wait for credit here. */
  begin(bytes: Uint8Array): void {
    this.#keep(bytes);
  }
  end(trailers: Trailers = NO_TRAILERS): void {
    if (this.#phase !== 'open') return;
    this.#phase = 'ending';
    this.#trailers = trailers;
    this.#signal.notify();
    this.#flush();
  }
  abort(): void {
    if (this.#phase === 'over') return;
    this.#voice.abort();
    this.close();
  }
  changed(): Promise<void> {
    return this.#signal.changed();
  }

  /** Takes credit from the reader; false when it is more than was under way. */
  credit(bytes: number): boolean {
    if (bytes > this.#underWay) return false;
    this.#underWay -= bytes;
    this.#flush();
    this.#signal.notify();
    return true;
  }
  /** Closes without a word: the other side is gone, or has said so. */
  close(): void {
    this.#phase = 'over';
    this.#kept.clear();
    this.#signal.notify();
    this.#over.resolve();
  }

  #keep(bytes: Uint8Array): void {
    // Whoever does not know yet that nobody takes it must not fill this.
    if (bytes.length === 0 || this.#phase === 'over') return;
    this.#kept.push(bytes);
    if (this.#kept.size >= LIMITS.pieceBytes) this.#flush();
    else if (!this.#flushing) {
      this.#flushing = true;
      queueMicrotask(() => {
        this.#flushing = false;
        this.#flush();
      });
    }
  }

  #flush(): void {
    if (this.#phase === 'over') return;
    for (;;) {
      const size = Math.min(this.#kept.size, LIMITS.pieceBytes, LIMITS.windowBytes - this.#underWay);
      const isLast = this.#phase === 'ending' && size === this.#kept.size;
      if (size === 0 && !isLast) return;
      this.#underWay += size;
      const bytes = this.#kept.take(size);
      if (!isLast) {
        this.#voice.piece(bytes);
        continue;
      }
      this.#voice.end(bytes, this.#trailers);
      return this.close();
    }
  }
}
