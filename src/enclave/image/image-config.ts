/**
 * What a worker's configuration may say in the image: the operator writes it for a machine that has one port, no disk that stays and no folder of
 * roots. The same check is made where the bundle is written, so that a mistake shows before a machine is started.
 */
import { LIMITS } from '../../base/limits.ts';
import { ConfigurationError } from '../../errors.ts';
import { type FileSource, readTextFrom } from '../../io/files.ts';
import { parseWorkerConfig, type WorkerConfig } from '../worker-config.ts';

/** The one port that the image's packet rules let in. */
export const IMAGE_PORT = 8443;

/** All interfaces of the machine. */
const EVERYWHERE: ReadonlySet<string> = new Set(['0.0.0.0', '::']);

function refuse(why: string): ConfigurationError {
  return new ConfigurationError('ERR_CONFIGURATION_FILE', `worker configuration for the image: ${why}`);
}

/**
 * Reads the configuration at an absolute path, and refuses what the image does not have.
 * @throws ConfigurationError ERR_CONFIGURATION_FILE
 */
export async function readImageConfig(files: FileSource, path: string): Promise<WorkerConfig> {
  const config = parseWorkerConfig(await readTextFrom(files, path, LIMITS.configurationBytes));
  if (config.listen.port !== IMAGE_PORT)
    throw refuse(`listen.port must be ${IMAGE_PORT}, which is the port that the packet rules let in`);
  if (!EVERYWHERE.has(config.listen.host))
    throw refuse('listen.host must be "0.0.0.0" or "::": which address the machine gets is not known before');
  if (config.store !== 'memory') throw refuse('store must be left out: the machine has no disk that outlives it');
  return config;
}
