/** Demands for tests: a machine that demands nothing beyond authenticity, and the one that the vectors' index assumes. */
import { LOCKDOWN_CLAIMS, type Lockdown, type LockdownDemands } from '../../src/attestation/lockdown.ts';
import type { Demands } from '../../src/attestation/report-appraisal.ts';
import type { Machine } from '../../src/attestation/requirements.ts';
import { PRODUCTS } from '../../src/attestation/snp/product.ts';

/** Every field says `any`, so that only the first four stages can refuse. */
export const ANY_MACHINE: Machine = {
  products: PRODUCTS,
  signer: ['VCEK', 'VLEK'],
  tcb: 'any',
  committedEqualsCurrent: false,
  firmware: 'any',
  revocation: 'off',
  chips: 'any',
  vmpl: [0, 1, 2, 3],
  guestPolicy: {
    debug: 'any',
    migrationAgent: 'any',
    smt: 'any',
    singleSocket: 'any',
    cxl: 'any',
    memAes256Xts: 'any',
    raplDisabled: 'any',
    ciphertextHiding: 'any',
    pageSwapDisabled: 'any',
  },
  platform: {
    smt: 'any',
    tsme: 'any',
    ecc: 'any',
    raplDisabled: 'any',
    ciphertextHiding: 'any',
    aliasCheckComplete: 'any',
    iommuWriteSafe: 'any',
    tio: 'any',
    unknownBits: 'any',
  },
  mitigations: { launch: 'any', current: 'any' },
  idKey: 'any',
  authorKey: 'any',
  hostData: 'any',
  familyId: 'any',
  imageId: 'any',
  guestSvn: 'any',
};

/** Debug and migration agent off, level 0, committed equals current, alias check complete, no unknown platform bits. */
export const DEFAULT_MACHINE: Machine = {
  ...ANY_MACHINE,
  committedEqualsCurrent: true,
  vmpl: [0],
  guestPolicy: { ...ANY_MACHINE.guestPolicy, debug: 'forbidden', migrationAgent: 'forbidden' },
  platform: { ...ANY_MACHINE.platform, aliasCheckComplete: 'required', unknownBits: 'forbidden' },
};

/** Accepts any report data and any measurement on this machine. */
export const anyReport = (machine: Machine): Demands => ({ reportData: 'any', measurements: 'any', machine });

/** Every claim says `any`. */
export const ANY_LOCKDOWN: LockdownDemands = Object.fromEntries(
  LOCKDOWN_CLAIMS.map((name) => [name, 'any']),
) as LockdownDemands;

/** What a worker claims on a machine where nothing weakens it. */
export const STRICT_LOCKDOWN: Lockdown = {
  egress: 'policy',
  sandbox: 'node-permission',
  memory: 'cgroup',
  processor: 'cgroup',
  counters: 'durable',
  storage: 'sealed',
  keys: 'none',
  owners: 'closed',
  names: 'dns',
  roots: 'system',
  firewall: `sha256:${'f'.repeat(64)}`,
  console: 'none',
  debugger: 'none',
  environment: 'clean',
  privileges: 'none',
  seccomp: 'filter',
  core: 'none',
  swap: 'none',
  kernel: 'integrity',
};
