/** What an owner is told when other machines are good enough: each term wider, stricter and the same, and files to which machines do not matter. */
import { describe, expect, it } from 'vitest';
import { HEAD } from '../sample.ts';
import { openings } from './openings.ts';

const IMAGE = 'a'.repeat(96);
const OTHER_IMAGE = 'b'.repeat(96);
/** The measurements of ./anchorhold-1.4.json. */
const IN_RELEASE = ['4f'.repeat(48), '5e'.repeat(48)];
const NO_CODE = HEAD.replace(/functions: .*\n/, '');
const DATA = 'data: { d: { mount: /data/d, max: 1 B } }\n';
const SECRETS = 'secrets: [s]\n';

const machine = (terms: object): string => {
  const closed = { products: ['Genoa'], tcb: '2026-09', smt: 'forbidden', images: [IMAGE], counters: 'durable' };
  return `machine: ${JSON.stringify({ ...closed, ...terms })}\n`;
};
const told = (clauses: readonly string[], line: number) => clauses.map((clause) => `machine ${line}:1 ${clause}`);

describe('the terms of a machine', () => {
  const genoa = (microcode: number) => ({ Genoa: { bootloader: 1, tee: 0, snp: 3, microcode } });
  const turin = { Turin: { fmc: 1, bootloader: 1, tee: 1, snp: 1, microcode: 1 } };
  const UNKNOWN = 'firmware by another table, which cannot be compared (not certain)';
  it.each<readonly [older: object, newer: object, opens: readonly string[], closes: readonly string[]]>([
    [{}, {}, [], []],
    [{}, { products: ['Genoa', 'Milan', 'Turin'] }, ['processors Milan', 'processors Turin'], []],
    [{}, { tcb: 'any' }, ['firmware of any version'], []],
    [{}, { tcb: '2026-10' }, [UNKNOWN], [UNKNOWN]],
    [{ tcb: genoa(4) }, { tcb: genoa(4) }, [], []],
    [{ tcb: genoa(4) }, { tcb: genoa(2) }, ['firmware of Genoa with microcode 2 and not only from 4'], []],
    [
      { tcb: genoa(4) },
      { tcb: 'any' },
      [
        'firmware of Genoa with bootloader 0 and not only from 1',
        'firmware of Genoa with snp 0 and not only from 3',
        'firmware of Genoa with microcode 0 and not only from 4',
      ],
      [],
    ],
    [{ tcb: genoa(4) }, {}, [UNKNOWN], [UNKNOWN]],
    [{ tcb: { ...genoa(4), ...turin } }, { tcb: { ...genoa(4), ...turin } }, [], []],
    // Firmware of a product that only one of them takes says nothing.
    [{}, { products: ['Milan'], tcb: 'any' }, ['processors Milan'], ['processors Genoa']],
    [
      { tcb: { ...genoa(4), ...turin }, products: ['Genoa', 'Turin'] },
      { tcb: 'any', products: ['Turin'] },
      ['fmc', 'bootloader', 'tee', 'snp', 'microcode'].map(
        (part) => `firmware of Turin with ${part} 0 and not only from 1`,
      ),
      ['processors Genoa'],
    ],
    [{}, { smt: 'any' }, ['simultaneous multithreading on or off'], []],
    [{}, { smt: 'required' }, ['simultaneous multithreading on'], ['simultaneous multithreading off']],
    [{}, { images: [IMAGE, OTHER_IMAGE] }, [`the image ${OTHER_IMAGE}`], []],
    [
      {},
      { images: ['release:./anchorhold-1.4.json'] },
      ['the image anchorhold 1.4.0 until 2027-06-01T00:00:00.000Z'],
      [`the image ${IMAGE}`],
    ],
    // A measurement by itself is accepted for ever, and longer than in a version that ends.
    [
      { images: ['release:./anchorhold-1.4.json'] },
      { images: IN_RELEASE },
      IN_RELEASE.map((one) => `the image ${one}`),
      [],
    ],
    [
      { images: IN_RELEASE },
      { images: ['release:./anchorhold-1.4.json'] },
      [],
      IN_RELEASE.map((one) => `the image ${one}`),
    ],
    [{ images: IN_RELEASE }, { images: [...IN_RELEASE, 'release:./anchorhold-1.4.json'] }, [], []],
    [{ images: ['release:./anchorhold-1.4.json'] }, { images: ['release:./anchorhold-1.4.json'] }, [], []],
    [{}, { counters: 'any' }, ['limits that a restart forgets'], []],
    [
      {},
      { smt: 'any', counters: 'any' },
      ['simultaneous multithreading on or off', 'limits that a restart forgets'],
      [],
    ],
  ])('from %j to %j', (older, newer, opens, closes) => {
    const [before, after] = [HEAD + machine(older), HEAD + machine(newer)];
    const clauses = (wider: readonly string[]) =>
      told(
        wider.map((one) => `the machine may have ${one}`),
        6,
      );
    expect(openings(before, after)).toEqual(clauses(opens));
    expect(openings(after, before)).toEqual(clauses(closes));
  });
});

describe('a file that names machines', () => {
  const both = machine({ products: ['Genoa', 'Turin'] });
  const entrusted = ['data and secrets may be entrusted to machines (Genoa or Turin)'];
  it.each<readonly [what: string, rest: string, opens: readonly string[], closes: readonly string[], line: number]>([
    ['and lists code', HEAD, [], ['the code may run on any machine'], 6],
    ['and lists code and data', HEAD + DATA, entrusted, ['the code may run on any machine'], 7],
    ['and lists data', NO_CODE + DATA, entrusted, [], 6],
    ['and lists secrets', NO_CODE + SECRETS, entrusted, [], 6],
    ['and nothing else', NO_CODE, [], [], 5],
  ])('%s, against one that names none', (_what, rest, opens, closes, line) => {
    expect(openings(rest, rest + both)).toEqual(told(opens, line));
    // A section that is absent is at the top of the file.
    expect(openings(rest + both, rest)).toEqual(closes.map((clause) => `machine 1:1 ${clause}`));
  });

  it.each<readonly [what: string, older: string, newer: string, opens: readonly string[]]>([
    ['lists code only', HEAD + machine({}), HEAD + both, ['the machine may have processors Turin']],
    ['lists data only', NO_CODE + DATA + machine({}), NO_CODE + DATA + both, ['the machine may have processors Turin']],
    ['lists nothing', NO_CODE + machine({}), NO_CODE + both, []],
    ['names no processor', HEAD + machine({}), HEAD + machine({ products: [], smt: 'any' }), []],
    ['names no image', HEAD + machine({}), HEAD + machine({ images: [], smt: 'any' }), []],
    ['names no processor, for data', HEAD + DATA, HEAD + DATA + machine({ products: [] }), []],
  ])('and %s is wider only where something can be on them', (_what, older, newer, opens) => {
    expect(openings(older, newer).map((one) => one.replace(/^machine \d:1 /, ''))).toEqual(opens);
  });
});
