/** Where data may go, and who may replace the file: floors, images and keys at their edges. */
import { describe, expect, it } from 'vitest';
import { HEAD, KEY_A, KEY_B, outcome, parse } from './sample.ts';

const machine = (over: { readonly tcb?: string; readonly images?: string; readonly products?: string }): string => {
  const { products = '[]', tcb = 'any', images = '[]' } = over;
  return `${HEAD}machine: { products: ${products}, tcb: ${tcb}, smt: any, images: ${images} }\n`;
};
/** The columns of `tcb` and of the first image. */
const TCB = 31;
const IMAGE = 54;
const MEASUREMENT = `"${'a'.repeat(96)}"`;
const RELEASE = 'release:./anchorhold-1.4.json';

describe('the floors', () => {
  it.each(['any', '2026-09', '2026-12', '2026-01'])('may be %s', (tcb) => {
    expect(parse(machine({ tcb })).machine?.tcb).toBe(tcb);
  });

  it.each(['none', '2026-00', '2026-13', '2026-1', 'x2026-09', '2026-09-01', '2026-099', '026-09'])(
    'are not %s',
    (tcb) => {
      expect(outcome(machine({ tcb }))).toBe(`ERR_POLICY_VALUE 6:${TCB}`);
    },
  );

  it('cover every product that is listed', () => {
    const tcb = '{ Milan: { bootloader: 1, tee: 0, snp: 2, microcode: 3 } }';
    expect(parse(machine({ products: '[Milan]', tcb })).machine?.tcb).toEqual({
      Milan: { bootloader: 1, tee: 0, snp: 2, microcode: 3 },
    });
    expect(outcome(machine({ products: '[Milan, Genoa]', tcb }))).toBe('ERR_POLICY_VALUE 6:10');
    expect(() => parse(machine({ products: '[Milan, Genoa]', tcb }))).toThrow('about Genoa');
  });
});

describe('the images', () => {
  it('may be measurements and releases', () => {
    expect(parse(machine({ images: `[${MEASUREMENT}, ${RELEASE}]` })).machine?.images).toMatchObject([
      { kind: 'measurement', measurement: 'a'.repeat(96) },
      { kind: 'release', content: { anchorhold: 'release/1', publisher: 'anchorhold' } },
    ]);
  });

  it.each([
    ['a list', '[[a]]', 0],
    ['a map', '[{ a: b }]', 0],
    ['a word', '[x]', 0],
    ['the same measurement twice', `[${MEASUREMENT}, ${MEASUREMENT}]`, MEASUREMENT.length + 2],
    ['the same release twice', `[${RELEASE}, ${RELEASE}]`, RELEASE.length + 2],
    ['a release upwards', '[release:../x.json]', 0],
  ])('are not %s', (_, images, after) => {
    expect(outcome(machine({ images }))).toBe(`ERR_POLICY_VALUE 6:${IMAGE + 1 + after}`);
  });

  it('may be two measurements', () => {
    expect(outcome(machine({ images: `[${MEASUREMENT}, "${'b'.repeat(96)}"]` }))).toBe('ok');
  });
});

describe('the keys that may replace the file', () => {
  it.each([
    [`[${KEY_A}, ${KEY_B}]`, 2, 'ok'],
    [`[${KEY_A}]`, 1, 'ok'],
    [`[${KEY_A}]`, 2, 'ERR_POLICY_VALUE 6:10'],
    ['[]', 1, 'ERR_POLICY_VALUE 6:10'],
  ])('%s, of which %d are needed: %s', (keys, needed, expected) => {
    expect(outcome(`${HEAD}changes: { keys: ${keys}, needed: ${needed} }\n`)).toBe(expected);
  });
});
