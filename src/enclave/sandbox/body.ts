/**
 * Bodies of queries, answers and outgoing requests: whole where they are small, else a stream that nobody ever holds whole. Both sides of
 * the pipe use them.
 */
import { openByteCollector } from '../../base/byte-collector.ts';
import { firstChange } from '../../base/first-change.ts';
import type { ByteSink, ByteSource } from './wasi/byte-stream.ts';

/** A body that is on its way; `length` is what was declared beforehand. */
export interface StreamedBody {
  readonly source: ByteSource;
  readonly length: number | null;
}

export type Body = Uint8Array | StreamedBody;

/** Tells whether a body is here with all its bytes. */
export function isWhole(body: Body): body is Uint8Array {
  return body instanceof Uint8Array;
}

/** What is left of bytes that are all here; several readers may share it. */
export interface InputSource {
  rest: Uint8Array;
}

/** Reads bytes that are all here, piece by piece. */
export class WholeBytes implements ByteSource {
  readonly state = 'ended';
  readonly #source: InputSource;
  constructor(source: InputSource) {
    this.#source = source;
  }
  get available(): number {
    return this.#source.rest.length;
  }
  take(maxBytes: number): Uint8Array {
    const { rest } = this.#source;
    const taken = rest.subarray(0, maxBytes);
    this.#source.rest = rest.subarray(taken.length);
    return taken;
  }
  changed(): Promise<void> {
    return Promise.resolve();
  }
  cancel(): void {
    this.#source.rest = new Uint8Array(0);
  }
}

/** Gives what a body is read from. */
export function sourceOf(body: Body): ByteSource {
  return isWhole(body) ? new WholeBytes({ rest: body }) : body.source;
}

/** Reads a body to its end; gives null, and cancels it, when it has more than `maxBytes` or breaks off. */
export async function readWhole(body: Body, maxBytes: number): Promise<Uint8Array | null> {
  if (isWhole(body)) return body.length > maxBytes ? null : body;
  const { source } = body;
  const whole = openByteCollector(maxBytes);
  for (;;) {
    const bytes = source.take(maxBytes + 1);
    if (bytes.length > 0) {
      if (whole.add(bytes)) continue;
      source.cancel();
      return null;
    }
    if (source.state !== 'open') return source.state === 'ended' ? whole.bytes() : null;
    await source.changed();
  }
}

/** Gives the pieces of a source as they come, at most `maxBytes` each; @throws TypeError when it breaks off. */
export async function* piecesOf(source: ByteSource, maxBytes: number): AsyncGenerator<Uint8Array, void, void> {
  for (;;) {
    const bytes = source.take(maxBytes);
    if (bytes.length > 0) yield bytes;
    else if (source.state === 'ended') return;
    else if (source.state === 'failed') throw new TypeError('the body broke off');
    else await source.changed();
  }
}

/**
 * Moves all of a source into a sink, as fast as both go: an end stays an end, and what breaks off breaks off. Says how it came out;
 * `unwanted` is a sink that was closed from its other side.
 */
export async function pour(
  source: ByteSource,
  sink: ByteSink,
  pieceBytes: number,
): Promise<'ended' | 'broken' | 'unwanted'> {
  while (sink.state === 'open') {
    const room = Math.min(sink.room, pieceBytes);
    const bytes = source.take(room);
    if (bytes.length > 0) {
      sink.write(bytes);
    } else if (room === 0 && source.available > 0) {
      await sink.changed();
    } else if (source.state === 'ended') {
      sink.end(source.trailers);
      return 'ended';
    } else if (source.state === 'failed') {
      sink.abort();
      return 'broken';
    } else {
      await firstChange([source.changed(), sink.changed()]);
    }
  }
  source.cancel();
  return 'unwanted';
}
