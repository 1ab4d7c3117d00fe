/** wasi:sockets of WASI 0.3 over the network of a call: UDP and the lookup of names; TCP has a file of its own. [WASI 0.3.0 wasi:sockets] */
import { whenCancelled } from '../../component/async/subtask.ts';
import type { AddressFamily } from '../../net/address.ts';
import { type SocketOptions, setOption } from '../../net/socket-options.ts';
import type { UdpSocket as Socket } from '../../net/udp-socket.ts';
import type { GuestCall } from '../call.ts';
import { ok, type Result, type Variant } from '../result.ts';
import {
  addressOr,
  doneOr,
  fromWitAddress,
  lookupError,
  socketError,
  toWitIp,
  type WitAddress,
  type WitIp,
} from './socket-values.ts';
import { TcpSocket } from './tcp.ts';

type Done = Result<undefined, Variant>;
type Answer<T> = Result<T, Variant>;
type Received = Answer<readonly [data: Uint8Array, from: WitAddress]>;

/** Gives a datagram, or waits for one. */
async function receiveFrom(socket: Socket, wait: { isOver: boolean }): Promise<Received> {
  for (;;) {
    // Otherwise the next datagram would go to a call that nobody waits for.
    if (wait.isOver) return socketError('timeout');
    const received = socket.receive();
    if (typeof received === 'string') return socketError(received);
    if (received === null) {
      await socket.changed();
      continue;
    }
    const from = addressOr(received.from);
    return from.tag === 'err' ? from : ok([received.data, from.val]);
  }
}

/** wasi:sockets/types udp-socket. */
export class UdpSocket {
  readonly #socket: Socket;
  constructor(socket: Socket) {
    this.#socket = socket;
  }
  [Symbol.dispose](): void {
    this.#socket.drop();
  }
  static create({ network }: GuestCall, family: AddressFamily): Answer<UdpSocket> {
    const socket = network.openUdp(family);
    return typeof socket === 'string' ? socketError(socket) : ok(new UdpSocket(socket));
  }
  bind(local: WitAddress): Done {
    const address = fromWitAddress(local);
    return doneOr(address === null ? 'invalid-argument' : this.#socket.bind(address));
  }
  connect(remote: WitAddress): Done {
    const address = fromWitAddress(remote);
    return doneOr(address === null ? 'invalid-argument' : this.#socket.connect(address));
  }
  disconnect(): Done {
    return doneOr(this.#socket.disconnect());
  }
  send(data: Uint8Array, remote: WitAddress | undefined): Done {
    const address = remote === undefined ? null : fromWitAddress(remote);
    if (remote !== undefined && address === null) return socketError('invalid-argument');
    return doneOr(this.#socket.send(data, address));
  }
  receive(): Promise<Received> {
    const wait = { isOver: false };
    return whenCancelled(receiveFrom(this.#socket, wait), () => {
      wait.isOver = true;
    });
  }
  getLocalAddress(): Answer<WitAddress> {
    return addressOr(this.#socket.localAddress());
  }
  getRemoteAddress(): Answer<WitAddress> {
    return addressOr(this.#socket.remoteAddress());
  }
  getAddressFamily(): AddressFamily {
    return this.#socket.family;
  }
  #set<K extends keyof SocketOptions>(name: K, value: SocketOptions[K]): Done {
    return doneOr(setOption(this.#socket.options, name, value));
  }
  getUnicastHopLimit(): Answer<number> {
    return ok(this.#socket.options.hopLimit);
  }
  setUnicastHopLimit(value: number): Done {
    return this.#set('hopLimit', value);
  }
  getReceiveBufferSize(): Answer<bigint> {
    return ok(this.#socket.options.receiveBufferSize);
  }
  setReceiveBufferSize(value: bigint): Done {
    return this.#set('receiveBufferSize', value);
  }
  getSendBufferSize(): Answer<bigint> {
    return ok(this.#socket.options.sendBufferSize);
  }
  setSendBufferSize(value: bigint): Done {
    return this.#set('sendBufferSize', value);
  }
}

async function resolveAddresses({ network }: GuestCall, name: string): Promise<Answer<readonly WitIp[]>> {
  const found = await network.resolve(name);
  return typeof found === 'string' ? lookupError(found) : ok(found.map(toWitIp));
}

/** The interfaces of wasi:sockets. */
export const SOCKETS_3: Readonly<Record<string, unknown>> = {
  'wasi:sockets/types@0.3': { TcpSocket, UdpSocket },
  'wasi:sockets/ip-name-lookup@0.3': { resolveAddresses },
};
