/** What a function sees of a query: the path without its own name, and no header that proves who asks or belongs to the connection. */
import type { PresentedRequest } from './callers/caller.ts';
import type { Body } from './sandbox/body.ts';
import type { FunctionRequest } from './sandbox/sandbox.ts';

/** Headers of the connection, and proofs: a function that could read them could use them elsewhere. */
const WITHHELD: ReadonlySet<string> = new Set([
  'anchorhold-channel',
  'authorization',
  'connection',
  'cookie',
  'expect',
  'host',
  'keep-alive',
  'proxy-authorization',
  'proxy-connection',
  'signature',
  'signature-input',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** Makes the function's request of the caller's; `/name/rest?query` becomes `/rest?query`. */
export function requestForFunction(name: string, request: PresentedRequest, body: Body): FunctionRequest {
  const rest = request.target.slice(1 + name.length);
  return {
    method: request.method,
    path: rest.startsWith('/') ? rest : `/${rest}`,
    authority: request.authority,
    headers: request.headers.filter(([header]) => !WITHHELD.has(header)),
    body,
  };
}
