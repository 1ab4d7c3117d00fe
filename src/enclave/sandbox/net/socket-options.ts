/** What can be set on a socket: kept, checked and given back. Inside a call nothing is ever late or lost, so most of it changes nothing. */
import { LIMITS } from '../../../base/limits.ts';
import type { NetError } from './net-error.ts';

export interface SocketOptions {
  hopLimit: number;
  receiveBufferSize: bigint;
  sendBufferSize: bigint;
}

export interface TcpOptions extends SocketOptions {
  keepAliveEnabled: boolean;
  keepAliveIdleTime: bigint;
  keepAliveInterval: bigint;
  keepAliveCount: number;
}

const WINDOW = BigInt(LIMITS.socketWindowBytes);

/** The options of a new UDP socket. */
export const NEW_UDP_OPTIONS: SocketOptions = { hopLimit: 64, receiveBufferSize: WINDOW, sendBufferSize: WINDOW };

/** The options of a new TCP socket; times in nanoseconds. */
export const NEW_TCP_OPTIONS: TcpOptions = {
  ...NEW_UDP_OPTIONS,
  keepAliveEnabled: false,
  keepAliveIdleTime: 7_200_000_000_000n,
  keepAliveInterval: 75_000_000_000n,
  keepAliveCount: 9,
};

/** Sets one option; zero is no value for any of the numbers, and a buffer is never larger than the window. */
export function setOption<O extends SocketOptions, K extends keyof O>(
  options: O,
  name: K,
  value: O[K],
): NetError | null {
  if (value === 0 || value === 0n) return 'invalid-argument';
  const isBuffer = name === 'receiveBufferSize' || name === 'sendBufferSize';
  options[name] = isBuffer && (value as bigint) > WINDOW ? (WINDOW as O[K]) : value;
  return null;
}
