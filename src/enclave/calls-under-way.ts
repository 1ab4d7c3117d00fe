/**
 * The calls that run now and whose they are, so that those of a caller whose proof an owner takes back can be ended at once. What a change of
 * policy means for calls of others is not decided here.
 */
import { NumberTable } from '../base/number-table.ts';
import { PolicyError } from '../errors.ts';
import type { Decision, OwnerPolicy } from '../policy/policy.ts';
import { denyRevoked, findRevocation } from '../policy/revoked.ts';
import type { ProvenCaller } from './callers/caller.ts';

/** What one owner knows of who asks. */
export interface ProvenTo {
  readonly owner: string;
  readonly proven: readonly ProvenCaller[];
}

/** Gives the denial of the first proof that the owner has taken back, or null. */
export function judgeProofs(policy: OwnerPolicy, proven: readonly ProvenCaller[]): Decision | null {
  for (const { name, proof } of proven) {
    const rule = findRevocation(policy.revoked, proof);
    if (rule !== null) return { outcome: 'deny', owner: policy.owner, ...denyRevoked(policy, rule, name) };
  }
  return null;
}

/** One call while it runs. */
export class CallUnderWay {
  /** Which one it is of those that run. */
  readonly number: number;
  readonly proven: readonly ProvenTo[];
  #end: (() => void) | null = null;
  #revoked: Decision | null = null;

  constructor(number: number, proven: readonly ProvenTo[]) {
    this.number = number;
    this.proven = proven;
  }
  /** The denial that ended it; null when none did. */
  get revoked(): Decision | null {
    return this.#revoked;
  }
  /**
   * Refuses to go on when it was taken back.
   * @throws PolicyError ERR_POLICY_CALLER_REVOKED
   */
  check(): void {
    if (this.#revoked !== null) throw new PolicyError('ERR_POLICY_CALLER_REVOKED', this.#revoked.reason);
  }
  /** Is given what ends the call; it may have been taken back before anybody could end it. */
  whenRevoked(end: () => void): void {
    this.#end = end;
    if (this.#revoked !== null) end();
  }
  /** Ends it; whoever waits for it gets this denial. */
  revoke(denial: Decision): void {
    if (this.#revoked !== null) return;
    this.#revoked = denial;
    this.#end?.();
  }
}

/** All calls of a gate that run now. */
export class CallsUnderWay {
  readonly #calls = new NumberTable<CallUnderWay>();
  #last = 0;

  begin(proven: readonly ProvenTo[]): CallUnderWay {
    this.#last = (this.#last + 1) % 2 ** 32;
    const call = new CallUnderWay(this.#last, proven);
    this.#calls.set(call.number, call);
    return call;
  }
  end(call: CallUnderWay): void {
    this.#calls.delete(call.number);
  }
  /** Ends the calls whose proof this policy takes back, and says how many. */
  endCallsOf(policy: OwnerPolicy): number {
    let ended = 0;
    for (const call of this.#calls.values()) {
      const proven = call.proven.filter(({ owner }) => owner === policy.owner).flatMap((each) => each.proven);
      const denial = judgeProofs(policy, proven);
      if (denial === null) continue;
      call.revoke(denial);
      ended += 1;
    }
    return ended;
  }
}
