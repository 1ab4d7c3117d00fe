/** The connections of a session: no more than the cap, also when many calls come at once, and none that outlives the session. */
import { EventEmitter, once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { formatTrustFile } from '../../src/attestation/trust-file.ts';
import { SecureSession } from '../../src/index.ts';
import { type GenuineListener, openGenuineListener } from '../e2e/genuine-listener.ts';

const EMPTY = { status: 200, headers: [], body: new Uint8Array() };

const openSession = (genuine: GenuineListener): SecureSession =>
  new SecureSession(genuine.url, { trust: JSON.parse(formatTrustFile(genuine.trust)) as object });

describe('the connections of a session', () => {
  it('are six at most, also when the first calls come all at once', async () => {
    let attested = 0;
    let answered = 0;
    await using genuine = await openGenuineListener(
      () => {
        answered += 1;
        return Promise.resolve(EMPTY);
      },
      {
        attester: (real) => ({
          answer: async (nonce, channel) => {
            attested += 1;
            return await real.answer(nonce, channel);
          },
        }),
      },
    );
    await using session = openSession(genuine);
    const responses = await Promise.all(Array.from({ length: 20 }, () => session.get('/x')));
    expect(responses.map((r) => r.status)).toEqual(Array.from({ length: 20 }, () => 200));
    expect(answered).toBe(20);
    expect(attested).toBe(6);
  });

  it('that were being opened when the session was closed send nothing', async () => {
    const events = new EventEmitter();
    let answered = 0;
    await using genuine = await openGenuineListener(
      () => {
        answered += 1;
        return Promise.resolve(EMPTY);
      },
      {
        attester: (real) => ({
          answer: async (nonce, channel) => {
            events.emit('asked');
            await once(events, 'go');
            return await real.answer(nonce, channel);
          },
        }),
      },
    );
    const session = openSession(genuine);
    const asked = once(events, 'asked');
    const call = session.post('/x', 'question').catch((error: unknown) => error);
    await asked;
    await session.close();
    events.emit('go');
    expect(await call).toMatchObject({ code: 'ERR_TRANSPORT_CLOSED' });
    expect(answered).toBe(0);
  });

  it('are not opened again for a call that the closing of the session cut off', async () => {
    let attested = 0;
    const events = new EventEmitter();
    await using genuine = await openGenuineListener(
      async () => {
        events.emit('asked');
        await once(events, 'go');
        return EMPTY;
      },
      {
        attester: (real) => ({
          answer: async (nonce, channel) => {
            attested += 1;
            return await real.answer(nonce, channel);
          },
        }),
      },
    );
    const session = openSession(genuine);
    const asked = once(events, 'asked');
    const call = session.get('/x').catch((error: unknown) => error);
    await asked;
    await session.close();
    expect(await call).toMatchObject({ code: 'ERR_TRANSPORT_CLOSED' });
    expect(attested).toBe(1);
    events.emit('go');
  });

  it('that are being opened keep nobody waiting who gives up', async () => {
    const go = Promise.withResolvers<undefined>();
    const events = new EventEmitter();
    await using genuine = await openGenuineListener(() => Promise.resolve(EMPTY), {
      attester: (real) => ({
        answer: async (nonce, channel) => {
          events.emit('asked');
          await go.promise;
          return await real.answer(nonce, channel);
        },
      }),
    });
    await using session = openSession(genuine);
    const asked = once(events, 'asked');
    const abort = new AbortController();
    const reason = new Error('enough');
    const call = session.get('/x', { signal: abort.signal }).catch((error: unknown) => error);
    await asked;
    abort.abort(reason);
    expect(await call).toBe(reason);
    await expect(session.get('/x', { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    go.resolve(undefined);
    expect((await session.get('/x')).status).toBe(200);
  });
});
