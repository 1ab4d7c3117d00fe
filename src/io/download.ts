/** Downloads one file over HTTP, with caps on size and time. Judges nothing of what comes: whoever asks compares it with a digest. */
import { openByteCollector } from '../base/byte-collector.ts';
import { TransportError } from '../errors.ts';

export interface DownloadOptions {
  readonly maxBytes: number;
  /** For the whole file. */
  readonly timeoutMs: number;
}

/**
 * Downloads a file; null when the server says that there is none (404, 410).
 * @throws TransportError ERR_TRANSPORT_UNREACHABLE, ERR_TRANSPORT_TIMEOUT
 */
export async function download(url: string, options: DownloadOptions): Promise<Uint8Array<ArrayBuffer> | null> {
  const { maxBytes, timeoutMs } = options;
  const unreachable = (why: string, cause?: unknown): TransportError =>
    new TransportError('ERR_TRANSPORT_UNREACHABLE', `${url} ${why}`, { cause });
  const signal = AbortSignal.timeout(timeoutMs);
  const failed = (cause: unknown): never => {
    if (cause instanceof TransportError) throw cause;
    if (signal.aborted) {
      throw new TransportError('ERR_TRANSPORT_TIMEOUT', `${url} did not come within ${timeoutMs} ms`, { cause });
    }
    throw unreachable('could not be fetched', cause);
  };
  try {
    const answer = await fetch(url, { signal });
    const gone = answer.status === 404 || answer.status === 410;
    if (answer.status !== 200 || answer.body === null) {
      await answer.body?.cancel();
      if (gone) return null;
      throw unreachable(`was answered with status ${answer.status}`);
    }
    const body = openByteCollector(maxBytes);
    for await (const piece of answer.body)
      if (!body.add(piece)) throw unreachable(`is over the cap of ${maxBytes} bytes`);
    return body.bytes();
  } catch (cause) {
    return failed(cause);
  }
}
