/** A policy comes into force only while it is valid, once per owner, and on a machine as its owner demands: each demand met, and missed. */
import { describe, expect, it } from 'vitest';
import { formatRelease, type ReleaseVersion } from '../../src/attestation/release/release.ts';
import { encodeHex } from '../../src/base/bytes.ts';
import type { ReportDevice } from '../../src/enclave/device/report-device.ts';
import { checkPoliciesInForce } from '../../src/enclave/policies-in-force.ts';
import { parseOwnerPolicy } from '../../src/policy/parse.ts';
import type { OwnerPolicy } from '../../src/policy/policy.ts';
import { type MachineOptions, SIMULATED_MEASUREMENT, simulatedDevice } from '../../src/testing/index.ts';
import { releaseOf, versionUntil } from '../attestation/release/releases.ts';
import { NOW, sharedAmd } from '../testing/shared-amd.ts';

const amd = await sharedAmd();
const IMAGE = encodeHex(SIMULATED_MEASUREMENT);

const OTHER = new Uint8Array(48);
const release = (...versions: readonly ReleaseVersion[]): Buffer =>
  Buffer.from(formatRelease({ release: releaseOf(versions), signatures: [] }));
const after = new Date(NOW.getTime() + 1);
/** Releases beside a policy, without a signature: the owner's policy has their digest. */
const RELEASES = new Map([
  ['./current.json', release(versionUntil(after), versionUntil(after, '1.3.0', OTHER))],
  ['./ended.json', release(versionUntil(NOW), versionUntil(after, '1.5.0', OTHER))],
  ['./other.json', release(versionUntil(after, '1.5.0', OTHER))],
  ['./none.json', release()],
]);

function policy(
  sections: string,
  owner = 'hospital-a',
  valid = '{ from: 2026-01-01, until: 2027-01-01 }',
): OwnerPolicy {
  const text = `anchorhold: owner-policy/1\nowner: ${owner}\nversion: 1\nvalid: ${valid}\n${sections}\n`;
  return parseOwnerPolicy(text, { file: `${owner}.yaml`, references: (name) => RELEASES.get(name) ?? null });
}

/** A policy with a machine section that the healthy Genoa meets, apart from what `over` replaces. */
function demanding(over: Readonly<Record<string, unknown>>): OwnerPolicy {
  const machine = { products: ['Genoa'], tcb: '2026-09', smt: 'any', images: [IMAGE], ...over };
  return policy(`machine: ${JSON.stringify(machine)}`);
}

const open = (machine: MachineOptions = {}): Promise<ReportDevice> =>
  simulatedDevice(amd, { product: 'Genoa', ...machine });
const GENOA = { bootloader: 10, tee: 0, snp: 0x1b, microcode: 0x58 };

describe('the machine section', () => {
  it.each<[string, Readonly<Record<string, unknown>>, MachineOptions?]>([
    ['the whole of it', {}],
    ['its product among others', { products: ['Turin', 'Genoa'] }],
    [
      'no floor',
      { tcb: 'any' },
      { product: 'Genoa', reportedTcb: { fmc: null, bootloader: 0, tee: 0, snp: 0, microcode: 0 } },
    ],
    ['exactly the floor', { tcb: { Genoa: GENOA } }],
    ['SMT on', { smt: 'required' }],
    ['SMT off', { smt: 'forbidden' }, { platformInfo: 0x24n }],
    ['its image among others', { images: ['0'.repeat(96), IMAGE] }],
    ['its image in a release', { images: ['release:./current.json'] }],
    ['its image in one of two releases', { images: ['release:./ended.json', 'release:./current.json'] }],
    ['its image by itself, whatever a release says', { images: ['release:./ended.json', IMAGE] }],
    ['counters of any kind', { counters: 'any' }],
  ])('is met by a machine with %s', async (_name, over, machine) => {
    await expect(checkPoliciesInForce([demanding(over)], await open(machine), 'memory', NOW)).resolves.toBeUndefined();
  });

  it.each<[string, Readonly<Record<string, unknown>>, MachineOptions?]>([
    ['another product', { products: ['Turin'] }],
    ['an older firmware than the floor table has', {}, { reportedTcb: { ...GENOA, fmc: null, snp: 0x1a } }],
    ['a floor table that is not known', { tcb: '2020-01' }],
    ['a lower boot loader', { tcb: { Genoa: { ...GENOA, bootloader: 11 } } }],
    ['a lower SNP firmware', { tcb: { Genoa: { ...GENOA, snp: 0x1c } } }],
    ['a lower microcode', { tcb: { Genoa: { ...GENOA, microcode: 0x59 } } }],
    ['SMT, which is forbidden', { smt: 'forbidden' }],
    ['no SMT, which is required', { smt: 'required' }, { platformInfo: 0x24n }],
    ['another image', { images: ['0'.repeat(96)] }],
    ['an image of a version that ended just now', { images: ['release:./ended.json'] }],
    ['an image that is in no version of a release', { images: ['release:./other.json'] }],
    ['a release that accepts nothing', { images: ['release:./none.json'] }],
    ['no image that is accepted', { images: [] }],
    ['counters in memory', { counters: 'durable' }],
    ['a report that names no CPU', {}, { version: 2 }],
  ])('refuses a machine with %s', async (_name, over, machine) => {
    await expect(checkPoliciesInForce([demanding(over)], await open(machine), 'memory', NOW)).rejects.toMatchObject({
      code: 'ERR_POLICY_NOT_IN_FORCE',
    });
  });

  it('is met by a worker whose counters are durable, where it demands that', async () => {
    const durable = demanding({ counters: 'durable' });
    await expect(checkPoliciesInForce([durable], await open(), 'durable', NOW)).resolves.toBeUndefined();
  });

  it('refuses a machine whose report cannot be read', async () => {
    const device: ReportDevice = {
      kind: 'simulated',
      getReport: async () => ({ report: new Uint8Array(1184), certificates: [], crl: null }),
    };
    await expect(checkPoliciesInForce([demanding({})], device, 'memory', NOW)).rejects.toMatchObject({
      code: 'ERR_POLICY_NOT_IN_FORCE',
    });
  });

  it('that is absent asks the device nothing', async () => {
    const device = await simulatedDevice(amd, {});
    await checkPoliciesInForce([policy('')], device, 'memory', NOW);
    expect(device.calls).toBe(0);
  });
});

describe('a policy', () => {
  const valid = (from: string, until: string): OwnerPolicy =>
    policy('', 'hospital-a', `{ from: ${from}, until: ${until} }`);

  it.each([
    ['from its first instant', valid('2026-11-21T12:00:00Z', '2026-12-01')],
    ['to its last', valid('2026-11-01', '2026-11-21T12:00:01Z')],
  ])('is in force %s', async (_name, given) => {
    await expect(checkPoliciesInForce([given], await open(), 'memory', NOW)).resolves.toBeUndefined();
  });

  it.each([
    ['before it is valid', [valid('2026-11-21T12:00:01Z', '2026-12-01')]],
    ['at its end', [valid('2026-11-01', '2026-11-21T12:00:00Z')]],
    ['beside another of the same owner', [policy(''), policy('')]],
    [
      'when another owner has one that is not',
      [policy(''), policy('', 'hospital-b', '{ from: 2020-01-01, until: 2021-01-01 }')],
    ],
  ])('is not in force %s', async (_name, policies) => {
    await expect(checkPoliciesInForce(policies, await open(), 'memory', NOW)).rejects.toMatchObject({
      code: 'ERR_POLICY_NOT_IN_FORCE',
    });
  });

  it.each([
    ['deny', 'resolves'],
    ['allow', 'rejects'],
  ])('whose own test expects %s %s', async (expected, outcome) => {
    const tested = policy(`tests: [{ egress: GET https://a.example/, expect: ${expected} }]`);
    const checked = checkPoliciesInForce([tested], await open(), 'memory', NOW);
    if (outcome === 'resolves') await expect(checked).resolves.toBeUndefined();
    else await expect(checked).rejects.toMatchObject({ code: 'ERR_POLICY_TEST_FAILED' });
  });

  it('is in force beside those of other owners', async () => {
    const policies = [policy(''), policy('', 'hospital-b')];
    await expect(checkPoliciesInForce(policies, await open(), 'memory', NOW)).resolves.toBeUndefined();
  });

  it('is not in force at a time that is none', async () => {
    await expect(
      checkPoliciesInForce([policy('')], await open(), 'memory', new Date(Number.NaN)),
    ).rejects.toMatchObject({
      code: 'ERR_POLICY_NOT_IN_FORCE',
    });
  });
});
