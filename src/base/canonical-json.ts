/** JSON in one exact spelling, so that a digest over it means something. The one door to canonicalize. [RFC 8785] */
import canonicalize from 'canonicalize';

export type Json = null | boolean | number | string | readonly Json[] | JsonMap;
export interface JsonMap {
  readonly [key: string]: Json;
}

/** Encodes a value as canonical JSON: keys sorted, no white space, numbers in their shortest form. [RFC 8785 3.2] */
export function encodeCanonicalJson(value: Json): string {
  // A JSON value always has a spelling; `undefined` is only for what the type above excludes.
  return canonicalize(value) ?? 'null';
}
