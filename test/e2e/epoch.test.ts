/** A session whose worker has changed its policies: it appraises a new connection and asks again, and never on one that is out of date. */
import { describe, expect, it } from 'vitest';
import { formatTrustFile } from '../../src/attestation/trust-file.ts';
import { encodeUtf8 } from '../../src/base/bytes.ts';
import type { GateAnswer } from '../../src/enclave/gate.ts';
import { SecureSession } from '../../src/index.ts';
import { codeOf } from '../policy/signing/keys.ts';
import { openGenuineListener } from './genuine-listener.ts';

const OK: GateAnswer = { status: 200, headers: [['content-type', 'text/plain']], body: encodeUtf8('fine') };

describe('a connection of an earlier epoch', () => {
  it('gets no new work: the session asks once more, on one that it has appraised since', async () => {
    let epoch = 0;
    let asked = 0;
    let evidence = 0;
    await using worker = await openGenuineListener(
      () => {
        asked += 1;
        return Promise.resolve(OK);
      },
      {
        epoch: () => epoch,
        attester: (real) => ({
          answer: (...question) => {
            evidence += 1;
            return real.answer(...question);
          },
        }),
      },
    );
    await using session = new SecureSession(worker.url, { trust: JSON.parse(formatTrustFile(worker.trust)) as object });
    expect((await session.post('/a', 'x')).status).toBe(200);
    epoch = 1;
    // A request that changes something is sent again as well: nothing of it was carried out.
    expect(await (await session.post('/a', 'x')).text()).toBe('fine');
    expect([asked, evidence]).toEqual([2, 2]);
  });

  it('gets nothing where the policies change with every request', async () => {
    let epoch = 0;
    let asked = 0;
    await using worker = await openGenuineListener(
      () => {
        asked += 1;
        return Promise.resolve(OK);
      },
      { epoch: () => epoch++ },
    );
    await using session = new SecureSession(worker.url, { trust: JSON.parse(formatTrustFile(worker.trust)) as object });
    expect(await codeOf(() => session.post('/a', 'x'))).toBe('ERR_TRANSPORT_CLOSED');
    expect(asked).toBe(0);
  });

  it('is not what a function can pretend', async () => {
    const forged = { ...OK, status: 409 };
    await using worker = await openGenuineListener(() => Promise.resolve(forged));
    await using session = new SecureSession(worker.url, { trust: JSON.parse(formatTrustFile(worker.trust)) as object });
    expect((await session.post('/a', 'x')).status).toBe(409);
  });

  it('is not what status 421 of a function makes of it: the function is asked once', async () => {
    let asked = 0;
    await using worker = await openGenuineListener(() => {
      asked += 1;
      return Promise.resolve({ ...OK, status: 421 });
    });
    await using session = new SecureSession(worker.url, { trust: JSON.parse(formatTrustFile(worker.trust)) as object });
    expect(await codeOf(() => session.post('/a', 'x'))).toBe('ERR_TRANSPORT_CLOSED');
    expect(asked).toBe(1);
  });
});
