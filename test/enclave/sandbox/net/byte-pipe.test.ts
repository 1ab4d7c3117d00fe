/** One direction of a connection: nothing is lost, nothing is out of order, and never more than the window is kept. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BytePipe } from '../../../../src/enclave/sandbox/net/byte-pipe.ts';

const WINDOW = 7;

function open(): { pipe: BytePipe; frees: () => number } {
  let count = 0;
  const pipe = new BytePipe(WINDOW, () => {
    count += 1;
  });
  return { pipe, frees: () => count };
}

describe('a pipe', () => {
  it('gives what was written, however writes and reads follow each other', () => {
    const step = fc.record({ write: fc.nat(9), take: fc.nat(9) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const { source, sink } = open().pipe;
        let next = 0;
        const sent: number[] = [];
        const got: number[] = [];
        for (const { write, take } of steps) {
          const bytes = Uint8Array.from({ length: write }, () => (next += 1));
          const { room } = sink;
          expect(sink.write(bytes)).toBe(write <= room);
          if (write <= room) sent.push(...bytes);
          got.push(...source.take(take));
          expect(source.available).toBe(sent.length - got.length);
          expect(sink.room).toBe(WINDOW - source.available);
        }
        got.push(...source.take(WINDOW));
        expect(got).toEqual(sent);
      }),
    );
  });

  it('keeps a copy of what was written', () => {
    const { source, sink } = open().pipe;
    const bytes = Uint8Array.of(1);
    sink.write(bytes);
    bytes[0] = 2;
    expect([...source.take(1)]).toEqual([1]);
  });

  it.each([
    ['ended', 'end'],
    ['failed', 'abort'],
  ] as const)('says that it %s, and still gives what came before', (state, how) => {
    const { pipe, frees } = open();
    pipe.sink.write(Uint8Array.of(1, 2));
    pipe.sink[how]();
    expect([pipe.source.state, pipe.source.available, frees()]).toEqual([state, 2, 0]);
    expect([pipe.sink.state, pipe.sink.room, pipe.sink.write(Uint8Array.of(3))]).toEqual(['closed', 0, false]);
    expect([...pipe.source.take(9)]).toEqual([1, 2]);
    expect([pipe.source.state, frees()]).toEqual([state, 1]);
  });

  it('says to the writer that no more is wanted, and forgets what was not read', () => {
    const { pipe, frees } = open();
    pipe.sink.write(Uint8Array.of(1, 2));
    pipe.source.cancel();
    expect([pipe.sink.state, pipe.sink.room, pipe.sink.write(Uint8Array.of(3))]).toEqual(['closed', 0, false]);
    expect([pipe.source.available, pipe.source.take(9).length, frees()]).toEqual([0, 0, 1]);
    pipe.sink.end();
    pipe.source.cancel();
    expect(frees()).toBe(1);
  });

  it('wakes who waits for bytes, for room and for the end', async () => {
    const { source, sink } = open().pipe;
    const first = source.changed();
    sink.write(new Uint8Array(WINDOW));
    await first;
    const room = sink.changed();
    source.take(1);
    await room;
    const end = source.changed();
    sink.end();
    await end;
    // A change that nobody waited for is told at once.
    await sink.changed();
    expect(source.state).toBe('ended');
  });
});
