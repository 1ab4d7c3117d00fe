/** A session by a release file: it is read at every appraisal, and whatever is wrong with it keeps the client from sending anything. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Release } from '../../src/attestation/release/release.ts';
import { formatTrustFile } from '../../src/attestation/trust-file.ts';
import { openTrustFile } from '../../src/client/trust.ts';
import { SecureSession } from '../../src/index.ts';
import { formatOwnerKey } from '../../src/policy/signing/threshold.ts';
import { releaseOf, signRelease, versionUntil } from '../attestation/release/releases.ts';
import { codeOf, makeKeys } from '../policy/signing/keys.ts';
import { bootTestWorker, type TestWorker } from './worker.ts';

const [key, stranger] = await makeKeys(2);
if (key === undefined || stranger === undefined) throw new Error('no keys');
const LATER = new Date('2099-01-01T00:00:00Z');
const current = versionUntil(LATER);

let worker: TestWorker;
let folder: string;
beforeAll(async () => {
  worker = await bootTestWorker({});
});
afterAll(async () => await worker[Symbol.asyncDispose]());
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'anchorhold-release-'));
  const release = { release: './r.json', keys: [formatOwnerKey(key.spki)], needed: 1, verified: null };
  const trust = { ...worker.trust, code: { ...worker.trust.code, measurements: [release] } };
  writeFileSync(join(folder, 'trust.json'), formatTrustFile(trust));
});
afterEach(() => rmSync(folder, { recursive: true }));

async function publish(release: Release, signer = key): Promise<void> {
  if (signer !== undefined) writeFileSync(join(folder, 'r.json'), await signRelease(release, [signer]));
}

const open = (memoryDir?: string): SecureSession =>
  new SecureSession(worker.url, {
    trust: join(folder, 'trust.json'),
    ...(memoryDir === undefined ? {} : { memoryDir }),
  });

describe('a session by a release', () => {
  it('shows which version it was appraised by', async () => {
    await publish(releaseOf([current]));
    await using session = open();
    const { verdict, checks } = await session.attest();
    expect(verdict).toBe('accept');
    expect(checks.find(({ id }) => id === 'code-release')).toMatchObject({
      outcome: 'pass',
      actual: expect.stringContaining('anchorhold 1.4.0 (serial 7;'),
    });
  });

  it.each<[string, Release, string]>([
    ['without this image', releaseOf([versionUntil(LATER, '1.5.0', new Uint8Array(48))]), 'MEASUREMENT'],
    ['in which its version has expired', releaseOf([versionUntil(new Date('2020-01-01T00:00:00Z'))]), 'RELEASE'],
  ])('is refused by one %s', async (_what, release, reason) => {
    await publish(release);
    await using session = open();
    expect(await codeOf(() => session.attest())).toBe(`ERR_INVALID_ENCLAVE_CODE_${reason}`);
  });

  it('is not opened by one that somebody else signed, by none, and by another file', async () => {
    await using session = open();
    expect(await codeOf(() => session.attest())).toBe('ERR_CONFIGURATION_FILE');
    await publish(releaseOf([current]), stranger);
    expect(await codeOf(() => session.attest())).toBe('ERR_CONFIGURATION_RELEASE');
    writeFileSync(join(folder, 'r.json'), '{}');
    expect(await codeOf(() => session.attest())).toBe('ERR_CONFIGURATION_RELEASE');
    await publish(releaseOf([current]));
    expect(await codeOf(() => session.attest())).toBeNull();
  });

  it('takes a new release at its next connection, and never an older one again', async () => {
    await publish(releaseOf([]));
    await using session = open();
    expect(await codeOf(() => session.attest())).toBe('ERR_INVALID_ENCLAVE_CODE_MEASUREMENT');
    await publish(releaseOf([current], 8));
    expect(await codeOf(() => session.attest())).toBeNull();
    await publish(releaseOf([]));
    expect(await codeOf(() => session.attest())).toBe('ERR_CONFIGURATION_RELEASE_OLD');
  });

  it('remembers the newest release after a restart where it has a folder', async () => {
    const memory = join(folder, 'memory');
    await publish(releaseOf([current], 8));
    for (const dir of [memory, undefined]) {
      await using session = open(dir);
      expect(await codeOf(() => session.attest())).toBeNull();
    }
    await publish(releaseOf([current], 7));
    await using forgetful = open();
    expect(await codeOf(() => forgetful.attest())).toBeNull();
    await using session = open(memory);
    expect(await codeOf(() => session.attest())).toBe('ERR_CONFIGURATION_RELEASE_OLD');
  });

  it('takes no release where the trust file is only a value', async () => {
    await publish(releaseOf([current]));
    const { file } = await openTrustFile(join(folder, 'trust.json'), null);
    await using session = new SecureSession(worker.url, { trust: JSON.parse(formatTrustFile(file)) as object });
    expect(await codeOf(() => session.attest())).toBe('ERR_CONFIGURATION_TRUST');
  });
});

describe('a trust file that was only loaded', () => {
  it('accepts no release', async () => {
    await publish(releaseOf([current]));
    const { file } = await openTrustFile(join(folder, 'trust.json'), null);
    expect(file.code.measurements).toMatchObject([{ verified: null }]);
  });
});
