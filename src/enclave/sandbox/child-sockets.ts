/** The way out of one call's sockets in the function's own process: asks the gate, and gives its connections as the bodies of their numbers. */
import type { Head } from './frame-head.ts';
import { FRAME } from './messages.ts';
import type { IpAddress, SocketAddress } from './net/address.ts';
import type { NetError } from './net/net-error.ts';
import type { Connection, Outside } from './net/outside.ts';
import type { OpenBodies } from './open-bodies.ts';
import { type ConnectAnswer, type LookupAnswer, writeConnect, writeLookup } from './socket-messages.ts';

/** Lookups and connections that wait for the gate: a guest that never looks for an answer must not pile up more. */
const MAX_WAITING = 256;

export interface ChildSocketsOptions {
  /** Gives the number of the next request, or null when the call is over. */
  readonly nextNumber: () => number | null;
  readonly send: (type: number, head: Head) => void;
  readonly bodies: () => OpenBodies;
}

export class ChildSockets implements Outside {
  readonly #options: ChildSocketsOptions;
  readonly #lookups = new Map<number, (answer: readonly IpAddress[] | NetError) => void>();
  readonly #connects = new Map<number, (answer: Connection | NetError) => void>();
  constructor(options: ChildSocketsOptions) {
    this.#options = options;
  }

  resolve(name: string): Promise<readonly IpAddress[] | NetError> {
    return this.#ask(this.#lookups, FRAME.lookup, (number) => writeLookup(number, name));
  }
  connect(remote: SocketAddress): Promise<Connection | NetError> {
    return this.#ask(this.#connects, FRAME.connect, (number) => writeConnect(number, remote));
  }
  #ask<T>(
    waiting: Map<number, (answer: T | NetError) => void>,
    type: number,
    write: (number: number) => Head,
  ): Promise<T | NetError> {
    if (this.#lookups.size + this.#connects.size >= MAX_WAITING) return Promise.resolve('new-socket-limit');
    const number = this.#options.nextNumber();
    if (number === null) return Promise.resolve('access-denied');
    const { promise, resolve } = Promise.withResolvers<T | NetError>();
    waiting.set(number, resolve);
    this.#options.send(type, write(number));
    return promise;
  }

  /** Answers whatever still waits: its call is over. */
  end(): void {
    for (const resolve of [...this.#lookups.values(), ...this.#connects.values()]) resolve('access-denied');
    this.#lookups.clear();
    this.#connects.clear();
  }

  /** Takes what came of a lookup. */
  takeLookup({ number, answer }: LookupAnswer): void {
    this.#lookups.get(number)?.(answer);
    this.#lookups.delete(number);
  }
  /** Takes what came of a connection; its ends are there before the next frame is read. */
  takeConnect({ number, error }: ConnectAnswer): void {
    const resolve = this.#connects.get(number);
    this.#connects.delete(number);
    if (resolve === undefined) return;
    if (error !== null) return resolve(error);
    const bodies = this.#options.bodies();
    resolve({ source: bodies.read(number), sink: bodies.write(number) });
  }
}
