/**
 * wasi:sockets/tcp of WASI 0.2: the pairs of start and finish over the sockets of a call. What is done at once is still reported by finish.
 * [WASI 0.2.12 TcpSocketOperationalSemantics]
 */
import type { AddressFamily } from '../net/address.ts';
import type { Connection } from '../net/outside.ts';
import { setOption, type TcpOptions } from '../net/socket-options.ts';
import type { TcpSocket as Socket } from '../net/tcp-socket.ts';
import type { GuestCall } from './call.ts';
import { type InputStream, type OutputStream, Pollable } from './io.ts';
import { DONE, err, ok, type Result } from './result.ts';
import { openSocketStreams } from './socket-streams.ts';
import { addressResult, doneResult, readAddress, type SocketError, type WitAddress } from './socket-values.ts';

type Done = Result<undefined, SocketError>;

/** Takes both ends of a connection that nobody took yet. */
function takeConnection(socket: Socket): Connection | null {
  const source = socket.takeSource();
  const sink = socket.takeSink();
  return typeof source === 'string' || typeof sink === 'string' ? null : { source, sink };
}

/** wasi:sockets/tcp tcp-socket. */
export class TcpSocket {
  readonly #socket: Socket;
  #underWay: 'bind' | 'listen' | 'connect' | null = null;
  #connection: Connection | null;
  constructor(socket: Socket, connection: Connection | null) {
    this.#socket = socket;
    this.#connection = connection;
  }

  #start(what: 'bind' | 'listen' | 'connect', run: () => ReturnType<Socket['listen']>): Done {
    if (this.#underWay !== null) return err('invalid-state');
    const error = run();
    if (error === null) this.#underWay = what;
    return doneResult(error);
  }
  #finish(what: 'bind' | 'listen'): Done {
    if (this.#underWay !== what) return err('not-in-progress');
    this.#underWay = null;
    return DONE;
  }
  startBind(_network: unknown, local: WitAddress): Done {
    return this.#start('bind', () => this.#socket.bind(readAddress(local)));
  }
  finishBind(): Done {
    return this.#finish('bind');
  }
  startListen(): Done {
    return this.#start('listen', () => (this.#socket.state === 'bound' ? this.#socket.listen() : 'invalid-state'));
  }
  finishListen(): Done {
    return this.#finish('listen');
  }
  startConnect(_network: unknown, remote: WitAddress): Done {
    return this.#start('connect', () => this.#socket.startConnect(readAddress(remote)));
  }
  finishConnect(): Result<readonly [InputStream, OutputStream], SocketError> {
    if (this.#underWay !== 'connect') return err('not-in-progress');
    if (this.#socket.state === 'connecting') return err('would-block');
    this.#underWay = null;
    this.#connection = takeConnection(this.#socket);
    return this.#connection === null ? err(this.#socket.failure) : ok(openSocketStreams(this.#connection));
  }
  accept(): Result<readonly [TcpSocket, InputStream, OutputStream], SocketError> {
    const accepted = this.#underWay === null ? this.#socket.accept() : 'invalid-state';
    if (typeof accepted === 'string') return err(accepted);
    if (accepted === null) return err('would-block');
    const connection = takeConnection(accepted);
    if (connection === null) return err('connection-aborted');
    return ok([new TcpSocket(accepted, connection), ...openSocketStreams(connection)]);
  }
  shutdown(how: 'receive' | 'send' | 'both'): Done {
    if (this.#connection === null) return err('invalid-state');
    if (how !== 'send') this.#connection.source.cancel();
    if (how !== 'receive') this.#connection.sink.end();
    return DONE;
  }
  localAddress(): Result<WitAddress, SocketError> {
    return this.#underWay === 'bind' ? err('invalid-state') : addressResult(this.#socket.localAddress());
  }
  remoteAddress(): Result<WitAddress, SocketError> {
    return this.#underWay === 'connect' ? err('invalid-state') : addressResult(this.#socket.remoteAddress());
  }
  isListening(): boolean {
    return this.#underWay === null && this.#socket.state === 'listening';
  }
  addressFamily(): AddressFamily {
    return this.#socket.family;
  }
  setListenBacklogSize(value: bigint): Done {
    return doneResult(this.#socket.setBacklog(value));
  }
  #get<K extends keyof TcpOptions>(name: K): Result<TcpOptions[K], SocketError> {
    return ok(this.#socket.options[name]);
  }
  #set<K extends keyof TcpOptions>(name: K, value: TcpOptions[K]): Done {
    return doneResult(setOption(this.#socket.options, name, value));
  }
  keepAliveEnabled(): Result<boolean, SocketError> {
    return this.#get('keepAliveEnabled');
  }
  setKeepAliveEnabled(value: boolean): Done {
    return this.#set('keepAliveEnabled', value);
  }
  keepAliveIdleTime(): Result<bigint, SocketError> {
    return this.#get('keepAliveIdleTime');
  }
  setKeepAliveIdleTime(value: bigint): Done {
    return this.#set('keepAliveIdleTime', value);
  }
  keepAliveInterval(): Result<bigint, SocketError> {
    return this.#get('keepAliveInterval');
  }
  setKeepAliveInterval(value: bigint): Done {
    return this.#set('keepAliveInterval', value);
  }
  keepAliveCount(): Result<number, SocketError> {
    return this.#get('keepAliveCount');
  }
  setKeepAliveCount(value: number): Done {
    return this.#set('keepAliveCount', value);
  }
  hopLimit(): Result<number, SocketError> {
    return this.#get('hopLimit');
  }
  setHopLimit(value: number): Done {
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
  /** Ready when finish or accept would say something else than `would-block`. */
  subscribe(): Pollable {
    const isReady = (): boolean => {
      const { state, hasPending } = this.#socket;
      return state === 'listening' && this.#underWay === null ? hasPending : state !== 'connecting';
    };
    return new Pollable(isReady, () => this.#socket.changed());
  }
  [Symbol.dispose](): void {
    this.#socket.drop();
  }
}

/** Makes a socket for the function that is called. */
export function createTcpSocket(call: GuestCall, family: AddressFamily): Result<TcpSocket, SocketError> {
  const socket = call.network.openTcp(family);
  return typeof socket === 'string' ? err(socket) : ok(new TcpSocket(socket, null));
}
