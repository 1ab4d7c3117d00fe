/**
 * Reads a stream of Node piece by piece, as far as somebody asks for it: what nobody takes is not read from the network either. Has the shape
 * that bodies have everywhere in a worker, and never throws: a stream that fails says so by its state.
 */
import type { Readable } from 'node:stream';
import { ChangeSignal } from '../base/change-signal.ts';
import { pairFields, type RawField } from './raw-fields.ts';

/** A stream, and a message of HTTP with what follows its body. */
export type SourceStream = Readable & { readonly rawTrailers?: readonly string[] };

export class ReadableSource {
  readonly #stream: SourceStream;
  readonly #signal = new ChangeSignal();
  #state: 'open' | 'ended' | 'failed' = 'open';

  /** `whenDone` is called once, when nothing more will be read, perhaps at once; what else the stream holds can be let go then. */
  constructor(stream: SourceStream, whenDone: (how: 'ended' | 'failed') => void = () => undefined) {
    this.#stream = stream;
    const close = (state: 'ended' | 'failed'): void => {
      if (this.#state !== 'open') return;
      this.#state = state;
      this.#signal.notify();
      whenDone(state);
    };
    stream.on('readable', () => {
      if (stream.readableLength === 0) stream.read(0);
      this.#signal.notify();
    });
    stream.once('end', () => close('ended'));
    stream.on('error', () => close('failed'));
    stream.once('close', () => close('failed'));
    if (stream.destroyed) close('failed');
  }
  get state(): 'open' | 'ended' | 'failed' {
    return this.#state;
  }
  get trailers(): readonly RawField[] {
    return this.#state === 'ended' ? pairFields(this.#stream.rawTrailers ?? []) : [];
  }
  get available(): number {
    return this.#state === 'failed' ? 0 : this.#stream.readableLength;
  }
  take(maxBytes: number): Uint8Array {
    const size = Math.min(maxBytes, this.available);
    const bytes = size === 0 ? null : (this.#stream.read(size) as Uint8Array | null);
    // What tells the stream to go on, or that its end was seen.
    if (this.#state === 'open' && this.#stream.readableLength === 0) this.#stream.read(0);
    return bytes ?? new Uint8Array(0);
  }
  changed(): Promise<void> {
    return this.#signal.changed();
  }
  cancel(): void {
    this.#stream.destroy();
  }
}
