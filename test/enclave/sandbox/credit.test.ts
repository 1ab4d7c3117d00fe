/** Credit: what is under way between a writer and a reader never goes over a window, whatever the pieces, and what goes over it is refused. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LIMITS } from '../../../src/base/limits.ts';
import { BodyReader } from '../../../src/enclave/sandbox/body-reader.ts';
import { BodyWriter } from '../../../src/enclave/sandbox/body-writer.ts';
import { ByteQueue } from '../../../src/enclave/sandbox/byte-queue.ts';

const { windowBytes: WINDOW, pieceBytes: PIECE } = LIMITS;
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

interface Wire {
  readonly writer: BodyWriter;
  readonly reader: BodyReader;
  /** Lets some messages of either side arrive. */
  deliver(count: number): void;
  readonly refused: string[];
  readonly mostUnderWay: () => number;
}

/** A writer and a reader with a wire between them on which messages wait until they are delivered. */
function openWire(): Wire {
  const waiting: (() => boolean)[] = [];
  const refused: string[] = [];
  let underWay = 0;
  let most = 0;
  const post = (what: string, run: () => boolean): void =>
    void waiting.push(() => {
      const taken = run();
      if (!taken) refused.push(what);
      return taken;
    });
  const sent = (bytes: Uint8Array): void => {
    underWay += bytes.length;
    most = Math.max(most, underWay);
  };
  const writer: BodyWriter = new BodyWriter({
    piece(bytes) {
      sent(bytes);
      post('piece', () => bytes.length <= PIECE && bytes.length > 0 && reader.receive(bytes));
    },
    end(bytes) {
      sent(bytes);
      post('end', () => bytes.length <= PIECE && reader.receive(bytes) && reader.finish('ended'));
    },
    abort: () => post('abort', () => reader.finish('failed')),
  });
  const reader: BodyReader = new BodyReader({
    credit: (bytes) => {
      underWay -= bytes;
      post('credit', () => writer.credit(bytes));
    },
    cancel: () => post('cancel', () => (writer.abort(), true)),
  });
  return {
    writer,
    reader,
    refused,
    mostUnderWay: () => most,
    deliver(count) {
      for (const run of waiting.splice(0, count)) run();
    },
  };
}

describe('a body in pieces', () => {
  it('arrives as it was written, with never more than a window under way, whatever the sizes and the order of things', async () => {
    const step = fc.oneof(
      fc.record({ do: fc.constant('write' as const), size: fc.oneof(fc.nat(3 * PIECE), fc.nat(10)) }),
      fc.record({ do: fc.constant('take' as const), size: fc.oneof(fc.nat(3 * PIECE), fc.nat(10)) }),
      fc.record({ do: fc.constant('deliver' as const), size: fc.nat(5) }),
      fc.record({ do: fc.constant('turn' as const), size: fc.constant(0) }),
    );
    let full = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 80, size: 'max' }), async (steps) => {
        const wire = openWire();
        const written: Uint8Array[] = [];
        const read: Uint8Array[] = [];
        let next = 0;
        for (const { do: what, size } of steps) {
          if (what === 'write') {
            const bytes = new Uint8Array(size).fill((next += 1));
            const fits = size <= wire.writer.room;
            if (!fits) full += 1;
            expect(wire.writer.write(bytes)).toBe(fits);
            if (fits) written.push(bytes);
          } else if (what === 'take') read.push(wire.reader.take(size));
          else if (what === 'deliver') wire.deliver(size);
          else await Promise.resolve();
          expect(wire.reader.available).toBeLessThanOrEqual(WINDOW);
        }
        wire.writer.end();
        while (wire.reader.state === 'open' || wire.reader.available > 0) {
          await Promise.resolve();
          wire.deliver(100);
          read.push(wire.reader.take(PIECE));
        }
        expect(Buffer.compare(Buffer.concat(read), Buffer.concat(written))).toBe(0);
        expect(wire.refused).toEqual([]);
        expect(wire.mostUnderWay()).toBeLessThanOrEqual(WINDOW);
      }),
      { numRuns: 60 },
    );
    expect(full).toBeGreaterThan(0);
  });

  it('goes as one piece when it is written in one turn', async () => {
    const pieces: number[] = [];
    const writer = new BodyWriter({ piece: ({ length }) => pieces.push(length), end: () => {}, abort: () => {} });
    for (let i = 0; i < 10; i++) writer.write(new Uint8Array(100));
    expect(pieces).toEqual([]);
    await turn();
    expect(pieces).toEqual([1000]);
  });

  it('that was written before there was a reader waits for credit', async () => {
    const pieces: number[] = [];
    const writer = new BodyWriter({ piece: ({ length }) => pieces.push(length), end: () => {}, abort: () => {} });
    writer.begin(new Uint8Array(WINDOW + 5));
    await turn();
    expect(pieces).toEqual([PIECE, PIECE, PIECE, PIECE]);
    expect(writer.credit(PIECE)).toBe(true);
    expect(pieces.at(-1)).toBe(5);
  });
});

describe('a reader', () => {
  const open = (): BodyReader => new BodyReader({ credit: () => {}, cancel: () => {} });

  it('takes a window, and not a byte more', () => {
    const reader = open();
    expect(reader.receive(new Uint8Array(WINDOW))).toBe(true);
    expect(reader.receive(new Uint8Array(1))).toBe(false);
  });

  it('takes as much again as it gave credit for', () => {
    const given: number[] = [];
    const reader = new BodyReader({ credit: (bytes) => given.push(bytes), cancel: () => {} });
    reader.receive(new Uint8Array(WINDOW));
    reader.take(WINDOW / 2 - 1);
    expect(given).toEqual([]);
    reader.take(1);
    expect(given).toEqual([WINDOW / 2]);
    expect(reader.receive(new Uint8Array(WINDOW / 2))).toBe(true);
    expect(reader.receive(new Uint8Array(1))).toBe(false);
  });

  it('takes nothing after the end, and no second end', () => {
    const reader = open();
    expect(reader.finish('ended')).toBe(true);
    expect(reader.receive(new Uint8Array(1))).toBe(false);
    expect(reader.finish('failed')).toBe(false);
    expect(reader.state).toBe('ended');
  });

  it('that wants no more keeps nothing, holds the writer to its credit all the same, and says so once', () => {
    let said = 0;
    const reader = new BodyReader({ credit: () => {}, cancel: () => (said += 1) });
    reader.receive(new Uint8Array(5));
    reader.cancel();
    reader.cancel();
    expect({ said, available: reader.available, state: reader.state }).toEqual({
      said: 1,
      available: 0,
      state: 'failed',
    });
    expect(reader.receive(new Uint8Array(WINDOW - 5))).toBe(true);
    expect(reader.available).toBe(0);
    expect(reader.receive(new Uint8Array(1))).toBe(false);
    expect(reader.finish('ended')).toBe(true);
    expect(reader.state).toBe('failed');
  });
});

describe('a writer', () => {
  it('takes no more credit than it has sent', async () => {
    const writer = new BodyWriter({ piece: () => {}, end: () => {}, abort: () => {} });
    writer.write(new Uint8Array(10));
    expect(writer.credit(1)).toBe(false);
    await turn();
    expect(writer.credit(11)).toBe(false);
    expect(writer.credit(10)).toBe(true);
    expect(writer.room).toBe(WINDOW);
  });

  it('is closed by whoever closes first, once', () => {
    const said: string[] = [];
    const writer = new BodyWriter({
      piece: () => said.push('piece'),
      end: () => said.push('end'),
      abort: () => said.push('abort'),
    });
    writer.write(new Uint8Array(3));
    writer.end();
    writer.end();
    writer.abort();
    expect(said).toEqual(['end']);
    expect({ state: writer.state, wrote: writer.write(new Uint8Array(1)) }).toEqual({ state: 'closed', wrote: false });
  });
});

describe('a queue', () => {
  it('gives any bytes back in order, whatever the pieces', () => {
    const step = fc.tuple(fc.boolean(), fc.nat(9000));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const queue = new ByteQueue();
        let model = Buffer.alloc(0);
        let next = 0;
        for (const [push, size] of steps) {
          if (push) {
            const bytes = new Uint8Array(size).fill((next += 1));
            queue.push(bytes);
            model = Buffer.concat([model, bytes]);
          } else {
            expect(Buffer.compare(queue.take(size), model.subarray(0, size))).toBe(0);
            model = model.subarray(size);
          }
          expect(queue.size).toBe(model.length);
        }
      }),
    );
  });
});
