/** Fields that follow a body, through guests in their own processes: in with a query, out with an answer, and out and in with an outgoing request. */
import { describe, expect, it } from 'vitest';
import { LIMITS } from '../../../src/base/limits.ts';
import { type Body, isWhole, readWhole, WholeBytes } from '../../../src/enclave/sandbox/body.ts';
import type { Egress, EgressRequest, HeaderField } from '../../../src/enclave/sandbox/sandbox.ts';
import { areTrailers, keepTrailers, type Trailers } from '../../../src/enclave/sandbox/trailers.ts';
import { CLOSED_TERMS, loadGuest } from './guests.ts';
import { buildService } from './service-guest.ts';

const TRAILERS: Trailers = [
  ['x-checksum', 'abc'],
  ['x-parts', '1'],
];

/** A body on its way that these follow. */
function bodyWith(trailers: Trailers, text = 'hello'): Body {
  const source = new WholeBytes({ rest: Buffer.from(text) });
  return { source: Object.assign(source, { trailers }), length: null };
}

/** Reads a body, and what follows it; null when it broke off. */
async function readOut(body: Body): Promise<{ readonly text: string; readonly trailers: Trailers } | null> {
  const bytes = await readWhole(body, LIMITS.bodyBytes);
  if (bytes === null) return null;
  return { text: Buffer.from(bytes).toString(), trailers: isWhole(body) ? [] : (body.source.trailers ?? []) };
}

async function ask(
  kind: Parameters<typeof buildService>[0],
  body: Body,
  egress: Egress = CLOSED_TERMS.egress,
): Promise<Awaited<ReturnType<typeof readOut>>> {
  const service = await loadGuest(await buildService(kind), { wasi: ['0.2', '0.3'], spareMs: 0 });
  const headers: readonly HeaderField[] = [];
  try {
    const query = { method: 'POST', path: '/', authority: 'worker.test', headers, body };
    const answer = await service.call(query, { ...CLOSED_TERMS, egress });
    return await readOut(answer.body);
  } finally {
    await service.close();
  }
}

describe('trailers', () => {
  it.each([[TRAILERS], [[]]])('of a query come to a service, and go out behind its answer: %j', async (trailers) => {
    expect(await ask('echo', bodyWith(trailers))).toEqual({ text: 'hello', trailers });
  });

  it('need an answer of no declared length: one that has a length ends without them, or not at all', async () => {
    expect(await ask('declaring', bodyWith([]))).toEqual({ text: 'hello', trailers: [] });
    const lost = await ask('declaring', bodyWith(TRAILERS)).catch(
      (e: unknown) => (e as { readonly code: string }).code,
    );
    expect([null, 'ERR_FUNCTION_TRAP']).toContain(lost);
  });

  it('go out behind a request, and come back behind its answer', async () => {
    const asked: (Awaited<ReturnType<typeof readOut>> & Pick<EgressRequest, 'authority'>)[] = [];
    const egress: Egress = async ({ authority, body }) => {
      const sent = await readOut(body);
      if (sent !== null) asked.push({ ...sent, authority });
      return { status: 200, headers: [], body: bodyWith([['x-back', '2']], 'there') };
    };
    expect(await ask('relay', bodyWith(TRAILERS), egress)).toEqual({ text: 'there', trailers: [['x-back', '2']] });
    expect(asked).toEqual([{ text: 'hello', trailers: TRAILERS, authority: 'there.test' }]);
  });
});

describe('what may follow a body', () => {
  const many = (count: number): Trailers => Array.from({ length: count }, (_, i): HeaderField => [`x-${i}`, '']);
  const large = (bytes: number): Trailers => [['x', 'y'.repeat(bytes - 'x'.length - 4)]];

  it.each<[string, Trailers, Trailers]>([
    ['a field of its own, and one that says how to read the message', [['x-type', '1']], [['content-type', '1']]],
    ['a name in lower case, and in upper', [['x-a', '1']], [['X-A', '1']]],
    ['a tab in a value, and a line end', [['x-a', '1\t2']], [['x-a', '1\n2']]],
    ['fields up to the count, and one more', many(LIMITS.trailerFields), many(LIMITS.trailerFields + 1)],
    ['bytes up to the cap, and one more', large(LIMITS.trailerBytes), large(LIMITS.trailerBytes + 1)],
    ['another field, and one of the connection', [['x-connection', '1']], [['connection', '1']]],
    ['another field, and one of a proxy', [['x-proxy', '1']], [['proxy-x', '1']]],
    ['another field, and one of the worker', [['x-anchorhold', '1']], [['anchorhold-simulated', '1']]],
  ])('%s', (_what, good, bad) => {
    expect(areTrailers(good)).toBe(true);
    expect(areTrailers(bad)).toBe(false);
  });

  it('is kept of what came from outside, what may not is dropped, and too much is nothing at all', () => {
    expect(keepTrailers([...TRAILERS, ['set-cookie', 'a=b']])).toEqual(TRAILERS);
    expect(keepTrailers(many(LIMITS.trailerFields + 1))).toBe(null);
  });
});
