/** wasi:sockets/udp of WASI 0.2 over the sockets of a call. Of several pairs of streams of one socket only the last is of use. [WASI 0.2.12 wasi:sockets/udp] */
import { GuestTrap } from '../component/trap.ts';
import type { AddressFamily } from '../net/address.ts';
import { type SocketOptions, setOption } from '../net/socket-options.ts';
import type { UdpSocket as Socket } from '../net/udp-socket.ts';
import type { GuestCall } from './call.ts';
import { Pollable } from './io.ts';
import { DONE, err, ok, type Result } from './result.ts';
import {
  addressResult,
  doneResult,
  readAddress,
  type SocketError,
  type WitAddress,
  writeAddress,
} from './socket-values.ts';

type Done = Result<undefined, SocketError>;

/** Datagrams that may be sent at once. */
const SEND_AT_ONCE = 64;

/** Tells whether streams are still the ones in use. */
type IsLast = () => boolean;

/** wasi:sockets/udp incoming-datagram-stream. */
export class IncomingDatagramStream {
  readonly #socket: Socket;
  readonly #isLast: IsLast;
  constructor(socket: Socket, isLast: IsLast) {
    this.#socket = socket;
    this.#isLast = isLast;
  }
  receive(
    maxResults: bigint,
  ): Result<readonly { readonly data: Uint8Array; readonly remoteAddress: WitAddress }[], SocketError> {
    if (!this.#isLast()) return err('invalid-state');
    const received: { readonly data: Uint8Array; readonly remoteAddress: WitAddress }[] = [];
    while (BigInt(received.length) < maxResults) {
      const datagram = this.#socket.receive();
      if (typeof datagram === 'string') return err(datagram);
      if (datagram === null) break;
      received.push({ data: datagram.data, remoteAddress: writeAddress(datagram.from) });
    }
    return ok(received);
  }
  subscribe(): Pollable {
    return new Pollable(
      () => this.#socket.hasPending || !this.#isLast(),
      () => this.#socket.changed(),
    );
  }
}

/** wasi:sockets/udp outgoing-datagram-stream. */
export class OutgoingDatagramStream {
  readonly #socket: Socket;
  readonly #isLast: IsLast;
  #permitted = 0;
  constructor(socket: Socket, isLast: IsLast) {
    this.#socket = socket;
    this.#isLast = isLast;
  }
  checkSend(): Result<bigint, SocketError> {
    if (!this.#isLast()) return err('invalid-state');
    this.#permitted = SEND_AT_ONCE;
    return ok(BigInt(SEND_AT_ONCE));
  }
  /** Sends until one fails; the failure is only told when it was the first. */
  send(
    datagrams: readonly { readonly data: Uint8Array; readonly remoteAddress: WitAddress | undefined }[],
  ): Result<bigint, SocketError> {
    if (datagrams.length > this.#permitted) throw new GuestTrap('it sent more datagrams than it was permitted');
    if (!this.#isLast()) return err('invalid-state');
    this.#permitted -= datagrams.length;
    let sent = 0n;
    for (const { data, remoteAddress } of datagrams) {
      const error = this.#socket.send(data, remoteAddress === undefined ? null : readAddress(remoteAddress));
      if (error !== null) return sent === 0n ? err(error) : ok(sent);
      sent += 1n;
    }
    return ok(sent);
  }
  subscribe(): Pollable {
    return new Pollable(
      () => true,
      () => Promise.resolve(),
    );
  }
}

/** wasi:sockets/udp udp-socket. */
export class UdpSocket {
  readonly #socket: Socket;
  #isBinding = false;
  #streams = 0;
  constructor(socket: Socket) {
    this.#socket = socket;
  }
  startBind(_network: unknown, local: WitAddress): Done {
    if (this.#isBinding) return err('invalid-state');
    const error = this.#socket.bind(readAddress(local));
    this.#isBinding = error === null;
    return doneResult(error);
  }
  finishBind(): Done {
    if (!this.#isBinding) return err('not-in-progress');
    this.#isBinding = false;
    return DONE;
  }
  stream(
    remote: WitAddress | undefined,
  ): Result<readonly [IncomingDatagramStream, OutgoingDatagramStream], SocketError> {
    if (this.#isBinding || typeof this.#socket.localAddress() === 'string') return err('invalid-state');
    // A socket that had no peer before is no worse for having none.
    if (remote === undefined) this.#socket.disconnect();
    const error = remote === undefined ? null : this.#socket.connect(readAddress(remote));
    if (error !== null) return err(error);
    this.#streams += 1;
    const mine = this.#streams;
    const isLast = (): boolean => mine === this.#streams;
    return ok([new IncomingDatagramStream(this.#socket, isLast), new OutgoingDatagramStream(this.#socket, isLast)]);
  }
  localAddress(): Result<WitAddress, SocketError> {
    return this.#isBinding ? err('invalid-state') : addressResult(this.#socket.localAddress());
  }
  remoteAddress(): Result<WitAddress, SocketError> {
    return addressResult(this.#socket.remoteAddress());
  }
  addressFamily(): AddressFamily {
    return this.#socket.family;
  }
  #get<K extends keyof SocketOptions>(name: K): Result<SocketOptions[K], SocketError> {
    return ok(this.#socket.options[name]);
  }
  #set<K extends keyof SocketOptions>(name: K, value: SocketOptions[K]): Done {
    return doneResult(setOption(this.#socket.options, name, value));
  }
  unicastHopLimit(): Result<number, SocketError> {
    return this.#get('hopLimit');
  }
  setUnicastHopLimit(value: number): Done {
    return this.#set('hopLimit', value);
  }
  receiveBufferSize(): Result<bigint, SocketError> {
    return this.#get('receiveBufferSize');
  }
  setReceiveBufferSize(value: bigint): Done {
    return this.#set('receiveBufferSize', value);
  }
  sendBufferSize(): Result<bigint, SocketError> {
    return this.#get('sendBufferSize');
  }
  setSendBufferSize(value: bigint): Done {
    return this.#set('sendBufferSize', value);
  }
  subscribe(): Pollable {
    return new Pollable(
      () => true,
      () => Promise.resolve(),
    );
  }
  [Symbol.dispose](): void {
    this.#socket.drop();
  }
}

/** Makes a socket for the function that is called. */
export function createUdpSocket(call: GuestCall, family: AddressFamily): Result<UdpSocket, SocketError> {
  const socket = call.network.openUdp(family);
  return typeof socket === 'string' ? err(socket) : ok(new UdpSocket(socket));
}
