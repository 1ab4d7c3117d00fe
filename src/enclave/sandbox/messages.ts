/**
 * What the two sides say in frames: types, heads and their strict readers. The gate's side reads as if a hostile process had written
 * every byte: unknown types, missing or wrong fields, header text that could split a message, all give null.
 */
import { LIMITS } from '../../base/limits.ts';
import type { Body } from './body.ts';
import { FIELD_NAME, FIELD_VALUE } from './field-form.ts';
import type { Frame } from './frame.ts';
import { type Head, type HeadMap, isHeadMap } from './frame-head.ts';
import type {
  EgressAnswer,
  EgressFailure,
  EgressRequest,
  FunctionRequest,
  FunctionResponse,
  HeaderField,
} from './sandbox.ts';
import { parseConnect, parseLookup, type SocketRequest } from './socket-messages.ts';
import { areTrailers, NO_TRAILERS, type Trailers } from './trailers.ts';

/** Frame types; those below 16 go to the child, those below 32 come from it, and the others go both ways. */
export const FRAME = {
  load: 1,
  call: 2,
  egressAnswer: 3,
  lookupAnswer: 4,
  connectAnswer: 5,
  cancel: 15,
  ready: 16,
  refused: 17,
  answer: 18,
  exit: 19,
  trap: 20,
  egress: 21,
  log: 22,
  lookup: 23,
  connect: 24,
  cancelled: 31,
  piece: 32,
  end: 33,
  abort: 34,
  credit: 35,
  unwanted: 36,
} as const;

/** What is said of a body that is under way; `number` is 0 for the call's own, otherwise that of its outgoing request. */
export type BodyMessage = { readonly number: number } & (
  | { readonly type: 'piece'; readonly body: Uint8Array }
  | { readonly type: 'end'; readonly body: Uint8Array; readonly trailers: Trailers }
  | { readonly type: 'abort' | 'unwanted' }
  | { readonly type: 'credit'; readonly bytes: number }
);

/** A body as its message brings it: whole, or to follow in frames of its own; `length` is then what was declared, or null. */
export type WireBody = Uint8Array | { readonly length: number | null };

/** A message whose body may follow it. */
export type OnWire<T> = Omit<T, 'body'> & { readonly body: WireBody };

/** What a child says. `trap` and `refused` texts are the child's own words: show them, decide nothing by them. */
export type ChildMessage =
  | { readonly type: 'ready' }
  | { readonly type: 'refused'; readonly text: string }
  | { readonly type: 'answer'; readonly call: number; readonly response: OnWire<FunctionResponse> }
  /** Unread: only the call knows whether it may end so, and with how many trees. */
  | { readonly type: 'exit'; readonly call: number; readonly head: HeadMap; readonly body: Uint8Array }
  | { readonly type: 'trap'; readonly call: number; readonly text: string }
  | { readonly type: 'cancelled'; readonly call: number }
  | { readonly type: 'egress'; readonly call: number; readonly number: number; readonly request: OnWire<EgressRequest> }
  | { readonly type: 'log'; readonly call: number; readonly text: string }
  | ({ readonly call: number } & SocketRequest)
  | ({ readonly call: number } & BodyMessage);

const METHOD = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,32}$/;
const VISIBLE = /^[\x21-\x7e]*$/;
const TEXT_CHARACTERS = 512;

function hasKeys(map: HeadMap, keys: readonly string[]): boolean {
  return Object.keys(map).length === keys.length && keys.every((k) => map[k] !== undefined);
}

/** Tells whether a head has these keys, and beside them a length at most. */
function hasKeysOfMessage(map: HeadMap, keys: readonly string[]): boolean {
  return hasKeys(map, map['length'] === undefined ? keys : [...keys, 'length']);
}

/** Reads header fields: lower-case token names, values without line ends. */
function parseHeaders(value: Head | undefined): readonly HeaderField[] | null {
  if (!Array.isArray(value)) return null;
  const headers: HeaderField[] = [];
  for (const field of value as readonly Head[]) {
    if (!Array.isArray(field) || field.length !== 2) return null;
    const [name, text] = field as readonly Head[];
    if (typeof name !== 'string' || typeof text !== 'string' || !FIELD_NAME.test(name) || !FIELD_VALUE.test(text))
      return null;
    headers.push([name, text]);
  }
  return headers;
}

/** Reads the body that a message brings; a head with a length says that it follows, and one without that it is here. */
function parseBody(head: HeadMap, body: Uint8Array): WireBody | null {
  const { length } = head;
  if (length === undefined) return body;
  return body.length === 0 && (length === null || typeof length === 'number') ? { length } : null;
}

/** Reads the same from a child, which sends nothing whole that does not fit into a window. */
function parseSmallBody(head: HeadMap, body: Uint8Array): WireBody | null {
  return body.length > LIMITS.windowBytes ? null : parseBody(head, body);
}

function parseResponse(head: HeadMap, body: WireBody | null): OnWire<FunctionResponse> | null {
  const { status } = head;
  const headers = parseHeaders(head['headers']);
  if (headers === null || typeof status !== 'number' || status < 200 || status > 599) return null;
  return body === null ? null : { status, headers, body };
}

function parseVisible(value: Head | undefined, maxCharacters: number): string | null {
  return typeof value === 'string' && value.length <= maxCharacters && VISIBLE.test(value) ? value : null;
}

function parseEgress(head: HeadMap, bytes: Uint8Array): { number: number; request: OnWire<EgressRequest> } | null {
  const body = parseSmallBody(head, bytes);
  if (!hasKeysOfMessage(head, ['number', 'method', 'scheme', 'authority', 'path', 'headers'])) return null;
  const { number, method } = head;
  const scheme = parseVisible(head['scheme'], 32);
  const authority = parseVisible(head['authority'], 1024);
  const path = parseVisible(head['path'], 16 * 1024);
  const headers = parseHeaders(head['headers']);
  if (typeof number !== 'number' || number === 0 || body === null || typeof method !== 'string' || !METHOD.test(method))
    return null;
  if (scheme === null || authority === null || path === null || headers === null) return null;
  return { number, request: { method, scheme, authority, path, headers, body } };
}

/** Reads the text of a head and makes it one printable line, so that it cannot forge lines of a log. */
function parseText(head: HeadMap): string | null {
  const { text } = head;
  if (!hasKeys(head, ['text']) || typeof text !== 'string') return null;
  return text.slice(0, TEXT_CHARACTERS).replace(/[^\x20-\x7e]/g, '?');
}

/** Reads the end of a body: its number, or that and the fields that follow it. */
function parseEnd(head: Head, body: Uint8Array): BodyMessage | null {
  if (body.length > LIMITS.pieceBytes) return null;
  if (typeof head === 'number') return { type: 'end', number: head, body, trailers: NO_TRAILERS };
  const [number, fields] = Array.isArray(head) && head.length === 2 ? (head as readonly Head[]) : [];
  const trailers = parseHeaders(fields);
  if (typeof number !== 'number' || trailers === null || trailers.length === 0) return null;
  return areTrailers(trailers) ? { type: 'end', number, body, trailers } : null;
}

/** Reads a frame about a body that is under way; null when it is none. */
export function parseBodyMessage({ type, head, body }: Frame): BodyMessage | null {
  if (type === FRAME.credit) {
    const [number, bytes] = Array.isArray(head) && head.length === 2 ? (head as readonly Head[]) : [];
    const isCredit = typeof number === 'number' && typeof bytes === 'number' && bytes > 0 && body.length === 0;
    return isCredit ? { type: 'credit', number, bytes } : null;
  }
  if (type === FRAME.end) return parseEnd(head, body);
  if (typeof head !== 'number' || body.length > LIMITS.pieceBytes) return null;
  if (type === FRAME.piece) return body.length === 0 ? null : { type: 'piece', number: head, body };
  if (body.length > 0) return null;
  if (type === FRAME.abort) return { type: 'abort', number: head };
  return type === FRAME.unwanted ? { type: 'unwanted', number: head } : null;
}

/** Reads a frame that came from a child; null when it is not one that a child may send. */
export function parseChildMessage(frame: Frame): ChildMessage | null {
  const { type, call, head, body } = frame;
  if (type >= FRAME.piece) {
    const message = parseBodyMessage(frame);
    return message === null ? null : { call, ...message };
  }
  if (!isHeadMap(head)) return null;
  if (type === FRAME.lookup || type === FRAME.connect) {
    const request = type === FRAME.lookup ? parseLookup(head) : parseConnect(head);
    return request === null || body.length > 0 ? null : { call, ...request };
  }
  if (type === FRAME.answer) {
    const isAnswer = hasKeysOfMessage(head, ['status', 'headers']);
    const response = isAnswer ? parseResponse(head, parseSmallBody(head, body)) : null;
    return response === null ? null : { type: 'answer', call, response };
  }
  if (type === FRAME.exit) return { type: 'exit', call, head, body };
  if (type === FRAME.egress) {
    const egress = parseEgress(head, body);
    return egress === null ? null : { type: 'egress', call, ...egress };
  }
  if (body.length > 0) return null;
  if (type === FRAME.ready) return call === 0 && hasKeys(head, []) ? { type: 'ready' } : null;
  if (type === FRAME.cancelled) return hasKeys(head, []) ? { type: 'cancelled', call } : null;
  const text = parseText(head);
  if (text === null) return null;
  if (type === FRAME.trap) return { type: 'trap', call, text };
  if (type === FRAME.log) return { type: 'log', call, text };
  return type === FRAME.refused && call === 0 ? { type: 'refused', text } : null;
}

const writeHeaders = (headers: readonly HeaderField[]): Head => headers.map(([name, value]) => [name, value]);

/** Says in a head that its body follows; nothing when it comes with it. */
const writeBody = (body: Body | WireBody): HeadMap => (body instanceof Uint8Array ? {} : { length: body.length });

/** Writes the head of the end of a body. */
export function writeEndHead(number: number, trailers: Trailers): Head {
  return trailers.length === 0 ? number : [number, writeHeaders(trailers)];
}

/** Writes the head of a query. */
export function writeRequestHead(request: OnWire<FunctionRequest>): Head {
  const { method, path, authority, headers, body } = request;
  return { method, path, authority, headers: writeHeaders(headers), ...writeBody(body) };
}

/** Reads the head of a query, in the child. */
export function parseRequestHead(head: Head, bytes: Uint8Array): OnWire<FunctionRequest> | null {
  if (!isHeadMap(head)) return null;
  const { method, path, authority } = head;
  const headers = parseHeaders(head['headers']);
  const body = parseBody(head, bytes);
  if (typeof method !== 'string' || typeof path !== 'string' || typeof authority !== 'string') return null;
  return headers === null || body === null ? null : { method, path, authority, headers, body };
}

/** Writes the head of an answer. */
export function writeResponseHead(response: OnWire<FunctionResponse>): Head {
  return { status: response.status, headers: writeHeaders(response.headers), ...writeBody(response.body) };
}

/** Writes the head of an egress request; `number` tells the requests of one call apart, and grows from 1. */
export function writeEgressHead(number: number, request: OnWire<EgressRequest>): Head {
  const { method, scheme, authority, path, headers, body } = request;
  return { number, method, scheme, authority, path, headers: writeHeaders(headers), ...writeBody(body) };
}

/** Writes the head of what egress answered. */
export function writeEgressAnswerHead(number: number, answer: EgressAnswer): Head {
  if ('error' in answer) return { number, error: answer.error };
  return { number, status: answer.status, headers: writeHeaders(answer.headers), ...writeBody(answer.body) };
}

/** What egress answered, as it comes to the child. */
export type EgressAnswerOnWire = OnWire<FunctionResponse> | EgressFailure;

/** Reads what egress answered, in the child; a response that no guest could be shown becomes an error, so that none waits for ever. */
export function parseEgressAnswer(
  head: Head,
  body: Uint8Array,
): { readonly number: number; readonly answer: EgressAnswerOnWire } | null {
  if (!isHeadMap(head) || typeof head['number'] !== 'number') return null;
  const { number, error } = head;
  if (typeof error === 'string') return { number, answer: { error } };
  const response = parseResponse(head, parseBody(head, body));
  return { number, answer: response ?? { error: 'HTTP-protocol-error' } };
}
