/**
 * wasi:io (error, poll, streams) over buffers: a guest's input is whole before the guest starts, and its output is collected up to
 * a budget. So only `poll` and `pollable.block` ever wait. [WASI 0.2.12 wasi:io]
 */
import { type ByteCollector, openByteCollector } from '../../../base/byte-collector.ts';
import { DONE, err, ok, type Result } from './result.ts';

const MAX_READ_BYTES = 1024 * 1024;
const WRITE_BYTES = 64n * 1024n;

/** wasi:io/error: why an operation on a stream failed. */
export class IoError {
  readonly #text: string;
  constructor(text: string) {
    this.#text = text;
  }
  toDebugString(): string {
    return this.#text;
  }
}

export type StreamError = { readonly tag: 'closed' } | { readonly tag: 'last-operation-failed'; readonly val: IoError };
const CLOSED: Result<never, StreamError> = err({ tag: 'closed' });

/** wasi:io/poll: something that is ready now, or will be when its promise resolves. */
export class Pollable {
  readonly #ready: () => boolean;
  readonly #wait: () => Promise<void>;
  constructor(ready: () => boolean, wait: () => Promise<void>) {
    this.#ready = ready;
    this.#wait = wait;
  }
  ready(): boolean {
    return this.#ready();
  }
  async block(): Promise<void> {
    while (!this.#ready()) await this.#wait();
  }
  /** Resolves when the pollable may have become ready. */
  changed(): Promise<void> {
    return this.#wait();
  }
}

const alwaysReady = (): Pollable =>
  new Pollable(
    () => true,
    () => Promise.resolve(),
  );

/**
 * Waits until at least one is ready, and gives the places of all that are. An empty list gives an empty list: the interface asks for a
 * trap, and a guest that has to be refused is better told than ended.
 */
async function poll(_call: unknown, pollables: readonly Pollable[]): Promise<Uint32Array> {
  for (;;) {
    if (pollables.length === 0) return new Uint32Array(0);
    const ready = pollables.flatMap((p, i) => (p.ready() ? [i] : []));
    if (ready.length > 0) return Uint32Array.from(ready);
    await Promise.race(pollables.map((p) => p.changed()));
  }
}

/** Bytes that streams read from; several streams over one source share its position. */
export interface InputSource {
  rest: Uint8Array;
}

/** wasi:io/streams input over bytes that are all there. */
export class InputStream {
  readonly #source: InputSource;
  constructor(source: InputSource) {
    this.#source = source;
  }
  read(length: bigint): Result<Uint8Array, StreamError> {
    const { rest } = this.#source;
    if (rest.length === 0) return CLOSED;
    const part = rest.subarray(0, length > MAX_READ_BYTES ? MAX_READ_BYTES : Number(length));
    this.#source.rest = rest.subarray(part.length);
    return ok(part);
  }
  blockingRead(length: bigint): Result<Uint8Array, StreamError> {
    return this.read(length);
  }
  skip(length: bigint): Result<bigint, StreamError> {
    const part = this.read(length);
    return part.tag === 'err' ? part : ok(BigInt(part.val.length));
  }
  blockingSkip(length: bigint): Result<bigint, StreamError> {
    return this.skip(length);
  }
  subscribe(): Pollable {
    return alwaysReady();
  }
}

/** What is left of the bytes that a guest may write; several buffers may share one. */
export interface Allowance {
  leftBytes: number;
}

/** Collects what a guest writes, up to its allowance; past it everything is refused and `exceeded` is called. */
export class OutputBuffer {
  readonly #allowance: Allowance;
  readonly #exceeded: () => void;
  #written: ByteCollector = openByteCollector(Number.POSITIVE_INFINITY);
  constructor(allowance: Allowance, exceeded: () => void) {
    this.#allowance = allowance;
    this.#exceeded = exceeded;
  }
  get left(): number {
    return this.#allowance.leftBytes;
  }
  /** Keeps a copy of the bytes; false when they are more than is left. */
  write(bytes: Uint8Array): boolean {
    if (bytes.length > this.left) {
      this.#allowance.leftBytes = 0;
      this.#exceeded();
      return false;
    }
    this.#written.add(bytes);
    this.#allowance.leftBytes -= bytes.length;
    return true;
  }
  bytes(): Uint8Array {
    return this.#written.bytes();
  }
  /** Gives what was written, and forgets it. */
  take(): Uint8Array {
    const written = this.bytes();
    if (written.length > 0) this.#written = openByteCollector(Number.POSITIVE_INFINITY);
    return written;
  }
}

/** wasi:io/streams output into a buffer. */
export class OutputStream {
  readonly #buffer: OutputBuffer;
  constructor(buffer: OutputBuffer) {
    this.#buffer = buffer;
  }
  checkWrite(): Result<bigint, StreamError> {
    return ok(WRITE_BYTES);
  }
  write(bytes: Uint8Array): Result<undefined, StreamError> {
    return this.#buffer.write(bytes) ? DONE : err({ tag: 'last-operation-failed', val: new IoError('output limit') });
  }
  blockingWriteAndFlush(bytes: Uint8Array): Result<undefined, StreamError> {
    return this.write(bytes);
  }
  flush(): Result<undefined, StreamError> {
    return DONE;
  }
  blockingFlush(): Result<undefined, StreamError> {
    return DONE;
  }
  subscribe(): Pollable {
    return alwaysReady();
  }
  writeZeroes(length: bigint): Result<undefined, StreamError> {
    const room = BigInt(this.#buffer.left) + 1n;
    return this.write(new Uint8Array(Number(length < room ? length : room)));
  }
  blockingWriteZeroesAndFlush(length: bigint): Result<undefined, StreamError> {
    return this.writeZeroes(length);
  }
  splice(source: InputStream, length: bigint): Result<bigint, StreamError> {
    const part = source.read(length);
    if (part.tag === 'err') return part;
    const written = this.write(part.val);
    return written.tag === 'err' ? written : ok(BigInt(part.val.length));
  }
  blockingSplice(source: InputStream, length: bigint): Result<bigint, StreamError> {
    return this.splice(source, length);
  }
}

/** The interfaces of wasi:io, the same for every call. */
export const IO: Readonly<Record<string, unknown>> = {
  'wasi:io/error': { Error: IoError },
  'wasi:io/poll': { Pollable, poll },
  'wasi:io/streams': { InputStream, OutputStream },
};
