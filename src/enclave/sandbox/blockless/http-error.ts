/** The error numbers of `blockless_http`, and which of them an egress failure is. [Blockless blockless_http.witx] */

export const HTTP_ERROR = {
  success: 0,
  invalidHandle: 1,
  memoryAccess: 2,
  headerNotFound: 4,
  utf8: 5,
  invalidMethod: 7,
  invalidUrl: 9,
  request: 10,
  runtime: 11,
  tooManySessions: 12,
  permissionDenied: 14,
  headersValidation: 15,
} as const;

const OF_EGRESS: ReadonlyMap<string, number> = new Map([
  ['HTTP-request-denied', HTTP_ERROR.permissionDenied],
  ['HTTP-request-method-invalid', HTTP_ERROR.invalidMethod],
  ['HTTP-request-URI-invalid', HTTP_ERROR.invalidUrl],
  ['connection-limit-reached', HTTP_ERROR.tooManySessions],
]);

/** Gives the number for a refusal or failure that wasi:http has a name for. */
export function httpErrorOf(failure: string): number {
  return OF_EGRESS.get(failure) ?? HTTP_ERROR.runtime;
}
