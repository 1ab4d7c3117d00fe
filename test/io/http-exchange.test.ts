import { once } from 'node:events';
import { duplexPair } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TransportError } from '../../src/errors.ts';
import { type ExchangeResponse, postOnSocket } from '../../src/io/http-exchange.ts';

const REQUEST = { authority: 'worker.test', path: '/x', contentType: 'text/plain', body: Uint8Array.of(97, 98) };
const CAPS = { maxBodyBytes: 100, timeoutMs: 5000 };

/** Sends raw bytes as the answer, in pieces, and gives what the exchange made of them. */
async function answerWith(pieces: readonly (string | Uint8Array)[], end = false): Promise<ExchangeResponse | null> {
  const [client, server] = duplexPair();
  const result = postOnSocket(client, REQUEST, CAPS);
  for (const piece of pieces) server.write(piece);
  if (end) server.end();
  return await result;
}

const OK = 'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n\r\nabc';

describe('one exchange on a raw socket', () => {
  it('sends one POST and reads one answer', async () => {
    const [client, server] = duplexPair();
    const result = postOnSocket(client, REQUEST, CAPS);
    const [sent] = (await once(server, 'data')) as [Buffer];
    expect(sent.toString()).toBe(
      'POST /x HTTP/1.1\r\nhost: worker.test\r\ncontent-type: text/plain\r\ncontent-length: 2\r\n\r\nab',
    );
    server.write(OK);
    const response = await result;
    expect(response).toMatchObject({ status: 200, contentType: 'text/plain' });
    expect(Buffer.from(response?.body ?? []).toString()).toBe('abc');
    expect(client.listenerCount('readable')).toBe(0);
  });

  it('reads an answer in single bytes', async () => {
    expect((await answerWith(OK.split('')))?.status).toBe(200);
  });

  it.each([
    ['another protocol', ['SSH-2.0-x\r\n']],
    ['HTTP/1.0', ['HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n']],
    ['chunked coding', ['HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\nabc']],
    ['no length', ['HTTP/1.1 200 OK\r\n\r\n']],
    ['two lengths', ['HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc']],
    ['a signed length', ['HTTP/1.1 200 OK\r\nContent-Length: +3\r\n\r\nabc']],
    ['a body over the cap', ['HTTP/1.1 200 OK\r\nContent-Length: 101\r\n\r\n']],
    ['bytes after the answer', [`${OK}HTTP/1.1 200 OK\r\n`]],
    ['a folded header', ['HTTP/1.1 200 OK\r\nA: b\r\n c\r\nContent-Length: 3\r\n\r\nabc']],
    ['a head without end', [`HTTP/1.1 200 OK\r\nA: ${'x'.repeat(20_000)}`]],
    ['a bare line feed', ['HTTP/1.1 200 OK\nContent-Length: 3\n\r\n\r\nabc']],
  ])('takes %s for somebody else', async (_name, pieces) => {
    expect(await answerWith(pieces)).toBeNull();
  });

  it('is a transport error when the connection ends early', async () => {
    await expect(answerWith(['HTTP/1.1 200 OK\r\n'], true)).rejects.toMatchObject({ code: 'ERR_TRANSPORT_CLOSED' });
  });

  it('gives a value or a transport error for any bytes', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 60 }), { maxLength: 5 }), async (pieces) => {
        await answerWith(pieces, true).then(
          (value) => expect(value).toBeNull(),
          (error: unknown) => expect(error).toBeInstanceOf(TransportError),
        );
      }),
    );
  });
});
