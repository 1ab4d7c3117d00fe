import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ByteQueue } from '../../../src/enclave/sandbox/byte-queue.ts';

const bytes = (length: number, first = 0): Uint8Array => Uint8Array.from({ length }, (_, i) => (first + i) % 251);

describe('a queue of bytes', () => {
  it('gives in any pieces what went in in any pieces', () => {
    const step = fc.oneof(
      fc.record({ do: fc.constantFrom('push', 'give'), count: fc.oneof(fc.nat(10), fc.nat(20_000)) }),
      fc.record({ do: fc.constantFrom('take', 'takePiece'), count: fc.oneof(fc.nat(10), fc.nat(70_000)) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const queue = new ByteQueue();
        let [given, taken] = [0, 0];
        for (const { do: what, count } of steps) {
          if (what === 'push' || what === 'give') {
            const piece = bytes(count, given);
            queue[what](piece);
            // What was pushed was copied, so its giver may use it again.
            if (what === 'push') piece.fill(255);
            given += count;
          } else {
            const left = given - taken;
            const piece = queue[what](count);
            if (what === 'take') expect(piece).toHaveLength(Math.min(count, left));
            expect(piece.length).toBeLessThanOrEqual(count);
            expect(piece.length > 0).toBe(count > 0 && left > 0);
            expect(Buffer.compare(piece, bytes(piece.length, taken))).toBe(0);
            taken += piece.length;
          }
          expect(queue.size).toBe(given - taken);
        }
        expect(Buffer.compare(queue.take(given), bytes(given - taken, taken))).toBe(0);
        expect(queue.size).toBe(0);
      }),
    );
  });

  it('keeps what it gave unchanged when more comes', () => {
    const queue = new ByteQueue();
    queue.push(bytes(10));
    const first = queue.takePiece(4);
    queue.push(bytes(10, 100));
    queue.take(16);
    queue.push(bytes(5000, 200));
    expect([...first]).toEqual([0, 1, 2, 3]);
  });

  it('gives a large piece that it was given as it is, without a copy', () => {
    const queue = new ByteQueue();
    const large = bytes(4096);
    queue.give(large);
    expect(queue.take(4096).buffer).toBe(large.buffer);
  });

  it('copies what is a small part of something larger, which it would hold otherwise', () => {
    const half = bytes(8192);
    const third = bytes(3 * 4096);
    const queue = new ByteQueue();
    queue.give(half.subarray(4096));
    expect(queue.takePiece(4096).buffer).toBe(half.buffer);
    queue.give(third.subarray(8192));
    expect(queue.takePiece(4096).buffer).not.toBe(third.buffer);
  });

  it('holds single bytes in blocks', () => {
    const queue = new ByteQueue();
    for (let i = 0; i < 4096; i++) queue.give(bytes(1, i));
    const whole = queue.takePiece(5000);
    expect(whole).toHaveLength(4096);
    expect(whole.buffer.byteLength).toBe(4096);
  });

  it('fills its block again after it was emptied', () => {
    const queue = new ByteQueue();
    queue.push(bytes(8));
    const { buffer } = queue.take(8);
    queue.push(bytes(8));
    expect(queue.take(8).buffer).toBe(buffer);
  });

  it('forgets everything when it is cleared', () => {
    const queue = new ByteQueue();
    queue.push(bytes(100));
    queue.give(bytes(5000));
    queue.takePiece(3);
    queue.clear();
    expect([queue.size, queue.take(10).length, queue.takePiece(10).length]).toEqual([0, 0, 0]);
    queue.push(bytes(3));
    expect([...queue.take(9)]).toEqual([0, 1, 2]);
  });
});
