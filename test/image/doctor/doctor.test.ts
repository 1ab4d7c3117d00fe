/** Each line of the doctor both ways: on a machine that lacks nothing, and on one that differs in exactly that. */
import { describe, expect, it } from 'vitest';
import { type DoctorRole, examine, guessRole } from '../../../src/image/doctor/examine.ts';
import type { DoctorState } from '../../../src/image/doctor/finding.ts';
import { GUEST_CHECKS } from '../../../src/image/doctor/guest-checks.ts';
import { HOST_CHECKS } from '../../../src/image/doctor/host-checks.ts';
import { isAtLeast } from '../../../src/image/doctor/processor.ts';
import { cpuinfo, type FakeMachine, GUEST, HOST, RULES, viewOf } from './fake-machine.ts';

const MACHINES: Readonly<Record<DoctorRole, FakeMachine>> = { host: HOST, guest: GUEST };

/** What differs; a file, device or program of null is not there. */
interface Difference extends Partial<Pick<FakeMachine, 'tsm' | 'firmware' | 'kdsAnswers' | 'now'>> {
  readonly files?: Readonly<Record<string, string | null>>;
  readonly devices?: Readonly<Record<string, boolean | null>>;
  readonly programs?: Readonly<Record<string, string | null>>;
}

function merge<T>(
  given: Readonly<Record<string, T>>,
  over: Readonly<Record<string, T | null>> = {},
): Record<string, T> {
  const entries = Object.entries({ ...given, ...over }).filter((entry): entry is [string, T] => entry[1] !== null);
  return Object.fromEntries(entries);
}

async function look(role: DoctorRole, difference: Difference): Promise<Readonly<Record<string, DoctorState>>> {
  const machine = MACHINES[role];
  const view = viewOf({
    ...machine,
    ...difference,
    files: merge(machine.files, difference.files),
    devices: merge(machine.devices, difference.devices),
    programs: merge(machine.programs, difference.programs),
  });
  const lines = await examine(view, role);
  for (const { says, hint, state } of lines) {
    expect(says).toMatch(/\.$/);
    expect(hint === null).toBe(state === 'ok');
  }
  return Object.fromEntries(lines.map(({ id, state }) => [id, state]));
}

const QEMU = 'qemu-system-x86_64';

const HOST_CASES: readonly (readonly [id: string, state: DoctorState, what: string, difference: Difference])[] = [
  ['processor', 'missing', 'no SEV-SNP', { files: { '/proc/cpuinfo': cpuinfo('sev sev_es') } }],
  ['processor', 'missing', 'another maker', { files: { '/proc/cpuinfo': cpuinfo('vmx', 'GenuineIntel') } }],
  ['processor', 'unknown', 'no list of processors', { files: { '/proc/cpuinfo': null } }],
  ['iommu', 'missing', 'an IOMMU that is passed through', { files: { '/proc/cmdline': 'quiet iommu=pt' } }],
  ['iommu', 'missing', 'an IOMMU that is off', { files: { '/proc/cmdline': 'amd_iommu=off quiet' } }],
  ['iommu', 'missing', 'no IOMMU', { devices: { '/sys/class/iommu/ivhd0': null } }],
  ['iommu', 'unknown', 'no boot parameters', { files: { '/proc/cmdline': null } }],
  ['kernel', 'missing', 'an older kernel', { files: { '/proc/sys/kernel/osrelease': '6.10.14-amd64\n' } }],
  ['kernel', 'unknown', 'a kernel without a number', { files: { '/proc/sys/kernel/osrelease': 'next\n' } }],
  ['kvm', 'missing', 'no KVM', { devices: { '/dev/kvm': null } }],
  ['kvm', 'missing', 'KVM for others only', { devices: { '/dev/kvm': false } }],
  ['kvm-snp', 'missing', 'SEV-SNP turned off', { files: { '/sys/module/kvm_amd/parameters/sev_snp': 'N\n' } }],
  ['kvm-snp', 'missing', 'no module', { files: { '/sys/module/kvm_amd/parameters/sev_snp': null } }],
  ['sev-device', 'missing', 'no firmware device', { devices: { '/dev/sev': null } }],
  ['sev-device', 'missing', 'a firmware device for others only', { devices: { '/dev/sev': false } }],
  ['qemu', 'missing', 'an older QEMU', { programs: { [`${QEMU} --version`]: 'QEMU emulator version 9.0.4\n' } }],
  ['qemu', 'missing', 'no QEMU', { programs: { [`${QEMU} --version`]: null } }],
  ['qemu-snp', 'missing', 'QEMU without the object', { programs: { [`${QEMU} -object help`]: '  sev-guest\n' } }],
  ['qemu-snp', 'unknown', 'QEMU that lists nothing', { programs: { [`${QEMU} -object help`]: null } }],
  ['firmware', 'missing', 'another firmware', { firmware: 'ab'.repeat(32) }],
  ['firmware', 'missing', 'no firmware', { firmware: null }],
  ['kds', 'missing', 'a service that does not answer', { kdsAnswers: false }],
  ['kds', 'unknown', 'a service that may not be asked', { kdsAnswers: null }],
];

const TSM = '/sys/kernel/config/tsm/report';
const GUEST_CASES: typeof HOST_CASES = [
  ['guest-device', 'missing', 'no device', { devices: { '/dev/sev-guest': null } }],
  ['report-provider', 'missing', 'no configfs', { devices: { [TSM]: null } }],
  ['report-provider', 'missing', 'another provider', { tsm: { provider: 'tdx_guest', privilegeFloor: '0' } }],
  ['privilege-level', 'missing', 'something above it', { tsm: { provider: 'sev_guest', privilegeFloor: '2' } }],
  ['privilege-level', 'unknown', 'a level that is none', { tsm: { provider: 'sev_guest', privilegeFloor: '' } }],
  ['packet-rules', 'missing', 'no rules', { programs: { 'nft -j list ruleset': '{"nftables":[]}' } }],
  [
    'packet-rules',
    'missing',
    'rules of others',
    { programs: { 'nft -j list ruleset': RULES.replace('anchorhold', 'docker') } },
  ],
  ['packet-rules', 'unknown', 'rules that nobody shows', { programs: { 'nft -j list ruleset': null } }],
  ['packet-rules', 'unknown', 'a listing that is none', { programs: { 'nft -j list ruleset': 'null' } }],
  ['random-instructions', 'missing', 'no RDSEED', { files: { '/proc/cpuinfo': cpuinfo('rdrand') } }],
  ['random-instructions', 'missing', 'no RDRAND', { files: { '/proc/cpuinfo': cpuinfo('rdseed') } }],
  ['random-instructions', 'unknown', 'no list of processors', { files: { '/proc/cpuinfo': null } }],
  ['random-pool', 'missing', 'a pool that is not full', { files: { '/proc/sys/kernel/random/entropy_avail': '255' } }],
  ['random-pool', 'unknown', 'no pool', { files: { '/proc/sys/kernel/random/entropy_avail': null } }],
  ['clock', 'missing', 'a clock of the past', { now: new Date('2026-10-31T23:59:59Z') }],
  ['clock', 'missing', 'a clock of a far future', { now: new Date('2056-11-01T00:00:00Z') }],
  ['clock', 'missing', 'a clock without a time', { now: new Date(Number.NaN) }],
  ['kds', 'missing', 'a service that does not answer', { kdsAnswers: false }],
];

describe.each([
  ['host', HOST_CHECKS, HOST_CASES],
  ['guest', GUEST_CHECKS, GUEST_CASES],
] as const)('a %s', (role, checks, cases) => {
  const whole = Object.fromEntries(checks.map(({ id }) => [id, 'ok']));

  it('that lacks nothing is told so, line by line', async () => {
    expect(await look(role, {})).toEqual(whole);
  });

  it('has a case for each line', () => {
    expect(new Set(cases.map(([id]) => id))).toEqual(new Set(checks.map(({ id }) => id)));
  });

  it.each(cases)('is told in the line %s, which is %s, of %s', async (id, state, _what, difference) => {
    expect(await look(role, difference)).toEqual({ ...whole, [id]: state });
  });
});

describe('a guest whose user may make no entries', () => {
  it('learns its level from the kernel, and of its provider nothing', async () => {
    const level = { files: { '/sys/devices/system/cpu/sev/vmpl': '0\n' } };
    expect(await look('guest', { tsm: null, ...level })).toMatchObject({
      'report-provider': 'unknown',
      'privilege-level': 'ok',
    });
    expect(await look('guest', { tsm: null })).toMatchObject({ 'privilege-level': 'unknown' });
  });

  it('takes what the init wrote for the rules, where it may not list them', async () => {
    const written = { programs: { 'nft -j list ruleset': null }, files: { '/run/anchorhold/nftables.json': RULES } };
    expect(await look('guest', written)).toMatchObject({ 'packet-rules': 'ok' });
  });
});

describe('what a machine is taken for', () => {
  it('is a guest where it has the device of one, else a host', () => {
    expect(guessRole(viewOf(GUEST))).toBe('guest');
    expect(guessRole(viewOf(HOST))).toBe('host');
  });
});

describe('a version', () => {
  it.each([
    ['9.1.0', true],
    ['9.0.99', false],
    ['10.0.2', true],
    ['8.12', false],
    ['9', null],
    ['', null],
  ])('%s is at least 9.1: %s', (version, expected) => {
    expect(isAtLeast(version, 9, 1)).toBe(expected);
  });
});
