/** What a program without types may hand to a session: refused before anything is dialled, never sent as something else. */
import { describe, expect, it } from 'vitest';
import { formatTrustFile } from '../../src/attestation/trust-file.ts';
import { SecureSession } from '../../src/index.ts';
import { openGenuineListener } from '../e2e/genuine-listener.ts';

describe('a session', () => {
  it.each<[string, unknown]>([
    ['an ArrayBuffer', new ArrayBuffer(3)],
    ['a form', new URLSearchParams({ a: 'b' })],
    ['a list of numbers', [1, 2, 3]],
    ['a number', 7],
  ])('sends no empty body in place of %s', async (_name, body) => {
    let answered = 0;
    await using genuine = await openGenuineListener(() => {
      answered += 1;
      return Promise.resolve({ status: 200, headers: [], body: new Uint8Array() });
    });
    const trust = JSON.parse(formatTrustFile(genuine.trust)) as object;
    await using session = new SecureSession(genuine.url, { trust });
    await expect(session.post('/x', body as string)).rejects.toMatchObject({ code: 'ERR_CONFIGURATION_USAGE' });
    expect(answered).toBe(0);
  });
});
