/** `anchorhold verify`: each check in words for a worker, for evidence that was kept and for a bare report, and nothing said that a file cannot show. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, request } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Appraisal } from '../../src/appraisal.ts';
import { CMW_MEDIA_TYPE, unwrapEvidence, wrapEvidence } from '../../src/attestation/cmw.ts';
import { ATTESTATION_PATH, encodeEvidence, parseEvidence } from '../../src/attestation/evidence.ts';
import { formatTrustFile, type TrustFile } from '../../src/attestation/trust-file.ts';
import { main } from '../../src/cli/main.ts';
import { openIdentity } from '../../src/enclave/identity.ts';
import { DEFAULT_MACHINE } from '../attestation/demands.ts';
import { bootTestWorker, policyOf, sharedAmd, type TestWorker } from '../e2e/worker.ts';
import { skipUnless } from '../skips.ts';
import { VECTORS } from '../vectors.ts';
import { memoryIo } from './memory-io.ts';

const folder = mkdtempSync(join(tmpdir(), 'anchorhold-verify-'));
let worker: TestWorker;

const write = (name: string, content: string | Uint8Array): void => writeFileSync(join(folder, name), content);
const writeTrust = (name: string, over: Partial<TrustFile>): void =>
  write(name, formatTrustFile({ ...worker.trust, ...over }));

const pem = (der: Uint8Array): string =>
  `-----BEGIN CERTIFICATE-----\n${Buffer.from(der).toString('base64')}\n-----END CERTIFICATE-----\n`;

/** Flips one bit of a field of the kept evidence. */
function corrupted(field: 'report' | 'claims', at: number): Uint8Array {
  const parsed = parseEvidence(readFileSync(join(folder, 'kept.cbor')));
  if ('problem' in parsed) throw new Error(parsed.problem);
  return encodeEvidence({ ...parsed.value, [field]: parsed.value[field].map((b, i) => (i === at ? b ^ 1 : b)) });
}

async function run(...args: string[]) {
  const io = memoryIo({ cwd: folder });
  const exit = await main(['verify', ...args], io);
  return { exit, out: io.out(), err: io.err() };
}

async function appraise(...args: string[]) {
  const { exit, out, err } = await run(...args, '--json');
  const appraisal = JSON.parse(out || 'null') as
    | (Appraisal & { readonly subject: string; readonly unanswered: readonly string[] })
    | null;
  const outcomes = Object.fromEntries((appraisal?.checks ?? []).map(({ id, outcome }) => [id, outcome]));
  const failed = Object.keys(outcomes).filter((id) => outcomes[id] === 'fail');
  return { exit, appraisal, outcomes, failed, error: err === '' ? null : (JSON.parse(err) as { code: string }) };
}

beforeAll(async () => {
  worker = await bootTestWorker({ policies: [policyOf(['upper'], 'queries: []')], functions: ['upper'] });
  writeTrust('anchorhold.trust.json', {});
  writeTrust('amd.json', { roots: 'amd' });
  writeTrust('image.json', { code: { ...worker.trust.code, measurements: [] } });
  writeTrust('function.json', { code: { ...worker.trust.code, functions: { upper: `sha256:${'0'.repeat(64)}` } } });
  writeTrust('owner.json', { isolation: { ...worker.trust.isolation, policies: {} } });
  writeTrust('lockdown.json', {
    isolation: { ...worker.trust.isolation, lockdown: { ...worker.trust.isolation.lockdown, counters: 'durable' } },
  });
  writeTrust('chip.json', { machine: { ...worker.trust.machine, chips: [] } });
  const { report, certificates, crl } = await (await sharedAmd()).issueReport({ product: 'Genoa' });
  write('report.bin', report);
  write('short.bin', report.subarray(1));
  write('chain.pem', certificates.map(pem).join(''));
  for (const [i, der] of certificates.entries()) write(`${i}.der`, der);
  write('list.crl', crl ?? new Uint8Array());
  write('other', 'something else');
  expect(await run(worker.url, '--save', 'kept.cbor')).toMatchObject({ exit: 0, err: '' });
});
afterAll(async () => {
  await worker[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

describe('a worker', () => {
  it('is explained check by check, claim by claim', async () => {
    const { exit, out, err } = await run(worker.url);
    expect({ exit, err }).toEqual({ exit: 0, err: '' });
    const lines = out.trimEnd().split('\n');
    expect(lines.filter((line) => !line.startsWith('  '))).toEqual([
      'accept: this worker is SIMULATED, and its code and its isolation are as you demand, now',
      expect.stringMatching(/^genuine \(.*alive.*\): yes, SIMULATED$/),
      expect.stringMatching(/^code \(.*\): yes$/),
      expect.stringMatching(/^isolated \(.*\): yes$/),
      expect.stringMatching(/^SIMULATED: /),
      expect.stringMatching(/^docs\/trust\.md /),
      'verdict: accept: this worker is SIMULATED, and its code and its isolation are as you demand, now',
    ]);
    expect(lines).toContainEqual(
      expect.stringMatching(
        /^ {2}ok {3}.*no memory address stands for another.*\. \(expected: required; found: set\)$/,
      ),
    );
    const marks = lines.flatMap((line) => /^ {2}(ok {2}|skip|any |proves:|does not prove:) /.exec(line)?.[1] ?? []);
    expect(marks).toHaveLength(lines.filter((line) => line.startsWith('  ')).length);
    expect(marks.filter((mark) => mark.endsWith('prove:'))).toHaveLength(3);
  });

  it('is an appraisal as JSON', async () => {
    const { exit, appraisal, outcomes } = await appraise(worker.url);
    expect(exit).toBe(0);
    expect(appraisal).toMatchObject({ subject: 'connection', verdict: 'accept', simulated: true });
    expect(outcomes).toMatchObject({
      'channel-report-data': 'pass',
      'channel-freshness': 'pass',
      'channel-tls-key': 'pass',
    });
  });

  it.each([
    ['amd.json', 10, 'ERR_NOT_AN_ENCLAVE_CHAIN', 'chain-root'],
    ['image.json', 11, 'ERR_INVALID_ENCLAVE_CODE_MEASUREMENT', 'code-measurement'],
    ['function.json', 11, 'ERR_INVALID_ENCLAVE_CODE_FUNCTION', 'code-functions'],
    ['owner.json', 12, 'ERR_NOT_ISOLATED_POLICY', 'owner-policies'],
    ['lockdown.json', 12, 'ERR_NOT_ISOLATED_LOCKDOWN', 'lockdown-counters'],
    ['chip.json', 12, 'ERR_NOT_ISOLATED_CHIP', 'chip'],
  ])('against %s ends with %i, and so does what was kept of it', async (trust, exit, code, id) => {
    for (const subject of [worker.url, 'kept.cbor']) {
      const told = await appraise(subject, '--trust', trust);
      expect(told).toMatchObject({ exit, failed: [id], error: { code } });
    }
  });

  it('that is refused is explained up to there, and the error is on stderr', async () => {
    const { exit, out, err } = await run(worker.url, '--trust', 'amd.json');
    expect(exit).toBe(10);
    expect(out).toMatch(/^reject: this worker: not proven to be genuine \(ERR_NOT_AN_ENCLAVE_CHAIN\)\n/);
    expect(out).toMatch(
      /\n {2}FAIL The root has a fingerprint .*\n {9}expected: AMD's root of the product line\n {9}found: {4}[0-9a-f]{64}\n/,
    );
    expect(out.split('\n').flatMap((line) => /^(\w+) .*: (yes|NO|not reached)$/.exec(line)?.slice(1) ?? [])).toEqual([
      'genuine',
      'NO',
      'code',
      'not reached',
      'isolated',
      'not reached',
    ]);
    expect(out).toMatch(/\nverdict: reject: this worker: .*\(ERR_NOT_AN_ENCLAVE_CHAIN\)\n$/);
    expect(err).toMatch(/^anchorhold: .*\ncheck: chain-root: .*\nhint: .*\n$|\ncheck: chain-root: /);
  });

  it('without evidence is no enclave, and nothing is kept of it', async () => {
    const { privateKeyPem: key, certificatePem: cert } = await openIdentity(new Date());
    const server = createServer({ key, cert }, (_request, response) => response.end('hello'));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const told = await appraise(`https://127.0.0.1:${(server.address() as AddressInfo).port}`, '--save', 'none.cbor');
    server.close();
    expect(told).toMatchObject({ exit: 10, failed: ['evidence-present'] });
    expect(() => readFileSync(join(folder, 'none.cbor'))).toThrow();
  });

  it('answers with a CMW where it is asked for one, around the same evidence', async () => {
    const [mediaType, body] = await new Promise<[string | undefined, Buffer]>((resolve, reject) => {
      const headers = { accept: CMW_MEDIA_TYPE };
      const asked = request(
        new URL(ATTESTATION_PATH, worker.url),
        { method: 'POST', headers, rejectUnauthorized: false, agent: false },
        (response) => {
          const chunks: Buffer[] = [];
          response.on('data', (chunk: Buffer) => chunks.push(chunk));
          response.on('end', () => resolve([response.headers['content-type'], Buffer.concat(chunks)]));
        },
      );
      asked.on('error', reject).end(new Uint8Array(32));
    });
    expect(mediaType).toBe(CMW_MEDIA_TYPE);
    const unwrapped = unwrapEvidence(body);
    expect('value' in unwrapped && parseEvidence(unwrapped.value)).toHaveProperty('value');
  });

  it('may answer with a CMW unasked: what is in it is judged, here evidence of another connection', async () => {
    const body = wrapEvidence(readFileSync(join(folder, 'kept.cbor')));
    const { privateKeyPem: key, certificatePem: cert } = await openIdentity(new Date());
    const server = createServer({ key, cert, minVersion: 'TLSv1.3' }, (_request, response) => {
      response.writeHead(200, { 'content-type': CMW_MEDIA_TYPE, 'content-length': body.length }).end(body);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const told = await appraise(`https://127.0.0.1:${(server.address() as AddressInfo).port}`);
    server.close();
    expect(told).toMatchObject({ exit: 10, failed: ['channel-freshness', 'channel-tls-key'] });
  });

  it('that is refused is kept all the same', async () => {
    expect((await run(worker.url, '--trust', 'image.json', '--save', 'refused.cbor')).exit).toBe(11);
    expect((await appraise('refused.cbor')).exit).toBe(0);
  });
});

describe('evidence that was kept', () => {
  it('is appraised but for freshness and connection, and the verdict says so', async () => {
    const { exit, appraisal, outcomes } = await appraise('kept.cbor');
    expect(exit).toBe(0);
    expect(appraisal).toMatchObject({ subject: 'evidence-file', form: 'evidence', verdict: 'accept', simulated: true });
    expect(appraisal?.unanswered).toEqual(['channel-freshness', 'channel-tls-key']);
    expect(outcomes).toMatchObject({
      'channel-report-data': 'pass',
      'channel-freshness': 'skipped',
      'channel-tls-key': 'skipped',
      'code-functions': 'pass',
      'owner-policies': 'pass',
      lockdown: 'pass',
    });
    const { out } = await run('kept.cbor');
    expect(out).not.toContain('that is alive');
    expect(out).toMatch(/ {2}skip .* \(not checked: a file has no connection to compare with\)\n/);
    expect(out).toMatch(/^SIMULATED when it was made, .*; it says nothing about now \(Anchorhold's evidence\)\n/);
    expect(out).toMatch(/ {2}does not prove: that it is alive now, /);
    expect(out).toMatch(/\nverdict: SIMULATED when it was made, .*; it says nothing about now .*\n$/);
    expect(out).not.toMatch(/^(verdict: )?accept/m);
  });

  it.each<[string, () => Uint8Array, string, string]>([
    ['a changed report', () => corrupted('report', 0x50), 'ERR_NOT_AN_ENCLAVE_SIGNATURE', 'signature-report'],
    ['changed claims', () => corrupted('claims', 20), 'ERR_NOT_AN_ENCLAVE_CHANNEL', 'channel-report-data'],
    ['claims that are none', () => corrupted('claims', 0), 'ERR_NOT_AN_ENCLAVE_PARSE', 'claims-form'],
    ['other bytes', () => Buffer.from('other'), 'ERR_NOT_AN_ENCLAVE_PARSE', 'file-form'],
    ['nothing', () => new Uint8Array(), 'ERR_NOT_AN_ENCLAVE_PARSE', 'file-form'],
  ])('with %s is refused', async (_name, bytes, code, id) => {
    write('corrupted.cbor', bytes());
    expect(await appraise('corrupted.cbor')).toMatchObject({ exit: 10, failed: [id], error: { code } });
  });

  it('is the same inside a CMW, and certificates may be given beside it', async () => {
    write('kept.cmw', wrapEvidence(readFileSync(join(folder, 'kept.cbor'))));
    const told = await appraise('kept.cmw', '--certificate', '1.der', '--certificate', '2.der');
    expect(told).toMatchObject({ exit: 0, appraisal: { subject: 'evidence-file', form: 'cmw', verdict: 'accept' } });
  });

  it('is judged at the time that is given', async () => {
    const told = await appraise('kept.cbor', '--at', '2099-01-01T00:00:00Z');
    expect(told).toMatchObject({ exit: 10, error: { code: 'ERR_NOT_AN_ENCLAVE_CHAIN' } });
  });
});

describe('a file that is refused', () => {
  it.each<[string, readonly string[], RegExp]>([
    ['of no form', ['trust.txt'], /\nhint: .*Forms of a file/],
    ['without certificates', ['report.bin'], /\nhint: a certificate is missing: give all three .*--certificate FILE/],
    [
      'without a list',
      ['report.bin', '--certificate', 'chain.pem'],
      /\nhint: the revocation list is missing: .*--crl FILE/,
    ],
    [
      'at a time when its certificates have ended',
      ['report.bin', '--certificate', 'chain.pem', '--crl', 'list.crl', '--at', '2099-01-01T00:00:00Z'],
      /\nhint: .*--at TIME/,
    ],
  ])('%s says how it can be judged, and not what a session would do', async (_name, args, hint) => {
    write('trust.txt', 'something else');
    const { exit, out, err } = await run(...args);
    expect(exit).toBe(10);
    expect(err).toMatch(hint);
    expect(err).not.toContain('send nothing');
    expect(out).toMatch(/^reject: this file/);
  });
});

describe('a bare report', () => {
  const CHAIN = ['--certificate', 'chain.pem', '--crl', 'list.crl'];

  it.each([
    ['certificates in PEM', CHAIN],
    ['certificates in DER', ['0', '1', '2'].flatMap((i) => ['--certificate', `${i}.der`]).concat('--crl', 'list.crl')],
  ])('with %s is appraised, and says that it is without claims', async (_name, args) => {
    const { exit, appraisal, outcomes } = await appraise('report.bin', ...args);
    expect(exit).toBe(0);
    expect(appraisal).toMatchObject({ subject: 'report-file', verdict: 'accept', simulated: true });
    const unanswered = [
      'channel-report-data',
      'channel-freshness',
      'channel-tls-key',
      'code-functions',
      'owner-policies',
      'lockdown',
    ];
    expect(appraisal?.unanswered).toEqual(unanswered);
    for (const id of unanswered) expect([id, outcomes[id]]).toEqual([id, 'skipped']);
    expect(outcomes['code-measurement']).toBe('pass');
    const { out } = await run('report.bin', ...args);
    expect(out).toMatch(/^SIMULATED when it was made, .*; it says nothing about now \(a report of 1184 bytes\)\n/);
    expect(out).toContain('  does not prove: which functions it loaded, ');
    expect(out).toContain('  does not prove: which owner policies and lockdown were in force, ');
  });

  it.each<[string, readonly string[], number, string]>([
    ['another image', ['report.bin', ...CHAIN, '--trust', 'image.json'], 11, 'code-measurement'],
    ['another chip', ['report.bin', ...CHAIN, '--trust', 'chip.json'], 12, 'chip'],
    ['no certificates', ['report.bin'], 10, 'chain-path'],
    ['no revocation list', ['report.bin', '--certificate', 'chain.pem'], 10, 'crl-present'],
    ['a revocation list that is none', ['report.bin', '--certificate', 'chain.pem', '--crl', 'other'], 10, 'crl-form'],
    ['a byte too few', ['short.bin', ...CHAIN], 10, 'file-form'],
    ['a certificate that is none', ['report.bin', '--certificate', 'other'], 10, 'certificates-form'],
  ])('with %s is refused', async (_name, args, exit, id) => {
    expect(await appraise(...args)).toMatchObject({ exit, failed: [id] });
  });

  const real = skipUnless(VECTORS !== null, 'no test vectors');
  real('of real hardware is accepted, and not called simulated', async () => {
    const at = join(VECTORS ?? '', 'snp/genoa-v5-vcek-yaxi');
    const measurement = readFileSync(join(at, 'report.bin')).subarray(0x90, 0xc0).toString('hex');
    const code = { measurements: [measurement], functions: {} };
    writeTrust('real.json', { roots: 'amd', machine: { ...DEFAULT_MACHINE, committedEqualsCurrent: false }, code });
    const certificates = ['vek', 'ask', 'ark'].flatMap((name) => ['--certificate', join(at, `${name}.der`)]);
    const { exit, appraisal } = await appraise(join(at, 'report.bin'), ...certificates, '--trust', 'real.json');
    expect(exit).toBe(0);
    expect(appraisal).toMatchObject({ verdict: 'accept', simulated: false });
    expect((await run(join(at, 'report.bin'), ...certificates, '--trust', 'real.json')).out).not.toContain('SIMULATED');
  });
});

describe('the command', () => {
  it.each<[string, () => readonly string[], string]>([
    ['a file that is not there', () => ['none.cbor'], 'ERR_CONFIGURATION_FILE'],
    ['an address without a scheme', () => ['localhost:8443'], 'ERR_CONFIGURATION_USAGE'],
    ['an address that is not https', () => ['http://127.0.0.1'], 'ERR_CONFIGURATION_USAGE'],
    ['certificates for a worker', () => [worker.url, '--certificate', 'chain.pem'], 'ERR_CONFIGURATION_USAGE'],
    ['a revocation list for a worker', () => [worker.url, '--crl', 'list.crl'], 'ERR_CONFIGURATION_USAGE'],
    ['another time for a worker', () => [worker.url, '--at', '2026-01-01T00:00:00Z'], 'ERR_CONFIGURATION_USAGE'],
    ['a place to keep a file', () => ['kept.cbor', '--save', 'again.cbor'], 'ERR_CONFIGURATION_USAGE'],
    ['a time that is none', () => ['kept.cbor', '--at', 'yesterday'], 'ERR_CONFIGURATION_USAGE'],
    ['a place that cannot be written', () => [worker.url, '--save', 'none/kept.cbor'], 'ERR_CONFIGURATION_FILE'],
    ['PEM that is broken', () => ['report.bin', '--certificate', 'broken.pem'], 'ERR_CONFIGURATION_FILE'],
    ['a trust file that is not there', () => ['kept.cbor', '--trust', 'none.json'], 'ERR_CONFIGURATION_FILE'],
  ])('refuses %s', async (_name, args, code) => {
    write('broken.pem', '-----BEGIN CERTIFICATE-----\n*\n-----END CERTIFICATE-----\n');
    expect(await appraise(...args())).toMatchObject({ exit: 2, appraisal: null, error: { code } });
  });

  it('without a trust file is told where one comes from', async () => {
    const io = memoryIo({ cwd: join(folder, '..') });
    expect(await main(['verify', worker.url], io)).toBe(2);
    expect(io.err()).toMatch(/--trust FILE.*anchorhold dev/);
  });

  it('cannot reach is no verdict', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    await new Promise((resolve) => server.close(resolve));
    expect(await appraise(`https://127.0.0.1:${port}`)).toMatchObject({
      exit: 50,
      appraisal: null,
      error: { code: 'ERR_TRANSPORT_UNREACHABLE' },
    });
  });
});
