/** Each rule of the stages parse, chain, binding and signature: a healthy report, and one that differs in exactly one thing. */
import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { type Appraisal, STAGES } from '../../../src/appraisal.ts';
import { CHECKS, type CheckId } from '../../../src/attestation/check-table.ts';
import { appraiseReport, type Subject } from '../../../src/attestation/report-appraisal.ts';
import type { Machine } from '../../../src/attestation/requirements.ts';
import { type ChainCache, createChainCache } from '../../../src/attestation/snp/chain-cache.ts';
import { createCrlNumbers } from '../../../src/attestation/snp/crl-numbers.ts';
import { FIELDS } from '../../../src/attestation/snp/layout.ts';
import type { Roots } from '../../../src/attestation/snp/roots.ts';
import {
  AUTHORITY_SERIALS,
  corrupt,
  encodeDerInteger,
  encodeDerOctets,
  type MachineOptions,
} from '../../../src/testing/index.ts';
import { NOW, sharedAmd, strangerAmd } from '../../testing/shared-amd.ts';
import { ANY_MACHINE, anyReport } from '../demands.ts';

const amd = await sharedAmd();
const stranger = await strangerAmd();
const sharedCache = createChainCache();
const MACHINE: Machine = { ...ANY_MACHINE, revocation: 'required' };
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' });
const p256 = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const DAY = 24 * 60 * 60 * 1000;
const later = new Date(NOW.getTime() + DAY);
const earlier = new Date(NOW.getTime() - DAY);

interface Changes {
  readonly change?: (subject: Subject) => Subject;
  readonly roots?: (roots: Roots) => Roots;
  readonly machine?: Partial<Machine>;
  readonly now?: Date;
}

async function appraise(options: MachineOptions, changes: Changes = {}): Promise<Appraisal> {
  const issued = await amd.issueReport(options);
  const subject: Subject = { report: issued.report, certificates: issued.certificates, crl: issued.crl };
  // Changing the root gives it another fingerprint; what is tested then is the rule and not the pin.
  const roots: Roots = { simulated: [issued.rootFingerprint] };
  const once = async (cache: ChainCache): Promise<Appraisal> =>
    await appraiseReport(
      changes.change?.(subject) ?? subject,
      anyReport({ ...MACHINE, ...changes.machine }),
      changes.roots?.(roots) ?? roots,
      changes.now ?? NOW,
      cache,
      createCrlNumbers([]),
    );
  const appraisal = await once(createChainCache());
  // Every row of this file is also judged with what all rows before it and the healthy subject left behind, and then once more.
  await appraiseReport(subject, anyReport(MACHINE), roots, NOW, sharedCache, createCrlNumbers([]));
  expect(await once(sharedCache)).toEqual(appraisal);
  expect(await once(sharedCache)).toEqual(appraisal);
  return appraisal;
}

const failed = (a: Appraisal): readonly string[] => a.checks.filter((c) => c.outcome === 'fail').map((c) => c.id);
const raw = (offset: number, ...bytes: number[]): MachineOptions => ({
  raw: [{ offset, bytes: Uint8Array.from(bytes) }],
});
const withReport = (change: (report: Uint8Array) => Uint8Array): Changes => ({
  change: (s) => ({ ...s, report: change(s.report) }),
});
const withCertificates = (change: (certificates: readonly Uint8Array[]) => readonly Uint8Array[]): Changes => ({
  change: (s) => ({ ...s, certificates: change(s.certificates) }),
});
const vek = (extensions: NonNullable<MachineOptions['vek']>['extensions']): MachineOptions => ({
  vek: { extensions: extensions ?? {} },
});
const strangerRoot = await stranger.root('Genoa');
const strangerChain = (await stranger.issueReport({})).certificates;
const turin = (await amd.issueReport({ product: 'Turin' })).certificates;

type Row = readonly [title: string, fails: readonly CheckId[], options: MachineOptions, changes?: Changes];

const named = (list: readonly Row[]) =>
  list.map(([title, fails, options, changes = {}]) => ({ title, fails, options, changes }));

const rows: readonly Row[] = [
  ['a report cut by one byte', ['report-length'], {}, withReport((r) => corrupt.reportLength(r, 1183))],
  ['a report with one byte more', ['report-length'], {}, withReport((r) => corrupt.reportLength(r, 1185))],
  ['no report', ['report-length'], {}, withReport(() => new Uint8Array())],
  ['version 6', ['report-version'], raw(FIELDS.version.offset, 6)],
  ['version 1', ['report-version', 'report-reserved'], raw(FIELDS.version.offset, 1)],
  ['a reserved byte', ['report-reserved'], raw(0x4c, 1)],
  ['a reserved byte before version 5', ['report-reserved'], { version: 3, ...raw(0x1f8, 1) }],
  ['a CPU in version 2', ['report-reserved'], { version: 2, ...raw(0x188, 0x19) }],
  ['a byte after the signature', ['report-reserved'], {}, withReport((r) => corrupt.reportSignature(r, 'tail'))],
  ['a reserved bit of KEY_INFO', ['report-reserved'], raw(FIELDS.keyInfo.offset, 0x20)],
  ['guest policy without bit 17', ['report-guest-policy'], { guestPolicy: 0x10000n }],
  ['guest policy with bit 26', ['report-guest-policy'], { guestPolicy: 0x4030000n }],
  ['VMPL 4', ['report-vmpl'], { vmpl: 4 }],
  ['a report for the host', ['report-vmpl'], { vmpl: 0xffffffff }],
  ['another signature algorithm', ['report-signature-algorithm'], { signatureAlgorithm: 2 }],
  ['a reserved signing key', ['report-signing-key'], raw(FIELDS.keyInfo.offset, 2 << 2)],
  ['no signing key', ['report-signing-key'], raw(FIELDS.keyInfo.offset, 7 << 2)],
  ['another CPU family', ['report-cpuid'], { cpuid: { family: 0x17, model: 0x31, stepping: 0 } }],
  ['a reserved TCB byte', ['report-tcb'], raw(FIELDS.launchTcb.offset + 3, 1)],
  [
    'a certificate with a trailing byte',
    ['certificates-form'],
    {},
    withCertificates((c) => c.map((d) => Uint8Array.from([...d, 0]))),
  ],
  [
    'something that is no certificate',
    ['certificates-form'],
    {},
    withCertificates((c) => [...c, Uint8Array.of(0x30, 0)]),
  ],
  ['nine certificates', ['certificates-form'], {}, withCertificates((c) => [...c, ...c, ...c])],
  ['a broken revocation list', ['crl-form'], {}, { change: (s) => ({ ...s, crl: Uint8Array.of(0x30, 0) }) }],
  ['no certificates', ['chain-path'], {}, withCertificates(() => [])],
  ['no VEK', ['chain-path'], {}, withCertificates((c) => corrupt.certificateMissing(c, 0))],
  ['no intermediate', ['chain-path'], {}, withCertificates((c) => corrupt.certificateMissing(c, 1))],
  ['no root', ['chain-path'], {}, withCertificates((c) => corrupt.certificateMissing(c, 2))],
  [
    'a chain of another simulated AMD with the accepted root beside it',
    ['chain-ask-signature'],
    {},
    withCertificates((c) => [...strangerChain, ...c.slice(2)]),
  ],
  [
    'a VEK that names the root as its issuer',
    ['chain-names', 'chain-vek-signature', 'chain-authority', 'chain-vek-kind'],
    { vek: { issuer: { CN: 'ARK-Genoa' } } },
  ],
  ['a VEK that names itself as its issuer', ['chain-path'], { vek: { issuer: { CN: 'SEV-VCEK' } } }],
  ['two VEKs', ['chain-path'], {}, withCertificates((c) => [...c, ...turin.slice(0, 1)])],
  [
    'another root',
    ['chain-root', 'chain-ark-signature'],
    { ark: { signer: rsa.privateKey } },
    { roots: () => ({ simulated: ['00'.repeat(32)] }) },
  ],
  ["AMD's roots only", ['chain-root'], {}, { roots: () => 'amd' }],
  [
    'a root that only has the right name',
    ['chain-root', 'chain-ask-signature', 'crl-signature'],
    {},
    { ...withCertificates((c) => corrupt.certificateSwapped(c, 2, strangerRoot)) },
  ],
  ['another organisation in the VEK', ['chain-names'], { vek: { subject: { O: 'Advanced Micro Device' } } }],
  ['a VEK named as VLEK', ['chain-names', 'chain-vek-extensions'], { vek: { subject: { CN: 'SEV-VLEK' } } }],
  ['an intermediate that is issued by another name', ['chain-path'], { intermediate: { issuer: { CN: 'ARK-Milan' } } }],
  [
    'PKCS#1 v1.5',
    ['chain-algorithms', 'chain-vek-signature'],
    { vek: { scheme: { kind: 'rsa-pkcs1', hash: 'sha384' } } },
  ],
  [
    'PSS with SHA-256',
    ['chain-algorithms', 'chain-vek-signature'],
    { vek: { scheme: { kind: 'rsa-pss', hash: 'sha256', saltBytes: 32, explicitTrailer: false } } },
  ],
  [
    'PSS with salt 32',
    ['chain-algorithms', 'chain-vek-signature'],
    { vek: { scheme: { kind: 'rsa-pss', hash: 'sha384', saltBytes: 32, explicitTrailer: false } } },
  ],
  ['a VEK on P-256', ['chain-keys'], { vek: { publicKey: p256.publicKey } }],
  [
    'an intermediate with 2048 bits',
    ['chain-keys', 'chain-vek-signature'],
    { intermediate: { publicKey: rsa.publicKey } },
  ],
  ['a VEK signed by another key', ['chain-vek-signature'], { vek: { signer: rsa.privateKey } }],
  ['an intermediate signed by another key', ['chain-ask-signature'], { intermediate: { signer: rsa.privateKey } }],
  ['a root signed by another key', ['chain-ark-signature'], { ark: { signer: rsa.privateKey } }],
  [
    'a flipped bit in the VEK',
    ['chain-vek-signature'],
    {},
    withCertificates((c) => corrupt.certificateBit(c, 0, (c[0]?.length ?? 0) - 1, 0)),
  ],
  ['an expired VEK', ['chain-dates'], { vek: { notAfter: earlier } }],
  ['a VEK of tomorrow', ['chain-dates'], { vek: { notBefore: later } }],
  ['an expired intermediate', ['chain-dates'], { intermediate: { notAfter: earlier } }],
  ['an expired root', ['chain-dates'], { ark: { notAfter: earlier } }],
  ['a time that is none', ['chain-dates', 'crl-dates'], {}, { now: new Date(Number.NaN) }],
  [
    'an intermediate that is not a CA',
    ['chain-authority'],
    { intermediate: { extensions: { basicConstraints: null } } },
  ],
  ['an intermediate without key usage', ['chain-authority'], { intermediate: { extensions: { keyUsage: null } } }],
  ['a root that is not a CA', ['chain-authority'], { ark: { extensions: { basicConstraints: null } } }],
  [
    'a VEK that is a CA',
    ['chain-authority'],
    vek({ basicConstraints: { critical: true, value: Uint8Array.of(0x30, 3, 1, 1, 0xff) } }),
  ],
  [
    'a VEK that may sign certificates',
    ['chain-authority'],
    vek({ keyUsage: { critical: true, value: Uint8Array.of(3, 2, 2, 4) } }),
  ],
  [
    'an unknown critical extension',
    ['chain-extensions'],
    vek({ '1.2.3.4.5': { critical: true, value: Uint8Array.of(5, 0) } }),
  ],
  ['a double extension', ['chain-extensions'], vek({ '1.2.3.4.5': [Uint8Array.of(5, 0), Uint8Array.of(5, 0)] })],
  ...(
    [
      'structVersion',
      'productName',
      'bootloaderSpl',
      'teeSpl',
      'snpSpl',
      'spl4',
      'spl5',
      'spl6',
      'spl7',
      'microcodeSpl',
      'hwid',
    ] as const
  ).flatMap((name): readonly Row[] => [
    [`no ${name}`, ['chain-vek-extensions'], vek({ [name]: null })],
    [`${name} of another type`, ['chain-vek-extensions'], vek({ [name]: Uint8Array.of(5, 0) })],
  ]),
  ['no fmcSpl on Turin', ['chain-vek-extensions'], { product: 'Turin', ...vek({ fmcSpl: null }) }],
  ['fmcSpl on Genoa', ['chain-vek-extensions'], vek({ fmcSpl: encodeDerInteger(0n) })],
  [
    'a level twice',
    ['chain-extensions', 'chain-vek-extensions'],
    vek({ snpSpl: [encodeDerInteger(27n), encodeDerInteger(27n)] }),
  ],
  ['a level of 256', ['chain-vek-extensions'], vek({ snpSpl: encodeDerInteger(256n) })],
  ['a negative level', ['chain-vek-extensions'], vek({ microcodeSpl: Uint8Array.of(2, 1, 0xde) })],
  ['a level with a leading zero', ['chain-vek-extensions'], vek({ snpSpl: Uint8Array.of(2, 2, 0, 27) })],
  ['a reserved level', ['chain-vek-extensions'], vek({ spl4: encodeDerInteger(1n) })],
  ['hardware ID and provider', ['chain-vek-extensions'], vek({ cspId: Uint8Array.of(0x16, 1, 0x41) })],
  ['a VLEK without provider', ['chain-vek-extensions'], { signer: 'VLEK', ...vek({ cspId: null }) }],
  ['a VLEK with hardware ID', ['chain-vek-extensions'], { signer: 'VLEK', ...vek({ hwid: new Uint8Array(64) }) }],
  ['a VCEK under the ASVK', ['chain-names', 'chain-vek-kind'], { issuedBy: 'asvk' }],
  ['a VLEK under the ASK', ['chain-names', 'chain-vek-kind'], { signer: 'VLEK', issuedBy: 'ask' }],
  [
    'the product name of another line',
    ['chain-product-name'],
    vek({ productName: Uint8Array.of(0x16, 5, ...Buffer.from('Turin')) }),
  ],
  ['a product line that is not accepted', ['chain-accepted-product'], {}, { machine: { products: ['Turin'] } }],
  ['a signer that is not accepted', ['chain-accepted-signer'], {}, { machine: { signer: ['VLEK'] } }],
  ['no accepted products', ['chain-accepted-product'], {}, { machine: { products: [] } }],
  ['no revocation list', ['crl-present'], { crl: null }],
  ['a revocation list of another issuer', ['crl-issuer'], { crl: { issuer: { CN: 'ARK-Turin' } } }],
  [
    'a root that may not sign revocation lists',
    ['crl-issuer'],
    { ark: { extensions: { keyUsage: { critical: true, value: Uint8Array.of(3, 2, 2, 4) } } } },
  ],
  ['a revocation list signed by another key', ['crl-signature'], { crl: { signer: rsa.privateKey } }],
  ['a revocation list with PKCS#1', ['crl-signature'], { crl: { scheme: { kind: 'rsa-pkcs1', hash: 'sha384' } } }],
  ['a revocation list of tomorrow', ['crl-dates'], { crl: { thisUpdate: later } }],
  ['an old revocation list', ['crl-dates'], { crl: { nextUpdate: earlier } }],
  ['a delta', ['crl-extensions'], { crl: { extensions: { '2.5.29.27': Uint8Array.of(2, 1, 1) } } }],
  [
    'a revocation list with an unknown critical extension',
    ['crl-extensions'],
    { crl: { extensions: { '1.2.3.4': { critical: true, value: Uint8Array.of(5, 0) } } } },
  ],
  ...(
    [
      ['no number', null],
      ['a negative number', Uint8Array.of(2, 1, 0x80)],
      ['a number with a leading zero', Uint8Array.of(2, 2, 0, 1)],
      ['a number of 21 octets', Uint8Array.of(2, 21, 1, ...new Uint8Array(20))],
      ['a number of another type', Uint8Array.of(4, 1, 1)],
      ['a number without octets', Uint8Array.of(2, 0)],
      ['a number with something after it', Uint8Array.of(2, 1, 1, 0)],
    ] as const
  ).map(
    ([name, crlNumber]): Row => [
      `a revocation list with ${name}`,
      ['crl-number'],
      { crl: { extensions: { crlNumber } } },
    ],
  ),
  [
    'a revocation list with two numbers',
    ['crl-extensions', 'crl-number'],
    { crl: { extensions: { crlNumber: [encodeDerInteger(1n), encodeDerInteger(1n)] } } },
  ],
  ['a revoked intermediate', ['crl-revoked'], { crl: { revoked: [1n, AUTHORITY_SERIALS.Genoa.ask] } }],
  [
    'a report that names another signer',
    ['binding-signer'],
    { keyInfo: { authorKeyEnabled: false, chipKeyMasked: false, signer: 'VLEK' } },
  ],
  [
    'a masked chip key',
    ['binding-mask'],
    { keyInfo: { authorKeyEnabled: false, chipKeyMasked: true, signer: 'VCEK' } },
  ],
  ['a CPU of another line', ['binding-product'], { cpuid: { family: 0x19, model: 1, stepping: 1 } }],
  [
    'a CPU without known roots',
    ['binding-product'],
    { product: 'Turin', cpuid: { family: 0x1a, model: 0x50, stepping: 0 } },
  ],
  ...(['bootloaderSpl', 'teeSpl', 'snpSpl', 'microcodeSpl'] as const).map(
    (name): Row => [`another ${name}`, ['binding-tcb'], vek({ [name]: encodeDerInteger(99n) })],
  ),
  ['another fmcSpl', ['binding-tcb'], { product: 'Turin', ...vek({ fmcSpl: encodeDerInteger(99n) }) }],
  ['another hardware ID', ['binding-chip'], vek({ hwid: new Uint8Array(64).fill(1) })],
  ['a chip ID under a VLEK', ['binding-chip'], { signer: 'VLEK', chipId: new Uint8Array(64).fill(1) }],
  ['a Turin chip ID of more than 8 bytes', ['binding-chip'], { product: 'Turin', ...raw(0x1a8, 1) }],
  ['a signature of zeros', ['signature-range'], {}, withReport((r) => corrupt.reportSignature(r, 'zero'))],
  ['s above the order', ['signature-range'], {}, withReport((r) => corrupt.reportSignature(r, 's-plus-order'))],
  [
    'r in the upper bytes',
    ['signature-range'],
    {},
    withReport((r) => corrupt.reportBytes(r, FIELDS.signatureR.offset + 71, Uint8Array.of(1))),
  ],
  ['another report key', ['signature-report'], { reportKey: p384.privateKey }],
  ['a changed report', ['signature-report'], {}, withReport((r) => corrupt.reportBit(r, 0x90, 0))],
];

describe('a healthy report', () => {
  const healthy: readonly Row[] = [
    ['as it is', [], {}],
    ['of each version', [], { version: 2 }],
    ['under a VLEK', [], { signer: 'VLEK' }],
    ['of Milan', [], { product: 'Milan' }],
    ['of Turin', [], { product: 'Turin' }],
    ['with a masked chip ID', [], { chipId: new Uint8Array(64), ...vek({ hwid: new Uint8Array(64).fill(9) }) }],
    [
      'with a hardware ID in an OCTET STRING',
      [],
      { chipId: new Uint8Array(64).fill(9), ...vek({ hwid: encodeDerOctets(new Uint8Array(64).fill(9)) }) },
    ],
    ['with certificates in another order', [], {}, withCertificates((c) => c.toReversed())],
    ['with a certificate twice', [], {}, withCertificates((c) => corrupt.certificateTwice(c, 1))],
    ['with the root of another simulated AMD beside its own', [], {}, withCertificates((c) => [...c, strangerRoot])],
    [
      'with authorities of the same names and other keys behind its own',
      [],
      {},
      withCertificates((c) => [...c, ...strangerChain.slice(1)]),
    ],
    [
      'with authorities of the same names and other keys before its own',
      [],
      {},
      withCertificates((c) => [...strangerChain.slice(1), ...c]),
    ],
    [
      'with s negated, which is valid by arithmetic',
      [],
      {},
      withReport((r) => corrupt.reportSignature(r, 's-negated')),
    ],
    ['without a revocation list, when none is required', [], { crl: null }, { machine: { revocation: 'if-present' } }],
    [
      'with an old revocation list that is not to be looked at',
      [],
      { crl: { nextUpdate: earlier } },
      { machine: { revocation: 'off' } },
    ],
  ];
  it.each(named(healthy))('$title is accepted, and SIMULATED', async ({ options, changes }) => {
    const appraisal = await appraise(options, changes);
    expect(failed(appraisal)).toEqual([]);
    expect([appraisal.verdict, appraisal.simulated]).toEqual(['accept', true]);
  });

  it('shows what it says', async () => {
    const { report } = await appraise({ hostData: new Uint8Array(32).fill(3) });
    expect(report).toMatchObject({
      version: 5,
      product: 'Genoa',
      signer: 'VCEK',
      vmpl: 0,
      policy: '0x30000',
      hostData: '03'.repeat(32),
    });
    expect(report?.reportedTcb).toEqual({ bootloader: 10, tee: 0, snp: 27, microcode: 88 });
  });
});

describe('a report is refused for', () => {
  it('each check of the first four stages', () => {
    const covered = new Set(rows.flatMap(([, fails]) => fails));
    const stages = ['parse', 'chain', 'binding', 'signature'];
    const session = ['evidence-present', 'evidence-form', 'file-form', 'claims-form'];
    const ids = Object.entries(CHECKS)
      .filter(([id, c]) => stages.includes(c.stage) && !session.includes(id))
      .map(([id]) => id);
    expect(ids.filter((id) => !covered.has(id as CheckId))).toEqual([]);
  });

  it.each(named(rows))('$title', async ({ fails, options, changes }) => {
    const appraisal = await appraise(options, changes);
    expect(failed(appraisal)).toEqual(fails);
    const { stage, code } = CHECKS[fails[0] as CheckId];
    expect(appraisal).toMatchObject({ verdict: 'reject', stage, code, error: 'NotAnEnclaveError' });
    // Nothing after the deciding stage was looked at.
    const reached = STAGES.slice(0, STAGES.indexOf(stage) + 1);
    expect(appraisal.checks.every((c) => reached.includes(c.stage))).toBe(true);
  });
});

describe('a report whose buffer is changed during the appraisal', () => {
  it('is judged as it was handed over', async () => {
    const { report, certificates, crl, rootFingerprint } = await amd.issueReport({});
    const buffer = corrupt.reportBit(report, FIELDS.measurement.offset, 0);
    const demands = anyReport(MACHINE);
    const appraisal = appraiseReport(
      { report: buffer, certificates, crl },
      demands,
      { simulated: [rootFingerprint] },
      NOW,
      createChainCache(),
      createCrlNumbers([]),
    );
    // The forged measurement has been read by now; the bytes that the VEK signed must not take its place.
    buffer.set(report);
    expect((await appraisal).code).toBe('ERR_NOT_AN_ENCLAVE_SIGNATURE');
  });
});
