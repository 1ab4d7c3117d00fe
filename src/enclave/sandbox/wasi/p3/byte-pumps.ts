/**
 * Moves bytes between a guest's streams and the host's sources and sinks. Neither pump holds more than one window, and a source gives no byte
 * that its reader has not asked for: what a guest leaves unread is there for the next reader.
 */
import { LIMITS } from '../../../../base/limits.ts';
import { GivenStream, type StreamReader, type StreamWriter } from '../../component/async/host-end.ts';
import type { ByteSink, ByteSource } from '../byte-stream.ts';

/** How a source came to its end; `dropped`: its reader wanted no more. */
export type SourceEnd = 'ended' | 'failed' | 'dropped';

/** Waits until a source has changed or its reader is gone. */
function changedOrDropped(source: ByteSource, writer: StreamWriter): Promise<void> {
  return new Promise((resolve) => {
    writer.onDropped(resolve);
    source.changed().then(resolve, resolve);
  });
}

async function feed(source: ByteSource, writer: StreamWriter): Promise<SourceEnd> {
  for (;;) {
    await writer.ready();
    if (writer.isDropped) return 'dropped';
    if (source.available === 0 && source.state !== 'open') {
      writer.end();
      return source.state;
    }
    if (source.available === 0) await changedOrDropped(source, writer);
    else if (writer.isProbed) writer.answerProbe();
    else await writer.write(source.take(Math.min(writer.wanted, LIMITS.guestStreamBytes)));
  }
}

/** Gives a guest the bytes of a source; `end` is told how that ended. */
export function giveBytes(source: ByteSource): { readonly stream: GivenStream; readonly end: Promise<SourceEnd> } {
  const { promise: end, resolve } = Promise.withResolvers<SourceEnd>();
  const stream = new GivenStream((writer) => {
    feed(source, writer).then(resolve, () => resolve('failed'));
  });
  return { stream, end };
}

/** Writes all that a guest writes into a sink; gives false when the sink took no more of it. */
export async function takeBytes(reader: StreamReader, sink: ByteSink): Promise<boolean> {
  for (;;) {
    while (sink.state === 'open' && sink.room === 0) await sink.changed();
    if (sink.state !== 'open') break;
    const pieces = await reader.read(Math.min(sink.room, LIMITS.guestStreamBytes));
    if (pieces === null) return true;
    // The room is still there: nobody else writes to this sink meanwhile, or what they write is refused here.
    if (!pieces.every((bytes) => sink.write(bytes as Uint8Array))) break;
  }
  reader.drop();
  return false;
}
