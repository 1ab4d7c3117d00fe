/** Evidence in files: each form is known by its structure, its broken twin is refused, and a file is never more than it can show. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { encodeClaims, PROFILE, reportDataOf } from '../../src/attestation/claims.ts';
import { encodeCmw, wrapEvidence } from '../../src/attestation/cmw.ts';
import { encodeEvidence } from '../../src/attestation/evidence.ts';
import {
  addEndorsements,
  type EvidenceForm,
  FORMS_IN_WORDS,
  parseEvidenceFile,
} from '../../src/attestation/evidence-forms.ts';
import { appraiseFile, type FileAppraisal, refuseFile } from '../../src/attestation/file-appraisal.ts';
import type { Machine } from '../../src/attestation/requirements.ts';
import { createCrlNumbers } from '../../src/attestation/snp/crl-numbers.ts';
import type { Roots } from '../../src/attestation/snp/roots.ts';
import type { TrustFile } from '../../src/attestation/trust-file.ts';
import { concatBytes, encodeHex, encodeUtf8, parseHex } from '../../src/base/bytes.ts';
import { sha256 } from '../../src/base/digest.ts';
import { SIMULATED_MEASUREMENT } from '../../src/testing/index.ts';
import { sharedAmd } from '../e2e/worker.ts';
import { skipUnless } from '../skips.ts';
import { VECTORS } from '../vectors.ts';
import { ANY_MACHINE, STRICT_LOCKDOWN } from './demands.ts';
import { encodeHclBlob, integers } from './hcl-blob.ts';

const VCEK_GUID = parseHex('63da758de6644564adc5f4b93be8accd') ?? new Uint8Array();
const ASK_GUID = parseHex('4ab7b379bbac4fe4a02f05aef327c782') ?? new Uint8Array();
const ARK_GUID = parseHex('c0b406a4a803495297433fb6014cd0ae') ?? new Uint8Array();

/** Writes a certificate table with DER payloads. */
function encodeTable(...entries: readonly (readonly [guid: Uint8Array, der: Uint8Array])[]): Uint8Array {
  let at = 24 * (entries.length + 1);
  const heads = entries.map(([guid, der]) => {
    at += der.length;
    return concatBytes(guid, integers(at - der.length, der.length));
  });
  return concatBytes(...heads, new Uint8Array(24), ...entries.map(([, der]) => der));
}

function trustOf(roots: Roots, machine: Machine, measurement: Uint8Array): TrustFile {
  return {
    url: 'https://worker.test',
    roots,
    machine,
    code: { measurements: [encodeHex(measurement)], functions: {} },
    isolation: { policies: {}, others: 'refused', lockdown: STRICT_LOCKDOWN },
    freshness: { reattest: 'connection' },
  };
}

async function appraise(bytes: Uint8Array, trust: TrustFile, now: Date): Promise<FileAppraisal> {
  const parsed = parseEvidenceFile(bytes);
  if ('problem' in parsed) return refuseFile(parsed.problem, trust);
  return await appraiseFile(parsed.value, trust, now, createCrlNumbers([]));
}

const idsOf = ({ checks }: FileAppraisal, outcome: string): readonly string[] =>
  checks.filter((check) => check.outcome === outcome).map(({ id }) => id);

const FOUR = new Uint8Array(4);

const flip = (bytes: Uint8Array, at: number): Uint8Array => bytes.with(at, (bytes.at(at) ?? 0) ^ 1);

const CLAIMS = encodeClaims({
  profile: PROFILE,
  role: 'worker',
  instance: new Uint8Array(16),
  tls: new Uint8Array(32),
  hpke: new Uint8Array(),
  functions: {},
  policies: {},
  lockdown: STRICT_LOCKDOWN,
  freshness: new Uint8Array(32),
  log: { size: 0, root: new Uint8Array(32) },
  runtime: 'test',
});
const RUNTIME_DATA = encodeUtf8('{"keys":[],"vm-configuration":{"secure-boot":true}}');

const NEVER: readonly string[] = ['channel-freshness', 'channel-tls-key'];
const NO_WORKER: readonly string[] = ['channel-report-data', ...NEVER, 'code-functions', 'owner-policies', 'lockdown'];

describe('a file', () => {
  let trust: TrustFile;
  const now = new Date();
  /** Each form as it should be, and the same with one thing wrong. */
  const files: Record<EvidenceForm, { whole: Uint8Array; broken: Uint8Array }> = Object.create(null);
  let hclOfOtherData: Uint8Array;
  let hclWithLongerData: Uint8Array;
  let bareReport: Uint8Array;
  let chain: readonly Uint8Array[];

  beforeAll(async () => {
    const amd = await sharedAmd();
    trust = trustOf(
      { simulated: [await amd.rootFingerprint('Genoa')] },
      { ...ANY_MACHINE, products: ['Genoa'] },
      SIMULATED_MEASUREMENT,
    );
    const { report, certificates } = await amd.issueReport({ product: 'Genoa', reportData: reportDataOf(CLAIMS) });
    const [vek = report, ask = report, ark = report] = certificates;
    bareReport = report;
    chain = certificates;
    const bundle = encodeEvidence({ report, certificates, crl: null, claims: CLAIMS, index: 0, size: 1, path: [] });
    const table = encodeTable([ARK_GUID, ark], [ASK_GUID, ask], [VCEK_GUID, vek]);
    const covered = async (reportData: Uint8Array): Promise<Uint8Array> =>
      (await amd.issueReport({ product: 'Genoa', reportData })).report;
    const digest = concatBytes(sha256(RUNTIME_DATA), new Uint8Array(32));
    const hclReport = await covered(digest);
    files.evidence = { whole: bundle, broken: bundle.subarray(0, -1) };
    files.cmw = {
      whole: wrapEvidence(bundle),
      broken: encodeCmw({ type: 'application/eat+cwt', value: bundle, indicator: 4 }),
    };
    files.report = { whole: report, broken: report.subarray(1) };
    files['report-and-table'] = {
      whole: concatBytes(report, table),
      broken: concatBytes(report, table.subarray(0, -1)),
    };
    files.hcl = { whole: encodeHclBlob(hclReport, RUNTIME_DATA), broken: encodeHclBlob(hclReport, RUNTIME_DATA, 3) };
    hclOfOtherData = encodeHclBlob(hclReport, encodeUtf8('{"keys":[],"vm-configuration":{"secure-boot":null}}'));
    hclWithLongerData = encodeHclBlob(await covered(flip(digest, 63)), RUNTIME_DATA);
  });

  const appraiseGiven = async (bytes: Uint8Array): Promise<FileAppraisal> => {
    const parsed = parseEvidenceFile(bytes);
    if ('problem' in parsed) return refuseFile(parsed.problem, trust);
    return await appraiseFile(addEndorsements(parsed.value, chain, null), trust, now, createCrlNumbers([]));
  };

  const FORMS: readonly [EvidenceForm, readonly string[]][] = [
    ['evidence', NEVER],
    ['cmw', NEVER],
    ['report', NO_WORKER],
    ['report-and-table', NO_WORKER],
    ['hcl', NO_WORKER],
  ];
  it.each(FORMS)('of form %s is known by its structure, and shows no more than it can', async (form, unanswered) => {
    const told = await appraiseGiven(files[form].whole);
    expect(told).toMatchObject({ verdict: 'accept', form, unanswered, simulated: true });
    expect(unanswered.filter((id) => !idsOf(told, 'skipped').includes(id))).toEqual([]);
    expect(idsOf(told, 'pass').includes('hcl-runtime-data')).toBe(form === 'hcl');
    expect(told.runtimeClaims).toEqual(
      form === 'hcl' ? { keys: [], 'vm-configuration': { 'secure-boot': true } } : null,
    );
  });

  it.each(FORMS)('of form %s that is broken is refused as such, before anything else is looked at', async (form) => {
    const told = await appraiseGiven(files[form].broken);
    expect(told).toMatchObject({ verdict: 'reject', code: 'ERR_NOT_AN_ENCLAVE_PARSE', form: null, unanswered: [] });
    expect(told.checks.map(({ id, expected }) => [id, expected])).toEqual([['file-form', `one of: ${FORMS_IN_WORDS}`]]);
  });

  it('of each form but the report brings or names its own report, and a changed one is refused', async () => {
    for (const [form] of FORMS) {
      const { whole } = files[form];
      const at = Buffer.from(whole).indexOf(Buffer.from(bareReport.subarray(0, 0x50))) + 0x90;
      const told = await appraiseGiven(flip(whole, at));
      expect([form, told.code, told.form]).toEqual([form, 'ERR_NOT_AN_ENCLAVE_SIGNATURE', form]);
    }
  });

  it('without certificates is not genuine; a certificate table brings them', async () => {
    expect(await appraise(files.report.whole, trust, now)).toMatchObject({ code: 'ERR_NOT_AN_ENCLAVE_CHAIN' });
    expect(await appraise(files.hcl.whole, trust, now)).toMatchObject({ code: 'ERR_NOT_AN_ENCLAVE_CHAIN' });
    expect(await appraise(files['report-and-table'].whole, trust, now)).toMatchObject({ verdict: 'accept' });
  });

  it.each([
    ['runtime data that differ in a letter', () => hclOfOtherData],
    ['a report whose last byte of REPORT_DATA is not zero', () => hclWithLongerData],
  ])('of Azure with %s is refused by that check, and nothing it says is shown', async (_name, bytes) => {
    const told = await appraiseGiven(bytes());
    expect(told).toMatchObject({ verdict: 'reject', stage: 'channel', code: 'ERR_NOT_AN_ENCLAVE_CHANNEL' });
    expect(idsOf(told, 'fail')).toEqual(['hcl-runtime-data']);
    expect(told.checks.at(-1)?.stage).toBe('channel');
    expect(told.runtimeClaims).toBeNull();
  });

  it.each<[string, () => Uint8Array, RegExp]>([
    ['nothing', () => new Uint8Array(), /^none of them: 0 bytes$/],
    ['text', () => encodeUtf8('{"a": 1}'), /^none of them: 8 bytes that begin with 7b226122$/],
    ['a byte too few', () => bareReport.subarray(0, 1183), /^none of them: 1183 bytes/],
    ['a byte too many', () => concatBytes(bareReport, Uint8Array.of(0)), /certificate table: the header does not end$/],
    ['version 6, and more than a report', () => concatBytes(bareReport, FOUR).with(0, 6), /^none of them/],
    ['version 1, and more than a report', () => concatBytes(bareReport, FOUR).with(0, 1), /^none of them/],
    ['a version of more than a byte', () => concatBytes(bareReport, FOUR).with(1, 1), /^none of them/],
    ['a version of more than three bytes', () => concatBytes(bareReport, FOUR).with(3, 1), /^none of them/],
    ['a CMW in a tag', () => Uint8Array.of(0xda, 1, 2, 3, 4, 0x40), /CBOR tag/],
    ['a simple value of CBOR', () => Uint8Array.of(0xf6), /^none of them/],
    ['the length of a report and the head of a bundle', () => bareReport.with(0, 0xa8), /^it could be .* or /],
    ['the length of a report and the head of a CMW', () => bareReport.with(0, 0x83), /^it could be .* or /],
    ['a collection of CMWs', () => Uint8Array.of(0xa1, 0x61, 0x61, 0x80), /collection of CMWs/],
    ['a CMW around nothing', () => wrapEvidence(new Uint8Array()), /^a CMW .*: not a map/],
  ])('with %s is of no form, and the problem says why', (_name, bytes, problem) => {
    expect(parseEvidenceFile(bytes())).toEqual({ problem: expect.stringMatching(problem) });
  });

  it('of form report may have a version that nobody knows: then that is what is wrong', async () => {
    const told = await appraiseGiven(bareReport.with(0, 6));
    expect([told.form, idsOf(told, 'fail')]).toEqual(['report', ['report-version']]);
  });

  it('takes each certificate once, and a list given beside it before its own', () => {
    const parsed = parseEvidenceFile(files['report-and-table'].whole);
    if ('problem' in parsed) throw new Error(parsed.problem);
    const given = addEndorsements(parsed.value, [...chain, Uint8Array.of(1)], Uint8Array.of(2));
    expect([given.certificates.length, given.crl]).toEqual([chain.length + 1, Uint8Array.of(2)]);
    expect(addEndorsements(given, [], null).crl).toEqual(Uint8Array.of(2));
  });
});

describe('a file of real hardware', () => {
  const real = skipUnless(VECTORS !== null, 'no test vectors');
  const read = (name: string): Uint8Array => Uint8Array.from(readFileSync(join(VECTORS ?? '', 'snp', name)));
  const index = (): { vectors: { name: string; product: 'Milan' | 'Genoa' | 'Turin'; verify_at: string }[] } =>
    JSON.parse(readFileSync(join(VECTORS ?? '', 'snp/index.json'), 'utf8'));

  /** Appraises a file of a vector, with its chain beside it, against AMD's roots, its own measurement and time. */
  async function appraiseVector(name: string, bytes: Uint8Array, beside: boolean, machine: Partial<Machine> = {}) {
    const vector = index().vectors.find((v) => v.name === name);
    if (vector === undefined) throw new Error(`no vector ${name}`);
    const demands: Machine = { ...ANY_MACHINE, products: [vector.product], ...machine };
    const trust = trustOf('amd', demands, read(`${name}/report.bin`).subarray(0x90, 0xc0));
    const parsed = parseEvidenceFile(bytes);
    if ('problem' in parsed) throw new Error(parsed.problem);
    const given = beside ? ['vek', 'ask', 'ark'].map((file) => read(`${name}/${file}.der`)) : [];
    const at = new Date(vector.verify_at);
    return await appraiseFile(addEndorsements(parsed.value, given, null), trust, at, createCrlNumbers([]));
  }

  for (const name of ['milan-v3-vcek-azure-hcl', 'genoa-v3-vcek-azure-hcl']) {
    real(`of Azure is genuine: ${name}`, async () => {
      const told = await appraiseVector(name, read(`${name}/hcl.bin`), true);
      expect(told).toMatchObject({ verdict: 'accept', form: 'hcl', simulated: false });
      expect(told.runtimeClaims).toHaveProperty('vm-configuration');
      const genoa = await appraiseVector(name, read(`${name}/hcl.bin`), true, { products: ['Genoa', 'Turin'] });
      expect(genoa.verdict).toBe(name.startsWith('milan') ? 'reject' : 'accept');
      // The letter is inside a value, so the JSON stays as good as it was.
      const changed = flip(read(`${name}/hcl.bin`), 1236 + 200);
      expect(idsOf(await appraiseVector(name, changed, true), 'fail')).toEqual(['hcl-runtime-data']);
    });
  }

  real('with the certificate table that its host gave is genuine', async () => {
    const name = 'genoa-v3-vcek-configfs-tsm-auxblob';
    const file = concatBytes(read(`${name}/report.bin`), read(`${name}/auxblob.bin`));
    expect(await appraiseVector(name, file, false)).toMatchObject({ verdict: 'accept', form: 'report-and-table' });
    const cut = parseEvidenceFile(file.subarray(0, -1));
    expect(cut).toEqual({ problem: expect.stringContaining('ends outside the table') });
  });

  real('of AWS is genuine', async () => {
    const name = 'milan-v3-vlek-aws';
    const told = await appraiseVector(name, read(`${name}/report.bin`), true);
    expect(told).toMatchObject({ verdict: 'accept', form: 'report', report: { signer: 'VLEK' } });
  });
});
