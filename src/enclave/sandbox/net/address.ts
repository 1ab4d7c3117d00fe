/**
 * Addresses as numbers, and what kind each is: this decides what stays inside. Only 127.0.0.0/8 and ::1 are loopback; an IPv6 address that
 * carries an IPv4 one is never taken for what it carries. [RFC 6890; RFC 4291 2.5]
 */
import { isIP } from 'node:net';

export type AddressFamily = 'ipv4' | 'ipv6';

/** Four bytes, or eight groups of 16 bits. */
export interface IpAddress {
  readonly family: AddressFamily;
  readonly parts: readonly number[];
}

export interface SocketAddress {
  readonly ip: IpAddress;
  readonly port: number;
}

const PARTS = { ipv4: 4, ipv6: 8 } as const;

/** Makes the address that stands for every address of the family. */
export function anyAddress(family: AddressFamily): IpAddress {
  return { family, parts: Array.from({ length: PARTS[family] }, () => 0) };
}

/** Makes the loopback address that a socket has when it did not choose one. */
export function loopbackAddress(family: AddressFamily): IpAddress {
  return { family, parts: family === 'ipv4' ? [127, 0, 0, 1] : [0, 0, 0, 0, 0, 0, 0, 1] };
}

/** Tells whether two addresses are the same. */
export function isSameIp(a: IpAddress, b: IpAddress): boolean {
  return a.family === b.family && a.parts.every((part, i) => part === b.parts[i]);
}

/** Tells whether two addresses and their ports are the same. */
export function isSameAddress(a: SocketAddress, b: SocketAddress): boolean {
  return a.port === b.port && isSameIp(a.ip, b.ip);
}

/** Tells whether an address is 0.0.0.0 or ::. */
export function isAny({ parts }: IpAddress): boolean {
  return parts.every((part) => part === 0);
}

/** Tells whether an address is the guest itself. */
export function isLoopback(ip: IpAddress): boolean {
  return ip.family === 'ipv4' ? ip.parts[0] === 127 : isSameIp(ip, loopbackAddress('ipv6'));
}

/** Tells whether an address means one machine: neither multicast nor the broadcast address. */
export function isUnicast({ family, parts }: IpAddress): boolean {
  const [first = 0] = parts;
  if (family === 'ipv6') return first < 0xff00;
  return (first < 224 || first > 239) && !parts.every((part) => part === 255);
}

/** Tells whether an IPv6 address is ::ffff:0:0/96, an IPv4 address in disguise. */
export function isMapped({ family, parts }: IpAddress): boolean {
  return family === 'ipv6' && parts[5] === 0xffff && parts.slice(0, 5).every((part) => part === 0);
}

/** Reads an address in its usual text form; null for anything else, also for a zone. */
export function parseIp(text: string): IpAddress | null {
  const version = text.includes('%') ? 0 : isIP(text);
  if (version === 4) return { family: 'ipv4', parts: text.split('.').map(Number) };
  if (version !== 6) return null;
  // The URL parser writes every form of an address the same way, without dots.
  const [head = '', tail] = new URL(`http://[${text}]/`).hostname.slice(1, -1).split('::');
  const groups = (part: string): number[] => (part === '' ? [] : part.split(':').map((g) => Number.parseInt(g, 16)));
  const [left, right] = [groups(head), groups(tail ?? '')];
  const zeros = Array.from({ length: PARTS.ipv6 - left.length - right.length }, () => 0);
  return { family: 'ipv6', parts: [...left, ...zeros, ...right] };
}

/** Writes an address as text; IPv6 with all eight groups. */
export function formatIp({ family, parts }: IpAddress): string {
  return family === 'ipv4' ? parts.join('.') : parts.map((group) => group.toString(16)).join(':');
}
