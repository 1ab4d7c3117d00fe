/** Where Debian's packages come from: a mirror, or the dated archive that keeps every version. Neither is believed; digests decide. */
import { LIMITS } from '../base/limits.ts';
import { ConfigurationError } from '../errors.ts';
import { download } from '../io/download.ts';

/** Mirror that is asked when none is named. */
export const DEFAULT_MIRROR: string = 'http://deb.debian.org/debian';

const SNAPSHOT = 'http://snapshot.debian.org/archive/debian';
const TIMEOUT_MS = 600_000;

export interface Mirror {
  /**
   * Fetches a file by its path below the archive of a suite; null when it is not there.
   * @throws TransportError
   */
  fetch(suite: string, path: string): Promise<Uint8Array<ArrayBuffer> | null>;
}

/** The archive of a suite: Debian keeps its security updates beside its other packages. */
function archiveOf(base: string, suite: string): string {
  return suite.endsWith('-security')
    ? base.replace(/\/debian$/, '/debian-security').replace(/\/archive\/debian\//, '/archive/debian-security/')
    : base;
}

function open(base: string): Mirror {
  return {
    fetch: async (suite, path) =>
      await download(`${archiveOf(base, suite)}/${path.split('/').map(encodeURIComponent).join('/')}`, {
        maxBytes: LIMITS.packageBytes,
        timeoutMs: TIMEOUT_MS,
      }),
  };
}

/**
 * Opens a mirror by the address of its folder `debian`.
 * @throws ConfigurationError ERR_CONFIGURATION_USAGE
 */
export function openMirror(address: string): Mirror {
  const url = URL.parse(address);
  if (url === null || !/^https?:$/.test(url.protocol) || `${url.search}${url.hash}` !== '') {
    throw new ConfigurationError(
      'ERR_CONFIGURATION_USAGE',
      `${JSON.stringify(address)} is no address of a mirror: write one such as ${DEFAULT_MIRROR}`,
    );
  }
  return open(address.replace(/\/+$/, ''));
}

/** Opens the dated archive of Debian at the instant of a lock. */
export function openSnapshot(instant: string): Mirror {
  return open(`${SNAPSHOT}/${instant}`);
}
