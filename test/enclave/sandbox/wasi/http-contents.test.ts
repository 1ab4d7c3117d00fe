/** What a guest of WASI 0.3 writes into a message: in which order it may, and what comes of a body that is not what was declared. */
import { describe, expect, it } from 'vitest';
import { FutureReader, StreamReader, StreamWriter } from '../../../../src/enclave/sandbox/component/async/host-end.ts';
import { SharedStream } from '../../../../src/enclave/sandbox/component/async/shared.ts';
import type { ByteSink } from '../../../../src/enclave/sandbox/wasi/byte-stream.ts';
import { GuestContents } from '../../../../src/enclave/sandbox/wasi/p3/http-contents.ts';
import { ok } from '../../../../src/enclave/sandbox/wasi/result.ts';

interface World {
  readonly body: StreamWriter;
  readonly trailers: StreamWriter;
  readonly poured: ReturnType<GuestContents['pour']>;
  readonly written: Uint8Array[];
  /** How the sink ended. */
  readonly end: () => string;
}

/** Begins to send contents of this declared size; the ends that a guest writes to are the test's. */
function begin(declared: number | null): World {
  const [stream, future] = [new SharedStream('stream'), new SharedStream('future')];
  const written: Uint8Array[] = [];
  let end = 'open';
  const sink: ByteSink = {
    state: 'open',
    room: 1024,
    write: (bytes) => written.push(bytes) > 0,
    end: () => void (end = 'ended'),
    abort: () => void (end = 'aborted'),
    changed: () => Promise.resolve(),
  };
  const contents = new GuestContents(new StreamReader(stream), new FutureReader(future), 'HTTP-request-body-size');
  const poured = contents.pour(sink, declared);
  return { body: new StreamWriter(stream), trailers: new StreamWriter(future), poured, written, end: () => end };
}

const NO_FIELDS = [ok(undefined)];
const sizeError = (bytes: bigint): object => ({ tag: 'err', val: { tag: 'HTTP-request-body-size', val: bytes } });

describe('contents that a guest writes', () => {
  it.each([null, 3])('may have their trailers before the body is closed (%s declared)', async (declared) => {
    const { body, trailers, poured, end } = begin(declared);
    expect(await body.write(Buffer.from('abc'))).toBe(3);
    // A guest that waits for this closes its body only afterwards.
    expect(await trailers.write(NO_FIELDS)).toBe(1);
    expect(end()).toBe('open');
    body.end();
    expect(await poured).toEqual(ok(undefined));
    expect(end()).toBe('ended');
  });

  it('are broken off when they are less than declared', async () => {
    const { body, trailers, poured, end } = begin(4);
    await body.write(Buffer.from('abc'));
    await trailers.write(NO_FIELDS);
    body.end();
    expect(await poured).toEqual(sizeError(3n));
    expect(end()).toBe('aborted');
  });

  it.each([
    [3, 3],
    [2, 0],
  ])(
    'with %s bytes declared of three take %s of one write: what goes over is not taken at all',
    async (declared, taken) => {
      const { body, trailers, poured, written } = begin(declared);
      expect(await body.write(Buffer.from('abc'))).toBe(taken);
      body.end();
      void trailers.write(NO_FIELDS);
      expect(await poured).toEqual(taken === 3 ? ok(undefined) : sizeError(3n));
      expect(Buffer.concat(written).length).toBe(taken);
    },
  );
});
