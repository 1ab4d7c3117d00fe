/** The standard streams of a call as sources and sinks of bytes: input is all there, output is collected up to what the call may write. */
import type { InputSource } from '../../body.ts';
import type { ByteSink, ByteSource } from '../byte-stream.ts';
import type { OutputBuffer } from '../output-buffer.ts';

/** Gives what is read from standard input; several streams over one input share its position. */
export function sourceOf(input: InputSource): ByteSource {
  return {
    state: 'ended',
    get available() {
      return input.rest.length;
    },
    take(maxBytes) {
      const taken = input.rest.subarray(0, maxBytes);
      input.rest = input.rest.subarray(taken.length);
      return taken;
    },
    changed: () => Promise.resolve(),
    cancel: () => undefined,
  };
}

/** Gives what is written to; past the call's budget it is closed. */
export function sinkOf(output: OutputBuffer): ByteSink {
  let isOver = false;
  return {
    get state() {
      return isOver ? 'closed' : 'open';
    },
    get room() {
      return isOver ? 0 : output.room;
    },
    write(bytes) {
      isOver ||= !output.write(bytes);
      return !isOver;
    },
    end() {
      isOver = true;
    },
    abort() {
      isOver = true;
    },
    changed: () => Promise.resolve(),
  };
}
