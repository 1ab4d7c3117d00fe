/** Writes answers to a connection: their head without what belongs to one hop, and a whole body with its length. [RFC 9110 7.6.1] */
import type { ServerResponse } from 'node:http';
import type { FunctionResponse, HeaderField, WholeResponse } from './sandbox/sandbox.ts';

const HOP_BY_HOP: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'content-length',
]);

/** Writes the head of an answer; a body whose length is not known goes out in chunks, and its end says that it is complete. */
export function sendHead(
  response: ServerResponse,
  answer: Pick<FunctionResponse, 'status' | 'headers'>,
  length: number | null,
  extra: readonly HeaderField[],
): void {
  const headers = [...answer.headers.filter(([name]) => !HOP_BY_HOP.has(name)), ...extra];
  const hasLength = length !== null && answer.status !== 204 && answer.status !== 304;
  response.writeHead(answer.status, [
    ...headers.flatMap(([name, value]) => [name, value]),
    ...(hasLength ? ['content-length', String(length)] : []),
  ]);
}

/** Sends a whole answer, unless one has begun; `close` ends the connection after it. */
export function sendAnswer(
  response: ServerResponse,
  answer: WholeResponse,
  extra: readonly HeaderField[],
  close: boolean,
): void {
  if (response.headersSent || response.destroyed) return;
  sendHead(response, answer, answer.body.length, close ? [...extra, ['connection', 'close']] : extra);
  response.end(answer.body);
}
