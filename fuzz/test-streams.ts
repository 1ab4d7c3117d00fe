/** A source and a sink of bytes whose other ends are a script's: they give, take, end and break off when it says so. */
import { ChangeSignal } from '../src/base/change-signal.ts';
import type { ByteSink, ByteSource } from '../src/enclave/sandbox/wasi/byte-stream.ts';
import type { Choices } from './choices.ts';

/** More than a window, so that who writes it has to wait for credit. */
const PIECE = 300_000;

export class TestSource implements ByteSource {
  readonly #signal = new ChangeSignal();
  state: ByteSource['state'] = 'open';
  available = 0;
  isRead = false;
  /** Who was given it to read. */
  readonly of: string;
  constructor(of: string) {
    this.of = of;
  }
  change(what: 'more' | 'ended' | 'failed'): void {
    if (this.state !== 'open') return;
    if (what === 'more') this.available += PIECE;
    else this.state = what;
    this.#signal.notify();
  }
  take(maxBytes: number): Uint8Array {
    this.isRead = true;
    const taken = Math.min(maxBytes, this.available);
    this.available -= taken;
    return new Uint8Array(taken);
  }
  changed(): Promise<void> {
    return this.#signal.changed();
  }
  cancel(): void {
    this.available = 0;
    if (this.state === 'open') this.state = 'failed';
    this.#signal.notify();
  }
}

export class TestSink implements ByteSink {
  readonly #signal = new ChangeSignal();
  state: ByteSink['state'] = 'open';
  room: number;
  constructor(room: number) {
    this.room = room;
  }
  change(choices: Choices): void {
    if (choices.chance(0.3)) this.state = 'closed';
    else this.room += PIECE;
    this.#signal.notify();
  }
  write(bytes: Uint8Array): boolean {
    if (bytes.length > this.room || this.state === 'closed') return false;
    this.room -= bytes.length;
    return true;
  }
  end(): void {
    this.state = 'closed';
    this.#signal.notify();
  }
  abort(): void {
    this.end();
  }
  changed(): Promise<void> {
    return this.#signal.changed();
  }
}
