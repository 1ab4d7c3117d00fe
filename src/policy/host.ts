/**
 * Host names and literal addresses of requests and rules, in one spelling. A request's host must already be in normal form but for the
 * case of letters; a rule's may be written in any alphabet and is brought to its ASCII form. Names are compared whole, from the right
 * end, label by label: a listed name never admits one that merely begins or ends like it. [RFC 3986 3.2.2, RFC 5891, UTS 46]
 */
import { accept, quote, type Reading, refuse } from './reading.ts';

const LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
const IPV4 = /^(?:0|[1-9]\d{0,2})(?:\.(?:0|[1-9]\d{0,2})){3}$/;

/** Gives the host as the URL standard writes it, or null when it is none there. [WHATWG URL 3.5] */
function canonicalHost(text: string): string | null {
  try {
    return new URL(`https://${text}/`).hostname;
  } catch {
    return null;
  }
}

/** Reads the host of a request: a name, a dotted IPv4 address, or an IPv6 address in brackets; letters become lower case. */
export function parseHost(text: string): Reading<string> {
  if (text === '') return refuse('the host is missing');
  if (text.length > 253) return refuse('the host is longer than 253 characters');
  const lower = text.toLowerCase();
  if (lower.startsWith('[')) return parseIpv6(lower);
  if (/[^\u0021-\u007e]/.test(text)) return refuse(spellAscii(text));
  if (text.includes('%')) return refuse(`the host ${quote(text)} is percent-encoded`);
  if (lower.includes(':')) return refuse(`the host ${quote(text)} has a colon: write an IPv6 address in brackets`);
  if (lower.endsWith('.')) return refuse(`the host ${quote(text)} ends with a dot`);
  const labels = lower.split('.');
  if (labels.includes('')) return refuse(`the host ${quote(text)} has an empty label`);
  const bad = labels.find((label) => !LABEL.test(label));
  if (bad !== undefined) return refuse(`the host label ${quote(bad)} is not letters, digits and inner hyphens`);
  // A last label of digits makes it an address in some parsers and a name in others (0x7f.1, 2130706433, 0177.0.0.1).
  if (/^(?:\d+|0x[0-9a-f]*)$/.test(labels.at(-1) ?? '') && !(IPV4.test(lower) && canonicalHost(lower) === lower)) {
    const meant = canonicalHost(lower);
    return refuse(
      `the host ${quote(text)} is an address in an unusual spelling${meant === null ? '' : `; it would be ${meant}`}`,
    );
  }
  return accept(lower);
}

function parseIpv6(text: string): Reading<string> {
  if (text.includes('%')) return refuse(`the address ${quote(text)} has a zone id`);
  const canonical = text.endsWith(']') ? canonicalHost(text) : null;
  if (canonical === null) return refuse(`${quote(text)} is not an IPv6 address in brackets`);
  return canonical === text
    ? accept(text)
    : refuse(`the address ${quote(text)} is not in normal form; it would be ${canonical}`);
}

function spellAscii(text: string): string {
  const ascii = toAscii(text);
  return ascii === null
    ? `the host ${quote(text)} has a character that host names cannot have`
    : `the host ${quote(text)} must be sent in its ASCII form, ${ascii}`;
}

/** Gives the ASCII form of an international name, or null when it has signs, invisible parts or letters that stand for others. */
function toAscii(text: string): string | null {
  const lower = text.toLowerCase();
  if (!/^[\p{L}\p{M}\p{N}.-]+$/u.test(text) || lower.normalize('NFKC') !== lower.normalize('NFC')) return null;
  const ascii = canonicalHost(text);
  return ascii !== null && ascii.split('.').every((label) => LABEL.test(label)) ? ascii : null;
}

/** Reads the host of a rule: as of a request, in any alphabet; `*` may stand as the whole first label before at least two others. */
export function parseHostPattern(text: string): Reading<string> {
  const wild = text.startsWith('*.');
  const rest = wild ? text.slice(2) : text;
  if (rest.includes('*')) return refuse('* may only be the whole first label of a host, as in *.example.com');
  const ascii = /[^\u0021-\u007e]/.test(rest) ? toAscii(rest) : rest;
  if (ascii === null) return refuse(`the host ${quote(rest)} has a character that host names cannot have`);
  const host = parseHost(ascii);
  if (!host.ok || !wild) return host;
  if (host.value.startsWith('[') || IPV4.test(host.value)) return refuse('* cannot stand before an address');
  if (!host.value.includes('.'))
    return refuse(`*.${host.value} would name every site under ${host.value}: name at least two labels`);
  return accept(`*.${host.value}`);
}

/** Tells whether a host in normal form is the one a rule names; `*.` matches exactly one label. */
export function matchesHost(pattern: string, host: string): boolean {
  if (!pattern.startsWith('*.')) return pattern === host;
  const dot = host.indexOf('.');
  return dot > 0 && host.slice(dot) === pattern.slice(1);
}

/** Gives the patterns that name a host: the host itself, and any first label before the rest of it. */
export function patternsNaming(host: string): readonly string[] {
  const dot = host.indexOf('.');
  return dot > 0 ? [host, `*${host.slice(dot)}`] : [host];
}

/** Tells whether some host is named by both patterns. */
export function overlapsHost(a: string, b: string): boolean {
  return matchesHost(a, b) || matchesHost(b, a);
}
