/** Reads the JSON files of images with the readers of attestation/json-reader.ts, and says what is wrong in the words of images. */
import { described, type Reader, readJson, refuseValue, schemaOf, text } from '../attestation/json-reader.ts';
import { LIMITS } from '../base/limits.ts';
import { ConfigurationError } from '../errors.ts';
import { isTreePath, refuseInput } from './tree.ts';

/**
 * Reads a whole JSON text of at most 1 MiB; `what` names it in messages.
 * @throws ConfigurationError ERR_CONFIGURATION_IMAGE
 */
export function readImageJson<T>(json: string, what: string, reader: Reader<T>): T {
  try {
    return readJson(json, LIMITS.configurationBytes, what, reader);
  } catch (cause) {
    if (cause instanceof ConfigurationError) throw refuseInput(cause.message, cause);
    throw cause;
  }
}

/** Reads a list of any values, of at most so many elements as an image has entries. */
export function elements<T>(item: Reader<T>): Reader<readonly T[]> {
  const schema = { type: 'array', items: schemaOf(item), maxItems: LIMITS.imageEntries };
  return described(schema, (value, path) => {
    if (!Array.isArray(value) || value.length > LIMITS.imageEntries) {
      throw refuseValue(path, `a list of at most ${LIMITS.imageEntries} elements`, value);
    }
    return value.map((element, i) => item(element, `${path}[${i}]`));
  });
}

/** Reads a path in an image. */
export const treePath: Reader<string> = text('a path without a slash at either end', isTreePath);
