/** Two changes at once: what was judged by policies that are no longer in force is not made. */
import { describe, expect, it } from 'vitest';
import type { ReportDevice } from '../../src/enclave/device/report-device.ts';
import type { FunctionTable } from '../../src/enclave/function-table.ts';
import { openPolicyChanges, type PolicyChanges } from '../../src/enclave/policy-change.ts';
import { openPolicyRegister, openVersionMemory, type PolicyRegister } from '../../src/enclave/policy-register.ts';
import { signStatement } from '../../src/policy/signing/jws.ts';
import { stateForWorker, statePolicy } from '../../src/policy/signing/statement.ts';
import { ownerKeys, parsePolicy, policyText } from '../e2e/owner.ts';
import { codeOf } from '../policy/signing/keys.ts';

const NOW = new Date('2026-12-01T12:00:00Z');
const [key] = await ownerKeys(1);
if (key === undefined) throw new Error('no key');
const one = parsePolicy(policyText({ version: 1, keys: [key] }));
const two = parsePolicy(policyText({ version: 2, keys: [key] }));
const three = parsePolicy(policyText({ version: 3, keys: [key] }));

interface World {
  readonly register: PolicyRegister;
  readonly changes: PolicyChanges;
  readonly events: string[];
  /** What the next preparation waits for. */
  gate: Promise<void>;
  /** Is told that it began. */
  begun: () => void;
}

function openWorld(): World {
  const register = openPolicyRegister([one], {}, openVersionMemory());
  const events: string[] = [];
  const functions: FunctionTable = {
    get: () => undefined,
    running: () => ({}),
    async prepare(standings) {
      const version = standings[0]?.state === 'withdrawn' ? 'none' : standings[0]?.policy.version;
      if (version !== 'none') {
        world.begun();
        await world.gate;
      }
      return {
        commit: () => void events.push(`commit ${version}`),
        discard: () => Promise.resolve(void events.push(`discard ${version}`)),
      };
    },
    close: () => Promise.resolve(),
  };
  const device: ReportDevice = { kind: 'simulated', getReport: () => Promise.reject(new Error('not asked')) };
  const changes = openPolicyChanges({
    register,
    functions,
    counters: 'memory',
    device,
    now: () => NOW,
    onChange: () => void events.push('told'),
  });
  const world: World = { register, changes, events, gate: Promise.resolve(), begun: () => undefined };
  return world;
}

/** Signs a policy; what it gives asks for it to be put in place. */
async function sign(policy: typeof one): Promise<(world: World) => Promise<string | null>> {
  const statement = statePolicy(policy);
  const signatures = [await signStatement(statement, key as NonNullable<typeof key>)];
  return ({ changes }) => codeOf(() => changes.replace(statement, signatures, () => policy));
}

const replace = async (world: World, policy: typeof one): Promise<string | null> => await (await sign(policy))(world);

const withdrawal = (policy: typeof one): ReturnType<typeof stateForWorker> =>
  stateForWorker(
    { kind: 'revoke', owner: 'hospital-a', name: 'policy', digest: policy.digest, size: 0 },
    new Uint8Array(16),
    NOW,
  );

describe('changes', () => {
  it('are made in the order in which they came', async () => {
    const world = openWorld();
    // Signed beforehand: which of two signatures is ready first is nobody's order.
    const [second, third] = [await sign(two), await sign(three)];
    expect(await Promise.all([second(world), third(world)])).toEqual([null, null]);
    expect(world.events).toEqual(['commit 2', 'told', 'commit 3', 'told']);
    expect([world.register.epoch, await replace(world, two)]).toEqual([2, 'ERR_POLICY_NOT_IN_FORCE']);
  });

  it('wait for nobody when an owner withdraws, and one that is under way is not made after it', async () => {
    const world = openWorld();
    const { promise, resolve } = Promise.withResolvers<void>();
    world.gate = promise;
    const begun = Promise.withResolvers<void>();
    world.begun = begun.resolve;
    const replaced = replace(world, two);
    await begun.promise;
    await world.changes.withdraw(withdrawal(one));
    expect(world.events).toEqual(['commit none', 'told']);
    resolve();
    expect(await replaced).toBe('ERR_TRANSPORT_OVERLOADED');
    expect(world.register.policies()).toEqual([]);
    expect(world.events).toEqual(['commit none', 'told', 'discard 2']);
  });

  it('of what is not in force any more are refused', async () => {
    const world = openWorld();
    await replace(world, two);
    expect(await codeOf(() => world.changes.withdraw(withdrawal(one)))).toBe('ERR_POLICY_STATEMENT');
    expect(await codeOf(() => world.changes.withdraw(withdrawal(two)))).toBeNull();
    expect(await codeOf(() => world.changes.withdraw(withdrawal(two)))).toBe('ERR_POLICY_STATEMENT');
  });

  it('read no policy before its signatures hold', async () => {
    const world = openWorld();
    let reads = 0;
    const statement = statePolicy(two);
    const read = (): typeof two => {
      reads += 1;
      return two;
    };
    expect(await codeOf(() => world.changes.replace(statement, [], read))).toBe('ERR_POLICY_SIGNATURE');
    expect(reads).toBe(0);
  });
});
