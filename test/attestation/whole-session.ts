/**
 * A whole session without a network: a machine, claims, a report over them and a client who demands every single thing, so that each check is
 * decided and passes. Tests change one thing of it.
 */
import type { Appraisal } from '../../src/appraisal.ts';
import { type Claims, encodeClaims, PROFILE, reportDataOf } from '../../src/attestation/claims.ts';
import { type Evidence, encodeEvidence } from '../../src/attestation/evidence.ts';
import { freshnessLeaf } from '../../src/attestation/freshness.ts';
import type { Machine } from '../../src/attestation/requirements.ts';
import { appraiseSession, type Channel } from '../../src/attestation/session-appraisal.ts';
import { createChainCache } from '../../src/attestation/snp/chain-cache.ts';
import { createCrlNumbers } from '../../src/attestation/snp/crl-numbers.ts';
import type { TrustFile } from '../../src/attestation/trust-file.ts';
import { formatDigest } from '../../src/base/digest.ts';
import { merkleRoot } from '../../src/base/merkle.ts';
import { encodeDerInteger, type IssuedReport, type MachineOptions } from '../../src/testing/index.ts';
import { NOW, sharedAmd } from '../testing/shared-amd.ts';
import { STRICT_LOCKDOWN } from './demands.ts';
import { verifiedRelease, versionUntil } from './release/releases.ts';

const amd = await sharedAmd();

/** Makes bytes that say who they are. */
export const fill = (size: number, byte: number): Uint8Array => new Uint8Array(size).fill(byte);

/** The levels of the machine, all four of them. */
export const LEVELS = { fmc: null, bootloader: 10, tee: 0, snp: 27, microcode: 88 } as const;
const FIRMWARE = { major: 1, minor: 55, build: 49 };

/** The machine: every field that a client may demand has a value of its own. */
export const MACHINE: MachineOptions = {
  chipId: fill(64, 0xc1),
  guestSvn: 3,
  familyId: fill(16, 0xfa),
  imageId: fill(16, 0x1a),
  hostData: fill(32, 0x4d),
  idKeyDigest: fill(48, 0x1d),
  authorKeyDigest: fill(48, 0xa0),
  keyInfo: { authorKeyEnabled: true, chipKeyMasked: false, signer: 'VCEK' },
  guestPolicy: 0x3001fn,
  platformInfo: 0x25n,
  currentTcb: LEVELS,
  committedTcb: LEVELS,
  reportedTcb: LEVELS,
  launchTcb: LEVELS,
  currentFirmware: FIRMWARE,
  committedFirmware: FIRMWARE,
  launchMitigations: 0xbn,
  currentMitigations: 0xbn,
  crl: { extensions: { crlNumber: encodeDerInteger(7) } },
};

const { fmc: _fmc, ...FLOOR } = LEVELS;

/** Demands that this machine meets, and none of them `any`. */
export const DEMANDS: Machine = {
  products: ['Genoa'],
  signer: ['VCEK'],
  tcb: {
    reported: { Genoa: FLOOR },
    committed: { Genoa: FLOOR },
    launch: { Genoa: FLOOR },
    current: { Genoa: FLOOR },
  },
  committedEqualsCurrent: true,
  firmware: '1.55.49',
  revocation: 'required',
  chips: ['c1'.repeat(64)],
  vmpl: [0],
  guestPolicy: {
    debug: 'forbidden',
    migrationAgent: 'forbidden',
    smt: 'required',
    singleSocket: 'forbidden',
    cxl: 'forbidden',
    memAes256Xts: 'forbidden',
    raplDisabled: 'forbidden',
    ciphertextHiding: 'forbidden',
    pageSwapDisabled: 'forbidden',
  },
  platform: {
    smt: 'required',
    tsme: 'forbidden',
    ecc: 'required',
    raplDisabled: 'forbidden',
    ciphertextHiding: 'forbidden',
    aliasCheckComplete: 'required',
    iommuWriteSafe: 'forbidden',
    tio: 'forbidden',
    unknownBits: 'forbidden',
  },
  mitigations: { launch: 'b', current: 'b' },
  idKey: ['1d'.repeat(48)],
  authorKey: ['a0'.repeat(48)],
  hostData: '4d'.repeat(32),
  familyId: 'fa'.repeat(16),
  imageId: '1a'.repeat(16),
  guestSvn: 3,
};

/** What differs from the whole session; an empty object is the session that is accepted. */
export interface Difference {
  /** The machine and its certificates, before anything is signed. */
  readonly machine?: MachineOptions;
  /** What the worker says, before the report is made over it. */
  readonly claims?: Partial<Claims>;
  /** The bundle, after everything was signed. */
  readonly evidence?: (evidence: Evidence) => Evidence;
  /** The answer on the wire. */
  readonly answer?: (encoded: Uint8Array) => Uint8Array | null;
  /** What the client knows of its own connection. */
  readonly channel?: Partial<Channel>;
  /** What the client demands. */
  readonly demands?: Partial<Machine>;
  readonly trust?: Partial<Omit<TrustFile, 'machine'>>;
  /** Number of the newest revocation list that the client has seen. */
  readonly seen?: bigint;
  readonly now?: Date;
}

const TOMORROW = new Date(NOW.getTime() + 86_400_000);

/** Issues the report of the machine over 64 bytes. */
export const issueWhole = async (reportData: Uint8Array): Promise<IssuedReport> =>
  await amd.issueReport({ ...MACHINE, reportData });

/** What the client demands. */
export function trustOf(rootFingerprint: string, difference: Difference = {}): TrustFile {
  return {
    url: 'https://worker.example',
    roots: { simulated: [rootFingerprint] },
    code: {
      measurements: [verifiedRelease(versionUntil(TOMORROW))],
      functions: { 'risk-score': formatDigest(fill(32, 6)) },
    },
    isolation: {
      policies: { 'hospital-a': formatDigest(fill(32, 7)) },
      others: 'refused',
      lockdown: STRICT_LOCKDOWN,
    },
    freshness: { reattest: 'connection' },
    ...difference.trust,
    machine: { ...DEMANDS, ...difference.demands },
  };
}

/** Lets the client of a whole session appraise the worker. */
export async function appraiseWhole(difference: Difference = {}): Promise<Appraisal> {
  const channel: Channel = { role: 'worker', nonce: fill(32, 1), value: fill(32, 2), peerSpkiDigest: fill(32, 3) };
  const claims = encodeClaims({
    profile: PROFILE,
    role: 'worker',
    instance: fill(16, 4),
    tls: channel.peerSpkiDigest,
    hpke: fill(41, 5),
    functions: { 'risk-score': fill(32, 6) },
    policies: { 'hospital-a': fill(32, 7) },
    lockdown: STRICT_LOCKDOWN,
    freshness: merkleRoot([freshnessLeaf('worker', channel.nonce, channel.value)]),
    log: { size: 0, root: fill(32, 8) },
    runtime: 'test',
    ...difference.claims,
  });
  const issued = await amd.issueReport({ ...MACHINE, reportData: reportDataOf(claims), ...difference.machine });
  const { report, certificates, crl, rootFingerprint } = issued;
  const bundle: Evidence = { report, certificates, crl, claims, index: 0, size: 1, path: [] };
  const encoded = encodeEvidence(difference.evidence?.(bundle) ?? bundle);
  const trust = trustOf(rootFingerprint, difference);
  return await appraiseSession(
    difference.answer === undefined ? encoded : difference.answer(encoded),
    { ...channel, ...difference.channel },
    trust,
    difference.now ?? NOW,
    createChainCache(),
    createCrlNumbers([[`${rootFingerprint}/VCEK`, difference.seen ?? 7n]]),
  );
}
