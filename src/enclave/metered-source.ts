/**
 * A body on its way with a count of its bytes and a cap on them: what goes over breaks off at the cap, and looks broken off. Whoever meters it
 * hears of each piece before it goes on, and of the end before anybody else can take the body for complete.
 */
import { countTrailerBytes, NO_TRAILERS, type Trailers } from './sandbox/trailers.ts';
import type { ByteSource } from './sandbox/wasi/byte-stream.ts';

export interface Meter {
  readonly maxBytes: number;
  /** Is told of each piece; false lets nothing of it through, and ends the body as one that is over its cap. */
  readonly onBytes: (bytes: number) => boolean;
  /** Gives what may follow the body of what does; null makes the body one that is over its cap. Its bytes count as those of the body do. */
  readonly onTrailers: (trailers: Trailers) => Trailers | null;
  /** Is told once how it came out; false makes a body that has ended look broken off. */
  readonly onEnd: (end: MeteredEnd) => boolean;
}

/** `exceeded`: it went over a cap; `broken`: it broke off by itself; `unwanted`: its reader wanted no more. */
export type MeteredEnd = 'ended' | 'broken' | 'exceeded' | 'unwanted';

const NOTHING = new Uint8Array(0);

export class MeteredSource implements ByteSource {
  readonly #source: ByteSource;
  readonly #meter: Meter;
  #bytes = 0;
  #end: MeteredEnd | null = null;
  #isComplete = false;
  #trailers = NO_TRAILERS;

  constructor(source: ByteSource, meter: Meter) {
    this.#source = source;
    this.#meter = meter;
  }
  /** Bytes that went through. */
  get bytes(): number {
    return this.#bytes;
  }
  /** How it came out; null while it goes on. */
  get end(): MeteredEnd | null {
    return this.#end;
  }
  get state(): ByteSource['state'] {
    if (this.#end === null) this.#look();
    if (this.#end === null) return 'open';
    return this.#isComplete ? 'ended' : 'failed';
  }
  get trailers(): Trailers {
    return this.#isComplete ? this.#trailers : NO_TRAILERS;
  }
  get available(): number {
    return this.#end === null ? this.#source.available : 0;
  }
  take(maxBytes: number): Uint8Array {
    if (this.#end !== null) return NOTHING;
    const taken = this.#source.take(maxBytes);
    if (taken.length === 0) {
      this.#look();
      return NOTHING;
    }
    const fits = taken.subarray(0, this.#meter.maxBytes - this.#bytes);
    const passes = this.#meter.onBytes(taken.length);
    if (passes) this.#bytes += fits.length;
    if (!passes || fits.length < taken.length) {
      this.#source.cancel();
      this.#finish('exceeded');
    }
    return passes ? fits : NOTHING;
  }
  changed(): Promise<void> {
    return this.#source.changed();
  }
  cancel(): void {
    if (this.#end !== null) return;
    this.#source.cancel();
    this.#finish('unwanted');
  }

  #look(): void {
    if (this.#source.available > 0 || this.#source.state === 'open') return;
    if (this.#source.state === 'ended') this.#finish(this.#takeTrailers() ? 'ended' : 'exceeded');
    else this.#finish('broken');
  }
  #takeTrailers(): boolean {
    const { trailers: given = NO_TRAILERS } = this.#source;
    if (given.length === 0) return true;
    const trailers = this.#meter.onTrailers(given);
    const bytes = countTrailerBytes(given);
    if (trailers === null || this.#bytes + bytes > this.#meter.maxBytes || !this.#meter.onBytes(bytes)) return false;
    this.#bytes += bytes;
    this.#trailers = trailers;
    return true;
  }
  #finish(end: MeteredEnd): void {
    this.#end = end;
    this.#isComplete = this.#meter.onEnd(end) && end === 'ended';
  }
}
