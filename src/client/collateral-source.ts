/** Says in a program's words where missing certificates come from, and opens that. The network is asked only by those who say so. */
import { ConfigurationError } from '../errors.ts';
import { openFolderCache, openMemoryCache } from '../io/collateral-cache.ts';
import { openKdsClient, waitByClock } from '../io/kds-client.ts';
import type { Collateral } from './collateral.ts';
import { openFolderCrlNumbers, openMemoryCrlNumbers } from './crl-number-store.ts';

/** Longest wait for one answer of the service. */
const KDS_TIMEOUT_MS = 10_000;

/** Where certificates and revocation list come from that a worker did not send along. */
export type CollateralSource =
  /** From nowhere: what is missing is missing, and the appraisal refuses. */
  | { readonly source: 'evidence-only' }
  | {
      readonly kds: {
        /** `https://kdsintf.amd.com`, or a mirror that speaks the same addresses. */
        readonly baseUrl: string;
        /** Folder that keeps what was fetched and which revocation lists were seen (mode 0700); null keeps both only as long as the session. */
        readonly cacheDir: string | null;
      };
    };

/**
 * Opens what a source says; nothing is asked yet.
 * @throws ConfigurationError ERR_CONFIGURATION_USAGE for an address that may not be asked, ERR_CONFIGURATION_FILE for a folder that cannot be used
 */
export async function openCollateral(source: CollateralSource, now: () => Date): Promise<Collateral> {
  if ('source' in source && source.source === 'evidence-only') {
    return { kds: null, crlNumbers: openMemoryCrlNumbers() };
  }
  if (!('kds' in source)) {
    const message = 'collateral is neither { source: "evidence-only" } nor { kds: { baseUrl, cacheDir } }';
    throw new ConfigurationError('ERR_CONFIGURATION_USAGE', message);
  }
  const { baseUrl, cacheDir } = source.kds;
  const client = openKdsClient({ baseUrl, roots: 'system', timeoutMs: KDS_TIMEOUT_MS, now, wait: waitByClock });
  const cache = cacheDir === null ? openMemoryCache() : await openFolderCache(cacheDir);
  const crlNumbers = cacheDir === null ? openMemoryCrlNumbers() : openFolderCrlNumbers(cacheDir);
  return { kds: { client, cache, clock: now }, crlNumbers };
}
