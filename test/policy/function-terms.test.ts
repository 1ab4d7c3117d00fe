/** How a function may run, as its owner says it: read with places, one digest for one meaning, and the strictest of several owners. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  canonicalFunction,
  DEFAULT_TERMS,
  functionLines,
  stricterTerms,
  termsOfCanonical,
} from '../../src/policy/function-terms.ts';
import type { FunctionTerms } from '../../src/policy/policy.ts';
import { showPolicy } from '../../src/policy/show.ts';
import { DIGEST, HEAD, outcome, parse } from './sample.ts';

const ENTRY = `functions: { risk-score: ${DIGEST} }`;
/** The policy of the head with another entry; the entry begins at 5:27. */
const withEntry = (entry: string): string => HEAD.replace(ENTRY, `functions: { risk-score: ${entry} }`);
const withTerms = (terms: string): string => withEntry(`{ digest: ${DIGEST}, ${terms} }`);
const termsOf = (text: string): FunctionTerms | undefined => parse(text).functions[0]?.terms;

describe('the terms of a function', () => {
  it('are the defaults for a digest alone', () => {
    expect(termsOf(HEAD)).toEqual({
      instances: { kind: 'fresh' },
      deterministic: 'any',
      deadlineMs: null,
      memoryBytes: null,
      cpuMs: null,
      scratchBytes: 0,
      env: [],
    });
  });

  it.each<[text: string, terms: Partial<FunctionTerms>]>([
    ['instances: pooled', { instances: { kind: 'pooled', calls: 1000 } }],
    ['instances: pooled, calls-per-instance: 7', { instances: { kind: 'pooled', calls: 7 } }],
    ['instances: pooled, calls-per-instance: 1000000', { instances: { kind: 'pooled', calls: 1_000_000 } }],
    ['deterministic: required', { deterministic: 'required' }],
    ['deadline: 500 ms', { deadlineMs: 500 }],
    ['deadline: 5s', { deadlineMs: 5000 }],
    ['deadline: 10 min', { deadlineMs: 600_000 }],
    ['memory: 64 KiB', { memoryBytes: 65_536 }],
    ['memory: 4 GiB', { memoryBytes: 2 ** 32 }],
    ['cpu: 2 s', { cpuMs: 2000 }],
    ['scratch: 64 MiB', { scratchBytes: 64 * 1024 * 1024 }],
    [
      'env: { MODEL: small, _a1: "x=y z" }',
      {
        env: [
          ['MODEL', 'small'],
          ['_a1', 'x=y z'],
        ],
      },
    ],
    [
      'env: { B: "2", A: "1" }',
      {
        env: [
          ['A', '1'],
          ['B', '2'],
        ],
      },
    ],
  ])('are read from %s', (text, terms) => {
    expect(termsOf(withTerms(text))).toEqual({ ...DEFAULT_TERMS, ...terms });
  });

  /** The column of the first term. */
  const at = `functions: { risk-score: { digest: ${DIGEST}, `.length + 1;
  it.each<[text: string, expected: string]>([
    ['instances: shared', `ERR_POLICY_VALUE 5:${at + 11}`],
    ['instances: pooled, calls-per-instance: 0', `ERR_POLICY_VALUE 5:${at + 39}`],
    ['instances: pooled, calls-per-instance: 1000001', `ERR_POLICY_VALUE 5:${at + 39}`],
    ['instances: fresh, calls-per-instance: 1', 'ERR_POLICY_VALUE 5:26'],
    ['calls-per-instance: 1', 'ERR_POLICY_VALUE 5:26'],
    ['deterministic: yes', `ERR_POLICY_VALUE 5:${at + 15}`],
    ['deadline: 5', `ERR_POLICY_VALUE 5:${at + 10}`],
    ['deadline: 0 s', `ERR_POLICY_VALUE 5:${at + 10}`],
    ['deadline: 11 min', `ERR_POLICY_VALUE 5:${at + 10}`],
    ['deadline: 5 hours', `ERR_POLICY_VALUE 5:${at + 10}`],
    ['memory: 64 KB', `ERR_POLICY_VALUE 5:${at + 8}`],
    ['memory: 100 KiB', `ERR_POLICY_VALUE 5:${at + 8}`],
    ['memory: 5 GiB', `ERR_POLICY_VALUE 5:${at + 8}`],
    ['cpu: 50%', `ERR_POLICY_VALUE 5:${at + 5}`],
    ['scratch: 65 MiB', `ERR_POLICY_VALUE 5:${at + 9}`],
    ['scratch: 5', `ERR_POLICY_VALUE 5:${at + 9}`],
    ['env: [A]', `ERR_POLICY_VALUE 5:${at + 5}`],
    ['env: { A=B: c }', `ERR_POLICY_VALUE 5:${at + 7}`],
    ['env: { 1A: c }', `ERR_POLICY_VALUE 5:${at + 7}`],
    ['env: { QUERY_STRING: c }', `ERR_POLICY_VALUE 5:${at + 7}`],
    ['env: { A: [c] }', `ERR_POLICY_VALUE 5:${at + 10}`],
    [`env: { ${'A'.repeat(65)}: c }`, `ERR_POLICY_VALUE 5:${at + 7}`],
    ['deterministic: required, env: { A: c }', 'ERR_POLICY_VALUE 5:26'],
    ['fuel: 5', `ERR_POLICY_UNKNOWN_KEY 5:${at}`],
    ['instance: pooled', `ERR_POLICY_UNKNOWN_KEY 5:${at}`],
  ])('are refused: %s', (text, expected) => {
    expect(outcome(withTerms(text))).toBe(expected);
  });

  it('have so many variables, and so much in them, and no more', () => {
    const many = (count: number): string =>
      `env: { ${Array.from({ length: count }, (_, i) => `V${i}: x`).join(', ')} }`;
    expect([outcome(withTerms(many(64))), outcome(withTerms(many(65)))]).toEqual([
      'ok',
      `ERR_POLICY_VALUE 5:${at + 5}`,
    ]);
    const large = (last: number): string =>
      `env: { A: ${'x'.repeat(4095)}, B: ${'x'.repeat(4095)}, C: ${'x'.repeat(4095)}, D: ${'x'.repeat(last)} }`;
    expect([outcome(withTerms(large(4095))), outcome(withTerms(large(4096)))]).toEqual([
      'ok',
      `ERR_POLICY_VALUE 5:${at + 5}`,
    ]);
  });

  it('need a digest', () => {
    expect(outcome(withEntry('{ instances: pooled }'))).toBe('ERR_POLICY_VALUE 5:26');
    expect(outcome(withEntry('{ digest: sha256:00 }'))).toBe('ERR_POLICY_VALUE 5:36');
    expect(outcome(withEntry(`[${DIGEST}]`))).toBe('ERR_POLICY_VALUE 5:26');
  });
});

describe('the digest', () => {
  const short = parse(HEAD).digest;
  it.each([
    `{ digest: ${DIGEST} }`,
    `{ digest: ${DIGEST}, instances: fresh }`,
    `{ instances: fresh, deterministic: any, digest: ${DIGEST} }`,
  ])('is that of the short form for %s', (entry) => {
    expect(parse(withEntry(entry)).digest).toBe(short);
  });

  it('is another one for every term, and one for one meaning', () => {
    const texts = [
      'instances: pooled',
      'instances: pooled, calls-per-instance: 7',
      'deterministic: required',
      'deadline: 5 s',
      'deadline: 6 s',
      'memory: 64 MiB',
      'cpu: 5 s',
      'scratch: 5 KiB',
      'env: { A: b }',
      'env: { A: c }',
    ];
    const digests = texts.map((text) => parse(withTerms(text)).digest);
    expect(new Set([short, ...digests]).size).toBe(texts.length + 1);
    expect(parse(withTerms('instances: pooled, calls-per-instance: 1000')).digest).toBe(digests[0]);
    expect(parse(withTerms('deadline: 5000ms')).digest).toBe(digests[3]);
    expect(parse(withTerms('env: { B: c, A: b }')).digest).toBe(parse(withTerms('env: { A: b, B: c }')).digest);
    expect(parse(withTerms('scratch: 1 KiB, env: {}')).digest).toBe(parse(withTerms('scratch: 1024 B')).digest);
  });

  it('of an entry with terms stays what it is from release to release', () => {
    const all = 'instances: pooled, deterministic: required, deadline: 5 s, memory: 64 MiB, cpu: 2 s';
    expect(parse(withTerms(all)).digest).toBe(
      'sha256:2345eb86dfc65c766ab7fc01ef7828b5dcab308adc216ca4e64ff0a265843f3a',
    );
  });
});

describe('the canonical form', () => {
  const canonicalOf = (terms: string): unknown => {
    const [rule] = parse(withTerms(terms)).functions;
    return rule === undefined ? null : JSON.parse(JSON.stringify(canonicalFunction(rule)));
  };
  const none = {
    digest: DIGEST,
    instances: 'fresh',
    'calls-per-instance': null,
    deterministic: 'any',
    deadline: null,
    memory: null,
    cpu: null,
  };

  it.each<[terms: string, canonical: object]>([
    ['instances: pooled', { instances: 'pooled', 'calls-per-instance': 1000 }],
    ['deterministic: required', { deterministic: 'required' }],
    ['deadline: 5 s', { deadline: '5000 ms' }],
    ['memory: 64 KiB', { memory: '65536 B' }],
    ['cpu: 2 s', { cpu: '2000 ms' }],
    ['scratch: 1 KiB', { scratch: '1024 B' }],
    ['env: { B: "2", A: "1" }', { env: { A: '1', B: '2' } }],
  ])('of %s says that and nothing else', (terms, canonical) => {
    expect(canonicalOf(terms)).toStrictEqual({ ...none, ...canonical });
  });

  it.each([
    'instances: fresh',
    'instances: pooled',
    'instances: pooled, calls-per-instance: 7',
    'deterministic: required',
    'deadline: 5 s, cpu: 2 s',
    'memory: 64 KiB, scratch: 1 KiB',
    'env: { B: "2", A: "1" }, deadline: 90 s',
  ])('of %s is read back', (terms) => {
    const [rule] = parse(withTerms(terms)).functions;
    const read = rule === undefined ? null : termsOfCanonical(canonicalFunction(rule));
    expect(read).toEqual({ digest: rule?.digest, terms: rule?.terms });
  });
});

describe('in plain English', () => {
  const linesOf = (terms: string): readonly string[] => {
    const [rule] = parse(withTerms(terms)).functions;
    return rule === undefined ? [] : functionLines('f', canonicalFunction(rule));
  };
  const exactly = `f: exactly ${DIGEST}`;
  const clean = '    every query gets clean memory';

  it.each<[terms: string, lines: readonly string[]]>([
    ['instances: fresh', [exactly]],
    ['deterministic: required', [exactly, clean, '    only where the same query always gives the same answer']],
    ['deadline: 5 s', [exactly, clean, '    a query may take at most 5 s']],
    ['cpu: 5 s', [exactly, clean, '    a query may use at most 5 s of processor time']],
    ['memory: 64 MiB', [exactly, clean, '    at most 64 MiB of memory']],
    ['scratch: 2 KiB', [exactly, clean, '    a query may keep up to 2 KiB in /tmp while it lasts']],
    ['env: { A: x }', [exactly, clean, '    it is told A="x"']],
    [
      'instances: pooled, calls-per-instance: 7',
      [
        exactly,
        "    memory is kept for up to 7 queries: what one caller's query leaves there, the code may use for the next",
      ],
    ],
  ])('%s is these lines and no more', (terms, lines) => {
    expect(linesOf(terms)).toEqual(lines);
  });

  const shown = (text: string): string => {
    const { canonical, digest } = parse(text);
    return showPolicy(canonical, digest);
  };
  it('a digest alone is one line', () => {
    expect(shown(HEAD)).toContain(`  - risk-score: exactly ${DIGEST}\n\n`);
  });
  it('every term is a line', () => {
    const all =
      'instances: pooled, calls-per-instance: 7, deterministic: required, deadline: 90 s, memory: 64 MiB, cpu: 2 s';
    expect(shown(withTerms(all))).toContain(
      [
        `  - risk-score: exactly ${DIGEST}`,
        "      memory is kept for up to 7 queries: what one caller's query leaves there, the code may use for the next",
        '      only where the same query always gives the same answer',
        '      a query may take at most 90 s',
        '      a query may use at most 2 s of processor time',
        '      at most 64 MiB of memory',
        '',
      ].join('\n'),
    );
    expect(shown(withTerms('scratch: 2 KiB, env: { B: "2", A: x y }'))).toContain(
      '      a query may keep up to 2 KiB in /tmp while it lasts\n      it is told A="x y"\n      it is told B="2"\n',
    );
    expect(shown(withTerms('cpu: 2 s'))).toContain('      every query gets clean memory\n');
  });
});

describe('several owners', () => {
  const cap = fc.option(fc.integer({ min: 1, max: 9 }), { nil: null });
  const terms: fc.Arbitrary<FunctionTerms> = fc.record({
    instances: fc.oneof(
      fc.constant({ kind: 'fresh' as const }),
      fc.record({ kind: fc.constant('pooled' as const), calls: fc.integer({ min: 1, max: 9 }) }),
    ),
    deterministic: fc.constantFrom('required', 'any'),
    deadlineMs: cap,
    memoryBytes: cap,
    cpuMs: cap,
    scratchBytes: fc.integer({ min: 0, max: 9 }),
    env: fc
      .uniqueArray(fc.tuple(fc.constantFrom('A', 'B', 'C'), fc.constantFrom('1', '2')), { selector: ([n]) => n })
      .map((env) => env.toSorted(([a], [b]) => (a < b ? -1 : 1))),
  });
  /** Numbers that are larger the looser the terms are. */
  const looseness = (t: FunctionTerms): readonly number[] => [
    t.instances.kind === 'fresh' ? 1 : t.instances.calls + 1,
    t.deterministic === 'any' ? 1 : 0,
    t.deadlineMs ?? 10,
    t.memoryBytes ?? 10,
    t.cpuMs ?? 10,
    t.scratchBytes,
    ...['A1', 'A2', 'B1', 'B2', 'C1', 'C2'].map((v) => Number(t.env.some((pair) => pair.join('') === v))),
  ];

  it('get the strictest of each term: adding one never loosens any, and the order does not count', () => {
    let stricter = 0;
    fc.assert(
      fc.property(terms, terms, terms, (a, b, c) => {
        const both = stricterTerms(a, b);
        const [alone, together] = [looseness(a), looseness(both)];
        together.forEach((n, i) => expect(n).toBe(Math.min(alone[i] ?? 0, looseness(b)[i] ?? 0)));
        if (together.some((n, i) => n < (alone[i] ?? 0))) stricter += 1;
        expect(stricterTerms(b, a)).toEqual(both);
        expect(stricterTerms(both, c)).toEqual(stricterTerms(a, stricterTerms(b, c)));
        expect(stricterTerms(a, a)).toEqual(a);
        expect(stricterTerms(a, DEFAULT_TERMS)).toEqual({
          ...a,
          instances: { kind: 'fresh' },
          scratchBytes: 0,
          env: [],
        });
      }),
      { numRuns: 1000 },
    );
    expect(stricter).toBeGreaterThan(100);
  });
});
