/** Evidence in a file is more than its report: claims are held to the report and to the demands, whatever form they come in; and caps of the bundle. */
import { describe, expect, it } from 'vitest';
import { CHECKS } from '../../src/attestation/check-table.ts';
import { type Claims, encodeClaims, PROFILE, reportDataOf } from '../../src/attestation/claims.ts';
import { wrapEvidence } from '../../src/attestation/cmw.ts';
import { type Evidence, encodeEvidence, parseEvidence } from '../../src/attestation/evidence.ts';
import { appraiseEvidence, checkFunctions, checkOwnerPolicies } from '../../src/attestation/evidence-appraisal.ts';
import { type EvidenceForm, parseEvidenceFile, titleOfForm } from '../../src/attestation/evidence-forms.ts';
import { appraiseFile, type FileAppraisal, refuseFile } from '../../src/attestation/file-appraisal.ts';
import { appraiseReport } from '../../src/attestation/report-appraisal.ts';
import { appraiseSession } from '../../src/attestation/session-appraisal.ts';
import { createChainCache } from '../../src/attestation/snp/chain-cache.ts';
import { createCrlNumbers } from '../../src/attestation/snp/crl-numbers.ts';
import type { TrustFile } from '../../src/attestation/trust-file.ts';
import { concatBytes, encodeHex, encodeUtf8 } from '../../src/base/bytes.ts';
import { encodeCbor, parseCbor } from '../../src/base/cbor.ts';
import { type DigestText, formatDigest, sha256 } from '../../src/base/digest.ts';
import { LIMITS } from '../../src/base/limits.ts';
import { SIMULATED_MEASUREMENT } from '../../src/testing/index.ts';
import { NOW, sharedAmd } from '../testing/shared-amd.ts';
import { ANY_MACHINE, STRICT_LOCKDOWN } from './demands.ts';
import { encodeHclBlob } from './hcl-blob.ts';

const amd = await sharedAmd();
const DIGEST = new Uint8Array(32).fill(0xaa);
const TEXT: DigestText = formatDigest(DIGEST);

const CLAIMS: Claims = {
  profile: PROFILE,
  role: 'worker',
  instance: new Uint8Array(16),
  tls: new Uint8Array(32),
  hpke: new Uint8Array(),
  functions: { 'risk-score': DIGEST },
  policies: { 'hospital-a': DIGEST },
  lockdown: STRICT_LOCKDOWN,
  freshness: new Uint8Array(32),
  log: { size: 0, root: new Uint8Array(32) },
  runtime: 'test',
};
const encoded = encodeClaims(CLAIMS);
const issued = await amd.issueReport({ reportData: reportDataOf(encoded) });
const { certificates } = issued;
const bundle: Evidence = { ...issued, crl: null, claims: encoded, index: 0, size: 1, path: [] };

const TRUST: TrustFile = {
  url: 'https://worker.test',
  roots: { simulated: [issued.rootFingerprint] },
  machine: ANY_MACHINE,
  code: { measurements: [encodeHex(SIMULATED_MEASUREMENT)], functions: { 'risk-score': TEXT } },
  isolation: { policies: { 'hospital-a': TEXT }, others: 'refused', lockdown: STRICT_LOCKDOWN },
  freshness: { reattest: 'connection' },
};
const AMD_TRUST: TrustFile = { ...TRUST, roots: 'amd' };
const OTHER: DigestText = formatDigest(new Uint8Array(32));

async function appraise(bytes: Uint8Array, trust: TrustFile): Promise<FileAppraisal> {
  const parsed = parseEvidenceFile(bytes);
  if ('problem' in parsed) return refuseFile(parsed.problem, trust);
  return await appraiseFile(parsed.value, trust, NOW, createCrlNumbers([]));
}

const failed = ({ checks }: FileAppraisal): readonly string[] =>
  checks.filter(({ outcome }) => outcome === 'fail').map(({ id }) => id);

describe.each(['evidence', 'cmw'] as const)('claims in a file of form %s', (form) => {
  const encode = (evidence: Evidence): Uint8Array =>
    form === 'cmw' ? wrapEvidence(encodeEvidence(evidence)) : encodeEvidence(evidence);

  it('are checked, all but freshness and connection', async () => {
    const appraisal = await appraise(encode(bundle), TRUST);
    expect([appraisal.verdict, appraisal.form, failed(appraisal)]).toEqual(['accept', form, []]);
    const passed: readonly string[] = appraisal.checks.filter(({ outcome }) => outcome === 'pass').map(({ id }) => id);
    for (const id of ['channel-report-data', 'code-functions', 'owner-policies', 'lockdown', 'claims-form'])
      expect(passed).toContain(id);
    const left = appraisal.checks.filter(({ id }) => appraisal.unanswered.some((open) => open === id));
    expect(left.map(({ id, outcome }) => [id, outcome])).toEqual([
      ['channel-freshness', 'skipped'],
      ['channel-tls-key', 'skipped'],
    ]);
  });

  it('are refused when the report does not cover them', async () => {
    const claims = encodeClaims({ ...CLAIMS, runtime: 'other' });
    expect(failed(await appraise(encode({ ...bundle, claims }), TRUST))).toEqual(['channel-report-data']);
  });

  it.each([
    ['code-functions', { ...TRUST, code: { ...TRUST.code, functions: { 'risk-score': OTHER } } }],
    ['owner-policies', { ...TRUST, isolation: { ...TRUST.isolation, policies: { 'hospital-a': OTHER } } }],
    ['owner-policies', { ...TRUST, isolation: { ...TRUST.isolation, policies: {} } }],
    [
      'lockdown-egress',
      { ...TRUST, isolation: { ...TRUST.isolation, lockdown: { ...STRICT_LOCKDOWN, egress: 'none' } } },
    ],
  ])('are held to the demands (%s)', async (id, trust) => {
    expect(failed(await appraise(encode(bundle), trust))).toEqual([id]);
  });
});

describe('what a file leaves open', () => {
  const data = encodeUtf8('{"keys":[]}');

  it.each(['report', 'hcl'] as const)('is said with what a session would expect, and why (%s)', async (form) => {
    const reportData = concatBytes(sha256(data), new Uint8Array(32));
    const { report } = await amd.issueReport({ reportData });
    const parsed = parseEvidenceFile(form === 'hcl' ? encodeHclBlob(report, data) : report);
    if ('problem' in parsed) throw new Error(parsed.problem);
    const appraisal = await appraiseFile({ ...parsed.value, certificates }, TRUST, NOW, createCrlNumbers([]));
    expect(appraisal.verdict).toBe('accept');
    for (const { id } of appraisal.checks) expect(Object.hasOwn(CHECKS, id)).toBe(true);
    const noClaims = 'not checked: a report comes without a worker and its claims';
    const noConnection = 'not checked: a file has no connection to compare with';
    const azure = 'not checked: REPORT_DATA of Azure covers the runtime data instead';
    const left = appraisal.checks.filter(({ id }) => appraisal.unanswered.some((open) => open === id));
    expect(left.map(({ id, outcome, expected, actual }) => [id, outcome, expected, actual])).toEqual([
      ['channel-report-data', 'skipped', 'the hash of the claims', form === 'hcl' ? azure : noClaims],
      ['channel-freshness', 'skipped', 'my nonce and my connection under the freshness root', noConnection],
      ['channel-tls-key', 'skipped', 'the key of my connection', noConnection],
      ['code-functions', 'skipped', 'the listed functions', noClaims],
      ['owner-policies', 'skipped', 'the listed owner policies', noClaims],
      ['lockdown', 'skipped', 'the lockdown claims that are demanded', noClaims],
    ]);
  });

  it('names each form to people', () => {
    const forms: readonly EvidenceForm[] = ['evidence', 'cmw', 'report', 'report-and-table', 'hcl'];
    expect(forms.map(titleOfForm)).toEqual([
      "Anchorhold's evidence",
      "a CMW with Anchorhold's evidence",
      'a report of 1184 bytes',
      'a report followed by a certificate table',
      'an HCL blob of an Azure confidential VM',
    ]);
  });

  it('is nothing that a report of version 2 before a table would not show', async () => {
    const { report } = await amd.issueReport({ version: 2 });
    const file = parseEvidenceFile(concatBytes(report, new Uint8Array(24)));
    expect('value' in file && file.value.form).toBe('report-and-table');
    const sixth = parseEvidenceFile(concatBytes(report.with(0, 6), new Uint8Array(24)));
    expect(sixth).toHaveProperty('problem');
  });
});

describe('evidence that cannot be read', () => {
  const broken = encodeEvidence({ ...bundle, claims: Uint8Array.of(1) });
  const channel = {
    role: 'worker',
    nonce: new Uint8Array(32),
    value: new Uint8Array(32),
    peerSpkiDigest: DIGEST,
  } as const;

  it.each([
    ['SIMULATED', TRUST, true],
    ["AMD's", AMD_TRUST, false],
  ])('is refused as what it would have been: %s', async (_name, trust, simulated) => {
    const parts = [NOW, createChainCache(), createCrlNumbers([])] as const;
    const appraisals = [
      await appraiseEvidence(Uint8Array.of(0), trust, () => [], ...parts),
      await appraiseEvidence(broken, trust, () => [], ...parts),
      await appraiseSession(null, channel, trust, ...parts),
      refuseFile('nothing', trust),
      await appraiseEvidence(encodeEvidence({ ...bundle, report: new Uint8Array() }), trust, () => [], ...parts),
    ];
    expect(appraisals.map(({ stage, checks }) => [stage, checks.length, checks[0]?.id])).toEqual([
      ['parse', 1, 'evidence-form'],
      ['parse', 1, 'claims-form'],
      ['parse', 1, 'evidence-present'],
      ['parse', 1, 'file-form'],
      ['parse', 14, 'report-length'],
    ]);
    expect(appraisals.map((appraisal) => appraisal.simulated)).toEqual(Array.from({ length: 5 }, () => simulated));
  });
});

describe('a subject', () => {
  it('with more certificates than the cap has no more of them decoded', async () => {
    const cache = createChainCache();
    let decoded = 0;
    const counting = {
      ...cache,
      parseCertificate: (der: Uint8Array) => {
        decoded++;
        return cache.parseCertificate(der);
      },
    };
    const subject = { ...issued, certificates: Array.from({ length: 20 }, () => issued.certificates[0] ?? DIGEST) };
    const demands = { reportData: 'any', measurements: 'any', machine: ANY_MACHINE } as const;
    const { stage } = await appraiseReport(subject, demands, TRUST.roots, NOW, counting, createCrlNumbers([]));
    expect([stage, decoded]).toEqual(['parse', LIMITS.certificates]);
  });
});

describe('owner policies', () => {
  it('are listed with what is demanded, and whether others may be there', () => {
    const texts = (trust: TrustFile): readonly string[] => {
      const { expected, actual } = checkOwnerPolicies({ ...CLAIMS, policies: { b: DIGEST, a: DIGEST } }, trust);
      return [expected, actual];
    };
    const { isolation } = TRUST;
    expect(texts(TRUST)).toEqual([`hospital-a=${TEXT}`, `a=${TEXT}, b=${TEXT}`]);
    expect(texts({ ...TRUST, isolation: { ...isolation, policies: {}, others: 'any' } })).toEqual([
      'none and any others',
      `a=${TEXT}, b=${TEXT}`,
    ]);
  });
});

describe('functions', () => {
  it('are listed as far as they are demanded', () => {
    const claims = {
      ...CLAIMS,
      functions: { 'risk-score': DIGEST, other: DIGEST },
    };
    expect(checkFunctions(claims, TRUST).actual).toBe(`risk-score=${TEXT}`);
  });
});

describe('runtime data of an HCL blob', () => {
  it.each(['[]', 'null', '1', '"x"', 'true', '', '{', '{"a":1,"a":2}', '\u0000'])(
    'are an object, and not %j',
    (json) => {
      const parsed = parseEvidenceFile(encodeHclBlob(issued.report, encodeUtf8(json)));
      expect('problem' in parsed && parsed.problem).toContain('not one JSON object with each key once');
    },
  );
});

describe('a bundle', () => {
  const problem = (changes: Partial<Evidence>): string => {
    const parsed = parseEvidence(encodeEvidence({ ...bundle, certificates: [], ...changes }));
    return 'problem' in parsed ? parsed.problem : 'read';
  };
  const of = (size: number): Uint8Array => new Uint8Array(size);
  const many = (count: number, size: number): readonly Uint8Array[] => Array.from({ length: count }, () => of(size));

  it('may fill its caps, and no more', () => {
    const { certificateBytes, crlBytes, inclusionPath } = LIMITS;
    expect(problem({ certificates: many(8, 10) })).toBe('read');
    expect(problem({ certificates: many(9, 10) })).toBe('certificates are not a list within the caps');
    expect(problem({ certificates: [of(certificateBytes)] })).toBe('read');
    expect(problem({ certificates: [of(certificateBytes + 1)] })).toBe('certificates are not a list within the caps');
    expect(problem({ crl: of(crlBytes) })).toBe('read');
    expect(problem({ crl: of(crlBytes + 1) })).toBe('crl is neither bytes nor null');
    expect(problem({ path: many(inclusionPath, 32) })).toBe('read');
    expect(problem({ path: many(inclusionPath + 1, 32) })).toBe('path is not a list of hashes within the cap');
    expect(problem({ path: [of(33)] })).toBe('path is not a list of hashes within the cap');
  });

  it('has exactly its eight fields', () => {
    const fields = parseCbor(encodeEvidence(bundle), LIMITS.evidenceBytes)?.value as Record<string, string>;
    expect(parseEvidence(encodeCbor({ ...fields }))).toHaveProperty('value');
    expect(parseEvidence(encodeCbor({ ...fields, more: 1 }))).toHaveProperty('problem');
    for (const field of Object.keys(fields)) {
      const { [field]: _, ...rest } = fields;
      expect([field, parseEvidence(encodeCbor(rest))]).toEqual([field, { problem: expect.any(String) }]);
    }
  });
});
