/**
 * Which configuration a machine of the image takes: the one whose digest stands on its measured command line, or, where that says so, in the
 * HOST_DATA of its own report, which the host set at launch and cannot change. Any other one is refused.
 */
import type { AttestationReport } from '../../attestation/snp/report.ts';
import { equalBytes } from '../../base/bytes.ts';
import { formatDigest, parseDigest } from '../../base/digest.ts';
import { ConfigurationError } from '../../errors.ts';
import { nativeSha256 } from '../../io/native-digest.ts';

const PARAMETER = 'anchorhold.config=';
const IN_HOST_DATA = 'host-data';

/** Where the digest is: in the report, or these 32 bytes. */
export type ConfigDemand = 'host-data' | { readonly digest: Uint8Array };

/**
 * Reads the demand on a kernel's command line, where it must stand once.
 * @throws ConfigurationError ERR_CONFIGURATION_FILE
 */
export function parseConfigDemand(commandLine: string): ConfigDemand {
  const given = commandLine.split(/\s+/).filter((parameter) => parameter.startsWith(PARAMETER));
  const value = given[0]?.slice(PARAMETER.length) ?? '';
  if (given.length === 1 && value === IN_HOST_DATA) return IN_HOST_DATA;
  const digest = parseDigest(value);
  if (given.length === 1 && digest !== null) return { digest };
  throw new ConfigurationError(
    'ERR_CONFIGURATION_FILE',
    `the kernel's command line must say ${PARAMETER} once, with sha256:HEX or ${IN_HOST_DATA}`,
  );
}

/**
 * Holds a bundle against the demand; `report` is the machine's own.
 * @throws ConfigurationError ERR_CONFIGURATION_FILE
 */
export function checkConfigDigest(demand: ConfigDemand, bundle: Uint8Array, report: AttestationReport | null): void {
  const expected = demand === IN_HOST_DATA ? report?.hostData : demand.digest;
  const digest = nativeSha256(bundle);
  if (expected !== undefined && equalBytes(digest, expected)) return;
  const where = demand === IN_HOST_DATA ? 'the host data of this machine' : 'the command line';
  throw new ConfigurationError(
    'ERR_CONFIGURATION_FILE',
    `the configuration is ${formatDigest(digest)}, and ${where} names another one`,
  );
}
