/** The lockdown claims: what isolates this worker, each value measured or taken from what steers it, never from a wish. */
import { encodeUtf8 } from '../base/bytes.ts';
import { formatDigest, sha256 } from '../base/digest.ts';
import type { ChangeRules } from '../policy/policy.ts';
import { formatOwnerKey } from '../policy/signing/threshold.ts';
import { MEMORY_CAP_WITHOUT_GROUPS } from './sandbox/confinement.ts';
import type { ResourceGroups } from './sandbox/resource-groups.ts';
import type { StoreFacts } from './store/worker-store.ts';

/** What the claims are made from. */
export interface LockdownFacts {
  /** Names with a fixed address instead of DNS. */
  readonly fixedNames: Readonly<Record<string, string>>;
  /** PEM texts of the roots for TLS servers, or the system's. */
  readonly roots: 'system' | readonly string[];
  /** Whether the kernel caps the processes of a function as a group. */
  readonly groups: ResourceGroups['kind'];
  /** What outlives the worker, and under whose key. */
  readonly store: StoreFacts;
  /** Owners who may bring a first policy while the worker runs, and whose signatures that takes. */
  readonly owners: Readonly<Record<string, ChangeRules>>;
}

function digestOf(parts: readonly string[]): string {
  return formatDigest(sha256(encodeUtf8(JSON.stringify(parts))));
}

/** Makes the claims: a value that is not the strict one names what replaced it by digest, so that a client can tell which. */
export function lockdownClaims(facts: LockdownFacts): Readonly<Record<string, string>> {
  const names = Object.entries(facts.fixedNames)
    .map(([name, address]) => `${name}=${address}`)
    .sort();
  const owners = Object.entries(facts.owners)
    .map(([owner, { keys, needed }]) => `${owner}=${needed} of ${keys.map(formatOwnerKey).sort().join(', ')}`)
    .sort();
  return {
    egress: 'policy',
    // A function's process that is not locked down refuses to load, so this holds for every one that answers.
    sandbox: 'node-permission',
    // Functions are started in a group or not at all, so this holds for every one that answers.
    memory: facts.groups === 'cgroup' ? 'cgroup' : MEMORY_CAP_WITHOUT_GROUPS,
    processor: facts.groups === 'cgroup' ? 'cgroup' : 'none',
    ...facts.store,
    names: names.length === 0 ? 'dns' : digestOf(names),
    owners: owners.length === 0 ? 'closed' : digestOf(owners),
    roots: facts.roots === 'system' ? 'system' : digestOf(facts.roots),
  };
}
