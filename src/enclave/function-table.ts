/**
 * The functions whose bytes this worker holds, and which of them run: those that every owner who lists them lists with the same digest. A change of
 * policies first loads what it needs, and then puts all of it in place in one step; what no longer runs ends with its last call.
 */
import type { DigestText } from '../base/digest.ts';
import { FunctionError } from '../errors.ts';
import type { FunctionTerms } from '../policy/policy.ts';
import type { GatedFunction } from './gate.ts';
import { findListed, type ListedFunction } from './listed-functions.ts';
import { decidersOf, type OwnerStanding, type Standings } from './policy-register.ts';
import { openRetiringFunction, type RetiringFunction } from './retiring-function.ts';
import type { LoadedFunction } from './sandbox/sandbox.ts';

/** One function that the worker holds the bytes of. */
export interface HeldFunction {
  readonly digest: DigestText;
  /** Its ways out, which ask the register. */
  readonly ways: Pick<GatedFunction, 'egress' | 'sockets' | 'waitsFor'>;
  /** Starts it on these terms; gives what the gate calls, and the longest time of one call. */
  readonly load: (terms: FunctionTerms) => Promise<{ readonly loaded: LoadedFunction; readonly deadlineMs: number }>;
}

interface Running {
  readonly loaded: RetiringFunction;
  readonly deadlineMs: number;
  /** The terms that it was loaded with: others need another process. */
  readonly terms: string;
}

/** What is loaded for a change and not yet in place. */
export interface PreparedFunctions {
  /** Puts it in place; what no longer runs is retired. */
  commit(): void;
  /** Closes what was loaded for nothing. */
  discard(): Promise<void>;
}

export interface FunctionTable {
  /** Gives the function of that name as it stands; the same value until the next change. */
  get(name: string): GatedFunction | undefined;
  /** Gives the digests of those that run. */
  running(): Readonly<Record<string, DigestText>>;
  /**
   * Loads what these owners let run and does not run yet.
   * @throws FunctionError when one of them cannot be loaded; then nothing is
   */
  prepare(standings: Standings): Promise<PreparedFunctions>;
  close(): Promise<void>;
}

/** Gives the function as its owners list it; null when none does, one has withdrawn, or they do not mean the same code. */
function findAgreed(name: string, digest: DigestText, deciders: readonly OwnerStanding[]): ListedFunction | null {
  if (deciders.some(({ state }) => state === 'withdrawn')) return null;
  try {
    const policies = deciders.map(({ policy }) => policy);
    return findListed(name, digest, policies);
  } catch (error) {
    if (error instanceof FunctionError) return null;
    throw error;
  }
}

const NOT_RUNNING: LoadedFunction = {
  call: () =>
    Promise.reject(new FunctionError('ERR_FUNCTION_UNAVAILABLE', 'its owners do not let this function run now')),
  close: () => Promise.resolve(),
};

/** Opens a table in which nothing runs yet. */
export function openFunctionTable(held: ReadonlyMap<string, HeldFunction>): FunctionTable {
  let running = new Map<string, Running>();
  let gated = new Map<string, GatedFunction>();
  const retiring = new Set<RetiringFunction>();

  function retire({ loaded }: Running): void {
    retiring.add(loaded);
    void loaded.retire().finally(() => retiring.delete(loaded));
  }

  return {
    get: (name) => gated.get(name),
    running: () => Object.fromEntries([...running.keys()].map((name) => [name, held.get(name)?.digest ?? 'sha256:'])),
    async prepare(standings) {
      const next = new Map<string, Running>();
      const table = new Map<string, GatedFunction>();
      const isNew = ([name, entry]: [string, Running]): boolean => running.get(name) !== entry;
      const discard = async (): Promise<void> => {
        await Promise.all([...next].filter(isNew).map(([, { loaded }]) => loaded.close()));
      };
      try {
        for (const [name, { digest, ways, load }] of held) {
          const owners = decidersOf(standings, name);
          const agreed = findAgreed(name, digest, owners);
          const terms = JSON.stringify(agreed?.terms ?? null);
          let entry = running.get(name);
          if (agreed !== null && entry?.terms !== terms) {
            const { loaded, deadlineMs } = await load(agreed.terms);
            entry = { loaded: openRetiringFunction(loaded), deadlineMs, terms };
          }
          if (agreed !== null && entry !== undefined) next.set(name, entry);
          const { loaded, deadlineMs } = next.get(name) ?? { loaded: NOT_RUNNING, deadlineMs: 1 };
          table.set(name, { digest, loaded, deadlineMs, ...ways, owners });
        }
      } catch (error) {
        await discard();
        throw error;
      }
      return {
        commit() {
          const earlier = running;
          running = next;
          gated = table;
          for (const [name, entry] of earlier) if (next.get(name) !== entry) retire(entry);
        },
        discard,
      };
    },
    async close() {
      await Promise.all([...[...running.values()].map(({ loaded }) => loaded), ...retiring].map((f) => f.close()));
    },
  };
}
