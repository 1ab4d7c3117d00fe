/** What is demanded of a worker, as it stands at each appraisal: a trust file, with the releases that it names read and verified anew. */
import type { TrustFile } from '../attestation/trust-file.ts';

export interface TrustSource {
  /** The trust file as it was read; its releases accept nothing yet. */
  readonly file: TrustFile;
  /**
   * Gives what an appraisal that begins now is made by.
   * @throws ConfigurationError ERR_CONFIGURATION_FILE, ERR_CONFIGURATION_RELEASE, ERR_CONFIGURATION_RELEASE_OLD
   */
  current(): Promise<TrustFile>;
}

/** Makes a source of a trust file that names nothing that could change. */
export function fixedTrust(file: TrustFile): TrustSource {
  return { file, current: async () => file };
}
