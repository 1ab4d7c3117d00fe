import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { Appraisal, Stage } from '../../src/appraisal.ts';
import { appraiseReport, type Subject } from '../../src/attestation/report-appraisal.ts';
import { type Machine, PRESETS } from '../../src/attestation/requirements.ts';
import { createChainCache } from '../../src/attestation/snp/chain-cache.ts';
import { createCrlNumbers } from '../../src/attestation/snp/crl-numbers.ts';
import { PRODUCTS } from '../../src/attestation/snp/product.ts';
import type { Signer } from '../../src/attestation/snp/report.ts';
import type { Roots } from '../../src/attestation/snp/roots.ts';
import { encodeHex } from '../../src/base/bytes.ts';
import {
  AUTHORITY_SERIALS,
  basicConstraints,
  corrupt,
  encodeDerInteger,
  encodeDerOctets,
  encodeDerText,
  type IssuedReport,
  keyUsage,
  type MachineOptions,
  type ReportVersion,
  SIMULATED_MEASUREMENT,
  type SignatureScheme,
} from '../../src/testing/index.ts';
import { NOW, sharedAmd, strangerAmd } from './shared-amd.ts';

const amd = await sharedAmd();
const STRICT = PRESETS['strict-2026-11'];
/** For reports that no floor table knows: version 2 names no CPU, and Milan has no floors any more. */
const WITHOUT_FLOORS: Machine = { ...STRICT, products: PRODUCTS, tcb: 'any' };
const REPORT_DATA = new Uint8Array(64).fill(0x42);

async function appraise(subject: Subject, roots: Roots, machine: Machine = STRICT): Promise<Appraisal> {
  const demands = { reportData: REPORT_DATA, measurements: [encodeHex(SIMULATED_MEASUREMENT)], machine };
  return await appraiseReport(subject, demands, roots, NOW, createChainCache(), createCrlNumbers([]));
}

const rootOf = (issued: IssuedReport): Roots => ({ simulated: [issued.rootFingerprint] });

/** What the appraisal says, in the words of the tables below. */
function outcome({ stage, checks }: Appraisal): { readonly stage: Stage | null; readonly failed: readonly string[] } {
  return { stage, failed: checks.filter((check) => check.outcome === 'fail').map((check) => check.id) };
}

const ACCEPTED = { stage: null, failed: [] };

describe('a healthy machine', () => {
  it.each(
    PRODUCTS.filter((product) => product !== 'Milan').flatMap((product) =>
      ([3, 4, 5] as const).flatMap((version) =>
        (['VCEK', 'VLEK'] as const).map((signer) => ({ product, version, signer })),
      ),
    ),
  )('is accepted by the strict preset: $product, version $version, $signer', async (machine) => {
    const issued = await amd.issueReport({ ...machine, reportData: REPORT_DATA });
    const appraisal = await appraise(issued, rootOf(issued));
    expect(outcome(appraisal)).toEqual(ACCEPTED);
    expect(appraisal).toMatchObject({ verdict: 'accept', simulated: true });
  });

  const versions: readonly ReportVersion[] = [2, 3, 4, 5];
  const signers: readonly Signer[] = ['VCEK', 'VLEK'];
  const all = PRODUCTS.flatMap((product) =>
    versions
      .filter((version) => product !== 'Turin' || version > 2)
      .flatMap((version) => signers.map((signer) => ({ product, version, signer }))),
  );

  it('is accepted without floors whatever it is, and refused as soon as only AMD is trusted', async () => {
    for (const machine of all) {
      const issued = await amd.issueReport({ ...machine, reportData: REPORT_DATA });
      expect(outcome(await appraise(issued, rootOf(issued), WITHOUT_FLOORS)), JSON.stringify(machine)).toEqual(
        ACCEPTED,
      );
      expect(await appraise(issued, 'amd', WITHOUT_FLOORS)).toMatchObject({
        verdict: 'reject',
        stage: 'chain',
        code: 'ERR_NOT_AN_ENCLAVE_CHAIN',
      });
    }
    expect(all.length).toBe(22);
  });

  it('is refused when another simulated root is named', async () => {
    const issued = await amd.issueReport({ reportData: REPORT_DATA });
    const other = await (await strangerAmd()).rootFingerprint('Genoa');
    expect((await appraise(issued, { simulated: [other] })).stage).toBe('chain');
    expect((await appraise(issued, { simulated: [] })).stage).toBe('chain');
  });
});

const rsa2048 = generateKeyPairSync('rsa', { modulusLength: 2048 });
const otherRsa = generateKeyPairSync('rsa', { modulusLength: 4096 });
const otherP384 = generateKeyPairSync('ec', { namedCurve: 'P-384' });
const p256 = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const pss = (change: Partial<SignatureScheme & { kind: 'rsa-pss' }>): SignatureScheme => ({
  kind: 'rsa-pss',
  hash: 'sha384',
  saltBytes: 48,
  explicitTrailer: false,
  ...change,
});
const past = new Date('2026-11-20T00:00:00Z');
const future = new Date('2026-11-22T00:00:00Z');

/** One line for each defect: the machine that has it, the stage that refuses it, and exactly the checks that fail. */
const DEFECTS: readonly [string, MachineOptions, Stage, ...string[]][] = [
  ['version 6', { raw: [{ offset: 0, bytes: Uint8Array.of(6) }] }, 'parse', 'report-version'],
  ['a reserved byte', { raw: [{ offset: 0x4c, bytes: Uint8Array.of(1) }] }, 'parse', 'report-reserved'],
  ['a byte after the signature', { raw: [{ offset: 0x330, bytes: Uint8Array.of(1) }] }, 'parse', 'report-reserved'],
  ['guest policy bit 17 off', { guestPolicy: 0x10000n }, 'parse', 'report-guest-policy'],
  ['guest policy bit 26 on', { guestPolicy: 0x4030000n }, 'parse', 'report-guest-policy'],
  ['a report asked for by the host', { vmpl: 0xffffffff }, 'parse', 'report-vmpl'],
  ['signature algorithm 0', { signatureAlgorithm: 0 }, 'parse', 'report-signature-algorithm'],
  ['no signing key', { raw: [{ offset: 0x48, bytes: Uint8Array.of(0x1c) }] }, 'parse', 'report-signing-key'],
  ['an unknown CPU family', { raw: [{ offset: 0x188, bytes: Uint8Array.of(0x17) }] }, 'parse', 'report-cpuid'],
  ['a reserved TCB byte', { raw: [{ offset: 0x182, bytes: Uint8Array.of(1) }] }, 'parse', 'report-tcb'],

  [
    'a root that signs with PKCS#1',
    { ark: { scheme: { kind: 'rsa-pkcs1', hash: 'sha384' } } },
    'chain',
    'chain-algorithms',
    'chain-ark-signature',
  ],
  [
    'a VEK signed with PKCS#1',
    { vek: { scheme: { kind: 'rsa-pkcs1', hash: 'sha384' } } },
    'chain',
    'chain-algorithms',
    'chain-vek-signature',
  ],
  [
    'a VEK signed with SHA-256',
    { vek: { scheme: pss({ hash: 'sha256' }) } },
    'chain',
    'chain-algorithms',
    'chain-vek-signature',
  ],
  [
    'a VEK signed with salt 32',
    { vek: { scheme: pss({ saltBytes: 32 }) } },
    'chain',
    'chain-algorithms',
    'chain-vek-signature',
  ],
  ['a VEK signed by someone else', { vek: { signer: otherRsa.privateKey } }, 'chain', 'chain-vek-signature'],
  ['an ASK signed by someone else', { intermediate: { signer: otherRsa.privateKey } }, 'chain', 'chain-ask-signature'],
  ['a root signed by someone else', { ark: { signer: otherRsa.privateKey } }, 'chain', 'chain-ark-signature'],
  [
    'an ASK with an RSA-2048 key',
    { intermediate: { publicKey: rsa2048.publicKey }, vek: { signer: rsa2048.privateKey } },
    'chain',
    'chain-keys',
  ],
  ['a VEK with a P-256 key', { vek: { publicKey: p256.publicKey } }, 'chain', 'chain-keys'],
  ['a VEK with an RSA key', { vek: { publicKey: otherRsa.publicKey } }, 'chain', 'chain-keys'],
  ['a VEK of another organization', { vek: { subject: { O: 'Advanced Micro Device' } } }, 'chain', 'chain-names'],
  ['a VEK of another issuer', { vek: { issuer: { O: 'Nobody' } } }, 'chain', 'chain-path'],
  ['a VCEK under the ASVK', { issuedBy: 'asvk' }, 'chain', 'chain-names', 'chain-vek-kind'],
  ['a VLEK under the ASK', { signer: 'VLEK', issuedBy: 'ask' }, 'chain', 'chain-names', 'chain-vek-kind'],
  ['a VEK that has expired', { vek: { notAfter: past } }, 'chain', 'chain-dates'],
  ['a VEK that is not valid yet', { vek: { notBefore: future } }, 'chain', 'chain-dates'],
  ['an ASK that has expired', { intermediate: { notAfter: past } }, 'chain', 'chain-dates'],
  ['a root that has expired', { ark: { notAfter: past } }, 'chain', 'chain-dates'],
  [
    'a VEK that is a CA',
    { vek: { extensions: { basicConstraints: basicConstraints(true, null) } } },
    'chain',
    'chain-authority',
  ],
  [
    'an ASK that is no CA',
    { intermediate: { extensions: { basicConstraints: basicConstraints(false, null) } } },
    'chain',
    'chain-authority',
  ],
  [
    'an ASK without path length',
    { intermediate: { extensions: { basicConstraints: basicConstraints(true, null) } } },
    'chain',
    'chain-authority',
  ],
  [
    'an ASK without basic constraints',
    { intermediate: { extensions: { basicConstraints: null } } },
    'chain',
    'chain-authority',
  ],
  [
    'an ASK that may not sign',
    { intermediate: { extensions: { keyUsage: keyUsage('digitalSignature') } } },
    'chain',
    'chain-authority',
  ],
  [
    'a root that may not sign lists',
    { ark: { extensions: { keyUsage: keyUsage('keyCertSign') } } },
    'chain',
    'crl-issuer',
  ],
  [
    'an unknown critical extension',
    { vek: { extensions: { '1.2.3.4': { critical: true, value: encodeDerInteger(1) } } } },
    'chain',
    'chain-extensions',
  ],
  ['a missing level', { vek: { extensions: { snpSpl: null } } }, 'chain', 'chain-vek-extensions'],
  [
    'a level twice',
    { vek: { extensions: { snpSpl: [encodeDerInteger(0x1b), encodeDerInteger(0x1b)] } } },
    'chain',
    'chain-extensions',
    'chain-vek-extensions',
  ],
  [
    'a level of another type',
    { vek: { extensions: { snpSpl: encodeDerText('27') } } },
    'chain',
    'chain-vek-extensions',
  ],
  ['a level over 255', { vek: { extensions: { snpSpl: encodeDerInteger(0x11b) } } }, 'chain', 'chain-vek-extensions'],
  [
    'a reserved level that is used',
    { vek: { extensions: { spl5: encodeDerInteger(1) } } },
    'chain',
    'chain-vek-extensions',
  ],
  [
    'another structVersion',
    { vek: { extensions: { structVersion: encodeDerInteger(1) } } },
    'chain',
    'chain-vek-extensions',
  ],
  ['no hardware ID', { vek: { extensions: { hwid: null } } }, 'chain', 'chain-vek-extensions'],
  ['a hardware ID of 63 bytes', { vek: { extensions: { hwid: new Uint8Array(63) } } }, 'chain', 'chain-vek-extensions'],
  [
    'a VCEK with a provider',
    { vek: { extensions: { cspId: encodeDerText('CN=x') } } },
    'chain',
    'chain-vek-extensions',
  ],
  [
    'a Turin VCEK without FMC level',
    { product: 'Turin', vek: { extensions: { fmcSpl: null } } },
    'chain',
    'chain-vek-extensions',
  ],
  [
    'a VCEK for another product',
    { vek: { extensions: { productName: encodeDerText('Turin') } } },
    'chain',
    'chain-product-name',
  ],
  ['a product that is not accepted', { product: 'Milan' }, 'chain', 'chain-accepted-product'],
  ['no revocation list', { crl: null }, 'chain', 'crl-present'],
  ['a list of another issuer', { crl: { issuer: { CN: 'ARK-Turin' } } }, 'chain', 'crl-issuer'],
  ['a list signed by someone else', { crl: { signer: otherRsa.privateKey } }, 'chain', 'crl-signature'],
  ['a list signed with salt 32', { crl: { scheme: pss({ saltBytes: 32 }) } }, 'chain', 'crl-signature'],
  ['a list that has expired', { crl: { nextUpdate: past } }, 'chain', 'crl-dates'],
  ['a list from the future', { crl: { thisUpdate: future } }, 'chain', 'crl-dates'],
  [
    'a delta list',
    { crl: { extensions: { '2.5.29.27': { critical: true, value: encodeDerInteger(1) } } } },
    'chain',
    'crl-extensions',
  ],
  ['a revoked ASK', { crl: { revoked: [AUTHORITY_SERIALS.Genoa.ask] } }, 'chain', 'crl-revoked'],

  [
    'a report that names the other kind of key',
    { keyInfo: { authorKeyEnabled: false, chipKeyMasked: false, signer: 'VLEK' } },
    'binding',
    'binding-signer',
  ],
  [
    'a masked chip key',
    { keyInfo: { authorKeyEnabled: false, chipKeyMasked: true, signer: 'VCEK' } },
    'binding',
    'binding-mask',
  ],
  ['a CPU of another product', { cpuid: { family: 0x19, model: 0x01, stepping: 1 } }, 'binding', 'binding-product'],
  [
    'a certificate for other firmware',
    { vek: { extensions: { microcodeSpl: encodeDerInteger(0x59) } } },
    'binding',
    'binding-tcb',
  ],
  [
    'a certificate for another chip',
    { vek: { extensions: { hwid: new Uint8Array(64).fill(1) } } },
    'binding',
    'binding-chip',
  ],
  [
    'a VLEK report that names a chip',
    { signer: 'VLEK', chipId: new Uint8Array(64).fill(1) },
    'binding',
    'binding-chip',
  ],

  ['a report signed by another key', { reportKey: otherP384.privateKey }, 'signature', 'signature-report'],
  ['other report data', { reportData: new Uint8Array(64) }, 'channel', 'channel-report-data'],
  ['other code', { measurement: new Uint8Array(48) }, 'code', 'code-measurement'],

  ['debug', { guestPolicy: 0xb0000n }, 'isolation', 'guest-policy-debug'],
  ['a migration agent', { guestPolicy: 0x70000n }, 'isolation', 'guest-policy-migration-agent'],
  ['CXL', { guestPolicy: 0x230000n }, 'isolation', 'guest-policy-cxl'],
  ['VMPL 1', { vmpl: 1 }, 'isolation', 'vmpl'],
  ['no alias check', { platformInfo: 0x05n }, 'isolation', 'platform-alias-check-complete'],
  ['an unknown platform bit', { platformInfo: 0x125n }, 'isolation', 'platform-unknown-bits'],
  [
    'old firmware',
    { currentFirmware: { major: 1, minor: 55, build: 39 }, committedFirmware: { major: 1, minor: 55, build: 39 } },
    'isolation',
    'firmware',
  ],
  ['an ID key', { idKeyDigest: new Uint8Array(48).fill(1) }, 'isolation', 'id-key'],
  [
    'an old launch TCB',
    { launchTcb: { fmc: null, bootloader: 10, tee: 0, snp: 0x1a, microcode: 0x58 } },
    'isolation',
    'tcb-launch',
  ],
  [
    'an old reported TCB',
    { reportedTcb: { fmc: null, bootloader: 10, tee: 0, snp: 0x1a, microcode: 0x58 } },
    'isolation',
    'tcb-reported',
  ],
];

describe('a machine with one defect', () => {
  it.each(DEFECTS)('is refused for %s', async (_, defect, stage, ...failed) => {
    const issued = await amd.issueReport({ reportData: REPORT_DATA, ...defect });
    expect(outcome(await appraise(issued, rootOf(issued)))).toEqual({ stage, failed });
  });

  it('comes in many kinds, each with a name of its own', () => {
    expect(DEFECTS.length).toBeGreaterThan(70);
    expect(new Set(DEFECTS.map(([name]) => name)).size).toBe(DEFECTS.length);
  });

  it('is accepted with a hardware ID inside an OCTET STRING, as some real certificates have it', async () => {
    const chipId = new Uint8Array(64).fill(6);
    const vek = { extensions: { hwid: encodeDerOctets(chipId) } };
    const issued = await amd.issueReport({ reportData: REPORT_DATA, chipId, vek });
    expect(outcome(await appraise(issued, rootOf(issued)))).toEqual(ACCEPTED);
  });
});

const healthy = await amd.issueReport({ reportData: REPORT_DATA });
const stranger = await (await strangerAmd()).issueReport({ reportData: REPORT_DATA });

describe('evidence that was tampered with', () => {
  const { report, certificates } = healthy;
  const [, , strangerRoot = new Uint8Array()] = stranger.certificates;

  it.each<[string, Partial<Subject>, Stage]>([
    ['one byte less', { report: corrupt.reportLength(report, 1183) }, 'parse'],
    ['one byte more', { report: corrupt.reportLength(report, 1185) }, 'parse'],
    ['a byte outside the signed part', { report: corrupt.reportSignature(report, 'tail') }, 'parse'],
    ['a bit of the measurement', { report: corrupt.reportBit(report, 0x90, 0) }, 'signature'],
    ['a bit of the report data', { report: corrupt.reportBit(report, 0x50, 0) }, 'signature'],
    ['host data', { report: corrupt.reportField(report, 'hostData', new Uint8Array(32).fill(1)) }, 'signature'],
    ['a signature of zeros', { report: corrupt.reportSignature(report, 'zero') }, 'signature'],
    ['s plus the order', { report: corrupt.reportSignature(report, 's-plus-order') }, 'signature'],
    ['a bit of the VEK certificate', { certificates: corrupt.certificateBit(certificates, 0, 1200, 0) }, 'chain'],
    ['no VEK certificate', { certificates: corrupt.certificateMissing(certificates, 0) }, 'chain'],
    ['no ASK certificate', { certificates: corrupt.certificateMissing(certificates, 1) }, 'chain'],
    ['no root', { certificates: corrupt.certificateMissing(certificates, 2) }, 'chain'],
    ['a root of someone else', { certificates: corrupt.certificateSwapped(certificates, 2, strangerRoot) }, 'chain'],
    ['all certificates of someone else', { certificates: stranger.certificates }, 'chain'],
    ['a list of someone else', { crl: stranger.crl }, 'chain'],
  ])('is refused for %s', async (_, change, stage) => {
    expect((await appraise({ ...healthy, ...change }, rootOf(healthy))).stage).toBe(stage);
  });

  it('is accepted when only the sign of s was changed, so nothing may be keyed on signature bytes', async () => {
    const changed = { ...healthy, report: corrupt.reportSignature(report, 's-negated') };
    expect(outcome(await appraise(changed, rootOf(healthy)))).toEqual(ACCEPTED);
  });
});
