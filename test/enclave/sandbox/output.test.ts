/** What a guest may write: counted to the byte, whatever the pieces and however many messages share an allowance. */
import { describe, expect, it } from 'vitest';
import { NO_EGRESS, openCall } from '../../../src/enclave/sandbox/guest-call.ts';
import { Fields } from '../../../src/enclave/sandbox/wasi/http-fields.ts';
import { OutgoingRequest, OutgoingResponse } from '../../../src/enclave/sandbox/wasi/http-outgoing.ts';
import { OutputBuffer } from '../../../src/enclave/sandbox/wasi/output-buffer.ts';
import { REAL_SURROUNDINGS } from '../../../src/enclave/sandbox/wasi/surroundings.ts';

describe('output', () => {
  it('may come in single bytes', () => {
    const buffer = new OutputBuffer({ leftBytes: 400_000 }, () => undefined);
    for (let i = 0; i < 300_000; i++) buffer.write(Uint8Array.of(i & 255));
    expect(buffer.bytes()).toHaveLength(300_000);
    expect(buffer.bytes().subarray(255, 258)).toEqual(Uint8Array.of(255, 0, 1));
  });

  it('is refused past the allowance, from then on', () => {
    let exceeded = 0;
    const allowance = { leftBytes: 3 };
    const buffer = new OutputBuffer(allowance, () => {
      exceeded += 1;
    });
    expect([2, 2, 1].map((size) => buffer.write(new Uint8Array(size)))).toEqual([true, false, false]);
    expect({ exceeded, ...allowance }).toEqual({ exceeded: 2, leftBytes: 0 });
  });

  it('of all outgoing requests of a call shares one allowance, beside that of the answer', async () => {
    const call = openCall(
      { args: [], env: [], mounts: [], stdin: new Uint8Array(0), outside: NO_EGRESS, surroundings: REAL_SURROUNDINGS },
      10,
    );
    const write = (message: OutgoingRequest | OutgoingResponse, size: number): string => {
      const body = message.body();
      const stream = body.tag === 'ok' ? body.val.write() : body;
      return stream.tag === 'ok' ? stream.val.write(new Uint8Array(size)).tag : 'no stream';
    };
    expect(write(new OutgoingRequest(call, new Fields()), 6)).toBe('ok');
    expect(write(new OutgoingResponse(call, new Fields()), 6)).toBe('ok');
    expect(write(new OutgoingResponse(call, new Fields()), 4)).toBe('ok');
    expect(await Promise.race([call.ended, Promise.resolve('goes on')])).toBe('goes on');
    expect(write(new OutgoingRequest(call, new Fields()), 6)).toBe('err');
    await expect(call.ended).rejects.toThrow('more than it may');
  });
});
