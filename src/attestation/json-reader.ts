/**
 * Reads JSON that people write or send into typed values: the text is refused when it is too large, too deep, has a key twice, an unknown
 * or a missing one. Every refusal names the path (`machine.vmpl[0]`) and what may stand there. A reader also says what it reads as JSON
 * Schema, for editors: it may take more than the reader, never less. [RFC 8259; I-JSON RFC 7493 2.3; JSON Schema 2020-12]
 */
import { encodeUtf8 } from '../base/bytes.ts';
import { LIMITS } from '../base/limits.ts';
import { ConfigurationError } from '../errors.ts';

/** What may stand somewhere, for editors. [JSON Schema 2020-12] */
export type Schema = Readonly<Record<string, unknown>>;

/** Reads one value; `path` is for the message. */
export interface Reader<T> {
  (value: unknown, path: string): T;
  readonly schema?: Schema;
  /** Reads a key that may be left out, whose value is `undefined` then. */
  readonly optional?: true;
}

/** Makes a reader that says what it reads. */
export function described<T>(schema: Schema, read: (value: unknown, path: string) => T): Reader<T> {
  return Object.assign((value: unknown, path: string): T => read(value, path), { schema });
}

/** Gives what a reader says that it reads; anything when it says nothing. */
export function schemaOf(reader: Reader<unknown>): Schema {
  return reader.schema ?? {};
}

/** Names a value that was refused, short enough for a line. */
function show(value: unknown): string {
  const text = JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

/** Makes the error of a value that may not stand where it stands. */
export function refuseValue(path: string, allowed: string, value: unknown): ConfigurationError {
  const message =
    value === undefined
      ? `${path} is missing: it must be ${allowed}`
      : `${path} must be ${allowed}, not ${show(value)}`;
  return new ConfigurationError('ERR_CONFIGURATION_TRUST', message);
}

const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\],:]/g;

/** Finds what is wrong with the structure of text that is known to be JSON: a key twice or too deep. */
function findStructureProblem(text: string): string | null {
  const open: (Set<string> | null)[] = [];
  let last = '';
  for (const [token] of text.matchAll(TOKEN)) {
    if (token === '{' || token === '[') {
      open.push(token === '{' ? new Set() : null);
      if (open.length > LIMITS.nesting) return `nests deeper than ${LIMITS.nesting}`;
    } else if (token === '}' || token === ']') {
      open.pop();
    } else if (token === ':') {
      const key = JSON.parse(last) as string;
      const keys = open.at(-1);
      if (keys?.has(key) === true) return `has the key ${JSON.stringify(key)} twice in one object`;
      keys?.add(key);
    }
    last = token;
  }
  return null;
}

/**
 * Reads a whole JSON text; `what` names it in messages.
 * @throws ConfigurationError ERR_CONFIGURATION_TRUST
 */
export function readJson<T>(text: string, maxBytes: number, what: string, reader: Reader<T>): T {
  const refuse = (problem: string, cause?: unknown): ConfigurationError =>
    new ConfigurationError('ERR_CONFIGURATION_TRUST', `${what} ${problem}`, { cause });
  if (text.length > maxBytes || encodeUtf8(text).length > maxBytes) throw refuse(`is larger than ${maxBytes} bytes`);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw refuse('is not JSON', error);
  }
  const problem = findStructureProblem(text);
  if (problem !== null) throw refuse(problem);
  return reader(value, '');
}

/** Joins a path and a key. */
export function joinPath(path: string, key: string): string {
  if (!/^[A-Za-z0-9_-]+$/.test(key)) return `${path}[${JSON.stringify(key)}]`;
  return path === '' ? key : `${path}.${key}`;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Reads an object with exactly these keys. */
export function object<T extends object>(readers: { readonly [K in keyof T]: Reader<T[K]> }): Reader<T> {
  const names = Object.keys(readers) as (keyof T & string)[];
  const schema = {
    type: 'object',
    properties: Object.fromEntries(names.map((name) => [name, schemaOf(readers[name])])),
    required: names.filter((name) => readers[name].optional !== true),
    additionalProperties: false,
  };
  return described(schema, (value, path) => {
    if (!isObject(value)) throw refuseValue(path || 'the file', `an object with ${names.join(', ')}`, value);
    for (const key of Object.keys(value)) {
      if (!Object.hasOwn(readers, key))
        throw new ConfigurationError(
          'ERR_CONFIGURATION_TRUST',
          `${joinPath(path, key)} is not a known key; known are ${names.join(', ')}`,
        );
    }
    const result: Partial<T> = {};
    for (const name of names)
      result[name] = readers[name](Object.hasOwn(value, name) ? value[name] : undefined, joinPath(path, name));
    return result as T;
  });
}

/** What names that the writer chose may be. */
export const NAMES: Schema = { minLength: 1, maxLength: 128 };

/** Reads an object whose keys are names that the writer chose. */
export function mapOf<T>(item: Reader<T>): Reader<Readonly<Record<string, T>>> {
  const schema = { type: 'object', propertyNames: NAMES, additionalProperties: schemaOf(item) };
  return described(schema, (value, path) => {
    if (!isObject(value)) throw refuseValue(path, 'an object of names', value);
    return Object.fromEntries(
      Object.entries(value).map(([key, entry]) => {
        if (key === '' || key.length > 128) throw refuseValue(path, 'an object with names of 1 to 128 characters', key);
        return [key, item(entry, joinPath(path, key))];
      }),
    );
  });
}

/** Reads a list without double entries. */
export function listOf<T extends string | number>(item: Reader<T>): Reader<readonly T[]> {
  return described({ type: 'array', items: schemaOf(item), uniqueItems: true }, (value, path) => {
    if (!Array.isArray(value)) throw refuseValue(path, 'a list', value);
    const items = value.map((entry, i) => item(entry, `${path}[${i}]`));
    const twice = items.find((entry, i) => items.indexOf(entry) !== i);
    if (twice !== undefined) throw refuseValue(path, 'a list without double entries', value);
    return items;
  });
}

/** Reads a list of at most so many values. */
export function itemsOf<T>(item: Reader<T>, max: number): Reader<readonly T[]> {
  return described({ type: 'array', items: schemaOf(item), maxItems: max }, (value, path) => {
    if (!Array.isArray(value) || value.length > max) throw refuseValue(path, `a list of at most ${max}`, value);
    return value.map((entry, i) => item(entry, `${path}[${i}]`));
  });
}

/** Reads one of a few texts. */
export function oneOf<const T extends string>(...allowed: readonly T[]): Reader<T> {
  return described({ enum: allowed }, (value, path) => {
    const found = allowed.find((text) => text === value);
    if (found === undefined) throw refuseValue(path, allowed.map((text) => JSON.stringify(text)).join(' or '), value);
    return found;
  });
}

/** Reads a text for which `is` holds; `schema` says as much of that as a schema can. */
export function text(allowed: string, is: (value: string) => boolean, schema: Schema = {}): Reader<string> {
  return described({ type: 'string', description: allowed, ...schema }, (value, path) => {
    if (typeof value !== 'string' || !is(value)) throw refuseValue(path, allowed, value);
    return value;
  });
}

/** Reads lower-case hex of one of these sizes in bytes. */
export function hexOf(...sizes: readonly number[]): Reader<string> {
  const digits = sizes.map((size) => size * 2);
  return text(
    `${digits.join(' or ')} lower-case hex digits`,
    (v) => digits.includes(v.length) && /^[0-9a-f]*$/.test(v),
    { pattern: `^(?:${digits.map((count) => `[0-9a-f]{${count}}`).join('|')})$` },
  );
}

/** Reads an integer of a range, both ends included. */
export function integer(from: number, to: number): Reader<number> {
  return described({ type: 'integer', minimum: from, maximum: to }, (value, path) => {
    if (typeof value !== 'number' || !Number.isInteger(value) || value < from || value > to)
      throw refuseValue(path, `an integer of ${from} to ${to}`, value);
    return value;
  });
}

/** Reads `true` or `false`. */
export const boolean: Reader<boolean> = described({ type: 'boolean' }, (value, path) => {
  if (typeof value !== 'boolean') throw refuseValue(path, 'true or false', value);
  return value;
});

/** Reads a key that may be left out. */
export function optional<T>(reader: Reader<T>): Reader<T | undefined> {
  const read = (value: unknown, path: string): T | undefined => (value === undefined ? undefined : reader(value, path));
  return Object.assign(read, { schema: schemaOf(reader), optional: true as const });
}

/** Reads one of these words, or what the reader takes. */
export function wordOr<const W extends string, T>(words: readonly W[], reader: Reader<T>): Reader<W | T> {
  const shown = words.map((word) => JSON.stringify(word)).join(' or ');
  return described({ anyOf: [{ enum: words }, schemaOf(reader)] }, (value, path) => {
    const word = words.find((w) => w === value);
    if (word !== undefined) return word;
    if (value === undefined) throw refuseValue(path, `${shown} or a value`, value);
    try {
      return reader(value, path);
    } catch (error) {
      if (!(error instanceof ConfigurationError)) throw error;
      throw new ConfigurationError('ERR_CONFIGURATION_TRUST', `${error.message} (or ${shown})`, { cause: error });
    }
  });
}

/** Reads one value or a list of them. */
export function oneOrList<T extends string | number>(item: Reader<T>): Reader<T | readonly T[]> {
  const list = listOf(item);
  return described({ anyOf: [schemaOf(item), schemaOf(list)] }, (value, path) =>
    Array.isArray(value) ? list(value, path) : item(value, path),
  );
}
