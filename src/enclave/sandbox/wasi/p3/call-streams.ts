/** The standard outputs of a call as sinks of bytes: each stream over one ends for itself, and past the call's budget it is closed. */
import type { ByteSink } from '../byte-stream.ts';
import type { OutputBuffer } from '../output-buffer.ts';

/** Gives a sink over what a call writes to. */
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
