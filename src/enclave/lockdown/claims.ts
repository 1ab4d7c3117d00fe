/** The lockdown claims: what isolates this worker, each value measured at boot or taken from what steers it, never from a wish. */
import type { Lockdown } from '../../attestation/lockdown.ts';
import { encodeUtf8 } from '../../base/bytes.ts';
import { formatDigest, sha256 } from '../../base/digest.ts';
import type { ChangeRules } from '../../policy/policy.ts';
import { formatOwnerKey } from '../../policy/signing/threshold.ts';
import { MEMORY_CAP_WITHOUT_GROUPS } from '../sandbox/confinement.ts';
import type { ResourceGroups } from '../sandbox/resource-groups.ts';
import { claimConsole } from './console.ts';
import { claimDebugger } from './debugger.ts';
import { claimEnvironment } from './environment.ts';
import { claimFirewall } from './firewall.ts';
import type { Host } from './host.ts';
import { claimKernel, claimSwap } from './kernel.ts';
import { claimCore, claimPrivileges, claimSeccomp } from './process-status.ts';
import { claimSandbox } from './sandbox.ts';

/** What steers the worker, beside what can be measured of its machine. */
export interface LockdownFacts {
  /** Names with a fixed address instead of DNS. */
  readonly fixedNames: Readonly<Record<string, string>>;
  /** PEM texts of the roots for TLS servers, or the system's. */
  readonly roots: 'system' | readonly string[];
  /** Whether the kernel caps the processes of a function as a group. */
  readonly groups: ResourceGroups['kind'];
  /** Whether limits survive a restart. */
  readonly counters: 'memory' | 'durable';
  /** Whether anything of owners is kept beyond memory. */
  readonly storage: 'memory' | 'sealed';
  /** Where the key of that seal comes from. */
  readonly keys: string;
  /** Owners who may bring a first policy while the worker runs, and whose signatures that takes. */
  readonly owners: Readonly<Record<string, ChangeRules>>;
}

function digestOf(parts: readonly string[]): string {
  return formatDigest(sha256(encodeUtf8(JSON.stringify(parts))));
}

/** Measures the machine and makes the claims: a value that is not the strict one names what replaced it, so that a client can tell which. */
export async function lockdownClaims(facts: LockdownFacts, host: Host): Promise<Lockdown> {
  const names = Object.entries(facts.fixedNames)
    .map(([name, address]) => `${name}=${address}`)
    .sort();
  const owners = Object.entries(facts.owners)
    .map(([owner, { keys, needed }]) => `${owner}=${needed} of ${keys.map(formatOwnerKey).sort().join(', ')}`)
    .sort();
  const [open, firewall] = await Promise.all([host.probeSandbox(), claimFirewall(host)]);
  return {
    // There is no other way out of a function's process than the broker, which asks the policies.
    egress: 'policy',
    sandbox: claimSandbox(open),
    // Functions are started in a group or not at all, so this holds for every one that answers.
    memory: facts.groups === 'cgroup' ? 'cgroup' : MEMORY_CAP_WITHOUT_GROUPS,
    processor: facts.groups === 'cgroup' ? 'cgroup' : 'none',
    counters: facts.counters,
    storage: facts.storage,
    keys: facts.keys,
    owners: owners.length === 0 ? 'closed' : digestOf(owners),
    names: names.length === 0 ? 'dns' : digestOf(names),
    roots: facts.roots === 'system' ? 'system' : digestOf(facts.roots),
    firewall,
    console: claimConsole(host),
    debugger: claimDebugger(host),
    environment: claimEnvironment(host),
    privileges: claimPrivileges(host),
    seccomp: claimSeccomp(host),
    core: claimCore(host),
    swap: claimSwap(host),
    kernel: claimKernel(host),
  };
}
