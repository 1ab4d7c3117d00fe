/**
 * Paths of requests and path patterns of rules. A request's path must already be in normal form: what two servers could read in two
 * ways is refused, never repaired, because what was judged must be what is asked. Only the case of hex digits is harmless. [RFC 3986 6.2.2]
 */
import { parseUtf8 } from '../base/bytes.ts';
import { LIMITS } from '../base/limits.ts';
import type { PathPattern } from './policy.ts';
import { accept, quote, type Reading, refuse } from './reading.ts';

const ALLOWED = /^[A-Za-z0-9\-._~!$&'()*+,;=:@%]*$/;
/** A segment that can only be read in one way: the usual case, let through at once. */
const PLAIN = /^[A-Za-z0-9_~-][A-Za-z0-9._~-]*$/;
const ESCAPE = /%([0-9A-Fa-f]{2})/g;
const UNRESERVED = /^[A-Za-z0-9\-._~]$/;
const QUERY = /^[A-Za-z0-9\-._~!$&'()*+,;=:@%/?]*$/;

/**
 * Reads a path with or without `?query`, as in a request line, into its segments. `/` is one empty segment, `/a/` is `a` and an
 * empty one; hex digits of escapes become upper case, and `%2F` stays in its segment. Linear in the length of the text.
 */
export function parsePath(text: string): Reading<readonly string[]> {
  if (text.length > LIMITS.requestHeadBytes)
    return refuse(`the path is longer than ${LIMITS.requestHeadBytes} characters`);
  const mark = text.indexOf('?');
  const path = mark === -1 ? text : text.slice(0, mark);
  const query = mark === -1 ? '' : text.slice(mark + 1);
  if (text.includes('#')) return refuse('the path has a fragment (#), which is never sent');
  if (!QUERY.test(query)) return refuse('the query string has a character that must be percent-encoded');
  if (/%(?![0-9A-Fa-f]{2})/.test(query)) return refuse('the query string has a % that begins no escape');
  if (!path.startsWith('/')) return refuse(`the path ${quote(path)} does not begin with /`);
  const parts = path.slice(1).split('/');
  const segments: string[] = [];
  for (const [i, part] of parts.entries()) {
    const segment = parseSegment(part, i === parts.length - 1);
    if (!segment.ok) return segment;
    segments.push(segment.value);
  }
  return accept(segments);
}

function parseSegment(text: string, isLast: boolean): Reading<string> {
  if (PLAIN.test(text)) return accept(text);
  if (text === '') return isLast ? accept('') : refuse('the path has an empty segment (//)');
  if (text.includes('\\')) return refuse('the path has a backslash');
  if (!ALLOWED.test(text))
    return refuse(`the path segment ${quote(text)} has a character that must be percent-encoded`);
  if (/%(?![0-9A-Fa-f]{2})/.test(text)) return refuse(`the path segment ${quote(text)} has a % that begins no escape`);
  const decoded = decodeEscapes(text);
  if (decoded === null) return refuse(`the path segment ${quote(text)} has escapes that are not UTF-8`);
  // Some servers cut at ";", trim, or fold wide and other look-alike forms of dots and slashes before they resolve dot segments.
  const folded = decoded.normalize('NFKC');
  const names = folded.split('/').map((part) => (part.split(';')[0] ?? '').trim());
  if (names.some((name) => name === '.' || name === '..')) return refuse(`the path has a dot segment (${quote(text)})`);
  if (folded.includes('\\') || names.length !== decoded.split('/').length)
    return refuse(`the path segment ${quote(text)} has an encoded backslash, or a sign that may be read as a slash`);
  if (folded.split('/').includes(''))
    return refuse(`the path segment ${quote(text)} begins or ends with an encoded slash, or has two of them together`);
  if (/\p{Cc}/u.test(decoded)) return refuse(`the path segment ${quote(text)} has an encoded control character`);
  if (/%[0-9A-Fa-f]{2}/.test(folded)) return refuse(`the path segment ${quote(text)} is encoded twice`);
  for (const [escape, hex] of text.matchAll(ESCAPE)) {
    const char = String.fromCharCode(Number.parseInt(hex ?? '', 16));
    if (UNRESERVED.test(char)) return refuse(`the path has ${escape} where a plain ${char} belongs`);
  }
  return accept(text.replace(ESCAPE, (escape) => escape.toUpperCase()));
}

/** Decodes escapes; null when the bytes are not UTF-8, so that no overlong form of a dot or slash gets through. [RFC 3629 3] */
function decodeEscapes(text: string): string | null {
  const bytes: number[] = [];
  for (let i = 0; i < text.length; i++) {
    if (text[i] === '%') {
      bytes.push(Number.parseInt(text.slice(i + 1, i + 3), 16));
      i += 2;
    } else bytes.push(text.charCodeAt(i));
  }
  return parseUtf8(Uint8Array.from(bytes));
}

/** Reads the path of a rule: `*` is one whole segment, a last `**` is any rest of at least one segment. */
export function parsePathPattern(text: string): Reading<PathPattern> {
  if (text.includes('?'))
    return refuse('a rule names a path without a query string (?): any query string is allowed with it');
  const path = parsePath(text);
  if (!path.ok) return path;
  for (const [i, segment] of path.value.entries()) {
    if (segment === '**' && i !== path.value.length - 1) return refuse('** may only be the last segment');
    if (segment.includes('*') && segment !== '*' && segment !== '**')
      return refuse(`* stands for a whole segment, so ${quote(segment)} cannot be used`);
  }
  return accept({ segments: path.value });
}

/**
 * Tells whether a wildcard may stand for a segment: not for an empty one, and not for one with an encoded slash. Some servers read that as
 * two segments, so it is asked for only where a rule has it written out.
 */
export function isCoveredByWildcard(segment: string): boolean {
  return segment !== '' && !segment.includes('%2F');
}

/** Tells whether `**` may stand for the segments from there on; the last may be empty when it is not the only one. */
export function isCoveredByRest(segments: readonly string[], from: number): boolean {
  return segments.every((segment, i) => i < from || (segment === '' ? i > from : isCoveredByWildcard(segment)));
}

/** Tells whether a path is one that the pattern names. A wildcard never stands for an empty segment, nor for one with an encoded slash. */
export function matchesPath(pattern: PathPattern, segments: readonly string[]): boolean {
  const names = pattern.segments;
  const open = names.at(-1) === '**';
  if (open ? segments.length < names.length : segments.length !== names.length) return false;
  const fixed = open ? names.length - 1 : names.length;
  for (let i = 0; i < fixed; i++) {
    const name = names[i];
    const segment = segments[i];
    if (name === '*' ? !isCoveredByWildcard(segment ?? '') : name !== segment) return false;
  }
  return !open || isCoveredByRest(segments, fixed);
}

/** Tells whether some path is named by both patterns. */
export function overlapsPath(a: PathPattern, b: PathPattern): boolean {
  const [x, y] = [a.segments, b.segments];
  for (let i = 0; ; i++) {
    const [p, q] = [x[i], y[i]];
    if (p === undefined || q === undefined) return p === q;
    if (p === '**') return isCoveredByRest(y, i);
    if (q === '**') return isCoveredByRest(x, i);
    if (p === '*' ? !isCoveredByWildcard(q) : q === '*' ? !isCoveredByWildcard(p) : p !== q) return false;
  }
}

/** Writes a pattern as it stands in a rule. */
export function formatPathPattern(pattern: PathPattern): string {
  return `/${pattern.segments.join('/')}`;
}
