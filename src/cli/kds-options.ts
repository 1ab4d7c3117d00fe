/** The options of the commands that may ask AMD for certificates that a worker did not send along. Without `--kds` nobody is asked. */
import { join, resolve } from 'node:path';
import { AMD_KDS_URL } from '../attestation/snp/kds-urls.ts';
import type { CollateralSource } from '../client/collateral-source.ts';
import { ConfigurationError } from '../errors.ts';
import { userCacheFolder } from '../io/collateral-cache.ts';
import { type CliInput, type CliIo, type CliOption, optionValue } from './command.ts';

/** Describes the options. */
export const KDS_OPTIONS: readonly CliOption[] = [
  {
    name: 'kds',
    value: null,
    summary:
      'fetch missing certificates from AMD, and keep them (tells AMD which chip you look at; uses no HTTP proxy)',
    repeatable: false,
  },
  {
    name: 'kds-url',
    value: 'URL',
    summary: `with --kds: a mirror to ask instead (default: ${AMD_KDS_URL})`,
    repeatable: false,
  },
  {
    name: 'kds-cache',
    value: 'DIR',
    summary: 'with --kds: where to keep them (default: ~/.cache/anchorhold/kds)',
    repeatable: false,
  },
];

/**
 * Gives the source that the options name.
 * @throws ConfigurationError ERR_CONFIGURATION_USAGE
 */
export function readCollateralSource(input: CliInput, io: CliIo): CollateralSource {
  const [baseUrl, cacheDir] = [optionValue(input, 'kds-url'), optionValue(input, 'kds-cache')];
  if (!input.switches.has('kds')) {
    if (baseUrl === null && cacheDir === null) return { source: 'evidence-only' };
    const name = baseUrl === null ? '--kds-cache' : '--kds-url';
    throw new ConfigurationError('ERR_CONFIGURATION_USAGE', `${name} goes with --kds`);
  }
  const folder = cacheDir === null ? join(userCacheFolder(), 'kds') : resolve(io.cwd, cacheDir);
  return { kds: { baseUrl: baseUrl ?? AMD_KDS_URL, cacheDir: folder } };
}
