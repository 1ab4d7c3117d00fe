/**
 * The whole list of checks: what a verifier of SEV-SNP has to look at, which of our checks does it, and for each check a session that passes
 * it and one that differs in exactly one thing and is refused by it. A check without its case does not compile, and fails here.
 */
import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { type Appraisal, STAGES } from '../../src/appraisal.ts';
import { CHECKS, type CheckId } from '../../src/attestation/check-table.ts';
import { addEndorsements, parseEvidenceFile } from '../../src/attestation/evidence-forms.ts';
import { appraiseFile, refuseFile } from '../../src/attestation/file-appraisal.ts';
import { LOCKDOWN_CLAIMS, type LockdownCheck } from '../../src/attestation/lockdown.ts';
import type { GuestPolicyBit, Machine, PlatformBit, TcbKind } from '../../src/attestation/requirements.ts';
import { createCrlNumbers } from '../../src/attestation/snp/crl-numbers.ts';
import { concatBytes, encodeUtf8 } from '../../src/base/bytes.ts';
import { formatDigest, sha256 } from '../../src/base/digest.ts';
import { ERRORS } from '../../src/errors.ts';
import {
  AUTHORITY_SERIALS,
  basicConstraints,
  corrupt,
  encodeDerInteger,
  encodeDerText,
  type MachineOptions,
} from '../../src/testing/index.ts';
import { NOW } from '../testing/shared-amd.ts';
import { ANY_MACHINE, STRICT_LOCKDOWN } from './demands.ts';
import { encodeHclBlob } from './hcl-blob.ts';
import { verifiedRelease, versionUntil } from './release/releases.ts';
import {
  appraiseWhole,
  DEMANDS,
  type Difference,
  fill,
  issueWhole,
  LEVELS,
  MACHINE,
  trustOf,
} from './whole-session.ts';

/** Made for files only, which are no session. */
type FileCheck = 'file-form' | 'hcl-runtime-data';
type SessionCheck = Exclude<CheckId, FileCheck>;
const FILE_CHECKS: readonly FileCheck[] = ['file-form', 'hcl-runtime-data'];

/** What a verifier of SEV-SNP has to check, and the checks that do it. */
const LIST: Readonly<Record<string, readonly SessionCheck[]>> = {
  '1 exact length': ['report-length'],
  '2 version': ['report-version'],
  '3 reserved bytes': ['report-reserved', 'report-tcb'],
  '4 reserved bytes after the signature': ['report-reserved'],
  '5 r and s in range over all 72 bytes': ['signature-range'],
  '6 fixed bits of the guest policy': ['report-guest-policy'],
  '7 privilege level of a guest': ['report-vmpl', 'vmpl'],
  '8 signature algorithm': ['report-signature-algorithm'],
  '9 kind of signing key': [
    'report-signing-key',
    'binding-signer',
    'binding-mask',
    'chain-vek-kind',
    'chain-accepted-signer',
  ],
  '10 pinned anchors': ['chain-path', 'chain-root'],
  '11 signatures of the chain': ['chain-ark-signature', 'chain-ask-signature', 'chain-vek-signature'],
  '12 RSASSA-PSS, SHA-384, salt 48': ['chain-algorithms'],
  '13 key types': ['chain-keys'],
  '14 names, authority, path length, key usage': ['chain-names', 'chain-authority', 'chain-extensions'],
  '15 dates': ['chain-dates'],
  '16 revocation list': [
    'crl-form',
    'crl-present',
    'crl-issuer',
    'crl-signature',
    'crl-dates',
    'crl-extensions',
    'crl-revoked',
    'crl-number',
  ],
  '17 extensions of the VEK': ['certificates-form', 'chain-vek-extensions'],
  '18 TCB of the VEK': ['binding-tcb'],
  '19 FMC level on Turin': ['chain-vek-extensions', 'binding-tcb'],
  '20 hardware ID': ['binding-chip'],
  '21 product': ['binding-product', 'chain-product-name', 'chain-accepted-product'],
  '22 Turin': ['report-cpuid', 'binding-product'],
  '23 signature of the report': ['signature-report'],
  '24 debug and migration agent': ['guest-policy-debug', 'guest-policy-migration-agent'],
  '25 measurement': ['code-measurement', 'code-release'],
  '26 report data': ['channel-report-data'],
  '27 host data': ['host-data'],
  '28 ID key and author key': ['id-key', 'author-key'],
  '29 lowest TCB levels': ['tcb-order', 'tcb-reported', 'tcb-committed', 'tcb-launch', 'tcb-current'],
  '30 committed equals current': ['tcb-committed-equals-current'],
  '31 firmware version': ['firmware'],
  '32 platform bits': [
    'platform-smt',
    'platform-tsme',
    'platform-ecc',
    'platform-rapl-disabled',
    'platform-ciphertext-hiding',
    'platform-alias-check-complete',
    'platform-iommu-write-safe',
    'platform-tio',
    'platform-unknown-bits',
  ],
  '33 mitigation vectors': ['mitigations-launch', 'mitigations-current'],
  '34 guest SVN, family, image, report ID of the migration agent': [
    'guest-svn',
    'family-id',
    'image-id',
    'migration-agent',
  ],
  '35 chips': ['chip'],
  '36 freshness and connection': ['channel-freshness', 'channel-tls-key'],
};

/** What is checked beyond that: other bits of the guest policy, and what only a worker of ours says. */
const BEYOND: readonly SessionCheck[] = [
  'guest-policy-abi',
  'guest-policy-smt',
  'guest-policy-single-socket',
  'guest-policy-cxl',
  'guest-policy-mem-aes-256-xts',
  'guest-policy-rapl-disabled',
  'guest-policy-ciphertext-hiding',
  'guest-policy-page-swap-disabled',
  'evidence-present',
  'evidence-form',
  'claims-form',
  'code-functions',
  'owner-policies',
  'lockdown',
  ...LOCKDOWN_CLAIMS.map((name) => `lockdown-${name}` as const),
];

/** The one thing that differs, and what else of the same stage cannot help failing with it. */
interface Case extends Difference {
  readonly alsoFails?: readonly SessionCheck[];
}

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const p256 = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' });
const past = new Date(NOW.getTime() - 1000);

const raw = (offset: number, byte: number): Case => ({ machine: { raw: [{ offset, bytes: Uint8Array.of(byte) }] } });
const vek = (extensions: NonNullable<MachineOptions['vek']>['extensions']): Case => ({
  machine: { vek: { extensions: extensions ?? {} } },
});
const crl = (change: NonNullable<MachineOptions['crl']>): Case => ({ machine: { crl: { ...MACHINE.crl, ...change } } });
const keyInfo = (change: Partial<NonNullable<MachineOptions['keyInfo']>>): Case => ({
  machine: { keyInfo: { authorKeyEnabled: true, chipKeyMasked: false, signer: 'VCEK', ...change } },
});
const demand = (demands: Partial<Machine>): Case => ({ demands });
const guestPolicy = (bit: GuestPolicyBit): Case =>
  demand({
    guestPolicy: {
      ...DEMANDS.guestPolicy,
      [bit]: DEMANDS.guestPolicy[bit] === 'required' ? 'forbidden' : 'required',
    },
  });
const platform = (bit: PlatformBit): Case =>
  demand({
    platform: { ...DEMANDS.platform, [bit]: DEMANDS.platform[bit] === 'required' ? 'forbidden' : 'required' },
  });
const floor = (kind: TcbKind): Case => {
  const { fmc: _, ...levels } = LEVELS;
  const tcb = typeof DEMANDS.tcb === 'string' ? null : DEMANDS.tcb;
  return tcb === null ? {} : demand({ tcb: { ...tcb, [kind]: { Genoa: { ...levels, snp: levels.snp + 1 } } } });
};

/** For each lockdown claim one that says something else. */
function lockdownCases(): Readonly<Record<LockdownCheck, Case>> {
  const entries = LOCKDOWN_CLAIMS.map((name): [LockdownCheck, Case] => [
    `lockdown-${name}`,
    { claims: { lockdown: { ...STRICT_LOCKDOWN, [name]: 'other' } } },
  ]);
  return Object.fromEntries(entries) as Record<LockdownCheck, Case>;
}

const CASES: Readonly<Record<SessionCheck, Case>> = {
  'evidence-present': { answer: () => null },
  'evidence-form': { answer: (encoded) => Uint8Array.of(...encoded, 0) },
  'report-length': { evidence: (e) => ({ ...e, report: corrupt.reportLength(e.report, 1183) }) },
  'report-version': raw(0, 6),
  'report-reserved': raw(0x4c, 1),
  'report-guest-policy': { machine: { guestPolicy: 0x1001fn } },
  'report-vmpl': { machine: { vmpl: 0xffffffff } },
  'report-signature-algorithm': { machine: { signatureAlgorithm: 0 } },
  'report-signing-key': raw(0x48, 0x1d),
  'report-cpuid': raw(0x188, 0x17),
  'report-tcb': raw(0x182, 1),
  'certificates-form': { evidence: (e) => ({ ...e, certificates: [...e.certificates, Uint8Array.of(0)] }) },
  'crl-form': { evidence: (e) => ({ ...e, crl: Uint8Array.of(...(e.crl ?? []), 0) }) },
  'claims-form': { evidence: (e) => ({ ...e, claims: Uint8Array.of(...e.claims, 0) }) },
  'chain-path': { evidence: (e) => ({ ...e, certificates: corrupt.certificateMissing(e.certificates, 1) }) },
  'chain-root': { trust: { roots: { simulated: ['00'.repeat(32)] } } },
  'chain-names': { machine: { vek: { subject: { O: 'Advanced Micro Device' } } } },
  'chain-algorithms': {
    machine: { vek: { scheme: { kind: 'rsa-pkcs1', hash: 'sha384' } } },
    alsoFails: ['chain-vek-signature'],
  },
  'chain-keys': { machine: { vek: { publicKey: p256.publicKey } } },
  'chain-ark-signature': { machine: { ark: { signer: rsa.privateKey } } },
  'chain-ask-signature': { machine: { intermediate: { signer: rsa.privateKey } } },
  'chain-vek-signature': { machine: { vek: { signer: rsa.privateKey } } },
  'chain-dates': { machine: { vek: { notAfter: past } } },
  'chain-authority': vek({ basicConstraints: basicConstraints(true, null) }),
  'chain-extensions': vek({ '1.2.3.4': { critical: true, value: encodeDerInteger(1) } }),
  'chain-vek-extensions': vek({ snpSpl: null }),
  'chain-vek-kind': { machine: { issuedBy: 'asvk' }, alsoFails: ['chain-names'] },
  'chain-product-name': vek({ productName: encodeDerText('Turin') }),
  'chain-accepted-product': demand({ products: ['Turin'] }),
  'chain-accepted-signer': demand({ signer: ['VLEK'] }),
  'crl-present': { machine: { crl: null } },
  'crl-issuer': crl({ issuer: { CN: 'ARK-Turin' } }),
  'crl-signature': crl({ signer: rsa.privateKey }),
  'crl-dates': crl({ nextUpdate: past }),
  'crl-extensions': crl({
    extensions: { ...MACHINE.crl?.extensions, '2.5.29.27': { critical: true, value: encodeDerInteger(1) } },
  }),
  'crl-revoked': crl({ revoked: [AUTHORITY_SERIALS.Genoa.ask] }),
  'crl-number': { seen: 8n },
  'binding-signer': keyInfo({ signer: 'VLEK' }),
  'binding-mask': keyInfo({ chipKeyMasked: true }),
  'binding-product': { machine: { cpuid: { family: 0x19, model: 1, stepping: 1 } } },
  'binding-tcb': vek({ microcodeSpl: encodeDerInteger(89) }),
  'binding-chip': vek({ hwid: fill(64, 0xc2) }),
  'signature-range': { evidence: (e) => ({ ...e, report: corrupt.reportSignature(e.report, 's-plus-order') }) },
  'signature-report': { machine: { reportKey: p384.privateKey } },
  'channel-report-data': { evidence: (e) => ({ ...e, claims: corrupt.claims(e.claims, { runtime: 'other' }) }) },
  'channel-freshness': { channel: { nonce: fill(32, 9) } },
  'channel-tls-key': { channel: { peerSpkiDigest: fill(32, 9) } },
  'code-measurement': { machine: { measurement: fill(48, 9) } },
  'code-release': {
    trust: {
      code: {
        measurements: [verifiedRelease(versionUntil(NOW))],
        functions: { 'risk-score': formatDigest(fill(32, 6)) },
      },
    },
  },
  'code-functions': { claims: { functions: { 'risk-score': fill(32, 9) } } },
  vmpl: demand({ vmpl: [1] }),
  'guest-policy-abi': { machine: { guestPolicy: 0x30138n } },
  'guest-policy-debug': guestPolicy('debug'),
  'guest-policy-migration-agent': guestPolicy('migrationAgent'),
  'guest-policy-smt': guestPolicy('smt'),
  'guest-policy-single-socket': guestPolicy('singleSocket'),
  'guest-policy-cxl': guestPolicy('cxl'),
  'guest-policy-mem-aes-256-xts': guestPolicy('memAes256Xts'),
  'guest-policy-rapl-disabled': guestPolicy('raplDisabled'),
  'guest-policy-ciphertext-hiding': guestPolicy('ciphertextHiding'),
  'guest-policy-page-swap-disabled': guestPolicy('pageSwapDisabled'),
  'migration-agent': { machine: { reportIdMa: fill(32, 0) } },
  'platform-smt': platform('smt'),
  'platform-tsme': platform('tsme'),
  'platform-ecc': platform('ecc'),
  'platform-rapl-disabled': platform('raplDisabled'),
  'platform-ciphertext-hiding': platform('ciphertextHiding'),
  'platform-alias-check-complete': platform('aliasCheckComplete'),
  'platform-iommu-write-safe': platform('iommuWriteSafe'),
  'platform-tio': platform('tio'),
  'platform-unknown-bits': { machine: { platformInfo: 0x125n } },
  'tcb-order': { machine: { launchTcb: { ...LEVELS, microcode: 89 } } },
  'tcb-committed-equals-current': { machine: { currentFirmware: { major: 1, minor: 55, build: 50 } } },
  'tcb-reported': floor('reported'),
  'tcb-committed': floor('committed'),
  'tcb-launch': floor('launch'),
  'tcb-current': floor('current'),
  firmware: demand({ firmware: '1.55.50' }),
  'mitigations-launch': demand({ mitigations: { ...DEMANDS.mitigations, launch: 'f' } }),
  'mitigations-current': demand({ mitigations: { ...DEMANDS.mitigations, current: 'f' } }),
  chip: demand({ chips: ['c2'.repeat(64)] }),
  'id-key': { machine: { idKeyDigest: fill(48, 9) } },
  'author-key': { machine: { authorKeyDigest: fill(48, 9) } },
  'host-data': { machine: { hostData: fill(32, 9) } },
  'family-id': { machine: { familyId: fill(16, 9) } },
  'image-id': { machine: { imageId: fill(16, 9) } },
  'guest-svn': { machine: { guestSvn: 4 } },
  'owner-policies': { claims: { policies: { 'hospital-a': fill(32, 9) } } },
  lockdown: { claims: { lockdown: { ...STRICT_LOCKDOWN, more: 'x' } } },
  ...lockdownCases(),
};

const ids = (Object.keys(CHECKS) as CheckId[]).filter((id): id is SessionCheck => !FILE_CHECKS.some((f) => f === id));

const RUNTIME_DATA = encodeUtf8('{"keys":[]}');

/** Appraises a file; an HCL blob is made of a report over this data. */
async function appraiseAsFile(file: 'hcl' | Uint8Array, covered: Uint8Array): Promise<Appraisal> {
  const reportData = concatBytes(sha256(covered), new Uint8Array(32));
  const { report, certificates, crl: list, rootFingerprint } = await issueWhole(reportData);
  const trust = trustOf(rootFingerprint);
  const parsed = parseEvidenceFile(file === 'hcl' ? encodeHclBlob(report, RUNTIME_DATA) : file);
  if ('problem' in parsed) return refuseFile(parsed.problem, trust);
  return await appraiseFile(addEndorsements(parsed.value, certificates, list), trust, NOW, createCrlNumbers([]));
}

const FILE_CASES: Readonly<Record<FileCheck, () => Promise<Appraisal>>> = {
  'file-form': async () => await appraiseAsFile(Uint8Array.of(1, 2, 3), RUNTIME_DATA),
  'hcl-runtime-data': async () => await appraiseAsFile('hcl', encodeUtf8('{"keys":[1]}')),
};

/** Holds that exactly these checks fail, that they are of one stage, and that nothing after it was made. */
function expectRefusal(appraisal: Appraisal, id: CheckId, alsoFails: readonly CheckId[]): void {
  const { stage, code } = CHECKS[id];
  const failed = appraisal.checks.filter((c) => c.outcome === 'fail').map((c) => c.id);
  expect(failed.toSorted()).toEqual([id, ...alsoFails].toSorted());
  expect(appraisal).toMatchObject({ verdict: 'reject', stage, code, error: ERRORS[code].family });
  const reached = STAGES.slice(0, STAGES.indexOf(stage) + 1);
  expect(appraisal.checks.filter((c) => !reached.includes(c.stage))).toEqual([]);
}

describe('the list of checks', () => {
  it('has all 36 points, each with checks that exist, and no check that belongs nowhere', () => {
    expect(Object.keys(LIST).map((point) => Number.parseInt(point, 10))).toEqual(
      Array.from({ length: 36 }, (_, i) => i + 1),
    );
    const placed = [...Object.values(LIST).flat(), ...BEYOND];
    expect(placed.filter((id) => !Object.hasOwn(CHECKS, id))).toEqual([]);
    expect(ids.filter((id) => !placed.includes(id))).toEqual([]);
    expect(Object.values(LIST).every((checks) => checks.length > 0)).toBe(true);
  });

  it('has a case for every check', () => {
    const cases = [...Object.keys(CASES), ...Object.keys(FILE_CASES)];
    expect(cases.toSorted()).toEqual(Object.keys(CHECKS).toSorted());
  });

  it('is made whole in one session, each check once and passed', async () => {
    const { verdict, checks } = await appraiseWhole();
    expect(verdict).toBe('accept');
    expect(checks.filter((c) => c.outcome !== 'pass')).toEqual([]);
    expect(checks.map((c) => c.id).toSorted()).toEqual(ids.toSorted());
  });

  it('has what only files are asked, each passed by one and failed by another', async () => {
    const good = await appraiseAsFile('hcl', RUNTIME_DATA);
    expect(good.verdict).toBe('accept');
    for (const id of FILE_CHECKS) {
      expect(good.checks.filter((c) => c.id === id).map((c) => c.outcome)).toEqual(['pass']);
      expectRefusal(await FILE_CASES[id](), id, []);
    }
  });

  it('is shown whole, too, where nothing is demanded that may be left open', async () => {
    const { verdict, checks } = await appraiseWhole({ demands: ANY_MACHINE, machine: { crl: null } });
    expect(verdict).toBe('accept');
    expect(checks.map((c) => c.id).toSorted()).toEqual(ids.toSorted());
    expect(checks.filter((c) => c.outcome === 'skipped').length).toBe(41);
  });

  it.each(ids)(
    'has a session that differs in one thing and is refused by %s, with nothing after its stage',
    async (id) => {
      const { alsoFails = [], ...difference } = CASES[id];
      expectRefusal(await appraiseWhole(difference), id, alsoFails);
    },
  );

  it('does not decide between stages: what fails first hides what would fail later', async () => {
    // Each difference is kept while that of an earlier stage is added.
    const late = { ...CASES['guest-svn'].machine };
    const code = { ...late, ...CASES['code-measurement'].machine };
    const signature = { ...code, ...CASES['signature-report'].machine };
    const binding = { ...signature, ...CASES['binding-mask'].machine };
    const chain = { ...binding, ...CASES['crl-present'].machine };
    const parse = { ...chain, ...CASES['report-signature-algorithm'].machine };
    const stages: unknown[] = [];
    for (const machine of [late, code, signature, binding, chain, parse])
      stages.push((await appraiseWhole({ machine })).stage);
    expect(stages).toEqual(['isolation', 'code', 'signature', 'binding', 'chain', 'parse']);
  });
});
