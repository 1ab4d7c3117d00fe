/**
 * HTTP message signatures as far as callers use them: the signature base, the two header fields and the body's digest. It neither signs
 * nor verifies, and picks no policy: what must be covered is written in signed-request.ts. The one door to structured-headers.
 * [RFC 9421 2, 3.1, 4; RFC 9530 2]
 */
import {
  type BareItem,
  type Dictionary,
  type InnerList,
  type Item,
  parseDictionary,
  serializeDictionary,
  serializeInnerList,
  serializeItem,
} from 'structured-headers';
import { equalBytes } from './bytes.ts';
import { sha256 } from './digest.ts';

/** The parts of a request that can be signed; header names are lower case. */
export interface SignableRequest {
  readonly method: string;
  readonly scheme: 'https';
  /** `host[:port]`. */
  readonly authority: string;
  /** Path and query as on the request line. */
  readonly target: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
}

/** Integers and strings are all that our parameters need. */
export type SignatureParameters = ReadonlyMap<string, number | string>;

/** One signature of a message: which components it covers, in order, with its parameters and, once known, its bytes. */
export interface SignatureInput {
  readonly label: string;
  readonly components: readonly string[];
  readonly parameters: SignatureParameters;
}

export interface MessageSignature extends SignatureInput {
  readonly signature: Uint8Array;
}

const NONE: Map<string, BareItem> = new Map();

function innerList(input: SignatureInput): InnerList {
  return [input.components.map((name): Item => [name, NONE]), new Map(input.parameters)];
}

/** Writes the host in lower case without the port that https has anyway. [RFC 9421 2.2.3] */
function normalAuthority(authority: string): string {
  return authority.toLowerCase().replace(/:443$/, '');
}

/** Gives the value of one component, or null when the message has none of that name. [RFC 9421 2.1, 2.2] */
function componentValue(request: SignableRequest, name: string): string | null {
  const queryAt = request.target.indexOf('?');
  switch (name) {
    case '@method':
      return request.method;
    case '@authority':
      return normalAuthority(request.authority);
    case '@target-uri':
      return `${request.scheme}://${normalAuthority(request.authority)}${request.target}`;
    case '@path':
      return (queryAt < 0 ? request.target : request.target.slice(0, queryAt)) || '/';
    case '@query':
      return queryAt < 0 ? '?' : request.target.slice(queryAt);
    default: {
      const values = request.headers.filter(([header]) => header === name).map(([, value]) => value.trim());
      return values.length === 0 ? null : values.join(', ');
    }
  }
}

/**
 * Writes the signature base, which is what gets signed; gives null when a component is missing, named twice, unknown, or not plain
 * ASCII: with a line break one line could pass for two. [RFC 9421 2.5]
 */
export function encodeSignatureBase(request: SignableRequest, input: SignatureInput): string | null {
  if (new Set(input.components).size !== input.components.length) return null;
  const lines: string[] = [];
  for (const name of input.components) {
    const value = componentValue(request, name);
    if (value === null || !/^[\x20-\x7e]*$/.test(value) || !/^@?[a-z0-9_-]+$/.test(name)) return null;
    lines.push(`${serializeItem(name)}: ${value}`);
  }
  return [...lines, `"@signature-params": ${serializeInnerList(innerList(input))}`].join('\n');
}

/** Writes the two header fields of one signature. [RFC 9421 4] */
export function encodeSignatureFields(signed: MessageSignature): (readonly [string, string])[] {
  return [
    ['signature-input', serializeDictionary(new Map([[signed.label, innerList(signed)]]))],
    ['signature', serializeDictionary(new Map([[signed.label, [Uint8Array.from(signed.signature), NONE]]]))],
  ];
}

function readDictionary(text: string): Dictionary | null {
  try {
    return parseDictionary(text);
  } catch {
    return null;
  }
}

function bytesOf(item: Item | InnerList | undefined): Uint8Array | null {
  const value = item?.[0];
  return value instanceof ArrayBuffer ? new Uint8Array(value) : null;
}

/**
 * Reads the two header fields when they hold exactly one signature, of the kinds of values that we write, and in the very form in which
 * we would write them; gives null for all else. The same form both ways is what makes the signer's base and ours equal.
 */
export function parseSignatureFields(signatureInput: string, signature: string): MessageSignature | null {
  const inputs = readDictionary(signatureInput);
  const signatures = readDictionary(signature);
  const [entry, another] = inputs ?? [];
  if (entry === undefined || another !== undefined || signatures?.size !== 1) return null;
  const [label, member] = entry;
  const bytes = bytesOf(signatures.get(label));
  const [items, memberParameters] = member;
  if (bytes === null || !Array.isArray(items)) return null;
  const components: string[] = [];
  for (const [name, own] of items) {
    if (typeof name !== 'string' || own.size > 0) return null;
    components.push(name);
  }
  const parameters = new Map<string, number | string>();
  for (const [name, value] of memberParameters) {
    if (typeof value === 'number' ? !Number.isSafeInteger(value) : typeof value !== 'string') return null;
    parameters.set(name, value as number | string);
  }
  const parsed = { label, components, parameters, signature: bytes };
  const [input, output] = encodeSignatureFields(parsed);
  return input?.[1] === signatureInput && output?.[1] === signature ? parsed : null;
}

/** Writes the `content-digest` field of a body. [RFC 9530 2] */
export function encodeContentDigest(body: Uint8Array): string {
  return serializeDictionary(new Map([['sha-256', [sha256(body), NONE]]]));
}

/** Tells whether a `content-digest` field names the SHA-256 of this body; other algorithms beside it do not count. [RFC 9530 2] */
export function isContentDigest(field: string, body: Uint8Array): boolean {
  const digest = bytesOf(readDictionary(field)?.get('sha-256'));
  return digest !== null && equalBytes(digest, sha256(body));
}
