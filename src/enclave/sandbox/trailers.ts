/**
 * Fields that follow a body: which there may be, and how many. They come with its end, so only a body on its way has any, and none of a declared
 * length does. Nothing that steers the connection, the framing, or how the message is to be read comes so late. [RFC 9110 6.5]
 */
import { LIMITS } from '../../base/limits.ts';
import { FIELD_NAME, FIELD_VALUE } from './field-form.ts';
import type { HeaderField } from './sandbox.ts';

export type Trailers = readonly HeaderField[];

export const NO_TRAILERS: Trailers = [];

/** Fields that no trailer may be: a reader that merged one into the head would take the message for another. [RFC 9110 6.5.1] */
const NEVER: ReadonlySet<string> = new Set([
  'age',
  'authorization',
  'cache-control',
  'connection',
  'content-encoding',
  'content-length',
  'content-range',
  'content-type',
  'cookie',
  'expect',
  'host',
  'http2-settings',
  'keep-alive',
  'location',
  'max-forwards',
  'range',
  'set-cookie',
  'signature',
  'signature-input',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'vary',
  'www-authenticate',
]);

/** Tells whether a field of this name, in lower case, may follow a body. */
export function isTrailerName(name: string): boolean {
  const isKept = name.startsWith('proxy-') || name.startsWith('if-') || name.startsWith('anchorhold-');
  return FIELD_NAME.test(name) && !NEVER.has(name) && !isKept;
}

const isTrailer = ([name, value]: HeaderField): boolean => isTrailerName(name) && FIELD_VALUE.test(value);

/** Counts what fields take as HTTP/1.1 writes them. */
export function countTrailerBytes(fields: Trailers): number {
  return fields.reduce((sum, [name, value]) => sum + name.length + value.length + 4, 0);
}

/** Tells whether there may be so many of them. */
function fits(fields: Trailers): boolean {
  return fields.length <= LIMITS.trailerFields && countTrailerBytes(fields) <= LIMITS.trailerBytes;
}

/** Tells whether somebody who makes a message may end it with these. */
export function areTrailers(fields: Trailers): boolean {
  return fits(fields) && fields.every(isTrailer);
}

/** Says in words why a guest may not end its message with these; null when it may. `hasPlace` is false for a body of a declared length. */
export function trailersFlaw(fields: Trailers, hasPlace: boolean): string | null {
  if (fields.length === 0) return null;
  if (!hasPlace) return 'trailers follow no body of a declared length';
  return areTrailers(fields) ? null : 'its trailers are too many, or none that may follow a body';
}

/** Gives those that may be passed on of what came from the network; null when they are more than anybody takes. */
export function keepTrailers(fields: Trailers): Trailers | null {
  return fits(fields) ? fields.filter(isTrailer) : null;
}
