/**
 * Changes of policy while the worker runs: who may make them, in which order they are checked, and that each is made whole or not at all. Nothing of
 * a step is done before the one above it passed.
 */
import { PolicyError, TransportError } from '../errors.ts';
import type { OwnerPolicy } from '../policy/policy.ts';
import type { NoticeContent, NoticeState } from '../policy/signing/notice.ts';
import type { PolicyStatement, WorkerStatement } from '../policy/signing/statement.ts';
import { requireSignatures } from '../policy/signing/threshold.ts';
import type { ReportDevice } from './device/report-device.ts';
import type { FunctionTable } from './function-table.ts';
import { checkPoliciesInForce } from './policies-in-force.ts';
import { type PolicyRegister, type Standings, standWith, standWithdrawn } from './policy-register.ts';
import type { StoreFacts } from './store/worker-store.ts';

export interface PolicyChanges {
  /**
   * Takes a policy into force in place of the owner's present one. `read` is not called before the signatures hold.
   * @throws PolicyError ERR_POLICY_SIGNATURE, ERR_POLICY_STATEMENT, ERR_POLICY_NOT_IN_FORCE, and as parsing and booting do
   */
  replace(statement: PolicyStatement, signatures: readonly string[], read: () => OwnerPolicy): Promise<NoticeContent>;
  /**
   * Withdraws an owner's policy; the signatures were held against `changeRules` before.
   * @throws PolicyError ERR_POLICY_STATEMENT when the statement names another policy than the one in force
   */
  withdraw(statement: WorkerStatement): Promise<NoticeContent>;
}

export interface PolicyChangeOptions {
  readonly register: PolicyRegister;
  readonly functions: FunctionTable;
  readonly device: ReportDevice;
  readonly counters: StoreFacts['counters'];
  readonly now: () => Date;
  /** Is told after each change: connections that were appraised before it get no new work. */
  readonly onChange: () => void;
}

function stateOf({ standings }: PolicyRegister, owner: string): NoticeState | null {
  const standing = standings.find(({ policy }) => policy.owner === owner);
  return standing === undefined || standing.state === 'withdrawn'
    ? null
    : { version: standing.policy.version, digest: standing.policy.digest };
}

/** Opens the way to change the register. */
export function openPolicyChanges(options: PolicyChangeOptions): PolicyChanges {
  const { register, functions, device, counters, now, onChange } = options;
  let last: Promise<unknown> = Promise.resolve();

  /** Runs when all replacements that came before are made or refused. */
  function inTurn<T>(change: () => Promise<T>): Promise<T> {
    const turn = last.then(change);
    last = turn.catch(() => undefined);
    return turn;
  }

  /** Loads what the change needs, then puts policies and functions in place in one step; false when another change was made since `epoch`. */
  async function make(epoch: number, standings: Standings): Promise<boolean> {
    const prepared = await functions.prepare(standings);
    if (register.epoch !== epoch) {
      await prepared.discard();
      return false;
    }
    register.commit(standings);
    prepared.commit();
    onChange();
    return true;
  }

  function checkVersion({ owner, version }: PolicyStatement): void {
    const known = register.lastVersion(owner);
    if (version > known) return;
    throw new PolicyError(
      'ERR_POLICY_NOT_IN_FORCE',
      `version ${version} of ${owner} is not taken into force: it is not above version ${known}, which was in force before`,
    );
  }

  async function replace(
    statement: PolicyStatement,
    signatures: readonly string[],
    read: () => OwnerPolicy,
  ): Promise<NoticeContent> {
    const { owner } = statement;
    const { epoch } = register;
    await requireSignatures(statement, signatures, register.changeRules(owner));
    checkVersion(statement);
    const policy = read();
    const said: Readonly<Record<'owner' | 'version' | 'digest', string | number>> = statement;
    const wrong = (['owner', 'version', 'digest'] as const).find((key) => policy[key] !== said[key]);
    if (wrong !== undefined)
      throw new PolicyError(
        'ERR_POLICY_STATEMENT',
        `the ${wrong} that was signed is ${said[wrong]}, but the policy's is ${policy[wrong]}`,
      );
    await checkPoliciesInForce([policy], device, counters, now());
    const before = stateOf(register, owner);
    // All of the above was judged by what was in force then.
    if (!(await make(epoch, standWith(register.standings, policy))))
      throw new TransportError('ERR_TRANSPORT_OVERLOADED', 'another change of policy was made meanwhile');
    return { kind: 'policy', owner, name: 'policy', before, after: { version: policy.version, digest: policy.digest } };
  }

  return {
    replace: (statement, signatures, read) => inTurn(() => replace(statement, signatures, read)),
    async withdraw({ owner, digest }) {
      for (;;) {
        const { epoch } = register;
        const before = stateOf(register, owner);
        if (before === null || before.digest !== digest)
          throw new PolicyError(
            'ERR_POLICY_STATEMENT',
            `${owner} has ${before === null ? 'no policy' : `the policy ${before.digest}`} in force, not ${digest}`,
          );
        // It loads nothing, so it waits for no replacement; one that is under way finds that its time has passed.
        if (await make(epoch, standWithdrawn(register.standings, owner, now())))
          return { kind: 'revoke', owner, name: 'policy', before, after: null };
      }
    },
  };
}
