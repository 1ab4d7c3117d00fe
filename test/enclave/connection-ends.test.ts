/** That the end of a connection is told, whenever it comes: also while bytes before it still wait to be taken. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { expect, it } from 'vitest';
import { openConnectionEnds } from '../../src/enclave/connection-ends.ts';

it.each([
  ['all at once', 10],
  ['in pieces', 3],
])('tells the end to who takes the last bytes %s after it came', async (_, pieceBytes) => {
  const server = createServer((socket) => socket.end('0123456789')).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const socket = connect({ host: '127.0.0.1', port: (server.address() as AddressInfo).port, allowHalfOpen: true });
  const { source, sink } = openConnectionEnds(socket, {
    spend: () => true,
    idleMs: 0,
    ended: new AbortController().signal,
    flushMs: 1000,
    onEnd: () => undefined,
  });
  while (!(source.available === 10 && socket.readableLength === 10 && isEndHere(socket))) await turn();
  let text = '';
  while (source.available > 0) text += Buffer.from(source.take(pieceBytes)).toString();
  while (source.state === 'open') await source.changed();
  expect([text, source.state]).toEqual(['0123456789', 'ended']);
  sink.end();
  server.close();
});

const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

/** Whether the stream knows of its end already, which it does not say in any other way. */
function isEndHere(socket: object): boolean {
  return (socket as { readonly _readableState: { readonly ended: boolean } })._readableState.ended;
}
