/**
 * Makes the request that a guest asks for with a URL and options in JSON: `method`, `body`, and `headers` as JSON inside a string. Nothing is
 * repaired: the URL goes to the gate as it was written, which judges it. The two timeouts are read by nobody; the gate has its own.
 */
import { encodeUtf8 } from '../../../base/bytes.ts';
import { LIMITS } from '../../../base/limits.ts';
import type { HeaderField, WholeEgressRequest } from '../sandbox.ts';
import { HTTP_ERROR } from './http-error.ts';

const METHOD = /^[A-Za-z]{1,16}$/;
/** Scheme, authority, path and query; what follows a # is never sent. */
const URL_PARTS =
  /^([A-Za-z][A-Za-z0-9+.-]*):\/\/([\x21\x22\x24-\x2e\x30-\x3e\x40-\x7e]*)([\x21\x22\x24-\x7e]*)(?:#.*)?$/;
const TOKEN = /^[!#$%&'*+.^_`|~0-9a-z-]{1,256}$/;
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

function parseObject(text: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Readonly<Record<string, unknown>>)
      : null;
  } catch {
    return null;
  }
}

/** Reads the JSON in the option `headers`; absent or null is none. */
function parseHeaders(option: unknown): readonly HeaderField[] | null {
  if (option === undefined || option === null) return [];
  const map = typeof option === 'string' ? parseObject(option) : null;
  if (map === null) return null;
  const headers: HeaderField[] = [];
  for (const [key, value] of Object.entries(map)) {
    const name = key.toLowerCase();
    if (typeof value !== 'string' || !TOKEN.test(name) || !VALUE.test(value)) return null;
    headers.push([name, value]);
  }
  return headers.length <= LIMITS.guestHeaders ? headers : null;
}

/** Makes a request of its URL and options, or gives the number of what is wrong with them. */
export function parseHttpRequest(url: string, options: string): WholeEgressRequest | number {
  const [, scheme, authority, rest] = URL_PARTS.exec(url) ?? [];
  if (scheme === undefined || authority === undefined || rest === undefined) return HTTP_ERROR.invalidUrl;
  const given = parseObject(options);
  const method = given?.['method'];
  if (given === null || typeof method !== 'string') return HTTP_ERROR.request;
  if (!METHOD.test(method)) return HTTP_ERROR.invalidMethod;
  const headers = parseHeaders(given['headers']);
  if (headers === null) return HTTP_ERROR.headersValidation;
  const { body } = given;
  if (body !== undefined && body !== null && typeof body !== 'string') return HTTP_ERROR.request;
  return {
    method: method.toUpperCase(),
    scheme: scheme.toLowerCase(),
    authority,
    path: rest.startsWith('/') ? rest : `/${rest}`,
    headers,
    body: encodeUtf8(body ?? ''),
  };
}
