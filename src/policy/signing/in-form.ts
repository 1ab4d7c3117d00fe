/** How JSON of owners and workers that is not in form is refused: with one code, whatever is wrong with it. */
import { ConfigurationError, PolicyError } from '../../errors.ts';

/**
 * Runs a reader of JSON, and refuses what it finds wrong; `problem` begins the message.
 * @throws PolicyError ERR_POLICY_STATEMENT
 */
export function readInForm<T>(problem: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    if (!(cause instanceof ConfigurationError)) throw cause;
    throw new PolicyError('ERR_POLICY_STATEMENT', `${problem}: ${cause.message}`, { cause });
  }
}
