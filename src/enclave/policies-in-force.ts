/**
 * Which owner policies a worker takes into force at boot: one per owner, valid now, and only on a machine as its `machine` section
 * demands. What this worker cannot promise (durable counters without a store) is refused, never ignored.
 */

import { checkMachine } from '../attestation/machine.ts';
import { findVersion } from '../attestation/release/accepted-images.ts';
import { type FloorTableName, type Machine, PRESETS, type TcbFloors } from '../attestation/requirements.ts';
import { FLOORS } from '../attestation/snp/floors.ts';
import { findProduct, type Product } from '../attestation/snp/product.ts';
import type { AttestationReport } from '../attestation/snp/report.ts';
import { encodeHex } from '../base/bytes.ts';
import { PolicyError } from '../errors.ts';
import { runPolicyTests } from '../policy/explain.ts';
import type { MachineRules, OwnerPolicy } from '../policy/policy.ts';
import { checkCallerRules } from './callers/prove.ts';
import { readOwnReport } from './device/own-report.ts';
import type { ReportDevice } from './device/report-device.ts';
import { checkTrustFiles } from './peer-appraisal.ts';
import type { VersionMemory } from './policy-register.ts';
import type { StoreFacts } from './store/worker-store.ts';

/** The strict preset with everything opened that an owner's `machine` section does not speak of. */
function openMachine(report: AttestationReport): Machine {
  const strict = PRESETS['strict-2026-11'];
  const any = <K extends string>(bits: Readonly<Record<K, unknown>>): Record<K, 'any'> =>
    Object.fromEntries(Object.keys(bits).map((bit) => [bit, 'any'])) as Record<K, 'any'>;
  return {
    ...strict,
    tcb: 'any',
    firmware: 'any',
    revocation: 'off',
    vmpl: [report.vmpl],
    guestPolicy: any(strict.guestPolicy),
    platform: any(strict.platform),
    idKey: 'any',
    authorKey: 'any',
  };
}

function tcbDemand(tcb: MachineRules['tcb']): Machine['tcb'] | null {
  if (tcb === 'any') return tcb;
  if (typeof tcb === 'string') return Object.hasOwn(FLOORS, tcb) ? (tcb as FloorTableName) : null;
  return { reported: tcb as TcbFloors, committed: 'any', launch: 'any', current: 'any' };
}

/** Says why no rule accepts the image, or null. A release is the owner's own text, part of the policy's digest: its signatures say no more. */
function imageFlaw(images: MachineRules['images'], measurement: string, now: Date): string | null {
  if (images.some((image) => image.kind === 'measurement' && image.measurement === measurement)) return null;
  const versions = images.flatMap((image) => (image.kind === 'release' ? image.content.versions : []));
  const found = findVersion(versions, measurement);
  if (found === null) return `images: none of them is ${measurement}`;
  if (now < found.until) return null;
  return `images: version ${found.version.version}, which this machine runs, ended at ${found.version.until}`;
}

/** Says what of the owner's demands the machine does not meet, or null. */
function machineFlaw(
  rules: MachineRules,
  report: AttestationReport,
  counters: StoreFacts['counters'],
  now: Date,
): string | null {
  if (rules.counters === 'durable' && counters !== 'durable')
    return 'counters: durable, but this worker counts in memory';
  const product = report.cpuid === null ? null : findProduct(report.cpuid);
  if (product === null || !rules.products.includes(product)) {
    return `products: ${rules.products.join(', ')}, but this machine is ${product ?? 'of an unknown product'}`;
  }
  const image = imageFlaw(rules.images, encodeHex(report.measurement), now);
  if (image !== null) return image;
  const tcb = tcbDemand(rules.tcb);
  if (tcb === null) return `tcb: ${JSON.stringify(rules.tcb)} is not a floor table that this worker knows`;
  const open = openMachine(report);
  const demands: Machine = {
    ...open,
    products: rules.products as readonly Product[],
    tcb,
    platform: { ...open.platform, smt: rules.smt },
  };
  const failed = checkMachine(report, product, demands).find((check) => check.outcome === 'fail');
  return failed === undefined ? null : `${failed.id}: expected ${failed.expected}, but it is ${failed.actual}`;
}

function refuse(policy: OwnerPolicy, why: string): PolicyError {
  return new PolicyError(
    'ERR_POLICY_NOT_IN_FORCE',
    `the policy of ${policy.owner} (${policy.file}) is not taken into force: ${why}`,
  );
}

/**
 * Checks every policy before anything else of the worker stands.
 * @throws PolicyError ERR_POLICY_NOT_IN_FORCE, ERR_POLICY_REFERENCE, ERR_POLICY_TEST_FAILED; ConfigurationError ERR_CONFIGURATION_DEVICE
 */
export async function checkPoliciesInForce(
  policies: readonly OwnerPolicy[],
  device: ReportDevice,
  counters: StoreFacts['counters'],
  now: Date,
): Promise<void> {
  for (const policy of policies) {
    const { from, until } = policy.valid;
    // Written so that an invalid `now` meets no window.
    if (!(now >= from && now < until))
      throw refuse(policy, `it is valid from ${from.toISOString()} until ${until.toISOString()}`);
    if (policies.filter((other) => other.owner === policy.owner).length > 1) {
      throw refuse(policy, 'two files name this owner');
    }
    checkCallerRules(policy.callers);
    checkTrustFiles(policy.egress);
    const wrong = runPolicyTests(policy).find(({ passed }) => !passed);
    if (wrong !== undefined) {
      const { question, test, decision } = wrong;
      const where = `${policy.file}:${test.at.line}`;
      const why = `${where}: ${question} must be ${test.expect}, but it is ${decision.outcome}: ${decision.reason}`;
      throw new PolicyError('ERR_POLICY_TEST_FAILED', why);
    }
    if (policy.machine === null) continue;
    const report = await readOwnReport(device);
    const flaw =
      report === null
        ? 'this machine gives no report that can be read'
        : machineFlaw(policy.machine, report, counters, now);
    if (flaw !== null) throw refuse(policy, flaw);
  }
}

/**
 * Holds the policies that a worker starts with against what was in force in earlier runs.
 * @throws PolicyError ERR_POLICY_NOT_IN_FORCE for a version that is older, or that its owner withdrew
 */
export function refuseOlderPolicies(policies: readonly OwnerPolicy[], versions: Pick<VersionMemory, 'last'>): void {
  for (const policy of policies) {
    const { version, withdrawn } = versions.last(policy.owner);
    if (policy.version < version)
      throw refuse(policy, `it is version ${policy.version}, and version ${version} was in force before`);
    if (withdrawn && policy.version === version) throw refuse(policy, `its owner withdrew version ${version}`);
  }
}
