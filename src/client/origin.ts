/** The one origin that a session is for: where the worker is, without path, user or password. */
import { ConfigurationError } from '../errors.ts';

/**
 * Reads the origin of a worker's URL.
 * @throws ConfigurationError ERR_CONFIGURATION_USAGE
 */
export function parseOrigin(text: string): URL {
  const url = URL.parse(text);
  if (url === null || url.protocol !== 'https:' || url.username !== '' || url.password !== '') {
    throw new ConfigurationError(
      'ERR_CONFIGURATION_USAGE',
      `${JSON.stringify(text)} is not an https:// URL of a worker`,
    );
  }
  return new URL(url.origin);
}
