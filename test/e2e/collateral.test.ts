/** A worker whose host hands out no certificates: sessions and commands get them from a service, and later from their cache. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { wrapEvidence } from '../../src/attestation/cmw.ts';
import { formatTrustFile } from '../../src/attestation/trust-file.ts';
import { concatBytes, encodeUtf8 } from '../../src/base/bytes.ts';
import { sha256 } from '../../src/base/digest.ts';
import { main } from '../../src/cli/main.ts';
import { type CollateralSource, keyCredential, SecureSession } from '../../src/index.ts';
import {
  encodeDerInteger,
  type FakeKds,
  openFakeKds,
  type SimulatedAmd,
  simulatedDevice,
} from '../../src/testing/index.ts';
import { encodeHclBlob } from '../attestation/hcl-blob.ts';
import { memoryIo } from '../cli/memory-io.ts';
import { bootTestWorker, makeSigningKey, policyOf, sharedAmd, type TestWorker } from './worker.ts';

const nightly = makeSigningKey();
const sections = `
callers: { nightly: { key: "${nightly.text}" } }
queries: [{ allow: nightly, to: POST /upper }]
results: { max: 100 B, types: [application/octet-stream] }
`;

let amd: SimulatedAmd;
let t: TestWorker;
let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'anchorhold-kds-'));
  amd = await sharedAmd();
  const device = await simulatedDevice(amd, { product: 'Genoa' });
  t = await bootTestWorker({
    policies: [policyOf(['upper'], sections)],
    functions: ['upper'],
    device: {
      kind: 'simulated',
      getReport: async (reportData) => ({ ...(await device.getReport(reportData)), certificates: [], crl: null }),
    },
  });
  writeFileSync(join(folder, 'anchorhold.trust.json'), formatTrustFile(t.trust));
  writeFileSync(join(folder, 'nightly.pem'), nightly.privateKeyPem);
  writeFileSync(join(folder, 'report.bin'), (await device.getReport(new Uint8Array(64))).report);
  const runtimeData = encodeUtf8('{}');
  const covering = concatBytes(sha256(runtimeData), new Uint8Array(32));
  writeFileSync(join(folder, 'hcl.bin'), encodeHclBlob((await device.getReport(covering)).report, runtimeData));
});
afterAll(async () => {
  await t[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

const openSession = (collateral?: CollateralSource): SecureSession =>
  new SecureSession(t.url, {
    trust: t.trustWith({}),
    credential: keyCredential(nightly),
    ...(collateral === undefined ? {} : { collateral }),
  });

async function ask(collateral?: CollateralSource): Promise<string> {
  await using session = openSession(collateral);
  return await (await session.post('/upper', 'hello')).text();
}

const REFUSED = { name: 'NotAnEnclaveError', code: 'ERR_NOT_AN_ENCLAVE_CHAIN' };
const UNREACHABLE = { name: 'TransportError', code: 'ERR_TRANSPORT_UNREACHABLE' };

describe('a session with a worker that sends no certificates', () => {
  it('is refused, and asks nobody, when nothing else is said', async () => {
    await expect(ask()).rejects.toMatchObject(REFUSED);
    await expect(ask({ source: 'evidence-only' })).rejects.toMatchObject(REFUSED);
  });

  it('is verified through the service, and after that without it', async () => {
    await using kds = await openFakeKds(amd);
    const cacheDir = join(folder, 'session-cache');
    const collateral = { kds: { baseUrl: kds.url, cacheDir } };
    expect(await ask(collateral)).toBe('HELLO');
    expect(kds.asked.length).toBe(3);
    expect(readdirSync(cacheDir).length).toBe(4);
    expect(readdirSync(cacheDir)).toContain('crl-numbers.json');
    await kds.stop();
    expect(await ask(collateral)).toBe('HELLO');
  });

  it('refuses an older revocation list than one that it saw before it was started again, and forgets it for no damage', async () => {
    const cacheDir = join(folder, 'rollback-cache');
    const numbered = async (number: number): Promise<FakeKds> =>
      await openFakeKds(amd, { crl: { extensions: { crlNumber: encodeDerInteger(number) } } });
    const askWith = async (number: number): Promise<string> => {
      await using kds = await numbered(number);
      return await ask({ kds: { baseUrl: kds.url, cacheDir } });
    };
    expect(await askWith(5)).toBe('HELLO');
    await expect(askWith(4)).rejects.toMatchObject({
      ...REFUSED,
      appraisal: { checks: expect.arrayContaining([expect.objectContaining({ id: 'crl-number', outcome: 'fail' })]) },
    });
    expect(await askWith(5)).toBe('HELLO');
    expect(await askWith(6)).toBe('HELLO');
    await expect(askWith(5)).rejects.toMatchObject(REFUSED);
    const path = join(cacheDir, 'crl-numbers.json');
    const kept = readFileSync(path);
    writeFileSync(path, '');
    await expect(askWith(5)).rejects.toMatchObject({ code: 'ERR_CONFIGURATION_FILE' });
    writeFileSync(path, kept);
    expect(await askWith(6)).toBe('HELLO');
  });

  it('fetches once for all of its connections when it keeps nothing on disk', async () => {
    await using kds = await openFakeKds(amd);
    await using session = openSession({ kds: { baseUrl: kds.url, cacheDir: null } });
    await session.attest();
    await kds.stop();
    const appraisals = [await session.attest(), await session.attest()];
    expect(appraisals.map(({ verdict }) => verdict)).toEqual(['accept', 'accept']);
    await expect(ask({ kds: { baseUrl: kds.url, cacheDir: null } })).rejects.toMatchObject(UNREACHABLE);
  });

  it('sends nothing to a worker whose certificates cannot be had', async () => {
    await using kds = await openFakeKds(amd, { answer: () => ({ status: 200, body: Buffer.from('<html>') }) });
    const before = t.worker.checkpoint().size;
    await expect(ask({ kds: { baseUrl: kds.url, cacheDir: null } })).rejects.toMatchObject(UNREACHABLE);
    expect(t.worker.checkpoint().size).toBe(before);
  });

  it('refuses a folder that it cannot use before it dials', async () => {
    const collateral = { kds: { baseUrl: 'https://kds.example', cacheDir: join(folder, 'report.bin') } };
    await expect(ask(collateral)).rejects.toMatchObject({ code: 'ERR_CONFIGURATION_FILE' });
  });
});

describe('the command line', () => {
  let kds: FakeKds;
  beforeAll(async () => {
    kds = await openFakeKds(amd);
  });
  afterAll(async () => {
    await kds.stop();
  });

  async function run(...args: string[]): Promise<{ exit: number; out: string; err: string }> {
    const io = memoryIo({ cwd: folder });
    return { exit: await main(args, io), out: io.out(), err: io.err() };
  }
  const kdsOptions = (): string[] => ['--kds', '--kds-url', kds.url, '--kds-cache', 'cli-cache'];
  const callUpper = ['call', '/upper', '--data', 'x', '--sign', 'nightly.pem'];

  it('asks nobody without --kds', async () => {
    expect((await run('verify', t.url, '--save', 'bare.cbor')).exit).toBe(10);
    expect((await run('verify', 'bare.cbor')).exit).toBe(10);
    expect((await run('verify', 'report.bin')).exit).toBe(10);
    expect((await run('verify', 'hcl.bin')).exit).toBe(10);
    expect((await run('call', t.url, ...callUpper.slice(1))).exit).toBe(10);
    expect(kds.asked).toEqual([]);
  });

  it('completes a worker, kept evidence, a CMW, a report and an HCL blob with --kds, and later from the cache', async () => {
    writeFileSync(join(folder, 'bare.cmw'), wrapEvidence(readFileSync(join(folder, 'bare.cbor'))));
    const commands = [
      ['verify', t.url],
      ['verify', 'bare.cbor'],
      ['verify', 'bare.cmw'],
      ['verify', 'report.bin'],
      ['verify', 'hcl.bin'],
      ['call', t.url, ...callUpper.slice(1)],
    ];
    for (const command of commands)
      expect([command, (await run(...command, ...kdsOptions())).exit]).toEqual([command, 0]);
    expect(kds.asked.length).toBe(3);
    await kds.stop();
    for (const command of commands)
      expect([command, (await run(...command, ...kdsOptions())).exit]).toEqual([command, 0]);
    expect(kds.asked.length).toBe(3);
  });

  it('refuses an older revocation list than one that it saw, unless it is asked about another time', async () => {
    const verify = async (number: number, ...args: string[]): Promise<number> => {
      await using service = await openFakeKds(amd, { crl: { extensions: { crlNumber: encodeDerInteger(number) } } });
      const options = ['--kds', '--kds-url', service.url, '--kds-cache', 'cli-rollback'];
      return (await run('verify', 'report.bin', ...options, ...args)).exit;
    };
    expect([
      await verify(5),
      await verify(4),
      await verify(4, '--at', new Date().toISOString()),
      await verify(4),
    ]).toEqual([0, 10, 0, 10]);
  });

  it('says that a service that is not there is no verdict', async () => {
    const { exit, out, err } = await run('verify', 'report.bin', ...kdsOptions(), '--kds-cache', 'empty', '--json');
    expect([exit, out]).toEqual([50, '']);
    expect(JSON.parse(err)).toMatchObject({ code: 'ERR_TRANSPORT_UNREACHABLE' });
  });

  it.each([
    ['a mirror without --kds', ['--kds-url', 'https://kds.example']],
    ['a cache without --kds', ['--kds-cache', 'cli-cache']],
    ['an address that may not be asked', ['--kds', '--kds-url', 'http://kds.example', '--kds-cache', 'cli-cache']],
  ])('refuses %s', async (_name, options) => {
    for (const command of [
      ['verify', t.url],
      ['verify', 'report.bin'],
      ['call', t.url, '/upper'],
    ]) {
      const { exit, err } = await run(...command, ...options, '--json');
      expect([exit, (JSON.parse(err) as { code: string }).code]).toEqual([2, 'ERR_CONFIGURATION_USAGE']);
    }
  });
});
