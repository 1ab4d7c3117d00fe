/** What a guest may write: counted to the byte, whatever the pieces and however many messages share an allowance. */
import { describe, expect, it } from 'vitest';
import { openHttp } from '../../../src/enclave/sandbox/wasi/http.ts';
import { Fields } from '../../../src/enclave/sandbox/wasi/http-fields.ts';
import { OutputBuffer } from '../../../src/enclave/sandbox/wasi/io.ts';

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

  it('of all outgoing requests of a call shares one allowance, beside that of the answer', () => {
    let exceeded = 0;
    const http = openHttp({
      egress: () => Promise.resolve({ error: '' }),
      outputBytes: 10,
      exceeded: () => {
        exceeded += 1;
      },
    });
    type Message = new (
      headers: Fields,
    ) => {
      body(): { val: { write(): { val: { write(bytes: Uint8Array): { tag: string } } } } };
    };
    const types = http.interfaces['wasi:http/types'] as Readonly<Record<string, Message>>;
    const write = (name: 'OutgoingRequest' | 'OutgoingResponse', size: number): string | undefined => {
      const Type = types[name];
      return Type && new Type(new Fields()).body().val.write().val.write(new Uint8Array(size)).tag;
    };
    expect(write('OutgoingRequest', 6)).toBe('ok');
    expect(write('OutgoingResponse', 6)).toBe('ok');
    expect(write('OutgoingRequest', 6)).toBe('err');
    expect(write('OutgoingResponse', 4)).toBe('ok');
    expect(exceeded).toBe(1);
  });
});
