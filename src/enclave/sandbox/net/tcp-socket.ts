/**
 * One TCP socket of a call, as the state machine that WASI describes; it knows nothing of how WASI names its functions. What becomes of the
 * bytes of a connection is decided by its two ends, which outlive the socket. [WASI 0.2.12 TcpSocketOperationalSemantics]
 */

import { ChangeSignal } from '../../../base/change-signal.ts';
import { LIMITS } from '../../../base/limits.ts';
import type { ByteSink, ByteSource } from '../wasi/byte-stream.ts';
import { type AddressFamily, anyAddress, isAny, isLoopback, loopbackAddress, type SocketAddress } from './address.ts';
import { localFlaw, remoteFlaw } from './address-flaws.ts';
import type { NetError } from './net-error.ts';
import type { Connection } from './outside.ts';
import type { PortTable } from './port-table.ts';
import type { SharedParts } from './shared-parts.ts';
import { NEW_TCP_OPTIONS, type TcpOptions } from './socket-options.ts';

export type TcpState = 'unbound' | 'bound' | 'listening' | 'connecting' | 'connected' | 'closed';

export class TcpSocket {
  readonly family: AddressFamily;
  readonly options: TcpOptions;
  readonly #parts: SharedParts;
  readonly #ports: PortTable<TcpSocket>;
  readonly #changes = new ChangeSignal();
  readonly #pending: TcpSocket[] = [];
  #state: TcpState = 'unbound';
  #failure: NetError = 'invalid-state';
  #backlog: number = LIMITS.socketBacklog;
  #bound: SocketAddress | null = null;
  #local: SocketAddress | null = null;
  #remote: SocketAddress | null = null;
  #source: ByteSource | null = null;
  #sink: ByteSink | null = null;
  #isDropped = false;

  /** The socket has been counted before it is made. */
  constructor(
    parts: SharedParts,
    ports: PortTable<TcpSocket>,
    family: AddressFamily,
    options: TcpOptions = NEW_TCP_OPTIONS,
  ) {
    this.#parts = parts;
    this.#ports = ports;
    this.family = family;
    this.options = { ...options };
  }

  get state(): TcpState {
    return this.#state;
  }

  /** Why the socket could not connect. */
  get failure(): NetError {
    return this.#failure;
  }

  /** Resolves when a connection was made, failed or waits to be accepted. */
  changed(): Promise<void> {
    return this.#changes.changed();
  }

  localAddress(): SocketAddress | NetError {
    return this.#local ?? 'invalid-state';
  }

  remoteAddress(): SocketAddress | NetError {
    return this.#remote ?? 'invalid-state';
  }

  setBacklog(value: bigint): NetError | null {
    if (value === 0n) return 'invalid-argument';
    if (this.#state === 'connecting' || this.#state === 'connected' || this.#state === 'closed') return 'invalid-state';
    this.#backlog = value > BigInt(LIMITS.socketBacklog) ? LIMITS.socketBacklog : Number(value);
    return null;
  }

  bind(local: SocketAddress): NetError | null {
    if (this.#state !== 'unbound') return 'invalid-state';
    const error = localFlaw(this.family, local) ?? this.#claim(local);
    if (error === null) this.#state = 'bound';
    return error;
  }

  #claim(local: SocketAddress): NetError | null {
    const claimed = this.#ports.claim(this, local);
    if (typeof claimed === 'string') return claimed;
    this.#bound = claimed;
    this.#local = claimed;
    return null;
  }

  /** Begins to listen, on a free port if the socket was not bound. */
  listen(): NetError | null {
    if (this.#state !== 'unbound' && this.#state !== 'bound') return 'invalid-state';
    const error = this.#bound === null ? this.#claim({ ip: anyAddress(this.family), port: 0 }) : null;
    this.#state = error === null ? 'listening' : 'closed';
    return error;
  }

  /** True when `accept` has something to give. */
  get hasPending(): boolean {
    return this.#pending.length > 0;
  }

  /** Gives the connection that has waited longest, null when none waits. */
  accept(): TcpSocket | NetError | null {
    return this.#state === 'listening' ? (this.#pending.shift() ?? null) : 'invalid-state';
  }

  /**
   * Begins to connect; the state says how it went. A socket connects once: after a failure it is closed. An address that nothing can have is no
   * attempt, and changes nothing.
   */
  startConnect(remote: SocketAddress): NetError | null {
    if (this.#state !== 'unbound' && this.#state !== 'bound') return 'invalid-state';
    const flaw = remoteFlaw(this.family, remote);
    if (flaw !== null) return flaw;
    const inside = isLoopback(remote.ip);
    if (this.#bound === null) {
      const ip = inside ? loopbackAddress(this.family) : anyAddress(this.family);
      const error = this.#claim({ ip, port: 0 });
      if (error !== null) return this.#fail(error);
    }
    this.#state = 'connecting';
    if (inside) this.#connectInside(remote);
    else void this.#connectOutside(remote);
    return null;
  }

  /** Connects, and says how it went. */
  async connect(remote: SocketAddress): Promise<NetError | null> {
    const error = this.startConnect(remote);
    if (error !== null) return error;
    while (this.state === 'connecting') await this.changed();
    return this.state === 'connected' ? null : this.failure;
  }

  #connectInside(remote: SocketAddress): void {
    const bound = this.#bound;
    const listener = this.#ports.find(remote);
    if (bound === null || listener === null) return void this.#fail('connection-refused');
    const local = isAny(bound.ip) ? { ip: loopbackAddress(this.family), port: bound.port } : bound;
    const given = listener.#offer(remote, local);
    if (typeof given === 'string') return void this.#fail(given);
    this.#begin(given, local, remote);
  }

  /** Has a connection wait to be accepted, and gives its other end. */
  #offer(local: SocketAddress, remote: SocketAddress): Connection | NetError {
    if (this.#state !== 'listening' || this.#pending.length >= this.#backlog) return 'connection-refused';
    if (!this.#parts.sockets.take()) return 'out-of-memory';
    const pipes = this.#parts.openPipes();
    if (pipes === null) {
      this.#parts.sockets.give();
      return 'out-of-memory';
    }
    const [there, back] = pipes;
    const accepted = new TcpSocket(this.#parts, this.#ports, this.family, this.options);
    accepted.#begin({ source: there.source, sink: back.sink }, local, remote);
    this.#pending.push(accepted);
    this.#changes.notify();
    return { source: back.source, sink: there.sink };
  }

  async #connectOutside(remote: SocketAddress): Promise<void> {
    const given = await this.#parts.outside.connect(remote);
    if (typeof given === 'string') this.#fail(given);
    else if (this.#isDropped) {
      given.sink.abort();
      given.source.cancel();
    } else this.#begin(given, this.#bound, remote);
  }

  #begin({ source, sink }: Connection, local: SocketAddress | null, remote: SocketAddress): void {
    this.#source = source;
    this.#sink = sink;
    this.#local = local;
    this.#remote = remote;
    this.#state = 'connected';
    this.#changes.notify();
  }

  #fail(error: NetError): NetError {
    this.#failure = error;
    this.#state = 'closed';
    this.#changes.notify();
    return error;
  }

  /** Gives what comes in, once; whoever took it has to read or cancel it. */
  takeSource(): ByteSource | NetError {
    const source = this.#source;
    this.#source = null;
    return source ?? 'invalid-state';
  }

  /** Gives the place for what goes out, once; whoever took it has to end it. */
  takeSink(): ByteSink | NetError {
    const sink = this.#sink;
    this.#sink = null;
    return sink ?? 'invalid-state';
  }

  /** Closes the socket for good: its port is free, what waits to be accepted is broken off, and what nobody took is ended. */
  drop(): void {
    if (this.#isDropped) return;
    this.#isDropped = true;
    if (this.#bound !== null) this.#ports.release(this, this.#bound);
    this.#state = 'closed';
    this.#source?.cancel();
    this.#sink?.end();
    for (const waiting of this.#pending.splice(0)) waiting.#breakOff();
    this.#parts.sockets.give();
    this.#changes.notify();
  }

  #breakOff(): void {
    this.#sink?.abort();
    this.drop();
  }
}
