/** The error-code variant of wasi:http, from the bare names that egress answers with. [WASI 0.2.12 wasi:http/types] */
import type { Variant } from './result.ts';

const PLAIN: ReadonlySet<string> = new Set([
  'DNS-timeout',
  'destination-not-found',
  'destination-unavailable',
  'destination-IP-prohibited',
  'destination-IP-unroutable',
  'connection-refused',
  'connection-terminated',
  'connection-timeout',
  'connection-read-timeout',
  'connection-write-timeout',
  'connection-limit-reached',
  'TLS-protocol-error',
  'TLS-certificate-error',
  'HTTP-request-denied',
  'HTTP-request-length-required',
  'HTTP-request-method-invalid',
  'HTTP-request-URI-invalid',
  'HTTP-request-URI-too-long',
  'HTTP-response-incomplete',
  'HTTP-response-timeout',
  'HTTP-upgrade-failed',
  'HTTP-protocol-error',
  'loop-detected',
  'configuration-error',
]);

/** Cases whose payload is an `option`, which is left empty. */
const OPTIONAL: ReadonlySet<string> = new Set([
  'HTTP-request-body-size',
  'HTTP-request-header-section-size',
  'HTTP-request-header-size',
  'HTTP-request-trailer-section-size',
  'HTTP-response-header-section-size',
  'HTTP-response-body-size',
  'HTTP-response-trailer-section-size',
  'HTTP-response-transfer-coding',
  'HTTP-response-content-coding',
]);

/** Cases whose payload is a record of options, which are left empty. */
const RECORDS: ReadonlySet<string> = new Set([
  'DNS-error',
  'TLS-alert-received',
  'HTTP-request-trailer-size',
  'HTTP-response-header-size',
  'HTTP-response-trailer-size',
]);

/** Makes the error-code of a name; a name that wasi:http does not have becomes `internal-error` with the name as its text. */
export function makeErrorCode(name: string): Variant {
  if (PLAIN.has(name)) return { tag: name };
  if (OPTIONAL.has(name)) return { tag: name, val: undefined };
  if (RECORDS.has(name)) return { tag: name, val: {} };
  return { tag: 'internal-error', val: name === 'internal-error' ? undefined : name };
}
