/**
 * The files that one appraisal takes from the cache or from a key distribution service, and what becomes of them afterwards: kept when a
 * chain held with them, doubted when it failed with them. Judges form only.
 */
import type { Stage } from '../appraisal.ts';
import { TransportError } from '../errors.ts';
import type { CachedFile, CollateralCache } from '../io/collateral-cache.ts';
import type { KdsClient } from '../io/kds-client.ts';

/** A key distribution service with a cache before it, and the clock by which files grow old. */
export interface KdsCollateral {
  readonly client: KdsClient;
  readonly cache: CollateralCache;
  readonly clock: () => Date;
}

/** One file that is missing. */
export interface Wanted<T> {
  readonly path: string;
  readonly maxBytes: number;
  /** Gives null for bytes that are not what was asked for. */
  readonly parse: (bytes: Uint8Array) => T | null;
  /** Says what a kept file is worth: serves at once, serves while the service cannot be reached, or serves nobody. */
  readonly judgeKept: (value: T, ageMs: number) => 'fresh' | 'stale' | 'useless';
}

export interface CollateralRound {
  /**
   * Gives a file from the cache or the service; null when the service says that there is none.
   * @throws TransportError ERR_TRANSPORT_UNREACHABLE (also for an answer of another form), ERR_TRANSPORT_TIMEOUT, ERR_TRANSPORT_OVERLOADED
   */
  obtain<T>(wanted: Wanted<T>): Promise<T | null>;
  /**
   * Ends the round with the stage that refused, null for none.
   * @throws ConfigurationError ERR_CONFIGURATION_FILE when the cache cannot be written
   */
  settle(stage: Stage | null): Promise<void>;
}

/** When an entry was fetched with which a chain has failed since: it is asked for again, and serves while the service cannot be reached. */
const DOUBTED = new Date(0);
/** The same once a chain has held with it: as old as can be, and doubted no more. */
const CLEARED = new Date(1);

const isDoubted = ({ fetchedAt }: CachedFile): boolean => fetchedAt.getTime() === DOUBTED.getTime();

/** Starts the round of one appraisal. */
export function startCollateralRound({ client, cache, clock }: KdsCollateral): CollateralRound {
  const fetched: { readonly address: string; readonly file: CachedFile }[] = [];
  const served: { readonly address: string; readonly file: CachedFile }[] = [];

  async function fetchFile<T>(address: string, { path, maxBytes, parse }: Wanted<T>): Promise<T | null> {
    const bytes = await client.fetch(path, maxBytes);
    if (bytes === null) return null;
    const value = parse(bytes);
    if (value === null) {
      throw new TransportError('ERR_TRANSPORT_UNREACHABLE', `${address} answered with something else than it should`);
    }
    fetched.push({ address, file: { bytes, fetchedAt: clock() } });
    return value;
  }

  return {
    async obtain(wanted) {
      const address = client.address(wanted.path);
      const file = await cache.read(address, wanted.maxBytes);
      const value = file === null ? null : wanted.parse(file.bytes);
      if (file === null || value === null) return await fetchFile(address, wanted);
      const worth = wanted.judgeKept(value, clock().getTime() - file.fetchedAt.getTime());
      if (worth === 'useless') return await fetchFile(address, wanted);
      try {
        if (worth === 'stale' || isDoubted(file)) return await fetchFile(address, wanted);
      } catch (error) {
        if (!(error instanceof TransportError)) throw error;
      }
      served.push({ address, file });
      return value;
    },
    async settle(stage) {
      // A wrong entry refuses once and not for ever; before the chain stage nothing was looked at. It stays, because the fault may be in
      // the evidence: nobody may empty a cache by sending some.
      if (stage === 'chain')
        for (const { address, file } of served) await cache.write(address, { ...file, fetchedAt: DOUBTED });
      if (stage === 'parse' || stage === 'chain' || stage === 'binding') return;
      for (const { address, file } of served.filter((entry) => isDoubted(entry.file)))
        await cache.write(address, { ...file, fetchedAt: CLEARED });
      for (const { address, file } of fetched) await cache.write(address, file);
    },
  };
}
