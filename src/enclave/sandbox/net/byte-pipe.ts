/**
 * One direction of a connection inside a call: what is written to its sink comes out of its source, in order, and never more than a window
 * of it is kept. The memory is taken when the first byte comes.
 */

import { ChangeSignal } from '../../../base/change-signal.ts';
import type { ByteSink, ByteSource } from '../wasi/byte-stream.ts';

export class BytePipe {
  readonly source: ByteSource;
  readonly sink: ByteSink;

  /** `onFree` is called once, when nothing is kept any more and nothing will be. */
  constructor(windowBytes: number, onFree: () => void) {
    let kept: Uint8Array | null = null;
    let start = 0;
    let size = 0;
    let writer: 'open' | 'ended' | 'failed' = 'open';
    let reading = true;
    let free = false;
    const forReader = new ChangeSignal();
    const forWriter = new ChangeSignal();

    function settle(): void {
      if (free || (reading && (writer === 'open' || size > 0))) return;
      free = true;
      kept = null;
      size = 0;
      onFree();
    }

    function finish(how: 'ended' | 'failed'): void {
      if (writer !== 'open') return;
      writer = how;
      settle();
      forReader.notify();
      forWriter.notify();
    }

    this.source = {
      get state() {
        return reading ? writer : 'ended';
      },
      get available() {
        return size;
      },
      take(maxBytes) {
        const count = Math.min(Math.max(maxBytes, 0), size);
        const taken = new Uint8Array(count);
        if (kept === null || count === 0) return taken;
        const whole = Math.min(count, windowBytes - start);
        taken.set(kept.subarray(start, start + whole));
        taken.set(kept.subarray(0, count - whole), whole);
        start = (start + count) % windowBytes;
        size -= count;
        settle();
        forWriter.notify();
        return taken;
      },
      changed: () => forReader.changed(),
      cancel() {
        if (!reading) return;
        reading = false;
        settle();
        forReader.notify();
        forWriter.notify();
      },
    };

    this.sink = {
      get state() {
        return writer === 'open' && reading ? 'open' : 'closed';
      },
      get room() {
        return writer === 'open' && reading ? windowBytes - size : 0;
      },
      write(bytes) {
        if (writer !== 'open' || !reading || bytes.length > windowBytes - size) return false;
        if (bytes.length === 0) return true;
        kept ??= new Uint8Array(windowBytes);
        const at = (start + size) % windowBytes;
        const whole = Math.min(bytes.length, windowBytes - at);
        kept.set(bytes.subarray(0, whole), at);
        kept.set(bytes.subarray(whole), 0);
        size += bytes.length;
        forReader.notify();
        return true;
      },
      changed: () => forWriter.changed(),
      end: () => finish('ended'),
      abort: () => finish('failed'),
    };
  }
}
