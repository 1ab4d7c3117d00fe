/** Each field of `machine`: a report that meets the demand, and the same report with a demand that differs in exactly that field. */
import { describe, expect, it } from 'vitest';
import type { Appraisal } from '../../src/appraisal.ts';
import { appraiseReport } from '../../src/attestation/report-appraisal.ts';
import { type Machine, PRESETS } from '../../src/attestation/requirements.ts';
import { createChainCache } from '../../src/attestation/snp/chain-cache.ts';
import { createCrlNumbers } from '../../src/attestation/snp/crl-numbers.ts';
import { encodeHex } from '../../src/base/bytes.ts';
import type { MachineOptions } from '../../src/testing/index.ts';
import { NOW, sharedAmd } from '../testing/shared-amd.ts';
import { ANY_MACHINE, anyReport } from './demands.ts';

const amd = await sharedAmd();

async function appraise(machine: Machine, options: MachineOptions): Promise<Appraisal> {
  const issued = await amd.issueReport(options);
  return await appraiseReport(
    issued,
    anyReport(machine),
    { simulated: [issued.rootFingerprint] },
    NOW,
    createChainCache(),
    createCrlNumbers([]),
  );
}

const failed = (a: Appraisal): readonly string[] => a.checks.filter((c) => c.outcome === 'fail').map((c) => c.id);

interface Row {
  readonly id: string;
  readonly code: string;
  readonly machine: MachineOptions;
  readonly met: Partial<Machine>;
  readonly broken: Partial<Machine>;
}

const guestPolicy = (bits: Partial<Machine['guestPolicy']>): Partial<Machine> => ({
  guestPolicy: { ...ANY_MACHINE.guestPolicy, ...bits },
});
const platform = (bits: Partial<Machine['platform']>): Partial<Machine> => ({
  platform: { ...ANY_MACHINE.platform, ...bits },
});
const tcb = (floors: Partial<Exclude<Machine['tcb'], string>>): Partial<Machine> => ({
  tcb: { reported: 'any', committed: 'any', launch: 'any', current: 'any', ...floors },
});

const GUEST_BITS = [
  ['debug', 19n, 'guest-policy-debug'],
  ['migrationAgent', 18n, 'guest-policy-migration-agent'],
  ['smt', 16n, 'guest-policy-smt'],
  ['singleSocket', 20n, 'guest-policy-single-socket'],
  ['cxl', 21n, 'guest-policy-cxl'],
  ['memAes256Xts', 22n, 'guest-policy-mem-aes-256-xts'],
  ['raplDisabled', 23n, 'guest-policy-rapl-disabled'],
  ['ciphertextHiding', 24n, 'guest-policy-ciphertext-hiding'],
  ['pageSwapDisabled', 25n, 'guest-policy-page-swap-disabled'],
] as const;

const PLATFORM_BITS = [
  ['smt', 0n, 'platform-smt'],
  ['tsme', 1n, 'platform-tsme'],
  ['ecc', 2n, 'platform-ecc'],
  ['raplDisabled', 3n, 'platform-rapl-disabled'],
  ['ciphertextHiding', 4n, 'platform-ciphertext-hiding'],
  ['aliasCheckComplete', 5n, 'platform-alias-check-complete'],
  ['iommuWriteSafe', 6n, 'platform-iommu-write-safe'],
  ['tio', 7n, 'platform-tio'],
] as const;

/** Each bit, set and clear, required and forbidden. */
const bitRows: readonly Row[] = [
  ...GUEST_BITS.flatMap(([name, bit, id]): Row[] => {
    const code = 'ERR_NOT_ISOLATED_GUEST_POLICY';
    const required = guestPolicy({ [name]: 'required' });
    const forbidden = guestPolicy({ [name]: 'forbidden' });
    const base = 1n << 17n;
    return [
      { id, code, machine: { guestPolicy: base | (1n << bit) }, met: required, broken: forbidden },
      { id, code, machine: { guestPolicy: base }, met: forbidden, broken: required },
    ];
  }),
  ...PLATFORM_BITS.flatMap(([name, bit, id]): Row[] => {
    const code = 'ERR_NOT_ISOLATED_PLATFORM';
    const required = platform({ [name]: 'required' });
    const forbidden = platform({ [name]: 'forbidden' });
    return [
      { id, code, machine: { platformInfo: 1n << bit }, met: required, broken: forbidden },
      { id, code, machine: { platformInfo: 0n }, met: forbidden, broken: required },
    ];
  }),
  {
    id: 'platform-unknown-bits',
    code: 'ERR_NOT_ISOLATED_PLATFORM',
    machine: { platformInfo: 1n << 8n },
    met: {},
    broken: platform({ unknownBits: 'forbidden' }),
  },
  {
    id: 'platform-unknown-bits',
    code: 'ERR_NOT_ISOLATED_PLATFORM',
    machine: { platformInfo: 1n << 63n },
    met: {},
    broken: platform({ unknownBits: 'forbidden' }),
  },
];

const LEVELS = { fmc: null, bootloader: 10, tee: 1, snp: 27, microcode: 88 };
const FLOOR = { bootloader: 10, tee: 1, snp: 27, microcode: 88 };
const TCBS = { currentTcb: LEVELS, committedTcb: LEVELS, reportedTcb: LEVELS, launchTcb: LEVELS };
const TCB_CODE = 'ERR_NOT_ISOLATED_TCB';

const tcbRows: readonly Row[] = [
  ...(['reported', 'committed', 'launch', 'current'] as const).flatMap((kind) =>
    (['bootloader', 'tee', 'snp', 'microcode'] as const).map(
      (component): Row => ({
        id: `tcb-${kind}`,
        code: TCB_CODE,
        machine: TCBS,
        met: tcb({ [kind]: { Genoa: FLOOR } }),
        broken: tcb({ [kind]: { Genoa: { ...FLOOR, [component]: FLOOR[component] + 1 } } }),
      }),
    ),
  ),
  {
    id: 'tcb-reported',
    code: TCB_CODE,
    machine: { product: 'Turin' },
    met: tcb({ reported: { Turin: { fmc: 0, bootloader: 1, tee: 0, snp: 4, microcode: 81 } } }),
    broken: tcb({ reported: { Turin: { fmc: 1, bootloader: 1, tee: 0, snp: 4, microcode: 81 } } }),
  },
  {
    id: 'tcb-reported',
    code: TCB_CODE,
    machine: TCBS,
    met: tcb({ reported: { Genoa: FLOOR } }),
    broken: tcb({ reported: { Milan: FLOOR } }),
  },
];

const CHIP = 'a5'.repeat(64);
const KEY = '5a'.repeat(48);
const bytes = (value: number, size: number): Uint8Array => new Uint8Array(size).fill(value);
const IDENTITY = 'ERR_NOT_ISOLATED_IDENTITY';
const MITIGATIONS = 'ERR_NOT_ISOLATED_MITIGATIONS';

const rows: readonly Row[] = [
  ...bitRows,
  ...tcbRows,
  { id: 'vmpl', code: 'ERR_NOT_ISOLATED_VMPL', machine: { vmpl: 1 }, met: { vmpl: [0, 1] }, broken: { vmpl: [0] } },
  { id: 'vmpl', code: 'ERR_NOT_ISOLATED_VMPL', machine: {}, met: { vmpl: [0] }, broken: { vmpl: [] } },
  {
    id: 'tcb-committed-equals-current',
    code: TCB_CODE,
    machine: { currentTcb: { ...LEVELS, microcode: 89 }, committedTcb: LEVELS, reportedTcb: LEVELS, launchTcb: LEVELS },
    met: { committedEqualsCurrent: false },
    broken: { committedEqualsCurrent: true },
  },
  {
    id: 'tcb-committed-equals-current',
    code: TCB_CODE,
    machine: {
      currentFirmware: { major: 1, minor: 55, build: 50 },
      committedFirmware: { major: 1, minor: 55, build: 49 },
    },
    met: { committedEqualsCurrent: false },
    broken: { committedEqualsCurrent: true },
  },
  ...['1.55.50', '1.56.0', '2.0.0'].map(
    (broken): Row => ({
      id: 'firmware',
      code: 'ERR_NOT_ISOLATED_FIRMWARE',
      machine: {
        currentFirmware: { major: 1, minor: 55, build: 49 },
        committedFirmware: { major: 1, minor: 55, build: 49 },
      },
      met: { firmware: '1.55.49' },
      broken: { firmware: broken },
    }),
  ),
  {
    id: 'firmware',
    code: 'ERR_NOT_ISOLATED_FIRMWARE',
    machine: {
      currentFirmware: { major: 1, minor: 55, build: 60 },
      committedFirmware: { major: 1, minor: 55, build: 49 },
    },
    met: { firmware: '1.55.49' },
    broken: { firmware: '1.55.60' },
  },
  ...(['launch', 'current'] as const).flatMap((kind): Row[] => {
    const other = kind === 'launch' ? 'current' : 'launch';
    const demand = (mask: string): Partial<Machine> => ({
      mitigations: { launch: 'any', current: 'any', [kind]: mask },
    });
    return [
      {
        id: `mitigations-${kind}`,
        code: MITIGATIONS,
        machine: { [`${kind}Mitigations`]: 0xbn, [`${other}Mitigations`]: 0xffn },
        met: demand('3'),
        broken: demand('7'),
      },
      {
        id: `mitigations-${kind}`,
        code: MITIGATIONS,
        machine: { version: 3, launchMitigations: null, currentMitigations: null },
        met: demand('any'),
        broken: demand('0'),
      },
    ];
  }),
  {
    id: 'chip',
    code: 'ERR_NOT_ISOLATED_CHIP',
    machine: { chipId: bytes(0xa5, 64) },
    met: { chips: ['00'.repeat(64), CHIP] },
    broken: { chips: [CHIP.replace(/.$/, '4')] },
  },
  {
    id: 'chip',
    code: 'ERR_NOT_ISOLATED_CHIP',
    machine: { signer: 'VLEK' },
    met: { chips: 'any' },
    broken: { chips: ['00'.repeat(64)] },
  },
  {
    id: 'id-key',
    code: IDENTITY,
    machine: { idKeyDigest: bytes(0x5a, 48) },
    met: { idKey: [KEY] },
    broken: { idKey: 'none' },
  },
  {
    id: 'id-key',
    code: IDENTITY,
    machine: { idKeyDigest: bytes(0x5a, 48) },
    met: { idKey: [KEY] },
    broken: { idKey: [KEY.replace(/.$/, 'b')] },
  },
  { id: 'id-key', code: IDENTITY, machine: {}, met: { idKey: 'none' }, broken: { idKey: ['00'.repeat(48)] } },
  {
    id: 'author-key',
    code: IDENTITY,
    machine: {
      authorKeyDigest: bytes(0x5a, 48),
      keyInfo: { authorKeyEnabled: true, chipKeyMasked: false, signer: 'VCEK' },
    },
    met: { authorKey: [KEY] },
    broken: { authorKey: 'none' },
  },
  {
    id: 'author-key',
    code: IDENTITY,
    machine: { keyInfo: { authorKeyEnabled: true, chipKeyMasked: false, signer: 'VCEK' } },
    met: { authorKey: 'any' },
    broken: { authorKey: 'none' },
  },
  ...(
    [
      ['hostData', 'host-data', 32],
      ['familyId', 'family-id', 16],
      ['imageId', 'image-id', 16],
    ] as const
  ).flatMap(([field, id, size]): Row[] => {
    const value = encodeHex(bytes(7, size));
    const other = encodeHex(bytes(8, size));
    return [
      { id, code: IDENTITY, machine: { [field]: bytes(7, size) }, met: { [field]: value }, broken: { [field]: other } },
      {
        id,
        code: IDENTITY,
        machine: { [field]: bytes(7, size) },
        met: { [field]: [other, value] },
        broken: { [field]: [] },
      },
    ];
  }),
  { id: 'guest-svn', code: IDENTITY, machine: { guestSvn: 3 }, met: { guestSvn: 3 }, broken: { guestSvn: 4 } },
  { id: 'guest-svn', code: IDENTITY, machine: { guestSvn: 3 }, met: { guestSvn: [2, 3] }, broken: { guestSvn: [] } },
];

describe('each demand on the machine', () => {
  it('is covered', () => expect(rows.length).toBeGreaterThan(80));

  it.each(rows.map((row, i) => ({ ...row, title: `${i + 1}: ${row.id}` })))(
    '$title passes when it is met, and fails alone when it is not',
    async ({ id, code, machine, met, broken }) => {
      const good = await appraise({ ...ANY_MACHINE, ...met }, machine);
      expect([failed(good), good.verdict]).toEqual([[], 'accept']);
      const bad = await appraise({ ...ANY_MACHINE, ...broken }, machine);
      expect(failed(bad)).toEqual([id]);
      expect([bad.verdict, bad.stage, bad.code, bad.error]).toEqual([
        'reject',
        'isolation',
        code,
        'NotIsolatedEnclaveError',
      ]);
    },
  );

  it('is met by a Turin chip that is named by its 8 bytes', async () => {
    const { certificates, report, rootFingerprint } = await amd.issueReport({ product: 'Turin' });
    const id = encodeHex(report.subarray(0x1a0, 0x1a8));
    const demands = anyReport({ ...ANY_MACHINE, chips: [id] });
    const roots = { simulated: [rootFingerprint] };
    const appraisal = await appraiseReport(
      { report, certificates, crl: null },
      demands,
      roots,
      NOW,
      createChainCache(),
      createCrlNumbers([]),
    );
    expect(appraisal.verdict).toBe('accept');
  });

  it('with the floor table of 2026-09 accepts healthy machines, and refuses a CPU that it does not list', async () => {
    const demand: Machine = { ...ANY_MACHINE, tcb: '2026-09' };
    const all = ['tcb-reported', 'tcb-committed', 'tcb-launch', 'tcb-current'];
    expect(failed(await appraise(demand, { product: 'Genoa' }))).toEqual([]);
    expect(failed(await appraise(demand, { product: 'Turin' }))).toEqual([]);
    expect(failed(await appraise(demand, { product: 'Milan' }))).toEqual(all);
    expect(failed(await appraise(demand, { product: 'Genoa', version: 2 }))).toEqual(all);
    const zen4c = { family: 0x19, model: 0xa0, stepping: 2 };
    expect(failed(await appraise(demand, { product: 'Genoa', cpuid: zen4c }))).toEqual(all);
  });

  it('always includes the order of the TCB versions', async () => {
    const low = { ...LEVELS, snp: 26 };
    for (const tcbs of [
      { ...TCBS, committedTcb: low },
      { ...TCBS, currentTcb: low, committedTcb: low, reportedTcb: low },
      { ...TCBS, currentTcb: low, reportedTcb: low, launchTcb: low },
    ])
      expect(failed(await appraise(ANY_MACHINE, tcbs))).toEqual(['tcb-order']);
  });

  it('always includes that the firmware knows the ABI that the guest policy asks for', async () => {
    const currentFirmware = { major: 1, minor: 55, build: 49 };
    const withAbi = (abi: bigint): MachineOptions => ({ currentFirmware, guestPolicy: 0x30000n | abi });
    for (const abi of [0n, 0x1fn, 0xffn, 0x0137n]) {
      expect([abi, failed(await appraise(ANY_MACHINE, withAbi(abi)))]).toEqual([abi, []]);
    }
    for (const abi of [0x0138n, 0x0200n, 0xffffn]) {
      expect(failed(await appraise(ANY_MACHINE, withAbi(abi)))).toEqual(['guest-policy-abi']);
    }
  });

  it('always includes that there is no migration agent where none is allowed', async () => {
    const reportIdMa = new Uint8Array(32).fill(0xff);
    reportIdMa[31] = 0xfe;
    expect(failed(await appraise(ANY_MACHINE, { reportIdMa }))).toEqual(['migration-agent']);
    expect(failed(await appraise(ANY_MACHINE, { reportIdMa: new Uint8Array(32) }))).toEqual(['migration-agent']);
    expect(failed(await appraise(ANY_MACHINE, { reportIdMa, guestPolicy: 0x70000n }))).toEqual([]);
  });

  it('of the strict preset is met by a healthy machine of each product line that it lists', async () => {
    const strict = PRESETS['strict-2026-11'];
    expect(failed(await appraise(strict, { product: 'Genoa' }))).toEqual([]);
    expect(failed(await appraise(strict, { product: 'Turin', signer: 'VLEK' }))).toEqual([]);
    expect(failed(await appraise(strict, { product: 'Milan' }))).toEqual(['chain-accepted-product']);
    expect(failed(await appraise(strict, { crl: null }))).toEqual(['crl-present']);
  });
});
