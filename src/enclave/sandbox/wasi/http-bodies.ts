/** wasi:http bodies and trailers; a body that is dropped before `finish` is not complete. [WASI 0.2.12 wasi:http/types] */
import type { ByteSource } from './byte-stream.ts';
import type { Fields } from './http-fields.ts';
import { InputStream, OutputStream, Pollable } from './io.ts';
import type { OutgoingBytes } from './outgoing-bytes.ts';
import { DONE, err, ok, type Result, type Variant } from './result.ts';

const NOT_AGAIN: Result<never, undefined> = err(undefined);

/** wasi:http/types incoming-body. */
export class IncomingBody {
  readonly #source: ByteSource;
  #taken = false;
  constructor(source: ByteSource) {
    this.#source = source;
  }
  stream(): Result<InputStream, undefined> {
    if (this.#taken) return NOT_AGAIN;
    this.#taken = true;
    return ok(new InputStream(this.#source));
  }
  static finish(_call: unknown, body: IncomingBody): FutureTrailers {
    const isBroken = body.#source.state === 'failed';
    body.#source.cancel();
    return new FutureTrailers(isBroken ? err({ tag: 'connection-terminated' }) : ok(undefined));
  }
  [Symbol.dispose](): void {
    this.#source.cancel();
  }
}

type Trailers = Result<Fields | undefined, Variant>;

/** wasi:http/types future-trailers; there never are any. */
export class FutureTrailers {
  readonly #trailers: Trailers;
  #taken = false;
  constructor(trailers: Trailers) {
    this.#trailers = trailers;
  }
  subscribe(): Pollable {
    return new Pollable(
      () => true,
      () => Promise.resolve(),
    );
  }
  get(): Result<Trailers, undefined> {
    if (this.#taken) return NOT_AGAIN;
    this.#taken = true;
    return ok(this.#trailers);
  }
}

/** wasi:http/types outgoing-body. */
export class OutgoingBody {
  readonly #bytes: OutgoingBytes;
  /** The error for a body that has not the length that was declared. */
  readonly #sizeError: string;
  #taken = false;
  constructor(bytes: OutgoingBytes, sizeError: string) {
    this.#bytes = bytes;
    this.#sizeError = sizeError;
  }
  write(): Result<OutputStream, undefined> {
    if (this.#taken) return NOT_AGAIN;
    this.#taken = true;
    return ok(new OutputStream(this.#bytes));
  }
  static finish(_call: unknown, body: OutgoingBody, trailers: Fields | undefined): Result<undefined, Variant> {
    // The frames have no place for trailers, and dropping them silently could drop a signature.
    if (trailers !== undefined && trailers.entries().length > 0) {
      body.#bytes.abort();
      return err({ tag: 'internal-error', val: 'trailers are not supported' });
    }
    return body.#bytes.finish() ? DONE : err({ tag: body.#sizeError, val: undefined });
  }
  [Symbol.dispose](): void {
    this.#bytes.abort();
  }
}
