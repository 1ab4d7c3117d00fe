/** What one end of the pipe writes: the frames of one turn together and in order, and word of their being taken. */
import { Writable } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { type FrameWriter, openFrameWriter } from '../../../src/enclave/sandbox/frame-writer.ts';

interface Pipe {
  readonly writer: FrameWriter;
  /** What each write of the pipe held. */
  readonly writes: number[][];
  /** Has the other end take what was written last. */
  readonly take: () => void;
  readonly pipe: Writable;
}

function openPipe(): Pipe {
  const writes: number[][] = [];
  let taken: () => void = () => undefined;
  const pipe = new Writable({
    decodeStrings: false,
    writev(chunks, done) {
      writes.push(chunks.flatMap(({ chunk }) => [...(chunk as Uint8Array)]));
      taken = done;
    },
  });
  pipe.on('error', () => undefined);
  return { writer: openFrameWriter(pipe), writes, take: () => taken(), pipe };
}

describe('a writer of frames', () => {
  it('writes those of one turn together, in order, and those of the next turn after them', async () => {
    const { writer, writes, take } = openPipe();
    writer.send(Uint8Array.of(1));
    await Promise.resolve();
    void writer.deliver(Uint8Array.of(2));
    writer.send(Uint8Array.of(3));
    expect(writes).toEqual([]);
    await nextTurn();
    expect(writes).toEqual([[1, 2, 3]]);
    take();
    writer.send(Uint8Array.of(4));
    await nextTurn();
    expect(writes).toEqual([[1, 2, 3], [4]]);
  });

  it('says that a frame was taken when it was, and not before', async () => {
    const { writer, take } = openPipe();
    let isTaken = false;
    const taken = writer.deliver(Uint8Array.of(1)).then(() => {
      isTaken = true;
      return isTaken;
    });
    await nextTurn();
    expect(isTaken).toBe(false);
    take();
    expect(await taken).toBe(true);
  });

  it('lets nobody wait for a pipe that is gone', async () => {
    const { writer, pipe } = openPipe();
    const before = writer.deliver(Uint8Array.of(1));
    pipe.destroy();
    await before;
    await writer.deliver(Uint8Array.of(2));
    expect(pipe.destroyed).toBe(true);
  });
});
