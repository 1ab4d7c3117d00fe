/**
 * wasi:io (error, poll, streams) over sources and sinks of bytes. What a guest asks for is given at once where it can be; only `poll`, `block`
 * and the operations that are named blocking ever wait, and only then. [WASI 0.2.12 wasi:io]
 */
import { firstChange } from '../../../base/first-change.ts';
import { GuestTrap } from '../component/trap.ts';
import type { ByteSink, ByteSource } from './byte-stream.ts';
import { DONE, err, ok, type Result } from './result.ts';

const MAX_READ_BYTES = 1024 * 1024;
/** Pollables that one poll may name: each costs the host something for as long as the guest waits. */
const MAX_POLLABLES = 4096;
/** What a guest is told that it may write at once. */
const WRITE_BYTES = 64 * 1024;

/** wasi:io/error: why an operation on a stream failed. */
export class IoError {
  readonly #text: string;
  /** The same as wasi:filesystem names it; undefined for what is no error of a file. */
  readonly fileError: string | undefined;
  constructor(text: string, fileError?: string) {
    this.#text = text;
    this.fileError = fileError;
  }
  toDebugString(): string {
    return this.#text;
  }
}

export type StreamError = { readonly tag: 'closed' } | { readonly tag: 'last-operation-failed'; readonly val: IoError };
const CLOSED: Result<never, StreamError> = err({ tag: 'closed' });
const failed = (text: string, fileError?: string): Result<never, StreamError> =>
  err({ tag: 'last-operation-failed', val: new IoError(text, fileError) });

/** What may have to be waited for. */
type Maybe<T> = T | Promise<T>;

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
  block(): Promise<void> | undefined {
    return this.#ready() ? undefined : this.#blockLater();
  }
  async #blockLater(): Promise<void> {
    while (!this.#ready()) await this.#wait();
  }
  /** Resolves when the pollable may have become ready. */
  changed(): Promise<void> {
    return this.#wait();
  }
}

const readyOf = (pollables: readonly Pollable[]): number[] => pollables.flatMap((p, i) => (p.ready() ? [i] : []));

async function pollLater(pollables: readonly Pollable[]): Promise<Uint32Array> {
  for (;;) {
    const ready = readyOf(pollables);
    if (ready.length > 0) return Uint32Array.from(ready);
    await firstChange(pollables.map((p) => p.changed()));
  }
}

/**
 * Waits until at least one is ready, and gives the places of all that are. An empty list gives an empty list: the interface asks for a
 * trap, and a guest that has to be refused is better told than ended.
 */
function poll(_call: unknown, pollables: readonly Pollable[]): Maybe<Uint32Array> {
  if (pollables.length > MAX_POLLABLES) throw new GuestTrap(`a poll of more than ${MAX_POLLABLES} pollables`);
  const ready = readyOf(pollables);
  return ready.length > 0 || pollables.length === 0 ? Uint32Array.from(ready) : pollLater(pollables);
}

/** wasi:io/streams input. */
export class InputStream {
  readonly #source: ByteSource;
  constructor(source: ByteSource) {
    this.#source = source;
  }
  read(length: bigint): Result<Uint8Array, StreamError> {
    const bytes = this.#source.take(length > MAX_READ_BYTES ? MAX_READ_BYTES : Number(length));
    // Asked after `take`, which may be what finds the end.
    const { available, state } = this.#source;
    if (bytes.length > 0 || available > 0 || state === 'open') return ok(bytes);
    return state === 'ended' ? CLOSED : failed('it broke off');
  }
  blockingRead(length: bigint): Maybe<Result<Uint8Array, StreamError>> {
    const read = this.read(length);
    return read.tag === 'ok' && read.val.length === 0 && length > 0n ? this.#readLater(length) : read;
  }
  async #readLater(length: bigint): Promise<Result<Uint8Array, StreamError>> {
    await this.#blockUntilReady();
    return this.read(length);
  }
  skip(length: bigint): Result<bigint, StreamError> {
    const part = this.read(length);
    return part.tag === 'err' ? part : ok(BigInt(part.val.length));
  }
  blockingSkip(length: bigint): Maybe<Result<bigint, StreamError>> {
    return this.isReady() || length === 0n ? this.skip(length) : this.#skipLater(length);
  }
  async #skipLater(length: bigint): Promise<Result<bigint, StreamError>> {
    await this.#blockUntilReady();
    return this.skip(length);
  }
  subscribe(): Pollable {
    return new Pollable(
      () => this.isReady(),
      () => this.#source.changed(),
    );
  }
  /** Whether a read would give something, or an error, at once. */
  isReady(): boolean {
    return this.#source.available > 0 || this.#source.state !== 'open';
  }
  async #blockUntilReady(): Promise<void> {
    while (!this.isReady()) await this.#source.changed();
  }
  /** Resolves when it may have become ready. */
  changed(): Promise<void> {
    return this.#source.changed();
  }
}

/** wasi:io/streams output. Writing more at once than there is room for is a trap, as the interface asks. */
export class OutputStream {
  readonly #sink: ByteSink;
  constructor(sink: ByteSink) {
    this.#sink = sink;
  }
  checkWrite(): Result<bigint, StreamError> {
    return this.#sink.state === 'closed' ? CLOSED : ok(BigInt(Math.min(this.#sink.room, WRITE_BYTES)));
  }
  write(bytes: Uint8Array): Result<undefined, StreamError> {
    if (this.#isClosed()) return CLOSED;
    if (this.#sink.write(bytes)) return DONE;
    // A sink that closed over these bytes has said why to whoever has to know.
    if (this.#isClosed()) return failed('it is more than may be written', this.#sink.failure);
    throw new GuestTrap('it wrote more than there was room for');
  }
  blockingWriteAndFlush(bytes: Uint8Array): Maybe<Result<undefined, StreamError>> {
    return bytes.length <= this.#sink.room ? this.write(bytes) : this.#writeLater(bytes.length, bytes);
  }
  flush(): Result<undefined, StreamError> {
    return this.#sink.state === 'closed' ? CLOSED : DONE;
  }
  blockingFlush(): Maybe<Result<undefined, StreamError>> {
    return this.#isReady() ? this.flush() : this.#writeLater(0, null);
  }
  subscribe(): Pollable {
    return new Pollable(
      () => this.#isReady(),
      () => this.#sink.changed(),
    );
  }
  writeZeroes(length: bigint): Result<undefined, StreamError> {
    // Nothing so large is made only to be refused.
    if (length > WRITE_BYTES) throw new GuestTrap('it wrote more than there was room for');
    return this.write(new Uint8Array(Number(length)));
  }
  blockingWriteZeroesAndFlush(length: bigint): Maybe<Result<undefined, StreamError>> {
    if (length <= WRITE_BYTES && Number(length) <= this.#sink.room) return this.writeZeroes(length);
    return this.#writeLater(length > Number.MAX_SAFE_INTEGER ? Number.MAX_SAFE_INTEGER : Number(length), null);
  }
  splice(source: InputStream, length: bigint): Result<bigint, StreamError> {
    if (this.#sink.state === 'closed') return CLOSED;
    const room = BigInt(Math.min(this.#sink.room, WRITE_BYTES));
    const part = source.read(length < room ? length : room);
    if (part.tag === 'err') return part;
    const written = this.write(part.val);
    return written.tag === 'err' ? written : ok(BigInt(part.val.length));
  }
  blockingSplice(source: InputStream, length: bigint): Maybe<Result<bigint, StreamError>> {
    if (length === 0n || (this.#isReady() && source.isReady())) return this.splice(source, length);
    return this.#spliceLater(source, length);
  }
  async #spliceLater(source: InputStream, length: bigint): Promise<Result<bigint, StreamError>> {
    while (!this.#isReady()) await this.#sink.changed();
    while (!source.isReady() && this.#sink.state === 'open')
      await firstChange([source.changed(), this.#sink.changed()]);
    return this.splice(source, length);
  }
  #isClosed(): boolean {
    return this.#sink.state === 'closed';
  }
  #isReady(): boolean {
    return this.#sink.room > 0 || this.#sink.state === 'closed';
  }
  /** Writes so many bytes, zeroes where none are given, as there comes room, and waits until there is room for more. */
  async #writeLater(length: number, bytes: Uint8Array | null): Promise<Result<undefined, StreamError>> {
    for (let at = 0; at < length || !this.#isReady(); ) {
      const size = Math.min(length - at, this.#sink.room, WRITE_BYTES);
      if (size > 0) {
        const written = this.write(bytes === null ? new Uint8Array(size) : bytes.subarray(at, at + size));
        if (written.tag === 'err') return written;
        at += size;
      } else if (this.#sink.state === 'closed') {
        return CLOSED;
      } else {
        await this.#sink.changed();
      }
    }
    return this.flush();
  }
}

/** The interfaces of wasi:io, the same for every call. */
export const IO: Readonly<Record<string, unknown>> = {
  'wasi:io/error': { Error: IoError },
  'wasi:io/poll': { Pollable, poll },
  'wasi:io/streams': { InputStream, OutputStream },
};
