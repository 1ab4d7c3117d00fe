/**
 * Which headers a function may send out and gets back: nothing that steers the connection or the framing, and nothing with which one
 * request could be read as two. What a header means to the other server is not judged. [RFC 9110 5.5, 7.6.1; RFC 9112 11]
 */
import type { HeaderField } from './sandbox/sandbox.ts';
import { isTrailerName } from './sandbox/trailers.ts';

/** Fields about one connection, which is the broker's. [RFC 9110 7.6.1] */
const CONNECTION_FIELDS: ReadonlySet<string> = new Set([
  'connection',
  'expect',
  'http2-settings',
  'keep-alive',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

function isAboutConnection(name: string): boolean {
  return CONNECTION_FIELDS.has(name) || name.startsWith('proxy-');
}

/** Says why the names of fields that shall follow the body are not; null when they are. [RFC 9110 6.6.2] */
function announcedFlaw(value: string): string | null {
  const names = value.toLowerCase().split(',');
  return names.every((name) => isTrailerName(name.trim()))
    ? null
    : 'the header trailer names what may not follow a body';
}

/** The headers to send, or why they may not be sent. */
export type EgressHeaders = { readonly headers: readonly HeaderField[] } | { readonly flaw: string };

/**
 * Checks what a function wants to send. `host` and `content-length` are dropped when they say what the broker will say itself, and refused
 * when they say anything else; `trailer` is kept where something can follow the body. `bodyBytes` is null while nobody knows how long the body gets.
 */
export function checkEgressHeaders(
  fields: readonly HeaderField[],
  sent: { readonly authority: string; readonly bodyBytes: number | null },
): EgressHeaders {
  const headers: HeaderField[] = [];
  for (const [written, value] of fields) {
    const name = written.toLowerCase();
    if (!TOKEN.test(name)) return { flaw: 'a header name has a character that names cannot have' };
    if (!VALUE.test(value)) return { flaw: `the header ${name} has a line break or another control character` };
    if (name === 'trailer') {
      const flaw = announcedFlaw(value);
      if (flaw !== null) return { flaw };
      // Only a body whose end says that it is one can be followed by what is announced.
      if (sent.bodyBytes === null) headers.push([name, value]);
      continue;
    }
    if (isAboutConnection(name))
      return { flaw: `the header ${name} is about the connection, which is not the function's` };
    if (name === 'host' && value.toLowerCase() !== sent.authority) {
      return {
        flaw: `the header host names ${JSON.stringify(value.slice(0, 100))}, but the request goes to ${sent.authority}`,
      };
    }
    if (name === 'content-length' && value !== String(sent.bodyBytes)) {
      return { flaw: `the header content-length is not ${sent.bodyBytes ?? 'known'}, as the length of the body is` };
    }
    if (name !== 'host' && name !== 'content-length') headers.push([name, value]);
  }
  return { headers };
}

/** Counts what a head and body take as HTTP/1.1 writes them. */
export function countBytes(startLine: number, headers: readonly HeaderField[], bodyBytes: number): number {
  return headers.reduce((sum, [name, value]) => sum + name.length + value.length + 4, startLine) + bodyBytes;
}

/** Gives what the function may see of an answer's headers: all but those about the connection. */
export function keepAnswerHeaders(fields: readonly HeaderField[]): readonly HeaderField[] {
  return fields.filter(([name]) => !isAboutConnection(name));
}
