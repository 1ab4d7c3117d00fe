/** A whole policy in plain English: two in full, from their files, and each section in every form it can have. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { showPolicy } from '../../src/policy/show.ts';
import { HEAD, KEY_A, KEY_B, parse, SAMPLE } from './sample.ts';

function shown(text: string): string {
  const { canonical, digest } = parse(text);
  return showPolicy(canonical, digest);
}

/** The lines of one section, each without the two blanks before it. */
function section(title: string, text: string): readonly string[] {
  const lines = shown(text).split('\n');
  const first = lines.indexOf(title) + 1;
  return lines.slice(first, lines.indexOf('', first)).map((line) => line.replace(/^ {2}/, ''));
}

describe('a whole policy', () => {
  const WHOLE = `${SAMPLE.replace('egress:\n', 'egress:\n  - to: tcp://db.example.com:5432\n    limit: 10/day\n  - to: "http://plain.example/**"\n    methods: [GET, PUT]\n')}
revoked:
  - { certificate: spki-sha256:${'2'.repeat(64)} }
  - { key: ${KEY_B} }
  - { token: { issuer: https://id.hospital-a.example, subject: ada } }
  - { token: { issuer: https://id.hospital-a.example, id: t-1 } }
`;

  it.each([
    ['whole', WHOLE],
    ['closed', HEAD],
  ])('is the text of its golden file (%s), every section of it', (name, file) => {
    const text = shown(file);
    expect(text).toBe(readFileSync(join(import.meta.dirname, `../golden/show/${name}.txt`), 'utf8'));
    // Each section of the language has a title of its own, but for the dates, which stand in the head.
    const titles = text.split('\n').filter((line, i, all) => i > 0 && all[i - 1] === '' && line !== '');
    expect(titles).toHaveLength(Object.keys(parse(file).sections).length - 1);
  });

  it('is made from the canonical form alone', () => {
    const policy = parse(SAMPLE);
    const copy = JSON.parse(JSON.stringify(policy.canonical)) as typeof policy.canonical;
    expect(showPolicy(copy, policy.digest)).toBe(showPolicy(policy.canonical, policy.digest));
  });
});

describe('the head', () => {
  it.each([
    ['2026-11-01', '2026-11-01 00:00'],
    ['2026-11-01T08:30:00Z', '2026-11-01 08:30'],
    ['2026-11-01T08:00:56Z', '2026-11-01 08:00:56'],
    ['2026-11-01T08:30:00.125Z', '2026-11-01 08:30:00.125'],
  ])('says of %s what counts of it', (from, expected) => {
    const text = HEAD.replace(/valid: .*/, `valid: { from: "${from}", until: 2027-05-01 }`);
    expect(shown(text).split('\n')[1]).toBe(`In force from ${expected} UTC until just before 2027-05-01 00:00 UTC.`);
  });

  it.each([
    ['no rule', '', false],
    ['no wildcard', 'queries: [{ allow: [], to: POST /risk-score }]', false],
    [
      'a wildcard of a query',
      'queries: [{ allow: [], to: POST /risk-score }, { allow: [], to: POST /risk-score/* }]',
      true,
    ],
    ['a wildcard of a destination', 'egress: [{ to: "https://*.a.test/", methods: [] }]', true],
  ])('explains wildcards where there are some: %s', (_what, rules, expected) => {
    expect(shown(HEAD + rules).split('\n')[4]).toBe(
      expected
        ? '  (in a path, * stands for exactly one part and ** for any rest; before a host, *. stands for exactly one label)'
        : '',
    );
  });
});

describe('callers', () => {
  const PIN = `spki-sha256:${'5'.repeat(64)}`;
  const who = (proof: string): string | undefined =>
    section('Who is who', `${HEAD}callers: { c: ${proof} }\n`)[0]?.replace(/sha256:[0-9a-f]{64}/g, (digest) =>
      digest === PIN.slice(5) ? digest : 'FILE',
    );
  it.each([
    [`{ key: "${KEY_A}" }`, `signs each request with the key ${KEY_A}`],
    ['{ certificate: { ca: ./research-ca.pem } }', 'holds any certificate, issued by the authority FILE'],
    [
      `{ certificate: { ca: ./research-ca.pem, organization: X, san: a.test, pin: "${PIN}" } }`,
      `holds a certificate with organization "X", alternative name "a.test" and the public key ${PIN}, issued by the authority FILE`,
    ],
    [
      '{ certificate: { ca: ./research-ca.pem, san: a.test } }',
      'holds a certificate with alternative name "a.test", issued by the authority FILE',
    ],
    [
      '{ token: { issuer: https://id.test, audience: a, jwks: ./jwks.json } }',
      'holds any token, issued by https://id.test for "a", signed by a key of the set FILE',
    ],
    [
      `{ token: { issuer: https://id.test, audience: a, claims: { x: "1", y: z }, jwks: { url: "https://id.test/keys", pin: "${PIN}" } } }`,
      `holds a token that says x "1" and y "z", issued by https://id.test for "a", signed by a key of those that https://id.test/keys publishes at the time (server key ${PIN})`,
    ],
  ])('by %s', (proof, expected) => {
    expect(who(proof)).toBe(`- c: whoever ${expected}`);
  });
});

describe('rules', () => {
  it('for queries name who, or nobody, and the limit of each', () => {
    const callers = `callers: { a: { key: "${KEY_A}" }, b: { key: "${KEY_B}" } }\n`;
    const queries = `queries: [{ allow: [a, b], to: POST /risk-score, limit: 5/hour }, { allow: [], to: GET /risk-score }]\n`;
    expect(section('Who may ask what', HEAD + callers + queries)).toEqual([
      '- a and b may ask POST /risk-score, each at most 5 per hour',
      '- nobody may ask GET /risk-score',
    ]);
  });

  it('for destinations name methods, or none, and warn of what is not encrypted', () => {
    const egress = `egress:
  - { to: "https://a.test/", methods: [] }
  - { to: "http://a.test/", methods: [GET], limit: 1 MiB/day }
  - { to: "tcp://a.test:1" }
`;
    expect(section('Where the code may connect', HEAD + egress)).toEqual([
      '- no method at all to https://a.test/',
      '- GET to http://a.test/, together at most 1 MiB per day',
      '    WARNING: not encrypted; whoever runs the machine or the network can read and change it',
      '- connections of its own to tcp://a.test:1',
      '    WARNING: nobody but the code itself encrypts or checks what is sent',
    ]);
  });
});

describe('machines', () => {
  const title = 'Machines that it may be entrusted to';
  const machine = (terms: object): readonly string[] => {
    const closed = { products: [], tcb: 'any', smt: 'any', images: [] };
    return section(title, `${HEAD}machine: ${JSON.stringify({ ...closed, ...terms })}\n`);
  };
  it('that are none are said to be none, and what is open is said to be open', () => {
    expect(machine({})).toEqual([
      '- processors: none',
      '- firmware: any version',
      '- simultaneous multithreading may be on or off',
      '- no image is accepted',
      '- limits may be forgotten at a restart',
    ]);
  });

  it('have processors, firmware and images, each named', () => {
    const floors = { bootloader: 1, tee: 0, snp: 3, microcode: 4 };
    const tcb = { Genoa: floors, Turin: { fmc: 2, ...floors } };
    const images = ['a'.repeat(96), 'b'.repeat(96)];
    expect(machine({ products: ['Genoa', 'Turin'], tcb, smt: 'required', images, counters: 'durable' })).toEqual([
      '- processors: AMD Genoa or AMD Turin',
      '- firmware of Genoa: not older than bootloader 1, tee 0, snp 3 and microcode 4',
      '- firmware of Turin: not older than fmc 2, bootloader 1, tee 0, snp 3 and microcode 4',
      '- simultaneous multithreading must be on',
      `- accepted image: ${images[0]}`,
      `- accepted image: ${images[1]}`,
      '- limits must survive a restart',
    ]);
  });
});

describe('what stands alone', () => {
  it('is one line each', () => {
    expect(section('What may come back', `${HEAD}results: { max: 1 B, types: [] }\n`)).toEqual([
      '- at most 1 B, of no type',
    ]);
    expect(section('What may come back', `${HEAD}results: { max: 2 KiB, types: [a/b, c/d] }\n`)).toEqual([
      '- at most 2 KiB, as a/b or c/d',
    ]);
    expect(section('Secrets that the worker may hold', `${HEAD}secrets: [s, t]\n`)).toEqual(['- s', '- t']);
    const title = 'Who is told why something was refused';
    expect(['anyone', 'callers', 'nobody'].map((who) => section(title, `${HEAD}explain: ${who}\n`))).toEqual([
      ['- whoever asked'],
      ['- only a proven caller'],
      ['- nobody'],
    ]);
  });

  it('tests say what must be', () => {
    const tests = `tests:
  - { caller: nobody, query: POST /risk-score, expect: deny }
  - { egress: GET https://a.test/, expect: deny }
  - { egress: tcp://a.test:1, expect: allow }
`;
    expect(section('What the owner holds this policy to', HEAD + tests)).toEqual([
      '- POST /risk-score by nobody must be denied',
      '- GET https://a.test/ must be denied',
      '- tcp://a.test:1 must be allowed',
    ]);
  });
});
