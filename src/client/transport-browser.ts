/**
 * Stands for transport.ts in a browser, where a session cannot be had: evidence vouches for one connection, and a page sees nothing of the
 * TLS connection it uses. Imports nothing of Node.
 */
import { ConfigurationError } from '../errors.ts';
import type { Transport } from './transport.ts';

/**
 * Refuses, so that no page believes it has a session.
 * @throws ConfigurationError ERR_CONFIGURATION_PLATFORM always
 */
export function openTransport(): Transport {
  throw new ConfigurationError(
    'ERR_CONFIGURATION_PLATFORM',
    'a browser cannot open a SecureSession: open it in Node, or appraise evidence here with appraiseReport of "anchorhold/attestation"',
  );
}
