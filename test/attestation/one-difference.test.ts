/** One field of report, claims, connection or trust file with any other value than the demanded one is never accepted, whichever and whatever it is. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Machine } from '../../src/attestation/requirements.ts';
import { findProduct } from '../../src/attestation/snp/product.ts';
import type { AttestationReport } from '../../src/attestation/snp/report.ts';
import { encodeHex } from '../../src/base/bytes.ts';
import { formatDigest } from '../../src/base/digest.ts';
import { SIMULATED_MEASUREMENT } from '../../src/testing/index.ts';
import { STRICT_LOCKDOWN } from './demands.ts';
import { appraiseWhole, type Difference, fill, LEVELS, MACHINE } from './whole-session.ts';

const bytes = (base: Uint8Array): fc.Arbitrary<Uint8Array> =>
  fc
    .uint8Array({ minLength: base.length, maxLength: base.length })
    .filter((value) => encodeHex(value) !== encodeHex(base));
const number = (base: number, max: number): fc.Arbitrary<number> =>
  fc.integer({ min: 0, max }).filter((value) => value !== base);

/** Any other level of any one component. */
const tcb = fc
  .constantFrom('bootloader', 'tee', 'snp', 'microcode')
  .chain((component) => number(LEVELS[component as 'snp'], 255).map((level) => ({ ...LEVELS, [component]: level })));
const firmware = fc
  .constantFrom('major', 'minor', 'build')
  .chain((part) => fc.nat(255).map((value) => ({ major: 1, minor: 55, build: 49, [part]: value })))
  .filter(({ major, minor, build }) => major !== 1 || minor !== 55 || build !== 49);

/** What each field of a report may be apart from what is demanded of it; a field without a demand is named below. */
const REPORT: Readonly<Partial<Record<keyof AttestationReport, fc.Arbitrary<unknown>>>> = {
  version: fc.constantFrom(3, 4),
  guestSvn: number(3, 0xffffffff),
  // Bits 15 to 0 are the lowest ABI version, which may be any that the firmware has.
  guestPolicy: fc.bigInt({ min: 1n, max: (1n << 48n) - 1n }).map((mask) => 0x3001fn ^ (mask << 16n)),
  familyId: bytes(fill(16, 0xfa)),
  imageId: bytes(fill(16, 0x1a)),
  vmpl: number(0, 0xffffffff),
  signatureAlgorithm: number(1, 0xffffffff),
  currentTcb: tcb,
  committedTcb: tcb,
  reportedTcb: tcb,
  launchTcb: tcb,
  platformInfo: fc.bigInt({ min: 1n, max: (1n << 64n) - 1n }).map((mask) => 0x25n ^ mask),
  reportData: bytes(fill(64, 0)),
  measurement: bytes(SIMULATED_MEASUREMENT),
  hostData: bytes(fill(32, 0x4d)),
  idKeyDigest: bytes(fill(48, 0x1d)),
  authorKeyDigest: bytes(fill(48, 0xa0)),
  reportIdMa: bytes(fill(32, 0xff)),
  cpuid: fc
    .record({ family: fc.nat(255), model: fc.nat(255), stepping: fc.nat(255) })
    .filter((cpuid) => findProduct(cpuid) !== 'Genoa'),
  chipId: bytes(fill(64, 0xc1)),
  currentFirmware: firmware,
  committedFirmware: firmware,
  launchMitigations: fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }).filter((value) => (value & 0xbn) !== 0xbn),
  currentMitigations: fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }).filter((value) => (value & 0xbn) !== 0xbn),
  keyInfo: fc.constantFrom(
    { authorKeyEnabled: true, chipKeyMasked: true, signer: 'VCEK' },
    { authorKeyEnabled: true, chipKeyMasked: false, signer: 'VLEK' },
  ),
};

/** Random at each launch, so nothing can be demanded of it; and the signature, of which no part may change (bit-flips.test.ts). */
const WITHOUT_DEMAND: readonly (keyof AttestationReport)[] = ['reportId', 'signature'];

const inReport: fc.Arbitrary<Difference> = fc.oneof(
  ...Object.entries(REPORT).map(([field, values]) =>
    values.map((value): Difference => {
      const mitigations = field === 'version' ? { launchMitigations: null, currentMitigations: null } : {};
      return { machine: { [field]: value, ...mitigations } };
    }),
  ),
);

const digest = bytes(fill(32, 6));
const names = fc.string({ minLength: 1, maxLength: 20 });
const inClaims: fc.Arbitrary<Difference> = fc.oneof(
  bytes(fill(32, 3)).map((tls): Difference => ({ claims: { tls } })),
  fc.uint8Array({ minLength: 32, maxLength: 32 }).map((freshness): Difference => ({ claims: { freshness } })),
  digest.map((value): Difference => ({ claims: { functions: { 'risk-score': value } } })),
  names
    .filter((name) => name !== 'risk-score')
    .map((name): Difference => ({ claims: { functions: Object.fromEntries([[name, fill(32, 6)]]) } })),
  bytes(fill(32, 7)).map((value): Difference => ({ claims: { policies: { 'hospital-a': value } } })),
  names
    .filter((name) => name !== 'hospital-a')
    .map(
      (name): Difference => ({
        claims: {
          policies: Object.fromEntries([
            ['hospital-a', fill(32, 7)],
            [name, fill(32, 7)],
          ]),
        },
      }),
    ),
  fc
    .string({ maxLength: 20 })
    .filter((value) => value !== 'policy')
    .map((egress): Difference => ({ claims: { lockdown: { ...STRICT_LOCKDOWN, egress } } })),
  fc.constant<Difference>({ claims: { policies: {} } }),
  fc.constant<Difference>({ claims: { lockdown: {} } }),
);

const inConnection: fc.Arbitrary<Difference> = fc.oneof(
  bytes(fill(32, 1)).map((nonce): Difference => ({ channel: { nonce } })),
  bytes(fill(32, 2)).map((value): Difference => ({ channel: { value } })),
  bytes(fill(32, 3)).map((peerSpkiDigest): Difference => ({ channel: { peerSpkiDigest } })),
  fc.bigInt({ min: 8n, max: 1n << 150n }).map((seen): Difference => ({ seen })),
);

const hex = (size: number, base: number): fc.Arbitrary<string> => bytes(fill(size, base)).map(encodeHex);
const lists = (size: number, base: number): fc.Arbitrary<readonly string[]> =>
  fc.array(hex(size, base), { maxLength: 3 });
const demands: fc.Arbitrary<Partial<Machine>> = fc.oneof(
  fc.subarray(['Milan', 'Turin'] as const).map((products) => ({ products })),
  fc.constantFrom<Partial<Machine>>({ signer: [] }, { signer: ['VLEK'] }),
  fc.subarray([1, 2, 3]).map((vmpl) => ({ vmpl })),
  lists(64, 0xc1).map((chips) => ({ chips })),
  fc.oneof(lists(48, 0x1d), fc.constant('none' as const)).map((idKey) => ({ idKey })),
  fc.oneof(lists(48, 0xa0), fc.constant('none' as const)).map((authorKey) => ({ authorKey })),
  fc.oneof(lists(32, 0x4d), hex(32, 0x4d)).map((hostData) => ({ hostData })),
  fc.oneof(lists(16, 0xfa), hex(16, 0xfa)).map((familyId) => ({ familyId })),
  fc.oneof(lists(16, 0x1a), hex(16, 0x1a)).map((imageId) => ({ imageId })),
  fc.array(number(3, 0xffffffff), { maxLength: 3 }).map((guestSvn) => ({ guestSvn })),
  fc.tuple(fc.nat(255), fc.nat(200)).map(([minor, build]) => ({ firmware: `2.${minor}.${build}` })),
);
const inTrustFile: fc.Arbitrary<Difference> = fc.oneof(
  demands.map((value): Difference => ({ demands: value })),
  lists(32, 0).map((simulated): Difference => ({ trust: { roots: { simulated } } })),
  fc.constant<Difference>({ trust: { roots: 'amd' } }),
  fc
    .array(bytes(SIMULATED_MEASUREMENT), { maxLength: 3 })
    .map((others): Difference => ({ trust: { code: { measurements: others.map(encodeHex), functions: {} } } })),
  digest.map((value): Difference => {
    const functions = { 'risk-score': formatDigest(value) };
    return { trust: { code: { measurements: [encodeHex(SIMULATED_MEASUREMENT)], functions } } };
  }),
);

async function neverAccepts(differences: fc.Arbitrary<Difference>, numRuns: number): Promise<void> {
  const property = fc.asyncProperty(differences, async (difference) => {
    expect((await appraiseWhole(difference)).verdict).toBe('reject');
  });
  await fc.assert(property, { numRuns });
}

describe('a session that differs in one field', () => {
  it('covers every field of a report on which there is a demand', async () => {
    const { report } = await appraiseWhole();
    expect(report).not.toBeNull();
    const fields = [...Object.keys(REPORT), ...WITHOUT_DEMAND];
    const all: Readonly<Record<keyof AttestationReport, true>> = {
      version: true,
      guestSvn: true,
      guestPolicy: true,
      familyId: true,
      imageId: true,
      vmpl: true,
      signatureAlgorithm: true,
      currentTcb: true,
      platformInfo: true,
      keyInfo: true,
      reportData: true,
      measurement: true,
      hostData: true,
      idKeyDigest: true,
      authorKeyDigest: true,
      reportId: true,
      reportIdMa: true,
      reportedTcb: true,
      cpuid: true,
      chipId: true,
      committedTcb: true,
      currentFirmware: true,
      committedFirmware: true,
      launchTcb: true,
      launchMitigations: true,
      currentMitigations: true,
      signature: true,
    };
    expect(fields.toSorted()).toEqual(Object.keys(all).toSorted());
    expect((await appraiseWhole({ machine: { reportId: fill(32, 0x77) } })).verdict).toBe('accept');
    expect(MACHINE.guestPolicy).toBe(0x3001fn);
  });

  it('of the report is not accepted', { timeout: 60_000 }, async () => await neverAccepts(inReport, 150));
  it('of the claims is not accepted', { timeout: 60_000 }, async () => await neverAccepts(inClaims, 60));
  it('of the connection is not accepted', { timeout: 60_000 }, async () => await neverAccepts(inConnection, 30));
  it('of the trust file is not accepted', { timeout: 60_000 }, async () => await neverAccepts(inTrustFile, 80));
});
