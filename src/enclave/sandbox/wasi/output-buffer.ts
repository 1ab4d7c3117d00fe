/** Collects what a guest writes beside its answer, up to an allowance; it always has room, and is over once a guest has gone past that. */
import { type ByteCollector, openByteCollector } from '../../../base/byte-collector.ts';
import type { ByteSink } from './byte-stream.ts';

/** What is left of the bytes that a guest may write; several outputs may share one. */
export interface Allowance {
  leftBytes: number;
}

/** Collects what a guest writes, up to its allowance; past it everything is refused and `exceeded` is called. */
export class OutputBuffer implements ByteSink {
  readonly room: number = Number.MAX_SAFE_INTEGER;
  readonly #allowance: Allowance;
  readonly #exceeded: () => void;
  #written: ByteCollector = openByteCollector(Number.POSITIVE_INFINITY);
  #state: ByteSink['state'] = 'open';
  constructor(allowance: Allowance, exceeded: () => void) {
    this.#allowance = allowance;
    this.#exceeded = exceeded;
  }
  get state(): ByteSink['state'] {
    return this.#state;
  }
  get left(): number {
    return this.#allowance.leftBytes;
  }
  write(bytes: Uint8Array): boolean {
    if (bytes.length > this.#allowance.leftBytes) {
      this.#allowance.leftBytes = 0;
      this.#state = 'closed';
      this.#exceeded();
      return false;
    }
    this.#written.add(bytes);
    this.#allowance.leftBytes -= bytes.length;
    return true;
  }
  end(): void {
    this.#state = 'closed';
  }
  abort(): void {
    this.#state = 'closed';
  }
  changed(): Promise<void> {
    return Promise.resolve();
  }
  bytes(): Uint8Array {
    return this.#written.bytes();
  }
  /** Gives what was written, and forgets it. */
  take(): Uint8Array {
    const written = this.bytes();
    if (written.length > 0) this.#written = openByteCollector(Number.POSITIVE_INFINITY);
    this.#state = 'open';
    return written;
  }
}
