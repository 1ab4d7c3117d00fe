/**
 * Writes frames to a pipe. Those of one turn of the event loop go out together: each write is a call of the kernel and wakes the process at the
 * other end, which costs more than what most frames ask for.
 */
import type { Writable } from 'node:stream';

export interface FrameWriter {
  readonly send: (frame: Uint8Array) => void;
  /** Sends a frame; resolves when the other end has taken it, or will never. */
  readonly deliver: (frame: Uint8Array) => Promise<void>;
}

/** Opens the writer of a pipe. */
export function openFrameWriter(pipe: Writable): FrameWriter {
  let isHeld = false;
  /** Holds what is written until this turn is over. */
  function hold(): void {
    if (isHeld) return;
    isHeld = true;
    pipe.cork();
    setImmediate(() => {
      isHeld = false;
      pipe.uncork();
    });
  }
  return {
    send: (frame) => {
      hold();
      pipe.write(frame);
    },
    deliver: (frame) => {
      hold();
      return new Promise((resolve) => void pipe.write(frame, () => resolve()));
    },
  };
}
