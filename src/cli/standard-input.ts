/** Standard input as a whole, up to a cap. */
import { concatBytes } from '../base/bytes.ts';
import { ConfigurationError } from '../errors.ts';

/**
 * Reads a stream to its end; stops reading as soon as it is over `maxBytes`.
 * @throws ConfigurationError ERR_CONFIGURATION_FILE
 */
export async function readStandardInput(stream: AsyncIterable<Uint8Array>, maxBytes: number): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of stream) {
    size += part.length;
    if (size > maxBytes) {
      throw new ConfigurationError('ERR_CONFIGURATION_FILE', `standard input is over the cap of ${maxBytes} bytes`);
    }
    parts.push(part);
  }
  return concatBytes(...parts);
}
