/** Where an egress goes: scheme, host, port and path of a request, and of a rule. Judged from the text itself, never repaired. [RFC 3986 3] */
import { overlapsHost, parseHost, parseHostPattern } from './host.ts';
import { formatPathPattern, overlapsPath, parsePath, parsePathPattern } from './path.ts';
import type { EgressRule, PathPattern } from './policy.ts';
import { accept, quote, type Reading, refuse } from './reading.ts';

export type EgressScheme = EgressRule['scheme'];

const SCHEMES: readonly EgressScheme[] = ['https', 'http', 'enclave'];

/** The port that a scheme has when none is written; an attested worker is reached over TLS. */
const DEFAULT_PORTS: Readonly<Record<EgressScheme, number>> = { https: 443, http: 80, enclave: 443 };

/** A destination as it was judged: whoever connects must use exactly these values. */
export interface EgressTarget {
  readonly scheme: EgressScheme;
  /** Lower-case name, dotted IPv4 address, or IPv6 address in brackets. */
  readonly host: string;
  readonly port: number;
  /** Begins with `/`; with query string, as it was asked for. */
  readonly path: string;
  readonly segments: readonly string[];
}

/** A request for a connection in parts, as wasi:http gives it. `path` is with query string. */
export interface EgressParts {
  readonly scheme: string;
  readonly authority: string;
  readonly path: string;
}

/** The destination part of an egress rule. */
export interface TargetPattern {
  readonly scheme: EgressScheme;
  readonly host: string;
  readonly port: number;
  readonly path: PathPattern;
}

/** Cuts a URL into parts without reading anything into it. [RFC 3986 appendix B] */
function splitUrl(text: string): Reading<EgressParts> {
  const match = /^([^:/?#]+):\/\/([^/?#]*)(.*)/s.exec(text);
  if (match === null) return refuse(`${quote(text)} is not of the form scheme://host/path`);
  return accept({ scheme: match[1] ?? '', authority: match[2] ?? '', path: match[3] ?? '' });
}

function parseScheme(text: string): Reading<EgressScheme> {
  const scheme = SCHEMES.find((known) => known === text);
  return scheme === undefined ? refuse(`the scheme ${quote(text)} is not https, http or enclave`) : accept(scheme);
}

/** Reads `host[:port]`; without `defaultPort` the port must be written. */
export function parseAuthority(
  text: string,
  defaultPort: number | null,
  readHost: (host: string) => Reading<string>,
): Reading<{ readonly host: string; readonly port: number }> {
  if (text.includes('@')) return refuse('the address has a user name (@), which can hide where it goes');
  if (text.includes('\\')) return refuse('the address has a backslash');
  const [, name = '', written] = /^(\[[^\]]*\]|[^:]*)(?::(.*))?$/s.exec(text) ?? [];
  const host = readHost(name);
  if (!host.ok) return host;
  if (written === undefined)
    return defaultPort === null
      ? refuse(`${quote(text)} names no port, as in db.example.com:5432`)
      : accept({ host: host.value, port: defaultPort });
  const port = /^[1-9]\d{0,4}$/.test(written) ? Number(written) : 0;
  return port < 1 || port > 65_535
    ? refuse(`the port ${quote(written)} is not a number from 1 to 65535`)
    : accept({ host: host.value, port });
}

/** Reads where a request wants to go; an absent path is `/`. Linear in the length of the text. */
export function parseTarget(request: string | EgressParts): Reading<EgressTarget> {
  const parts = typeof request === 'string' ? splitUrl(request) : accept(request);
  if (!parts.ok) return parts;
  const scheme = parseScheme(parts.value.scheme);
  if (!scheme.ok) return scheme;
  const authority = parseAuthority(parts.value.authority, DEFAULT_PORTS[scheme.value], parseHost);
  if (!authority.ok) return authority;
  const path = parts.value.path === '' || parts.value.path.startsWith('?') ? `/${parts.value.path}` : parts.value.path;
  const segments = parsePath(path);
  if (!segments.ok) return segments;
  return accept({ scheme: scheme.value, ...authority.value, path, segments: segments.value });
}

/** Reads the destination of a rule, `scheme://host[:port]/path` with patterns; the path must be written. */
export function parseTargetPattern(text: string): Reading<TargetPattern> {
  const parts = splitUrl(text);
  if (!parts.ok) return parts;
  const scheme = parseScheme(parts.value.scheme);
  if (!scheme.ok) return scheme;
  const authority = parseAuthority(parts.value.authority, DEFAULT_PORTS[scheme.value], parseHostPattern);
  if (!authority.ok) return authority;
  if (!parts.value.path.startsWith('/'))
    return refuse(`${quote(text)} names no path: add /** for everything below the root, or the path that is meant`);
  const path = parsePathPattern(parts.value.path);
  return path.ok ? accept({ scheme: scheme.value, ...authority.value, path: path.value }) : path;
}

/** Tells whether some destination is named by both rules. */
export function overlapsTarget(a: TargetPattern, b: TargetPattern): boolean {
  return a.scheme === b.scheme && a.port === b.port && overlapsHost(a.host, b.host) && overlapsPath(a.path, b.path);
}

function formatOrigin(scheme: EgressScheme, host: string, port: number): string {
  return `${scheme}://${host}${port === DEFAULT_PORTS[scheme] ? '' : `:${port}`}`;
}

/** Writes a rule's destination in its one spelling: without a port that goes without saying. */
export function formatTargetPattern(pattern: TargetPattern): string {
  return formatOrigin(pattern.scheme, pattern.host, pattern.port) + formatPathPattern(pattern.path);
}

/** Writes a request's destination, without its query string. */
export function formatTarget(target: EgressTarget): string {
  return `${formatOrigin(target.scheme, target.host, target.port)}/${target.segments.join('/')}`;
}
