/** Writes the body of an answer to a client as fast as the client reads it. It never ends the answer: whoever knows that all is well does. */
import type { ServerResponse } from 'node:http';
import { ChangeSignal } from '../base/change-signal.ts';
import { LIMITS } from '../base/limits.ts';
import { NO_TRAILERS } from './sandbox/trailers.ts';
import type { ByteSource } from './sandbox/wasi/byte-stream.ts';

/** Puts what follows a body behind it; an answer of a declared length has no place for it. */
function addTrailers({ trailers = NO_TRAILERS }: ByteSource, response: ServerResponse): void {
  if (trailers.length > 0) response.addTrailers(trailers.map(([name, value]): [string, string] => [name, value]));
}

/** Moves a body into an answer whose head is written; resolves with false when the client is gone or the body broke off. */
export async function writeBody(source: ByteSource, response: ServerResponse): Promise<boolean> {
  const signal = new ChangeSignal();
  const wake = (): void => signal.notify();
  const leave = (): void => {
    source.cancel();
    signal.notify();
  };
  response.on('drain', wake).once('close', leave);
  try {
    while (!response.destroyed) {
      const bytes = source.take(LIMITS.pieceBytes);
      if (bytes.length > 0) {
        response.write(bytes);
        while (response.writableNeedDrain && !response.destroyed) await signal.changed();
      } else if (source.state === 'open') {
        await source.changed();
      } else {
        if (source.state === 'ended') addTrailers(source, response);
        return source.state === 'ended';
      }
    }
    source.cancel();
    return false;
  } catch {
    // An answer that takes no more says so by an error, and its client is as good as gone.
    source.cancel();
    return false;
  } finally {
    response.off('drain', wake).off('close', leave);
  }
}
