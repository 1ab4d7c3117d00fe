/**
 * The grammar of the file's places: what may stand where, said once as values that are put together (record, list, dictionary, text).
 * A reader also says what it reads as JSON Schema, for editors: it may take more than the reader, never less. Every reader gives a value or throws one PolicyFileError with all problems of its part. Nothing is optional unless it says so.
 */
import type { Schema } from '../attestation/json-reader.ts';
import type { PolicyCode } from '../error-table.ts';
import type { Position } from './policy.ts';
import { PolicyFileError, type PolicyProblem } from './policy-file-error.ts';
import { findNearest, joinNames, quote, type Reading } from './reading.ts';
import type { MapNode, TextNode, YamlNode } from './yaml.ts';

/** Gives the bytes of a file beside the policy, by the name that stands in it (`./research-ca.pem`), or null when there is none. */
export type References = (name: string) => Uint8Array | null;

/** Reads one place of the file, and says for editors what may stand there. */
export interface Reader<T> {
  (node: YamlNode, references: References): T;
  readonly schema: Schema;
}

/** Makes a reader that says what it reads. */
export function described<T>(schema: Schema, read: (node: YamlNode, references: References) => T): Reader<T> {
  return Object.assign((node: YamlNode, references: References): T => read(node, references), { schema });
}

/** Makes a reader that does more with what another reads; it may refuse more. */
export function derived<A, T>(
  reader: Reader<A>,
  make: (value: A, node: YamlNode, references: References) => T,
  more: Schema = {},
): Reader<T> {
  return described({ ...reader.schema, ...more }, (node, references) =>
    make(reader(node, references), node, references),
  );
}

/** Says what the value of a key is, and what holds when the key is absent (`null`: it must be there). */
export interface Field<T> {
  readonly read: Reader<T>;
  readonly absent: { readonly value: T } | null;
}

/** A value together with where it stands. */
export type Placed<T> = T & { readonly at: Position };

/** Makes the error for one problem. */
export function problemAt(node: { readonly at: Position }, code: PolicyCode, what: string): PolicyFileError {
  return new PolicyFileError({ code, at: node.at, what });
}

/** Runs readers one after another and throws what all of them found wrong, together. */
export class Gathering {
  readonly #problems: PolicyProblem[] = [];
  /** Runs one reader; gives null when it found problems. */
  try<T>(read: () => T): T | null {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof PolicyFileError)) throw error;
      this.#problems.push(...error.problems);
      return null;
    }
  }
  /** Throws when anything was wrong. */
  close(): void {
    const [first, ...others] = this.#problems;
    if (first !== undefined) throw new PolicyFileError(first, others);
  }
}

/** Makes a field that must be there. */
export function required<T>(read: Reader<T>): Field<T> {
  return { read, absent: null };
}

/** Makes a field that may be absent, and what holds then. */
export function optional<T, const A>(read: Reader<T>, absent: A): Field<T | A> {
  return { read, absent: { value: absent } };
}

function expectText(node: YamlNode): TextNode {
  if (node.kind !== 'text')
    throw problemAt(node, 'ERR_POLICY_VALUE', `a ${node.kind} stands where a single value belongs`);
  if (node.text === '')
    throw problemAt(node, 'ERR_POLICY_VALUE', 'the value is missing: write it, or leave the key out');
  return node;
}

function expectMap(node: YamlNode, what: string): MapNode {
  if (node.kind === 'map') return node;
  throw problemAt(node, 'ERR_POLICY_VALUE', `${what} is written as \`key: value\` lines${missing(node)}`);
}

function missing(node: YamlNode): string {
  return node.kind === 'text' && node.text === ''
    ? '; nothing stands here (leave the section out to allow nothing)'
    : '';
}

/** Reads one value by the grammar of its text; `form` is what the text looks like. */
export function text<T>(parse: (text: string) => Reading<T>, form: Schema): Reader<T> {
  return described(form, (node) => {
    const { text, at } = expectText(node);
    const reading = parse(text);
    if (!reading.ok) throw problemAt({ at }, 'ERR_POLICY_VALUE', reading.why);
    return reading.value;
  });
}

/** Reads one of a few words. */
export function choice<const T extends string>(...words: readonly T[]): Reader<T> {
  return described({ enum: words }, (node) => {
    const { text, at } = expectText(node);
    const word = words.find((known) => known === text);
    if (word === undefined)
      throw problemAt({ at }, 'ERR_POLICY_VALUE', `${quote(text)} is not one of ${joinNames(words, 'or')}`);
    return word;
  });
}

/** Reads a list. `identity` names what may not be listed twice; null allows repetition. An empty list is `[]`. */
export function list<T>(what: string, item: Reader<T>, identity: ((value: T) => string) | null): Reader<readonly T[]> {
  const schema = { type: 'array', items: item.schema, ...(identity === null ? {} : { uniqueItems: true }) };
  return described(schema, (node, references) => {
    if (node.kind !== 'list')
      throw problemAt(node, 'ERR_POLICY_VALUE', `${what} is a list: begin each entry with "- ", or write [] for none`);
    const gathering = new Gathering();
    const seen = new Set<string>();
    const values: T[] = [];
    for (const child of node.items) {
      const value = gathering.try(() => {
        const read = item(child, references);
        const id = identity?.(read);
        if (id === undefined) return read;
        if (seen.has(id)) throw problemAt(child, 'ERR_POLICY_VALUE', `${quote(id)} is listed twice`);
        seen.add(id);
        return read;
      });
      if (value !== null) values.push(value);
    }
    gathering.close();
    return values;
  });
}

/** Reads a list, or one value that stands for a list of one. */
export function oneOrList<T>(what: string, item: Reader<T>, identity: (value: T) => string): Reader<readonly T[]> {
  const many = list(what, item, identity);
  return described({ anyOf: [item.schema, many.schema] }, (node, references) =>
    node.kind === 'text' ? [item(node, references)] : many(node, references),
  );
}

/** Reads a map from names that the owner chooses to values; the order of the file is kept. `form` is what a name looks like. */
export function dictionary<T>(
  what: string,
  name: (text: string) => Reading<string>,
  form: Schema,
  value: Reader<T>,
): Reader<readonly Placed<{ readonly name: string; readonly value: T }>[]> {
  // A name is always text to an editor, whatever it would be as a value.
  const schema = { type: 'object', propertyNames: { ...form, type: 'string' }, additionalProperties: value.schema };
  return described(schema, (node, references) => {
    const gathering = new Gathering();
    const entries: Placed<{ name: string; value: T }>[] = [];
    for (const { key, value: child } of expectMap(node, what).entries) {
      gathering.try(() => {
        const reading = name(key.text);
        if (!reading.ok) throw problemAt(key, 'ERR_POLICY_VALUE', reading.why);
        entries.push({ name: reading.value, value: value(child, references), at: key.at });
      });
    }
    gathering.close();
    return entries;
  });
}

/** Reads a map with exactly these keys; an unknown one is refused with the nearest known one. */
export function record<T extends object>(
  what: string,
  fields: { readonly [K in keyof T]: Field<T[K]> },
): Reader<Placed<T>> {
  const known = Object.keys(fields) as (keyof T & string)[];
  const schema = {
    type: 'object',
    properties: Object.fromEntries(known.map((name) => [name, fields[name].read.schema])),
    required: known.filter((name) => fields[name].absent === null),
    additionalProperties: false,
  };
  return described(schema, (node, references) => {
    const map = expectMap(node, what);
    const gathering = new Gathering();
    const values: Partial<T> = {};
    for (const { key } of map.entries)
      gathering.try(() => {
        if (known.some((name) => name === key.text)) return;
        const near = findNearest(key.text, known);
        const help = near === null ? `known keys: ${known.join(', ')}` : `did you mean ${quote(near)}?`;
        throw problemAt(key, 'ERR_POLICY_UNKNOWN_KEY', `${what} has no key ${quote(key.text)}; ${help}`);
      });
    for (const name of known) {
      gathering.try(() => {
        const entry = map.entries.find(({ key }) => key.text === name);
        const { read, absent } = fields[name];
        if (entry !== undefined) values[name] = read(entry.value, references);
        else if (absent !== null) values[name] = absent.value;
        else throw problemAt(map, 'ERR_POLICY_VALUE', `${what} lacks the key ${quote(name)}`);
      });
    }
    gathering.close();
    // Every key was read or defaulted above, or close() has thrown.
    return { ...(values as T), at: map.at };
  });
}
