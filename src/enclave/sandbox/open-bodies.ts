/**
 * The bodies of one call that are under way between gate and child, on either side: finds the end that a frame is for. Body 0 is the call's own
 * (its query to the child, its answer from it), the others are those of the outgoing request with that number.
 */
import { BodyReader } from './body-reader.ts';
import { BodyWriter } from './body-writer.ts';
import { encodeFrame } from './frame.ts';
import type { BodyMessage } from './messages.ts';
import { FRAME, writeEndHead } from './messages.ts';

export interface OpenBodies {
  /** Bodies that come from the other side and have not ended, whether or not anybody still takes them. */
  readonly reading: number;
  /** Begins to read the body that comes from the other side; `cancel` is called in place of a word to that side. */
  read(number: number, cancel?: () => void): BodyReader;
  /** Begins to write the body that goes to the other side. */
  write(number: number): BodyWriter;
  /** Takes what the other side says of a body; false when it may not say that now. */
  take(message: BodyMessage): boolean;
  /** Ends all of them without a word, because the call is over. */
  close(): void;
}

/** Opens the bodies of one call; `send` takes the frames for the other side. */
export function openBodies(call: number, send: (frame: Uint8Array) => void): OpenBodies {
  const readers = new Map<number, BodyReader>();
  const writers = new Map<number, BodyWriter>();
  let lastWritten = -1;
  let closed = false;

  return {
    get reading() {
      return readers.size;
    },
    read(number, cancel) {
      const reader = new BodyReader({
        credit: (bytes) => {
          if (!closed) send(encodeFrame(FRAME.credit, call, [number, bytes]));
        },
        cancel: () => {
          if (cancel !== undefined) cancel();
          else if (!closed) send(encodeFrame(FRAME.unwanted, call, number));
        },
      });
      readers.set(number, reader);
      return reader;
    },
    write(number) {
      const writer: BodyWriter = new BodyWriter({
        piece: (bytes) => send(encodeFrame(FRAME.piece, call, number, bytes)),
        end: (bytes, trailers) => {
          writers.delete(number);
          send(encodeFrame(FRAME.end, call, writeEndHead(number, trailers), bytes));
        },
        abort: () => {
          writers.delete(number);
          send(encodeFrame(FRAME.abort, call, number));
        },
      });
      writers.set(number, writer);
      lastWritten = Math.max(lastWritten, number);
      return writer;
    },
    take(message) {
      const { number } = message;
      if (message.type === 'credit' || message.type === 'unwanted') {
        const writer = writers.get(number);
        // What was said before the end of the body came through is late, not wrong.
        if (writer === undefined) return number <= lastWritten;
        if (message.type === 'credit') return writer.credit(message.bytes);
        writer.abort();
        return true;
      }
      const reader = readers.get(number);
      if (reader === undefined) return false;
      if (message.type === 'piece') return reader.receive(message.body);
      readers.delete(number);
      if (message.type === 'end') return reader.receive(message.body) && reader.finish('ended', message.trailers);
      return reader.finish('failed');
    },
    close() {
      closed = true;
      for (const reader of readers.values()) reader.finish('failed');
      for (const writer of writers.values()) writer.close();
      readers.clear();
      writers.clear();
    },
  };
}
