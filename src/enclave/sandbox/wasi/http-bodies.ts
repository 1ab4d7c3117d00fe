/** wasi:http bodies and trailers; a body that is dropped before `finish` is not complete. [WASI 0.2.12 wasi:http/types] */

import { trailersFlaw } from '../trailers.ts';
import type { ByteSource } from './byte-stream.ts';
import { Fields } from './http-fields.ts';
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
    const source = body.#source;
    const isBroken = source.state === 'failed';
    // What follows a body is for who has read all of it.
    const isRead = source.state === 'ended' && source.available === 0;
    const fields = isRead ? (source.trailers ?? []) : [];
    source.cancel();
    const trailers = fields.length === 0 ? undefined : Fields.received(fields);
    return new FutureTrailers(isBroken ? err({ tag: 'connection-terminated' }) : ok(trailers));
  }
  [Symbol.dispose](): void {
    this.#source.cancel();
  }
}

type Trailers = Result<Fields | undefined, Variant>;

/** wasi:http/types future-trailers; they are known when it is made. */
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
    const fields = trailers?.toHeaders() ?? [];
    const flaw = trailersFlaw(fields, body.#bytes.takesTrailers);
    if (flaw !== null) {
      body.#bytes.abort();
      return err({ tag: 'internal-error', val: flaw });
    }
    return body.#bytes.finish(fields) ? DONE : err({ tag: body.#sizeError, val: undefined });
  }
  [Symbol.dispose](): void {
    this.#bytes.abort();
  }
}
