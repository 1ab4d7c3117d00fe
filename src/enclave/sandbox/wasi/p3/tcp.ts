/** wasi:sockets/types tcp-socket of WASI 0.3 over the network of a call. [WASI 0.3.0 wasi:sockets/types] */
import { GivenFuture, GivenStream, type StreamReader, type StreamWriter } from '../../component/async/host-end.ts';
import type { AddressFamily, SocketAddress } from '../../net/address.ts';
import type { NetError } from '../../net/net-error.ts';
import { setOption, type TcpOptions } from '../../net/socket-options.ts';
import type { TcpSocket as Socket } from '../../net/tcp-socket.ts';
import type { ByteSink, ByteSource } from '../byte-stream.ts';
import type { GuestCall } from '../call.ts';
import { DONE, ok, type Result, type Variant } from '../result.ts';
import { giveBytes, takeBytes } from './byte-pumps.ts';
import { addressOr, doneOr, fromWitAddress, socketError, type WitAddress } from './socket-values.ts';

type Done = Result<undefined, Variant>;
type Answer<T> = Result<T, Variant>;
type Given = readonly [GivenStream, GivenFuture];

const settled = (result: Done): GivenFuture => new GivenFuture(Promise.resolve(result));

async function pourOut(data: StreamReader, sink: ByteSink): Promise<Done> {
  const whole = await takeBytes(data, sink);
  if (!whole) return socketError('connection-broken');
  sink.end();
  return DONE;
}

function pourIn(source: ByteSource): Given {
  const { stream, end } = giveBytes(source);
  const done = end.then((how): Done => {
    if (how === 'dropped') source.cancel();
    return how === 'failed' ? socketError('connection-reset') : DONE;
  });
  return [stream, new GivenFuture(done)];
}

/** Gives connections one by one, and takes none that nobody has asked for. */
async function giveAccepted(listener: Socket, writer: StreamWriter): Promise<void> {
  for (;;) {
    await writer.ready();
    if (writer.isDropped) return;
    if (listener.state !== 'listening') return writer.end();
    if (!listener.hasPending) {
      await new Promise<void>((resolve) => {
        writer.onDropped(resolve);
        void listener.changed().then(resolve);
      });
      continue;
    }
    writer.answerProbe();
    const accepted = writer.wanted > 0 ? listener.accept() : null;
    if (accepted !== null && typeof accepted !== 'string') await writer.write([new TcpSocket(accepted)]);
  }
}

/** wasi:sockets/types tcp-socket. */
export class TcpSocket {
  readonly #socket: Socket;
  constructor(socket: Socket) {
    this.#socket = socket;
  }
  [Symbol.dispose](): void {
    this.#socket.drop();
  }
  static create({ network }: GuestCall, family: AddressFamily): Answer<TcpSocket> {
    const socket = network.openTcp(family);
    return typeof socket === 'string' ? socketError(socket) : ok(new TcpSocket(socket));
  }
  bind(local: WitAddress): Done {
    const address = fromWitAddress(local);
    return doneOr(address === null ? 'invalid-argument' : this.#socket.bind(address));
  }
  connect(remote: WitAddress): Done | Promise<Done> {
    const address: SocketAddress | null = fromWitAddress(remote);
    return address === null ? socketError('invalid-argument') : this.#socket.connect(address).then(doneOr);
  }
  listen(): Answer<GivenStream> {
    const socket = this.#socket;
    const error = socket.listen();
    if (error !== null) return socketError(error);
    return ok(new GivenStream((writer) => void giveAccepted(socket, writer)));
  }
  send(data: StreamReader): GivenFuture {
    const sink = this.#socket.takeSink();
    if (typeof sink !== 'string') return new GivenFuture(pourOut(data, sink));
    data.drop();
    return settled(socketError(sink));
  }
  receive(): Given {
    const source = this.#socket.takeSource();
    if (typeof source !== 'string') return pourIn(source);
    return [new GivenStream((writer) => writer.end()), settled(socketError(source))];
  }
  getLocalAddress(): Answer<WitAddress> {
    return addressOr(this.#socket.localAddress());
  }
  getRemoteAddress(): Answer<WitAddress> {
    return addressOr(this.#socket.remoteAddress());
  }
  getIsListening(): boolean {
    return this.#socket.state === 'listening';
  }
  getAddressFamily(): AddressFamily {
    return this.#socket.family;
  }
  setListenBacklogSize(value: bigint): Done {
    return doneOr(this.#socket.setBacklog(value));
  }
  #set<K extends keyof TcpOptions>(name: K, value: TcpOptions[K]): Done {
    const error: NetError | null = setOption(this.#socket.options, name, value);
    return doneOr(error);
  }
  getKeepAliveEnabled(): Answer<boolean> {
    return ok(this.#socket.options.keepAliveEnabled);
  }
  setKeepAliveEnabled(value: boolean): Done {
    return this.#set('keepAliveEnabled', value);
  }
  getKeepAliveIdleTime(): Answer<bigint> {
    return ok(this.#socket.options.keepAliveIdleTime);
  }
  setKeepAliveIdleTime(value: bigint): Done {
    return this.#set('keepAliveIdleTime', value);
  }
  getKeepAliveInterval(): Answer<bigint> {
    return ok(this.#socket.options.keepAliveInterval);
  }
  setKeepAliveInterval(value: bigint): Done {
    return this.#set('keepAliveInterval', value);
  }
  getKeepAliveCount(): Answer<number> {
    return ok(this.#socket.options.keepAliveCount);
  }
  setKeepAliveCount(value: number): Done {
    return this.#set('keepAliveCount', value);
  }
  getHopLimit(): Answer<number> {
    return ok(this.#socket.options.hopLimit);
  }
  setHopLimit(value: number): Done {
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
