/**
 * The policies in force, which may change while the worker runs: who decides about a function, and what the claims say. Holds them and moves
 * the epoch with every change; whether a change may be made is decided in policy-change.ts.
 */
import type { ChangeRules, OwnerPolicy } from '../policy/policy.ts';
import { openReplayCache, REPLAY_CACHE, type ReplayCache } from './callers/replay-cache.ts';

/** One owner who decides, with the nonces seen under its policies. */
export interface GatedOwner {
  readonly policy: OwnerPolicy;
  readonly replay: ReplayCache;
}

/** An owner whom this worker knows; one who has withdrawn still decides, and refuses everything. */
export interface OwnerStanding extends GatedOwner {
  readonly state: 'in force' | 'withdrawn';
}

/** All owners whom a worker knows, in the order in which they came. */
export type Standings = readonly OwnerStanding[];

/** The highest version of one owner that was ever in force, and whether the owner withdrew it. */
export interface LastVersion {
  readonly version: number;
  readonly withdrawn: boolean;
}

/** Remembers the last version of each owner, so that no older one comes back, nor one that was withdrawn. */
export interface VersionMemory {
  /** Gives it; version 0 for an owner who never had one. */
  last(owner: string): LastVersion;
  remember(owner: string, seen: LastVersion): void;
}

/** Gives what is to be remembered when a version was seen, or null when that says nothing new: only a higher version ends a withdrawal. */
export function newerVersion(last: LastVersion, seen: LastVersion): LastVersion | null {
  if (seen.version > last.version) return seen;
  return seen.version === last.version && seen.withdrawn && !last.withdrawn ? seen : null;
}

export const NO_VERSION: LastVersion = { version: 0, withdrawn: false };

/** Remembers versions until the process ends. */
export function openVersionMemory(): VersionMemory {
  const versions = new Map<string, LastVersion>();
  const last = (owner: string): LastVersion => versions.get(owner) ?? NO_VERSION;
  return {
    last,
    remember(owner, seen) {
      const newer = newerVersion(last(owner), seen);
      if (newer !== null) versions.set(owner, newer);
    },
  };
}

export interface PolicyRegister {
  /** Rises with every change: what was appraised under an earlier one is out of date. */
  readonly epoch: number;
  readonly standings: Standings;
  /** Gives the policies in force, for the claims. */
  policies(): readonly OwnerPolicy[];
  /** Gives everyone who decides about the function of that name: the same list until the next change. None allow nothing. */
  policiesFor(name: string): readonly OwnerPolicy[];
  /** Gives who may change the owner's policy: whom the last version says, and for an owner who never had one whom the worker was configured with. */
  changeRules(owner: string): ChangeRules | null;
  /** Gives the highest version of the owner that was ever in force, or 0. */
  lastVersion(owner: string): number;
  /** Makes these the standings, in one step. */
  commit(next: Standings): void;
}

/** Makes the standing of a policy that comes into force; nonces of the owner's earlier versions still count as seen. */
export function standWith(standings: Standings, policy: OwnerPolicy): Standings {
  const earlier = standings.find((standing) => standing.policy.owner === policy.owner);
  const replay = earlier?.replay ?? openReplayCache(REPLAY_CACHE);
  const standing: OwnerStanding = { policy, replay, state: 'in force' };
  return earlier === undefined
    ? [...standings, standing]
    : standings.map((other) => (other === earlier ? standing : other));
}

/**
 * Makes the standing of an owner who withdraws at `now`: the policy is never valid again, so that whatever it listed is refused in its name,
 * also where others list it. To forget the owner instead would allow more than before.
 */
export function standWithdrawn(standings: Standings, owner: string, now: Date): Standings {
  return standings.map((standing) =>
    standing.policy.owner === owner
      ? { ...standing, policy: { ...standing.policy, valid: { from: now, until: now } }, state: 'withdrawn' }
      : standing,
  );
}

/** Gives those who decide about the function of that name. */
export function decidersOf(standings: Standings, name: string): readonly OwnerStanding[] {
  return standings.filter(({ policy }) => policy.functions.some((listed) => listed.name === name));
}

/** Opens a register with these policies in force; `newcomers` says whose signatures an owner needs who has none yet. */
export function openPolicyRegister(
  policies: readonly OwnerPolicy[],
  newcomers: Readonly<Record<string, ChangeRules>>,
  versions: VersionMemory,
): PolicyRegister {
  let epoch = 0;
  let standings: Standings = [];
  /** Made at the first question in an epoch, so that whoever holds a list can tell whether it still is the one that counts. */
  let deciders = new Map<string, readonly OwnerPolicy[]>();
  const commit = (next: Standings): void => {
    standings = next;
    deciders = new Map();
    for (const { policy, state } of next)
      versions.remember(policy.owner, { version: policy.version, withdrawn: state === 'withdrawn' });
  };
  commit(policies.reduce<Standings>(standWith, []));
  const find = (owner: string): OwnerStanding | undefined => standings.find(({ policy }) => policy.owner === owner);
  return {
    get epoch() {
      return epoch;
    },
    get standings() {
      return standings;
    },
    policies: () => standings.filter(({ state }) => state === 'in force').map(({ policy }) => policy),
    policiesFor(name) {
      const known = deciders.get(name) ?? decidersOf(standings, name).map(({ policy }) => policy);
      deciders.set(name, known);
      return known;
    },
    changeRules(owner) {
      const standing = find(owner);
      if (standing !== undefined) return standing.policy.changes;
      return Object.hasOwn(newcomers, owner) ? (newcomers[owner] ?? null) : null;
    },
    lastVersion: (owner) => versions.last(owner).version,
    commit(next) {
      epoch += 1;
      commit(next);
    },
  };
}
