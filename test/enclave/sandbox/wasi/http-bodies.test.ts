/** What follows a body in WASI 0.2: fields that a guest ends its body with, and those of a body that it has read. */
import { describe, expect, it } from 'vitest';
import { encodeUtf8 } from '../../../../src/base/bytes.ts';
import { BodyReader } from '../../../../src/enclave/sandbox/body-reader.ts';
import type { Trailers } from '../../../../src/enclave/sandbox/trailers.ts';
import { IncomingBody, OutgoingBody } from '../../../../src/enclave/sandbox/wasi/http-bodies.ts';
import { Fields } from '../../../../src/enclave/sandbox/wasi/http-fields.ts';
import { OutgoingBytes } from '../../../../src/enclave/sandbox/wasi/outgoing-bytes.ts';

function fieldsOf(trailers: Trailers): Fields {
  const fields = new Fields();
  for (const [name, value] of trailers) fields.append(name, encodeUtf8(value));
  return fields;
}

/** Ends a body of three bytes with these fields; gives what it answered and how the body departed. */
function finish(length: number | null, trailers: Trailers): { readonly tag: string; readonly departed: unknown } {
  const bytes = new OutgoingBytes({ exceeded: () => undefined, departing: new Set() }, { leftBytes: 100 }, length);
  let departed: unknown = null;
  bytes.release({
    whole: (body) => (departed = body.length),
    begin: (declared, held) => ({
      state: 'open',
      room: 0,
      write: () => false,
      end: (sent) => (departed = [declared, held.length, sent]),
      abort: () => undefined,
      changed: () => Promise.resolve(),
    }),
    broken: () => (departed = 'broken'),
  });
  bytes.write(encodeUtf8('abc'));
  const { tag } = OutgoingBody.finish(null, new OutgoingBody(bytes, 'HTTP-response-body-size'), fieldsOf(trailers));
  return { tag, departed };
}

describe('a body that a guest finishes', () => {
  it('goes out whole without fields, and before them with some', () => {
    expect(finish(null, [])).toEqual({ tag: 'ok', departed: 3 });
    expect(finish(null, [['x-a', '1']])).toEqual({ tag: 'ok', departed: [null, 3, [['x-a', '1']]] });
  });

  it.each<[string, number | null, Trailers]>([
    ['of a declared length', 3, [['x-a', '1']]],
    ['and fields that may not follow it', null, [['content-type', '1']]],
  ])('%s is broken off', (_what, length, trailers) => {
    expect(finish(length, trailers)).toEqual({ tag: 'err', departed: 'broken' });
  });
});

describe('a body that a guest has read', () => {
  const bodyOf = (): { readonly reader: BodyReader; readonly body: IncomingBody } => {
    const reader = new BodyReader({ credit: () => undefined, cancel: () => undefined });
    reader.receive(encodeUtf8('abc'));
    return { reader, body: new IncomingBody(reader) };
  };
  const trailersOf = (body: IncomingBody): unknown => {
    const got = IncomingBody.finish(null, body).get();
    if (got.tag === 'err' || got.val.tag === 'err') return 'error';
    return got.val.val?.toHeaders() ?? null;
  };

  it('to its end gives what followed it, and one that it left gives nothing', () => {
    const whole = bodyOf();
    whole.reader.finish('ended', [['x-a', '1']]);
    whole.reader.take(3);
    expect(trailersOf(whole.body)).toEqual([['x-a', '1']]);
    const left = bodyOf();
    left.reader.finish('ended', [['x-a', '1']]);
    left.reader.take(2);
    expect(trailersOf(left.body)).toBe(null);
  });

  it('that broke off gives an error', () => {
    const { reader, body } = bodyOf();
    reader.take(3);
    reader.finish('failed');
    expect(trailersOf(body)).toBe('error');
  });
});
