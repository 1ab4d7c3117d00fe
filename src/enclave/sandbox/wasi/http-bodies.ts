/** wasi:http bodies and trailers over buffers; a body that is dropped before `finish` is not complete. [WASI 0.2.12 wasi:http/types] */
import type { Fields } from './http-fields.ts';
import { InputStream, type OutputBuffer, OutputStream, Pollable } from './io.ts';
import { DONE, err, ok, type Result, type Variant } from './result.ts';

const NOT_AGAIN: Result<never, undefined> = err(undefined);

/** wasi:http/types incoming-body. */
export class IncomingBody {
  readonly #bytes: Uint8Array;
  #taken = false;
  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }
  stream(): Result<InputStream, undefined> {
    if (this.#taken) return NOT_AGAIN;
    this.#taken = true;
    return ok(new InputStream({ rest: this.#bytes }));
  }
  static finish(_call: unknown, _body: IncomingBody): FutureTrailers {
    return new FutureTrailers();
  }
}

/** wasi:http/types future-trailers; there never are any. */
export class FutureTrailers {
  #taken = false;
  subscribe(): Pollable {
    return new Pollable(
      () => true,
      () => Promise.resolve(),
    );
  }
  get(): Result<Result<Fields | undefined, Variant>, undefined> {
    if (this.#taken) return NOT_AGAIN;
    this.#taken = true;
    return ok(ok(undefined));
  }
}

/** wasi:http/types outgoing-body. */
export class OutgoingBody {
  readonly #buffer: OutputBuffer;
  readonly #ended: (bytes: Uint8Array | null) => void;
  #taken = false;
  #over = false;
  /** `ended` is told the bytes at `finish`, or null when the guest drops the body before that. */
  constructor(buffer: OutputBuffer, ended: (bytes: Uint8Array | null) => void) {
    this.#buffer = buffer;
    this.#ended = ended;
  }
  write(): Result<OutputStream, undefined> {
    if (this.#taken) return NOT_AGAIN;
    this.#taken = true;
    return ok(new OutputStream(this.#buffer));
  }
  static finish(_call: unknown, body: OutgoingBody, trailers: Fields | undefined): Result<undefined, Variant> {
    // The frames have no place for trailers, and dropping them silently could drop a signature.
    if (trailers !== undefined && trailers.entries().length > 0) {
      body.#end(null);
      return err({ tag: 'internal-error', val: 'trailers are not supported' });
    }
    body.#end(body.#buffer.bytes());
    return DONE;
  }
  [Symbol.dispose](): void {
    this.#end(null);
  }
  #end(bytes: Uint8Array | null): void {
    if (this.#over) return;
    this.#over = true;
    this.#ended(bytes);
  }
}
