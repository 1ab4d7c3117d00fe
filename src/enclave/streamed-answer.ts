/** Writes the body of an answer to a client as fast as the client reads it. It never ends the answer: whoever knows that all is well does. */
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { LIMITS } from '../base/limits.ts';
import type { ByteSource } from './sandbox/wasi/byte-stream.ts';

/** Moves a body into an answer whose head is written; resolves with false when the client is gone or the body broke off. */
export async function writeBody(source: ByteSource, response: ServerResponse): Promise<boolean> {
  const leave = (): void => source.cancel();
  response.once('close', leave);
  try {
    while (!response.destroyed) {
      const bytes = source.take(LIMITS.pieceBytes);
      if (bytes.length > 0) {
        if (!response.write(bytes)) await Promise.race([once(response, 'drain'), once(response, 'close')]);
      } else if (source.state === 'open') {
        await source.changed();
      } else {
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
    response.off('close', leave);
  }
}
