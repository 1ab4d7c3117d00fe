/** Reading JSON that people write: the limits of size, depth and keys, each kind of value, and refusals that say where and what. */
import { describe, expect, it } from 'vitest';
import {
  boolean,
  hexOf,
  integer,
  joinPath,
  listOf,
  mapOf,
  object,
  oneOf,
  oneOrList,
  type Reader,
  readJson,
  text,
  wordOr,
} from '../../src/attestation/json-reader.ts';
import { LIMITS } from '../../src/base/limits.ts';
import { ConfigurationError } from '../../src/errors.ts';

const anything: Reader<unknown> = (value) => value;
const CAP = 1000;

/** Reads a text; gives the value, or the message of the refusal. */
function read<T>(json: string, reader: Reader<T>, cap = CAP): unknown {
  try {
    return readJson(json, cap, 'the text', reader);
  } catch (error) {
    if (error instanceof ConfigurationError && error.code === 'ERR_CONFIGURATION_TRUST')
      return `refused: ${error.message}`;
    throw error;
  }
}

const nested = (depth: number, open: string, close: string): string => `${open.repeat(depth)}1${close.repeat(depth)}`;

describe('a text', () => {
  it('may have as many bytes as the cap, and no more', () => {
    expect(read('"aaa"', anything, 5)).toBe('aaa');
    expect(read('"aaa"', anything, 4)).toBe('refused: the text is larger than 4 bytes');
    // Bytes count, not characters.
    expect(read('"é"', anything, 4)).toBe('é');
    expect(read('"é"', anything, 3)).toBe('refused: the text is larger than 3 bytes');
  });

  it('keeps the reason of the parser', () => {
    expect(() => readJson('{', CAP, 'the text', anything)).toThrow(
      expect.objectContaining({ cause: expect.any(SyntaxError) }),
    );
  });

  it('must be JSON', () => {
    for (const json of ['', '{', '{a:1}', '1 2', 'undefined'])
      expect(read(json, anything)).toBe('refused: the text is not JSON');
  });

  it.each([
    ['lists', '[', ']'],
    ['objects', '{"a":', '}'],
    ['both', '[{"a":', '}]'],
  ])('may nest %s to the cap and no deeper', (_what, open, close) => {
    const levels = (open.match(/[[{]/g) ?? []).length;
    expect(read(nested(LIMITS.nesting / levels, open, close), anything)).toBeInstanceOf(Object);
    const tooDeep = `[${nested(LIMITS.nesting / levels, open, close)}]`;
    expect(read(tooDeep, anything)).toBe(`refused: the text nests deeper than ${LIMITS.nesting}`);
  });

  it('may have many values beside each other, which is not depth', () => {
    expect(read(`[${'[],{},'.repeat(50)}1]`, anything)).toHaveLength(101);
  });

  it.each([
    ['{"a":1,"a":2}', 'a'],
    ['{"a":1,"b":{"c":1},"a":2}', 'a'],
    ['[{"x":{"a":1,"a":1}}]', 'a'],
    // The same name, written in another way.
    ['{"a":1,"\\u0061":2}', 'a'],
    ['{"a\\"b":1,"a\\"b":2}', 'a\\"b'],
    ['{"":1,"":2}', ''],
  ])('may not have a key twice: %s', (json, key) => {
    expect(read(json, anything)).toBe(`refused: the text has the key "${key}" twice in one object`);
  });

  it.each([
    '{"a":1,"b":{"a":2}}',
    '[{"a":1},{"a":2}]',
    '{"a":["a","a"],"b":"a"}',
    '{"a":"{\\"b\\":1,\\"b\\":2}"}',
    '{"a":"\\\\","b":"\\""}',
  ])('may have a name again in another object or in a text: %s', (json) => {
    expect(read(json, anything)).toEqual(JSON.parse(json));
  });
});

describe('a refusal', () => {
  const file = object({ url: oneOf('a', 'b'), list: listOf(integer(0, 3)), names: mapOf(boolean) });

  it.each([
    ['{"list":[],"names":{}}', 'url is missing: it must be "a" or "b"'],
    ['{"url":"c","list":[],"names":{}}', 'url must be "a" or "b", not "c"'],
    ['{"url":null,"list":[],"names":{}}', 'url must be "a" or "b", not null'],
    ['{"url":"a","list":[1,4],"names":{}}', 'list[1] must be an integer of 0 to 3, not 4'],
    ['{"url":"a","list":[1,2,1],"names":{}}', 'list must be a list without double entries, not [1,2,1]'],
    ['{"url":"a","list":{},"names":{}}', 'list must be a list, not {}'],
    ['{"url":"a","list":[],"names":{"x y":1}}', 'names["x y"] must be true or false, not 1'],
    ['{"url":"a","list":[],"names":{"x-y_1":1}}', 'names.x-y_1 must be true or false, not 1'],
    ['{"url":"a","list":[],"names":[]}', 'names must be an object of names, not []'],
    ['{"url":"a","list":[],"names":null}', 'names must be an object of names, not null'],
    ['{"url":"a","list":[],"names":{},"more":1}', 'more is not a known key; known are url, list, names'],
    ['{"url":"a","list":[],"names":{},"toString":1}', 'toString is not a known key; known are url, list, names'],
    ['[]', 'the file must be an object with url, list, names, not []'],
    ['null', 'the file must be an object with url, list, names, not null'],
    ['"x"', 'the file must be an object with url, list, names, not "x"'],
  ])('of %s says where and what', (json, message) => {
    expect(read(json, file)).toBe(`refused: ${message}`);
  });

  it('shows values of up to 60 characters whole, and the start of longer ones', () => {
    const short = 'x'.repeat(58);
    expect(read(JSON.stringify(short), boolean)).toBe(`refused:  must be true or false, not "${short}"`);
    expect(read(JSON.stringify(`${short}x`), boolean)).toBe(
      `refused:  must be true or false, not "${'x'.repeat(56)}...`,
    );
  });
});

describe('a path', () => {
  it('joins plain names with a dot and quotes others', () => {
    expect(joinPath('', 'a')).toBe('a');
    expect(joinPath('a', 'b-c_1')).toBe('a.b-c_1');
    expect(joinPath('a', 'b.c')).toBe('a["b.c"]');
    expect(joinPath('', 'é')).toBe('["é"]');
    expect(joinPath('a', 'b c')).toBe('a["b c"]');
    expect(joinPath('a', ' b')).toBe('a[" b"]');
  });
});

describe('each kind of value', () => {
  const upTo = 'x'.repeat(128);
  const cases: readonly (readonly [string, Reader<unknown>, readonly unknown[], readonly unknown[]])[] = [
    ['true or false', boolean, [true, false], [0, 1, 'true', null]],
    ['an integer', integer(1, 3), [1, 2, 3], [0, 4, 1.5, '2', null, true]],
    ['hex', hexOf(1, 2), ['ab', '0123'], ['a', 'abc', 'ABCD', 'zz', 'ab ', '012345', 1, null]],
    ['one of a few texts', oneOf('a', 'b'), ['a', 'b'], ['', 'A', 'ab', 1, null]],
    ['a text', text('short', (v) => v.length < 3), ['', 'ab'], ['abc', 1, null, ['a']]],
    ['a list', listOf(oneOf('a', 'b')), [[], ['a'], ['b', 'a']], [['a', 'a'], ['c'], 'a', {}, null]],
    [
      'a map',
      mapOf(boolean),
      [{}, { a: true }, { [upTo]: false }],
      [{ '': true }, { [`${upTo}x`]: true }, { a: 1 }, [], 'a', null],
    ],
    ['a word or a value', wordOr(['any', 'none'], integer(0, 1)), ['any', 'none', 0, 1], ['other', 2, null]],
    ['one or a list', oneOrList(integer(0, 2)), [0, [], [1, 2]], [3, [3], [1, 1], 'a', null]],
    ['an object', object({ a: boolean }), [{ a: true }], [{}, { a: 1 }, { a: true, b: 1 }, [], null, 'a']],
  ];

  it.each(cases)('%s is read as it is, and nothing else is', (_name, reader, good, bad) => {
    for (const value of good) expect(read(JSON.stringify(value), reader)).toEqual(value);
    for (const value of bad)
      expect([value, read(JSON.stringify(value), reader)]).toEqual([value, expect.stringMatching(/^refused: /)]);
  });

  it('that may be a word says so, also when it is missing', () => {
    const reader = object({ a: wordOr(['any', 'none'], integer(0, 1)) });
    expect(read('{}', reader)).toBe('refused: a is missing: it must be "any" or "none" or a value');
    expect(read('{"a":7}', reader)).toBe('refused: a must be an integer of 0 to 1, not 7 (or "any" or "none")');
  });

  it('that may be a word keeps the refusal of the value', () => {
    const refused = { cause: expect.any(ConfigurationError) };
    expect(() => readJson('7', CAP, 'the text', wordOr(['any'], boolean))).toThrow(expect.objectContaining(refused));
  });

  it('passes on what is no refusal', () => {
    const broken: Reader<never> = () => {
      throw new TypeError('a mistake of ours');
    };
    expect(() => readJson('1', CAP, 'the text', wordOr(['any'], broken))).toThrow(TypeError);
  });

  it('reads keys that every object has like any other', () => {
    const value = read('{"__proto__":true,"constructor":false}', mapOf(boolean));
    expect(Object.entries(value as object)).toEqual([
      ['__proto__', true],
      ['constructor', false],
    ]);
    expect(read('{"toString":true}', object({ toString: boolean }))).toEqual({ toString: true });
    expect(read('{}', object({ toString: boolean }))).toBe('refused: toString is missing: it must be true or false');
  });
});
