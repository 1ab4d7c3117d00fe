/**
 * One UDP socket of a call. Datagrams go from one socket of the call to another, whole and in order, or are lost where nobody reads them;
 * nothing outside can be reached, because no rule of a policy can allow it. [WASI 0.2.12 wasi:sockets/udp]
 */

import { ChangeSignal } from '../../../base/change-signal.ts';
import { LIMITS } from '../../../base/limits.ts';
import {
  type AddressFamily,
  anyAddress,
  isAny,
  isLoopback,
  isSameAddress,
  loopbackAddress,
  type SocketAddress,
} from './address.ts';
import { localFlaw, remoteFlaw } from './address-flaws.ts';
import type { NetError } from './net-error.ts';
import type { PortTable } from './port-table.ts';
import type { SharedParts } from './shared-parts.ts';
import { NEW_UDP_OPTIONS, type SocketOptions } from './socket-options.ts';

export interface Datagram {
  readonly data: Uint8Array;
  readonly from: SocketAddress;
}

/** What the length field leaves beside the headers. [RFC 768; RFC 8200 3] */
const MAX_DATAGRAM_BYTES = { ipv4: 65_507, ipv6: 65_527 } as const;

export class UdpSocket {
  readonly family: AddressFamily;
  readonly options: SocketOptions = { ...NEW_UDP_OPTIONS };
  readonly #parts: SharedParts;
  readonly #ports: PortTable<UdpSocket>;
  readonly #changes = new ChangeSignal();
  readonly #queue: Datagram[] = [];
  #queuedBytes = 0;
  #bound: SocketAddress | null = null;
  #local: SocketAddress | null = null;
  #remote: SocketAddress | null = null;
  #isDropped = false;

  /** The socket has been counted before it is made. */
  constructor(parts: SharedParts, ports: PortTable<UdpSocket>, family: AddressFamily) {
    this.#parts = parts;
    this.#ports = ports;
    this.family = family;
  }

  localAddress(): SocketAddress | NetError {
    return this.#local ?? 'invalid-state';
  }

  remoteAddress(): SocketAddress | NetError {
    return this.#remote ?? 'invalid-state';
  }

  bind(local: SocketAddress): NetError | null {
    if (this.#bound !== null || this.#isDropped) return 'invalid-state';
    return localFlaw(this.family, local) ?? this.#claim(local);
  }

  #claim(local: SocketAddress): NetError | null {
    const claimed = this.#ports.claim(this, local);
    if (typeof claimed === 'string') return claimed;
    this.#bound = claimed;
    this.#local = claimed;
    return null;
  }

  /** Binds to a free port if the socket is not bound. */
  #bindFreely(ip: SocketAddress['ip']): NetError | null {
    if (this.#isDropped) return 'invalid-state';
    return this.#bound === null ? this.#claim({ ip, port: 0 }) : null;
  }

  #flawOf(remote: SocketAddress): NetError | null {
    return remoteFlaw(this.family, remote) ?? (isLoopback(remote.ip) ? null : 'access-denied');
  }

  /** Limits the socket to one peer, until it is given another or none; what waits from others is lost. */
  connect(remote: SocketAddress): NetError | null {
    const error = this.#flawOf(remote) ?? this.#bindFreely(loopbackAddress(this.family));
    if (error !== null) return error;
    this.#remote = remote;
    this.#local = this.#sender();
    const kept = this.#queue.splice(0).filter(({ from }) => isSameAddress(from, remote));
    this.#queue.push(...kept);
    this.#queuedBytes = kept.reduce((sum, { data }) => sum + data.length, 0);
    return null;
  }

  disconnect(): NetError | null {
    if (this.#remote === null) return 'invalid-state';
    this.#remote = null;
    this.#local = this.#bound;
    return null;
  }

  /** The address that others see. */
  #sender(): SocketAddress | null {
    const bound = this.#bound;
    return bound !== null && isAny(bound.ip) ? { ip: loopbackAddress(this.family), port: bound.port } : bound;
  }

  /** Sends a datagram to an address, or to the peer of a connected socket; whether it arrives is not said. */
  send(data: Uint8Array, to: SocketAddress | null): NetError | null {
    const remote = to ?? this.#remote;
    if (remote === null || (this.#remote !== null && !isSameAddress(remote, this.#remote))) return 'invalid-argument';
    const error = this.#flawOf(remote) ?? this.#bindFreely(anyAddress(this.family));
    if (error !== null) return error;
    if (data.length > MAX_DATAGRAM_BYTES[this.family]) return 'datagram-too-large';
    const from = this.#sender();
    const receiver = this.#ports.find(remote);
    if (from !== null && receiver !== null) receiver.#deliver({ data: data.slice(), from });
    return null;
  }

  #deliver(datagram: Datagram): void {
    if (this.#remote !== null && !isSameAddress(datagram.from, this.#remote)) return;
    const bytes = this.#queuedBytes + datagram.data.length;
    if (this.#queue.length >= LIMITS.socketDatagrams || bytes > LIMITS.socketWindowBytes) return;
    this.#queue.push(datagram);
    this.#queuedBytes = bytes;
    this.#changes.notify();
  }

  /** True when `receive` has something to give. */
  get hasPending(): boolean {
    return this.#queue.length > 0;
  }

  /** Gives the datagram that has waited longest, null when none waits. */
  receive(): Datagram | NetError | null {
    if (this.#bound === null) return 'invalid-state';
    const datagram = this.#queue.shift() ?? null;
    this.#queuedBytes -= datagram?.data.length ?? 0;
    return datagram;
  }

  /** Resolves when a datagram has come. */
  changed(): Promise<void> {
    return this.#changes.changed();
  }

  /** Closes the socket for good. */
  drop(): void {
    if (this.#isDropped) return;
    this.#isDropped = true;
    if (this.#bound !== null) this.#ports.release(this, this.#bound);
    this.#bound = null;
    this.#queue.length = 0;
    this.#parts.sockets.give();
    this.#changes.notify();
  }
}
