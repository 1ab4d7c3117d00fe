/** A worker with a store and one without: what their claims say, and what is left of a limit when they start again. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { encodeHex } from '../../../src/base/bytes.ts';
import { openFileKey } from '../../../src/enclave/keys/file-key.ts';
import { openWorkerStore, type StorePlace } from '../../../src/enclave/store/worker-store.ts';
import { keyCredential, SecureSession } from '../../../src/index.ts';
import { SIMULATED_MEASUREMENT, simulatedDevice } from '../../../src/testing/index.ts';
import { bootTestWorker, makeSigningKey, policyOf, sharedAmd } from '../../e2e/worker.ts';
import { makeTestFolder } from './folder.ts';

const nightly = makeSigningKey();
const sections = `
machine: { products: [Genoa], tcb: any, smt: any, images: ["${encodeHex(SIMULATED_MEASUREMENT)}"], counters: COUNTERS }
callers: { nightly: { key: "${nightly.text}" } }
queries: [{ allow: nightly, to: POST /upper, limit: 2/day }]
results: { max: 1 KiB, types: [application/octet-stream, text/plain] }`;
const policy = (counters: 'durable' | 'any') => policyOf(['upper'], sections.replace('COUNTERS', counters));

function placeIn(folder: string): StorePlace {
  return { folder: join(folder, 'store'), keySource: openFileKey(join(folder, 'storage.key')) };
}

/** Starts a worker, asks so often, ends it, and gives the statuses. */
async function askDuringOneRun(store: StorePlace, times: number): Promise<number[]> {
  await using running = await bootTestWorker({ policies: [policy('any')], functions: ['upper'], store });
  await using session = new SecureSession(running.url, {
    trust: running.trustWith({}),
    credential: keyCredential(nightly),
  });
  const statuses: number[] = [];
  for (let i = 0; i < times; i++) statuses.push((await session.post('/upper', 'hello')).status);
  return statuses;
}

describe('a worker', () => {
  it('counts on where it stopped, when it has a store', async () => {
    const store = placeIn(makeTestFolder());
    expect(await askDuringOneRun(store, 1)).toEqual([200]);
    expect(await askDuringOneRun(store, 2)).toEqual([200, 429]);
  });

  it('begins anew without one, and says so', async () => {
    expect(await askDuringOneRun('memory', 3)).toEqual([200, 200, 429]);
    expect(await askDuringOneRun('memory', 1)).toEqual([200]);
    await using running = await bootTestWorker();
    expect(running.worker.lockdown).toMatchObject({ counters: 'memory', storage: 'memory', keys: 'none' });
  });

  it('takes a policy that demands durable counters only with a store, and claims what it has', async () => {
    const options = { policies: [policy('durable')], functions: ['upper'] };
    await expect(bootTestWorker({ ...options, store: 'memory' })).rejects.toMatchObject({
      code: 'ERR_POLICY_NOT_IN_FORCE',
    });
    await using running = await bootTestWorker({ ...options, store: placeIn(makeTestFolder()) });
    expect(running.worker.lockdown).toMatchObject({
      counters: 'durable',
      storage: 'sealed',
      keys: 'simulated-file',
    });
  });

  it('does not start on a store of another key, or one that another worker uses', async () => {
    const folder = makeTestFolder();
    const store = placeIn(folder);
    await using _running = await bootTestWorker({ store });
    await expect(bootTestWorker({ store })).rejects.toMatchObject({ code: 'ERR_CONFIGURATION_FILE' });
    await _running[Symbol.asyncDispose]();
    writeFileSync(join(folder, 'storage.key'), `${'00'.repeat(32)}\n`);
    await expect(bootTestWorker({ store })).rejects.toMatchObject({ code: 'ERR_SECRET_STORE' });
  });
});

describe('a policy of an older version', () => {
  const version = (number: number) => ({ ...policy('any'), version: number });

  it('is not taken into force again on the same store', async () => {
    const store = placeIn(makeTestFolder());
    const options = { functions: ['upper'], store };
    await (await bootTestWorker({ ...options, policies: [version(7)] }))[Symbol.asyncDispose]();
    await expect(bootTestWorker({ ...options, policies: [version(6)] })).rejects.toMatchObject({
      code: 'ERR_POLICY_NOT_IN_FORCE',
    });
    // Nothing is left locked, and the version that was in force still is good.
    await (await bootTestWorker({ ...options, policies: [version(7)] }))[Symbol.asyncDispose]();
  });

  it('nor is one that its owner withdrew, until there is a newer one', async () => {
    const place = placeIn(makeTestFolder());
    const options = { functions: ['upper'], store: place };
    await (await bootTestWorker({ ...options, policies: [version(7)] }))[Symbol.asyncDispose]();
    const device = await simulatedDevice(await sharedAmd(), { product: 'Genoa' });
    const store = await openWorkerStore(place, device, () => undefined);
    store.versions.remember(version(7).owner, { version: 7, withdrawn: true });
    store.close();
    await expect(bootTestWorker({ ...options, policies: [version(7)] })).rejects.toMatchObject({
      code: 'ERR_POLICY_NOT_IN_FORCE',
    });
    await (await bootTestWorker({ ...options, policies: [version(8)] }))[Symbol.asyncDispose]();
  });
});
