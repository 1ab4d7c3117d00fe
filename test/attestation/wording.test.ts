/**
 * What every check says: the values that were expected and found, as people and machines read them in an appraisal. Held against
 * test/golden/checks.txt, where long hex is written as its size; `ANCHORHOLD_WRITE=1` writes that file anew, to be read before it is kept.
 */
import { generateKeyPairSync } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { Check } from '../../src/appraisal.ts';
import { CHECKS } from '../../src/attestation/check-table.ts';
import { checkMachine } from '../../src/attestation/machine.ts';
import { appraiseReport, type Demands, type Subject } from '../../src/attestation/report-appraisal.ts';
import type { Machine } from '../../src/attestation/requirements.ts';
import { createChainCache } from '../../src/attestation/snp/chain-cache.ts';
import { createCrlNumbers } from '../../src/attestation/snp/crl-numbers.ts';
import { type AttestationReport, parseReport } from '../../src/attestation/snp/report.ts';
import type { Roots } from '../../src/attestation/snp/roots.ts';
import {
  AUTHORITY_SERIALS,
  corrupt,
  encodeDerInteger,
  encodeDerText,
  type MachineOptions,
} from '../../src/testing/index.ts';
import { NOW, sharedAmd, strangerAmd } from '../testing/shared-amd.ts';
import { ANY_MACHINE, DEFAULT_MACHINE } from './demands.ts';
import { verifiedRelease, versionUntil } from './release/releases.ts';

const WRITE = process.env['ANCHORHOLD_WRITE'] === '1';
const GOLDEN = resolve(import.meta.dirname, '../golden/checks.txt');
const DAY = 24 * 60 * 60 * 1000;
const later = new Date(NOW.getTime() + DAY);
const earlier = new Date(NOW.getTime() - DAY);

const amd = await sharedAmd();
const stranger = await strangerAmd();
const strangerRoot = await stranger.root('Genoa');
const turin = (await amd.issueReport({ product: 'Turin' })).certificates;
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const p256 = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' });

interface Changes {
  readonly change?: (subject: Subject) => Subject;
  readonly roots?: Roots;
  readonly machine?: Partial<Machine>;
  readonly now?: Date;
  readonly demands?: Partial<Demands>;
}

type Row = readonly [title: string, options: MachineOptions, changes?: Changes];

const raw = (offset: number, ...bytes: number[]): MachineOptions => ({
  raw: [{ offset, bytes: Uint8Array.from(bytes) }],
});
const report = (change: (report: Uint8Array) => Uint8Array): Changes => ({
  change: (s) => ({ ...s, report: change(s.report) }),
});
const certificates = (change: (list: readonly Uint8Array[]) => readonly Uint8Array[]): Changes => ({
  change: (s) => ({ ...s, certificates: change(s.certificates) }),
});
const vek = (extensions: NonNullable<MachineOptions['vek']>['extensions']): MachineOptions => ({
  vek: { extensions: extensions ?? {} },
});
const ca = (...rest: number[]): { critical: boolean; value: Uint8Array } => ({
  critical: true,
  value: Uint8Array.of(0x30, 3 + rest.length, 1, 1, 0xff, ...rest),
});
const signsNothing = { critical: true, value: Uint8Array.of(3, 2, 7, 0x80) };

const rows: readonly Row[] = [
  ['a healthy report', {}],
  ['a healthy report of Turin under a VLEK', { product: 'Turin', signer: 'VLEK' }],
  ['a healthy report of version 2', { version: 2 }],
  ['no report', {}, report(() => new Uint8Array())],
  ['version 6', raw(0, 6)],
  ['reserved bytes and bits', raw(0x48, 0x20, 0, 0, 0, 1)],
  ['reserved bytes before version 5', { version: 3, ...raw(0x1f8, 1) }],
  ['a guest policy without bit 17', { guestPolicy: 0x10000n }],
  ['a guest policy with bit 26', { guestPolicy: 0x4030000n }],
  ['VMPL 4', { vmpl: 4 }],
  ['a report for the host', { vmpl: 0xffffffff }],
  ['another signature algorithm', { signatureAlgorithm: 2 }],
  ['signing key 2', raw(0x48, 2 << 2)],
  ['no signing key', raw(0x48, 7 << 2)],
  ['another CPU family', { cpuid: { family: 0x17, model: 0x31, stepping: 0 } }],
  ['two reserved TCB bytes', { raw: [0x38 + 2, 0x1f0 + 3].map((offset) => ({ offset, bytes: Uint8Array.of(1) })) }],
  ['two things that are no certificates', {}, certificates((c) => [...c, Uint8Array.of(0x30, 0), Uint8Array.of(1)])],
  ['nine certificates', {}, certificates((c) => [...c, ...c, ...c])],
  ['a broken list', {}, { change: (s) => ({ ...s, crl: Uint8Array.of(0x30, 0) }) }],
  ['no certificates', {}, certificates(() => [])],
  ['no intermediate', {}, certificates((c) => corrupt.certificateMissing(c, 1))],
  ['no root', {}, certificates((c) => corrupt.certificateMissing(c, 2))],
  ['two VEKs', {}, certificates((c) => [...c, ...turin.slice(0, 1)])],
  [
    'a root of no product line',
    {
      ark: { subject: { CN: 'ARK-Venice' }, issuer: { CN: 'ARK-Venice' } },
      intermediate: { issuer: { CN: 'ARK-Venice' } },
    },
  ],
  ["AMD's roots only", {}, { roots: 'amd' }],
  ['a root of the same name', {}, certificates((c) => corrupt.certificateSwapped(c, 2, strangerRoot))],
  ['another organisation', { vek: { subject: { O: 'Advanced Micro Device' } } }],
  [
    'other signature algorithms',
    { vek: { scheme: { kind: 'rsa-pkcs1', hash: 'sha384' } }, crl: { scheme: { kind: 'rsa-pkcs1', hash: 'sha384' } } },
  ],
  ['other keys', { vek: { publicKey: p256.publicKey }, intermediate: { publicKey: rsa.publicKey } }],
  [
    'other signers',
    {
      vek: { signer: rsa.privateKey },
      intermediate: { signer: rsa.privateKey },
      ark: { signer: rsa.privateKey },
      crl: { signer: rsa.privateKey },
    },
  ],
  [
    'expired certificates and list',
    { vek: { notAfter: earlier }, ark: { notBefore: later }, crl: { nextUpdate: earlier } },
  ],
  ['no time', {}, { now: new Date(Number.NaN) }],
  [
    'authorities that are none, and a VEK that is one',
    {
      intermediate: { extensions: { basicConstraints: null, keyUsage: null } },
      ark: { extensions: { basicConstraints: ca(2, 1, 0), keyUsage: signsNothing } },
      ...vek({ basicConstraints: ca(), keyUsage: { critical: true, value: Uint8Array.of(3, 2, 2, 4) } }),
    },
  ],
  ['an intermediate with path length 1', { intermediate: { extensions: { basicConstraints: ca(2, 1, 1) } } }],
  [
    'extensions twice and unknown',
    vek({
      '1.2.3': [Uint8Array.of(5, 0), Uint8Array.of(5, 0)],
      '1.2.4': { critical: true, value: Uint8Array.of(5, 0) },
    }),
  ],
  [
    'wrong extensions of a VCEK',
    vek({
      structVersion: encodeDerInteger(1n),
      productName: null,
      bootloaderSpl: [encodeDerInteger(1n), encodeDerInteger(1n)],
      teeSpl: encodeDerText('1'),
      spl4: encodeDerInteger(1n),
      fmcSpl: encodeDerInteger(1n),
      hwid: new Uint8Array(63),
      cspId: encodeDerText('cloud'),
    }),
  ],
  [
    'wrong extensions of a VLEK of Turin',
    {
      product: 'Turin',
      signer: 'VLEK',
      ...vek({ hwid: new Uint8Array(8), cspId: null, structVersion: encodeDerInteger(0n) }),
    },
  ],
  ['a VLEK that the intermediate of VCEKs issued', { signer: 'VLEK', issuedBy: 'ask' }],
  ['the name of another product', vek({ productName: encodeDerText('Rome-B0') })],
  ['a product and a signer that nobody asked for', {}, { machine: { products: ['Milan', 'Turin'], signer: ['VLEK'] } }],
  ['a list that is missing', { crl: null }],
  ['no list, where none is required', { crl: null }, { machine: { revocation: 'if-present' } }],
  ['a list that is not looked at', {}, { machine: { revocation: 'off' } }],
  [
    'a list of another root',
    {
      crl: { issuer: { CN: 'ARK-Turin' } },
      ark: { extensions: { keyUsage: { critical: true, value: Uint8Array.of(3, 2, 2, 4) } } },
    },
  ],
  [
    'a list with wrong extensions',
    {
      crl: {
        extensions: {
          '2.5.29.27': Uint8Array.of(2, 1, 1),
          '1.2.3.4': { critical: true, value: Uint8Array.of(5, 0) },
          '1.2.3.5': [Uint8Array.of(5, 0), Uint8Array.of(5, 0)],
        },
      },
    },
  ],
  ['a revoked intermediate', { crl: { revoked: [1n, AUTHORITY_SERIALS.Genoa.ask, AUTHORITY_SERIALS.Genoa.ark] } }],
  ['another signer, masked', { keyInfo: { authorKeyEnabled: false, chipKeyMasked: true, signer: 'VLEK' } }],
  ['another CPU', { cpuid: { family: 0x19, model: 1, stepping: 1 } }],
  ['version 2 under Turin', { product: 'Turin', version: 2 }],
  ['another TCB and hardware ID', vek({ teeSpl: encodeDerInteger(99n), hwid: new Uint8Array(64).fill(1) })],
  ['a chip ID under a VLEK', { signer: 'VLEK', chipId: new Uint8Array(64).fill(1) }],
  ['a masked chip ID', { chipId: new Uint8Array(64), ...vek({ hwid: new Uint8Array(64).fill(9) }) }],
  ['a signature of zeros', {}, report((r) => corrupt.reportSignature(r, 'zero'))],
  ['a signature above the order', {}, report((r) => corrupt.reportSignature(r, 's-plus-order'))],
  ['another report key', { reportKey: p384.privateKey }],
  ['other report data', {}, { demands: { reportData: new Uint8Array(64).fill(7) } }],
  ['another measurement', {}, { demands: { measurements: ['11'.repeat(48), '22'.repeat(48)] } }],
  ['no measurement at all', {}, { demands: { measurements: [] } }],
  ['a version of a release', {}, { demands: { measurements: [verifiedRelease(versionUntil(later))] } }],
  ['an expired version', {}, { demands: { measurements: [verifiedRelease(versionUntil(earlier))] } }],
];

const TCB = { fmc: null, bootloader: 10, tee: 2, snp: 27, microcode: 88 };
const floor = (microcode: number): Machine['tcb'] => ({
  reported: { Genoa: { bootloader: 10, tee: 0, snp: 27, microcode } },
  committed: { Turin: { fmc: 1, bootloader: 1, tee: 1, snp: 1, microcode: 1 } },
  launch: { Genoa: { fmc: 1, bootloader: 1, tee: 1, snp: 1, microcode: 1 } },
  current: 'any',
});

const required = <T extends object>(bits: T): T =>
  Object.fromEntries(Object.keys(bits).map((bit) => [bit, 'required'])) as T;
const { unknownBits: _, ...platformBits } = ANY_MACHINE.platform;

type MachineRow = readonly [title: string, fields: Partial<AttestationReport>, machine: Partial<Machine>];

const machineRows: readonly MachineRow[] = [
  ['a machine that is asked nothing', {}, {}],
  [
    'every bit required',
    {},
    {
      guestPolicy: required(ANY_MACHINE.guestPolicy),
      platform: { ...required(platformBits), unknownBits: 'forbidden' },
    },
  ],
  ['bits forbidden that are set', { platformInfo: 0x3ffn, guestPolicy: 0xff0000n }, DEFAULT_MACHINE],
  ['a migration agent', { guestPolicy: 0x70000n, reportIdMa: new Uint8Array(32).fill(1) }, {}],
  ['a migration agent where none is allowed', { reportIdMa: new Uint8Array(32).fill(1) }, {}],
  ['a newer ABI than the firmware has', { guestPolicy: 0x30000n | (2n << 8n) | 99n }, {}],
  ['no level, no chip, no host data', {}, { vmpl: [], chips: [], hostData: [], guestSvn: [], idKey: [] }],
  [
    'levels, chips and host data that are others',
    {},
    {
      vmpl: [1, 2],
      chips: ['11'.repeat(64), '22'.repeat(8)],
      hostData: '33'.repeat(32),
      familyId: ['44'.repeat(16)],
      imageId: '55'.repeat(16),
      guestSvn: [7, 8],
    },
  ],
  ['a guest SVN by number', { guestSvn: 5 }, { guestSvn: 6 }],
  ['a masked chip', { chipId: new Uint8Array(64) }, { chips: ['00'.repeat(64)] }],
  [
    'keys where none may be',
    { idKeyDigest: new Uint8Array(48).fill(1), authorKeyDigest: new Uint8Array(48).fill(2) },
    { idKey: 'none', authorKey: 'none' },
  ],
  [
    'other ID and author keys',
    { idKeyDigest: new Uint8Array(48).fill(1) },
    { idKey: ['22'.repeat(48)], authorKey: ['33'.repeat(48), '44'.repeat(48)] },
  ],
  [
    'TCB versions out of order',
    {
      reportedTcb: { ...TCB, snp: 28 },
      committedTcb: { ...TCB, tee: 3 },
      launchTcb: { ...TCB, microcode: 89 },
      currentTcb: TCB,
    },
    { committedEqualsCurrent: true },
  ],
  [
    'provisional firmware',
    { committedFirmware: { major: 1, minor: 55, build: 39 } },
    { committedEqualsCurrent: true, firmware: '1.55.40' },
  ],
  ['floors of another layout, of another product, and too high', {}, { tcb: floor(99) }],
  ['floors of a dated table', { currentTcb: { ...TCB, microcode: 1 } }, { tcb: '2026-09' }],
  ['a CPU without a floor', { cpuid: { family: 0x19, model: 0x1f, stepping: 3 } }, { tcb: '2026-09' }],
  ['version 2 and floors', { cpuid: null }, { tcb: '2026-09' }],
  ['mitigations', { launchMitigations: 5n, currentMitigations: 0n }, { mitigations: { launch: '0x2', current: '0' } }],
  [
    'mitigations before version 5',
    { launchMitigations: null, currentMitigations: null },
    { mitigations: { launch: '1', current: 'any' } },
  ],
];

/** Writes checks as lines; what differs from machine to machine (keys, and so fingerprints and chips) is written as its size. */
function lines(checks: readonly Check[], all: boolean): string {
  return checks
    .filter(({ outcome }) => all || outcome !== 'pass')
    .map(({ id, outcome, expected, actual }) => `  ${outcome} ${id}: ${expected} | ${actual}`)
    .join('\n')
    .replaceAll(
      /\b[0-9a-f]{16,}\b/g,
      (hex) => `<${hex.length / 2} bytes ${/^(..)\1*$/.test(hex) ? hex.slice(0, 2) : ''}>`,
    );
}

const sections = new Map<string, string>();
const seen = new Set<string>();
const golden = new Map(
  readFileSync(GOLDEN, 'utf8')
    .split('\n\n')
    .map((section) => [section.split('\n', 1)[0] ?? '', section.trimEnd()]),
);

function hold(title: string, checks: readonly Check[], all: boolean): void {
  for (const { id } of checks) seen.add(id);
  sections.set(title, `${title}\n${lines(checks, all)}`);
  if (!WRITE) expect(sections.get(title)).toBe(golden.get(title));
}

const genuine = parseReport((await amd.issueReport()).report).report;

describe('every check says what it expected and found', () => {
  it.each(rows.map(([title, options, changes = {}]) => ({ title, options, changes })))('for $title', async (row) => {
    const { title, options, changes } = row;
    const issued = await amd.issueReport(options);
    const { checks } = await appraiseReport(
      changes.change?.(issued) ?? issued,
      {
        reportData: 'any',
        measurements: 'any',
        ...changes.demands,
        machine: { ...ANY_MACHINE, revocation: 'required', ...changes.machine },
      },
      changes.roots ?? { simulated: [issued.rootFingerprint] },
      changes.now ?? NOW,
      createChainCache(),
      createCrlNumbers([]),
    );
    // Isolation has its own rows.
    const genuineChecks = checks.filter(({ stage }) => stage !== 'isolation');
    hold(title, genuineChecks, title.startsWith('a healthy'));
  });

  it.each(machineRows.map(([title, fields, machine]) => ({ title, fields, machine })))('for $title', (row) => {
    const { title, fields, machine } = row;
    expect(genuine).not.toBeNull();
    if (genuine === null) return;
    const checks = checkMachine({ ...genuine, ...fields }, 'Genoa', { ...ANY_MACHINE, ...machine });
    const asked =
      title === 'a machine that is asked nothing' ? checks : checks.filter(({ outcome }) => outcome !== 'skipped');
    hold(title, asked, true);
  });

  it('and each was looked at, but for those about more than a report', () => {
    const elsewhere = /^(file|evidence|claims|hcl|owner|lockdown|code-functions|channel-(freshness|tls)|guest-vm)/;
    expect(Object.keys(CHECKS).filter((id) => !seen.has(id) && !elsewhere.test(id))).toEqual([]);
    expect([...golden.keys()].filter((title) => title !== '' && !sections.has(title))).toEqual([]);
  });
});

afterAll(() => {
  if (WRITE) writeFileSync(GOLDEN, `${[...sections.values()].join('\n\n')}\n`);
});
