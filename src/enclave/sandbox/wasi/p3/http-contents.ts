/**
 * What a message of wasi:http carries: its body and its trailers, from a guest that writes them or from the gate. It is given away once: to the
 * wire, or to a guest. [WASI 0.3.0 wasi:http/types]
 */
import { LIMITS } from '../../../../base/limits.ts';
import { FutureReader, GivenFuture, GivenStream, type StreamReader } from '../../component/async/host-end.ts';
import { type Trailers as FieldsAfter, NO_TRAILERS, trailersFlaw } from '../../trailers.ts';
import type { ByteSink, ByteSource } from '../byte-stream.ts';
import { Fields as Fields2 } from '../http-fields.ts';
import { DONE, err, ok, type Result, type Variant } from '../result.ts';
import { giveBytes } from './byte-pumps.ts';
import { Fields } from './http-fields.ts';

type Sent = Result<undefined, Variant>;
/** What a future of trailers gives. */
type Trailers = Result<Fields | undefined, Variant>;

/** What consuming gives a guest. */
export type Consumed = readonly [GivenStream | StreamReader, GivenFuture];

/** Contents of a message. */
export interface Contents {
  /** Gives them to a guest; `told` is what it will say of how it read them. */
  consume(told: FutureReader): Consumed;
  /** Writes all of it into a sink; `declared` is the size that the message says. An error means that the sink was broken off. */
  pour(sink: ByteSink, declared: number | null): Promise<Sent>;
  /** Is told how sending went. */
  finish(how: Sent): void;
  /** Gives them up. */
  drop(): void;
}

const internalError = (text: string | undefined): Result<never, Variant> => err({ tag: 'internal-error', val: text });

/** What a guest wrote into a message that it makes. */
export class GuestContents implements Contents {
  readonly #body: StreamReader | undefined;
  readonly #trailers: FutureReader;
  readonly #sent = Promise.withResolvers<Sent>();
  readonly #sizeError: string;

  /** `sizeError` is the error for a body of another size than its message declares. */
  constructor(body: StreamReader | undefined, trailers: FutureReader, sizeError: string) {
    this.#body = body;
    this.#trailers = trailers;
    this.#sizeError = sizeError;
  }
  /** Tells the guest how sending went. */
  get sent(): GivenFuture {
    return new GivenFuture(this.#sent.promise);
  }
  finish(how: Sent): void {
    this.#sent.resolve(how);
  }
  consume(told: FutureReader): Consumed {
    const { promise: trailers, resolve } = Promise.withResolvers<unknown>();
    void this.#trailers.read().then((given) => resolve(given?.value ?? internalError(undefined)));
    void told.read().then((given) => this.finish((given?.value as Sent | undefined) ?? internalError(undefined)));
    return [this.#body ?? new GivenStream((writer) => writer.end()), new GivenFuture(trailers)];
  }
  drop(): void {
    this.#body?.drop();
    this.#trailers.drop();
    this.finish(internalError('it was never sent'));
  }

  async pour(sink: ByteSink, declared: number | null): Promise<Sent> {
    const done = await this.#pour(sink, declared);
    if (done.tag === 'ok') sink.end(done.val);
    else sink.abort();
    this.#body?.drop();
    this.#trailers.drop();
    return done.tag === 'ok' ? DONE : done;
  }

  async #pour(sink: ByteSink, declared: number | null): Promise<Result<FieldsAfter, Variant>> {
    let written = 0;
    // A guest may wait for its trailers to be taken before it closes the body.
    const trailers = this.#readTrailers(declared === null);
    for (;;) {
      while (sink.state === 'open' && sink.room === 0) await sink.changed();
      if (sink.state !== 'open') return err({ tag: 'connection-terminated' });
      // What is more than was declared is not taken, so that its guest learns what was not.
      const total = declared === null ? 0 : written + ((await this.#body?.offered()) ?? 0);
      if (declared !== null && total > declared) return err({ tag: this.#sizeError, val: BigInt(total) });
      const pieces = (await this.#body?.read(Math.min(sink.room, LIMITS.guestStreamBytes))) ?? null;
      if (pieces === null) break;
      written += pieces.reduce((sum, bytes) => sum + bytes.length, 0);
      if (declared !== null && written > declared) return err({ tag: this.#sizeError, val: BigInt(written) });
      for (const bytes of pieces as readonly Uint8Array[]) {
        if (!sink.write(bytes)) return err({ tag: 'connection-terminated' });
      }
    }
    if (declared !== null && written < declared) return err({ tag: this.#sizeError, val: BigInt(written) });
    return await trailers;
  }

  async #readTrailers(hasPlace: boolean): Promise<Result<FieldsAfter, Variant>> {
    const trailers = (await this.#trailers.read())?.value as Trailers | undefined;
    if (trailers === undefined) return internalError('its trailers were never written');
    if (trailers.tag === 'err') return trailers;
    const fields = trailers.val?.inner.toHeaders() ?? NO_TRAILERS;
    const flaw = trailersFlaw(fields, hasPlace);
    return flaw === null ? ok(fields) : internalError(flaw);
  }
}

/** What the gate sends. */
export class GateContents implements Contents {
  readonly #source: ByteSource;
  readonly #error: string;

  /** `error` is what a guest is told when the body breaks off. */
  constructor(source: ByteSource, error: string) {
    this.#source = source;
    this.#error = error;
  }
  consume(told: FutureReader): Consumed {
    const { stream, end } = giveBytes(this.#source);
    void told.read();
    const trailers = end.then((how): Trailers => {
      if (how === 'dropped') this.#source.cancel();
      if (how === 'failed') return err({ tag: this.#error });
      const fields = how === 'ended' ? (this.#source.trailers ?? NO_TRAILERS) : NO_TRAILERS;
      return ok(fields.length === 0 ? undefined : new Fields(null, Fields2.received(fields)));
    });
    return [stream, new GivenFuture(trailers)];
  }
  /** The size is what the gate says, so it needs no look. */
  async pour(sink: ByteSink, declared: number | null): Promise<Sent> {
    const source = this.#source;
    for (;;) {
      if (sink.state !== 'open') break;
      const bytes = source.take(Math.min(sink.room, LIMITS.guestStreamBytes));
      if (bytes.length > 0) sink.write(bytes);
      else if (sink.room === 0) await sink.changed();
      else if (source.state === 'open') await source.changed();
      else if (source.state === 'failed') break;
      else {
        // One who passes a message on under a length of his own has no place for them either.
        if (trailersFlaw(source.trailers ?? NO_TRAILERS, declared === null) !== null) break;
        sink.end(source.trailers);
        return DONE;
      }
    }
    sink.abort();
    source.cancel();
    return err({ tag: this.#error });
  }
  finish(): void {
    // Nobody waits for it: what the gate sent was made by no guest.
  }
  drop(): void {
    this.#source.cancel();
  }
}
