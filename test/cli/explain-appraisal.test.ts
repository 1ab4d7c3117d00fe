/** What `verify` says, whole, as a person reads it: golden files, with numbers that differ from machine to machine left out. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { formatTrustFile, type TrustFile } from '../../src/attestation/trust-file.ts';
import { concatBytes, encodeUtf8 } from '../../src/base/bytes.ts';
import { sha256 } from '../../src/base/digest.ts';
import { main } from '../../src/cli/main.ts';
import { encodeHclBlob } from '../attestation/hcl-blob.ts';
import { bootTestWorker, policyOf, sharedAmd, type TestWorker } from '../e2e/worker.ts';
import { memoryIo } from './memory-io.ts';

const folder = mkdtempSync(join(tmpdir(), 'anchorhold-explain-'));
let worker: TestWorker;

const RUNTIME_DATA = encodeUtf8(
  JSON.stringify({
    keys: [{ kid: 'HCLAkPub', key_ops: ['sign'], kty: 'RSA', e: 'AQAB', n: 'v'.repeat(342) }],
    'vm-configuration': { 'secure-boot': true, 'tpm-enabled': true, name: '\u001b[2Jclear' },
    'user-data': '00',
    long: 'x'.repeat(700),
  }),
);

const write = (name: string, content: string | Uint8Array): void => writeFileSync(join(folder, name), content);
const writeTrust = (name: string, over: Partial<TrustFile>): void =>
  write(name, formatTrustFile({ ...worker.trust, ...over }));

beforeAll(async () => {
  worker = await bootTestWorker({ policies: [policyOf(['upper'], 'queries: []')], functions: ['upper'] });
  writeTrust('anchorhold.trust.json', {});
  writeTrust('image.json', { code: { ...worker.trust.code, measurements: [] } });
  writeTrust('offline.json', { machine: { ...worker.trust.machine, revocation: 'off' } });
  const reportData = concatBytes(sha256(RUNTIME_DATA), new Uint8Array(32));
  const { report, certificates, crl } = await (await sharedAmd()).issueReport({ product: 'Genoa', reportData });
  write('report.bin', report);
  write('hcl.bin', encodeHclBlob(report, RUNTIME_DATA));
  write('text', 'something else');
  for (const [i, der] of certificates.entries()) write(`${i}.der`, der);
  write('list.crl', crl ?? new Uint8Array());
});
afterAll(async () => {
  await worker[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

const CHAIN = ['0', '1', '2'].flatMap((i) => ['--certificate', `${i}.der`]);

/** Leaves out what is made anew on each machine or at each run: long hex and times. */
function steady(text: string): string {
  return text
    .replace(/(?<![0-9a-f])(?!0+(?![0-9a-f]))[0-9a-f]{32,}/g, '<hex>')
    .replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, '<time>');
}

describe('the explanation', () => {
  it.each<[string, () => readonly string[], number]>([
    ['worker', () => [worker.url], 0],
    ['worker-with-another-image', () => [worker.url, '--trust', 'image.json'], 11],
    ['report', () => ['report.bin', ...CHAIN, '--trust', 'offline.json'], 0],
    ['report-without-certificates', () => ['report.bin'], 10],
    ['hcl', () => ['hcl.bin', ...CHAIN, '--crl', 'list.crl'], 0],
    ['no-form', () => ['text'], 10],
  ])('of %s reads as in its golden file', async (name, args, exit) => {
    const io = memoryIo({ cwd: folder });
    expect(await main(['verify', ...args()], io)).toBe(exit);
    await expect(steady(io.out())).toMatchFileSnapshot(`../golden/verify/${name}.txt`);
  });

  it.each<[string, readonly string[], number, object]>([
    [
      'an HCL blob',
      ['hcl.bin', ...CHAIN, '--crl', 'list.crl'],
      0,
      { subject: 'hcl-file', form: 'hcl', verdict: 'accept', runtimeClaims: { 'user-data': '00' } },
    ],
    ['a refused one', ['hcl.bin'], 10, { subject: 'hcl-file', form: 'hcl', verdict: 'reject', runtimeClaims: null }],
    ['a file of no form', ['text'], 10, { subject: 'unknown-file', form: null, verdict: 'reject', unanswered: [] }],
  ])('of %s is one JSON object for machines', async (_name, args, exit, told) => {
    const io = memoryIo({ cwd: folder });
    expect(await main(['verify', ...args, '--json'], io)).toBe(exit);
    expect(JSON.parse(io.out())).toMatchObject(told);
  });
});
