/**
 * Where a connection of the code's own goes: `tcp://host:port`, of a question and of a rule. Kept apart from requests, so that no rule for
 * one of them can be read as a rule for the other. [RFC 3986 3.2]
 */
import { overlapsHost, parseHost, parseHostPattern } from './host.ts';
import { accept, quote, type Reading, refuse } from './reading.ts';
import { parseAuthority } from './target.ts';

const PREFIX = 'tcp://';

/** A destination as it was judged; `host` is a lower-case name, a dotted IPv4 address, or an IPv6 address in brackets. */
export interface ConnectionTarget {
  readonly host: string;
  readonly port: number;
}

/** The destination part of a rule; the host may be a pattern. */
export interface ConnectionPattern extends ConnectionTarget {
  readonly scheme: 'tcp';
}

/** Tells whether a text is about a connection and not about a request. */
export function isConnection(text: string): boolean {
  return text.startsWith(PREFIX);
}

function parseParts(text: string, readHost: (host: string) => Reading<string>): Reading<ConnectionTarget> {
  const authority = text.slice(PREFIX.length);
  if (!isConnection(text) || /[/?#]/.test(authority))
    return refuse(`${quote(text)} is not of the form tcp://host:port: a connection has no path`);
  return parseAuthority(authority, null, readHost);
}

/** Reads where a connection is to go. */
export function parseConnection(text: string): Reading<ConnectionTarget> {
  return parseParts(text, parseHost);
}

/** The addresses at which a function finds itself and nobody else, and 0.0.0.0 and ::, which mean the same to a kernel. */
function isOwnAddress(host: string): boolean {
  return /^(?:127\.\d+\.\d+\.\d+|0\.0\.0\.0|\[::1?\])$/.test(host);
}

/** Reads the destination of a rule; the port must be written. */
export function parseConnectionPattern(text: string): Reading<ConnectionPattern> {
  const target = parseParts(text, parseHostPattern);
  if (!target.ok) return target;
  if (target.value.host.startsWith('[::ffff:'))
    return refuse(`${quote(text)} is an IPv4 address in the form of an IPv6 one: write it as IPv4`);
  return isOwnAddress(target.value.host)
    ? refuse(`${quote(text)} is the code itself, which needs no rule; it leads to nothing else on the machine`)
    : accept({ scheme: 'tcp', ...target.value });
}

/** Tells whether some destination is named by both rules. */
export function overlapsConnection(a: ConnectionTarget, b: ConnectionTarget): boolean {
  return a.port === b.port && overlapsHost(a.host, b.host);
}

/** Writes a destination in its one spelling. */
export function formatConnection({ host, port }: ConnectionTarget): string {
  return `${PREFIX}${host}:${port}`;
}
