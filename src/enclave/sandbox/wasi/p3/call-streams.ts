/** The standard streams of a call as sources and sinks of bytes: input is all there, output is collected up to what the call may write. */
import type { ByteSink, ByteSource } from '../byte-stream.ts';
import type { InputSource, OutputBuffer } from '../io.ts';

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
    // One byte more than is left, so that a guest that writes too much is told so.
    get room() {
      return isOver ? 0 : output.left + 1;
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
