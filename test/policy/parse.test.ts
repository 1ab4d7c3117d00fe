import { describe, expect, it } from 'vitest';
import { encodeUtf8 } from '../../src/base/bytes.ts';
import { LIMITS } from '../../src/base/limits.ts';
import { PolicyError } from '../../src/errors.ts';
import { parseOwnerPolicy } from '../../src/policy/parse.ts';
import { PolicyFileError, renderProblem } from '../../src/policy/policy-file-error.ts';
import { DIGEST, HEAD, KEY_A, KEY_B, OTHER_DIGEST, outcome, parse, references, SAMPLE } from './sample.ts';

const SYNTAX = 'ERR_POLICY_SYNTAX';
const KEY = 'ERR_POLICY_UNKNOWN_KEY';
const VALUE = 'ERR_POLICY_VALUE';
const LIMIT = 'ERR_POLICY_LIMIT';
const REFERENCE = 'ERR_POLICY_REFERENCE';

describe('a whole policy', () => {
  it('is read into values in one unit, with the place of every rule', () => {
    const policy = parse(SAMPLE);
    expect(policy).toMatchObject({
      owner: 'hospital-a',
      version: 7,
      valid: { from: new Date('2026-11-01T00:00:00Z'), until: new Date('2027-05-01T00:00:00Z') },
      functions: [{ name: 'risk-score', digest: DIGEST }],
      machine: { products: ['Genoa', 'Turin'], tcb: '2026-09', smt: 'forbidden', counters: 'any' },
      queries: [
        {
          allow: ['analysts'],
          method: 'POST',
          path: { segments: ['risk-score'] },
          limit: { amount: 100, unit: 'calls', windowSeconds: 86_400 },
          at: { file: 'owner.yaml', line: 17, column: 5 },
        },
        { allow: ['clinicians', 'nightly'], path: { segments: ['risk-score', 'batch'] }, limit: null },
      ],
      egress: [
        {
          scheme: 'https',
          host: 'api.example.com',
          port: 443,
          path: { segments: ['v1', 'lookup', '*'] },
          methods: ['GET'],
          pin: `sha256:${'1'.repeat(64)}`,
          limit: { amount: 1_048_576, unit: 'bytes', windowSeconds: 86_400 },
          credential: { header: 'authorization', secret: 'lookup-token' },
          trust: null,
        },
        { scheme: 'enclave', host: 'scorer.example', port: 443, path: { segments: ['score'] }, methods: ['POST'] },
      ],
      data: [{ name: 'patients', mount: '/data/patients.csv', maxBytes: 67_108_864 }],
      secrets: ['lookup-token'],
      results: { maxBytes: 65_536, types: ['application/json'] },
      changes: { needed: 2 },
      explain: 'callers',
      sections: { queries: { line: 16, column: 1 }, egress: { line: 22, column: 1 } },
      file: 'owner.yaml',
    });
    expect(policy.callers.map(({ name, kind }) => [name, kind])).toEqual([
      ['analysts', 'certificate'],
      ['nightly', 'key'],
      ['clinicians', 'token'],
    ]);
    expect(policy.callers[2]).toMatchObject({
      issuer: 'https://id.hospital-a.example',
      audience: 'risk',
      claims: { role: 'clinician' },
    });
    expect(policy.tests).toHaveLength(3);
  });

  it('may ask three kinds of questions in its tests', () => {
    const { tests } = parse(`${HEAD}tests:
  - { caller: nobody, query: POST /risk-score/x?y, expect: deny }
  - { egress: GET https://a.example/x, expect: deny }
  - { egress: tcp://a.example:1, expect: allow }
`);
    const at = (line: number): object => ({ file: 'owner.yaml', line, column: 5 });
    expect(tests).toEqual([
      { at: at(7), expect: 'deny', window: 'query', caller: 'nobody', method: 'POST', path: '/risk-score/x?y' },
      { at: at(8), expect: 'deny', window: 'egress', method: 'GET', url: 'https://a.example/x' },
      { at: at(9), expect: 'allow', window: 'connection', url: 'tcp://a.example:1' },
    ]);
  });

  it('may have mounts that begin alike', () => {
    expect(outcome(`${HEAD}data:\n  a: { mount: /data/a, max: 1 KiB }\n  b: { mount: /data/ab, max: 1 KiB }\n`)).toBe(
      'ok',
    );
  });

  it('with only its head allows nothing', () => {
    expect(parse(HEAD)).toMatchObject({
      machine: null,
      callers: [],
      queries: [],
      egress: [],
      data: [],
      secrets: [],
      results: null,
      changes: null,
      tests: [],
      explain: 'anyone',
      sections: { queries: { line: 1, column: 1 } },
    });
  });

  it('reads explicit floors, measurements and a certificate caller with every demand', () => {
    const policy = parse(`${HEAD}machine:
  products: [Genoa]
  tcb: { Genoa: { bootloader: 10, tee: 0, snp: 27, microcode: 86 }, Turin: { fmc: 1, bootloader: 1, tee: 0, snp: 1, microcode: 1 } }
  smt: any
  images: ["${'a'.repeat(96)}"]
  counters: durable
callers:
  one: { certificate: { ca: ./research-ca.pem, san: one@hospital-a.example, pin: spki-sha256:${'2'.repeat(64)} } }
`);
    expect(policy.machine).toEqual({
      products: ['Genoa'],
      tcb: {
        Genoa: { bootloader: 10, tee: 0, snp: 27, microcode: 86 },
        Turin: { fmc: 1, bootloader: 1, tee: 0, snp: 1, microcode: 1 },
      },
      smt: 'any',
      images: [{ kind: 'measurement', measurement: 'a'.repeat(96) }],
      counters: 'durable',
    });
    expect(policy.callers[0]).toMatchObject({
      organization: null,
      san: 'one@hospital-a.example',
      pin: `sha256:${'2'.repeat(64)}`,
    });
  });
});

/** Each case is added to the head, which ends with line 5; so line 6 is the first line of the case. */
const CASES: readonly (readonly [name: string, text: string, expected: string])[] = [
  // YAML itself
  ['an anchor', 'secrets: &a [x]\n', `${SYNTAX} 6:10`],
  ['an alias', 'secrets: *a\n', `${SYNTAX} 6:10`],
  ['a merge key', 'data: { <<: { a: b } }\n', `${SYNTAX} 6:9`],
  ['a tag', 'secrets: !!seq [x]\n', `${SYNTAX} 6:10`],
  ['a local tag', 'explain: !x anyone\n', `${SYNTAX} 6:10`],
  ['a second document', '---\nowner: x\n', `${SYNTAX} 6:1`],
  ['a key with ?', '? secrets\n: [x]\n', `${SYNTAX} 6:1`],
  ['a list as key', '[a]: b\n', `${SYNTAX} 6:1`],
  ['a key twice', 'secrets: [x]\nsecrets: []\n', `${SYNTAX} 7:1`],
  ['a key twice in a flow map', 'data: { a: { mount: /a, mount: /b } }\n', `${SYNTAX} 6:25`],
  ['a tab as indentation', 'results:\n\tmax: 1 KiB\n', `${SYNTAX} 7:1`],
  ['a tab between', 'secrets:\t[x]\n', `${SYNTAX} 6:9`],
  ['a control character', 'secrets: [x\u0007]\n', `${SYNTAX} 6:12`],
  ['a control character in a comment', '# x\u001b[2J\n', `${SYNTAX} 6:4`],
  ['text that turns its direction', '# \u202eallow\n', `${SYNTAX} 6:3`],
  ['a zero-width space', 'secrets: [a\u200bb]\n', `${SYNTAX} 6:12`],
  ['an escape that brings back a control character', 'secrets: ["a\\u0000b"]\n', `${SYNTAX} 6:11`],
  ['an escape that brings back half a character', 'secrets: ["\\ud800"]\n', `${SYNTAX} 6:11`],
  ['a bare carriage return', 'secrets: []\rqueries: []\n', `${SYNTAX} 6:12`],
  ['a list that is not closed', 'secrets: [x\n', `${SYNTAX} 7:1`],
  ['wrong indentation', 'results:\n    max: 1 KiB\n  types: []\n', `${SYNTAX} 8:1`],
  ['a line that is no pair', 'just words\n', `${SYNTAX} 6:1`],
  // caps
  ['nesting beyond the cap', `secrets: ${'['.repeat(13)}${']'.repeat(13)}\n`, `${LIMIT} 6:22`],
  ['block nesting beyond the cap', `secrets:\n  ${'- '.repeat(13)}x\n`, `${LIMIT} 7:25`],
  [
    'too many values',
    `secrets: [${'a,'.repeat(LIMITS.policyNodes)}]\n`,
    `${LIMIT} 6:${10 + 1 + 2 * (LIMITS.policyNodes - 18)}`,
  ],
  ['a text beyond the cap', `owner2: ${'a'.repeat(LIMITS.policyScalarBytes + 1)}\n`, `${LIMIT} 6:9`],
  // keys
  ['an unknown section', 'quereis: []\n', `${KEY} 6:1`],
  ['a section in capitals', 'Queries: []\n', `${KEY} 6:1`],
  [
    'an unknown key of a query rule',
    'queries:\n  - { allow: [], to: POST /risk-score, limits: 1/day }\n',
    `${KEY} 7:40`,
  ],
  [
    'an unknown key of an egress rule',
    'egress:\n  - { to: "https://a.example/", methods: [], redirect: yes }\n',
    `${KEY} 7:46`,
  ],
  ['an unknown key of a caller', 'callers: { a: { password: x } }\n', `${KEY} 6:17`],
  [
    'an unknown key of machine',
    'machine: { products: [], tcb: any, smt: any, images: [], debug: any }\n',
    `${KEY} 6:58`,
  ],
  // sections
  ['an empty section', 'queries:\n', `${VALUE} 6:9`],
  ['a value where a list belongs', 'secrets: x\n', `${VALUE} 6:10`],
  ['a list where a map belongs', 'functions2: []\ndata: []\n', `${KEY} 6:1`],
  ['a map where a list belongs', 'egress: {}\n', `${VALUE} 6:9`],
  ['explain with another word', 'explain: everyone\n', `${VALUE} 6:10`],
  ['a name in capitals', 'secrets: [Token]\n', `${VALUE} 6:11`],
  ['a name with an inner blank', 'secrets: [a b]\n', `${VALUE} 6:11`],
  ['a name that ends with a hyphen', 'secrets: [a-]\n', `${VALUE} 6:11`],
  ['a name of 65 letters', `secrets: [${'a'.repeat(65)}]\n`, `${VALUE} 6:11`],
  ['a secret twice', 'secrets: [a, a]\n', `${VALUE} 6:14`],
  // machine
  ['machine without tcb', 'machine: { products: [], smt: any, images: [] }\n', `${VALUE} 6:10`],
  ['machine without smt', 'machine: { products: [], tcb: any, images: [] }\n', `${VALUE} 6:10`],
  ['machine without images', 'machine: { products: [], tcb: any, smt: any }\n', `${VALUE} 6:10`],
  ['machine without products', 'machine: { tcb: any, smt: any, images: [] }\n', `${VALUE} 6:10`],
  ['an unknown product', 'machine: { products: [Rome], tcb: any, smt: any, images: [] }\n', `${VALUE} 6:23`],
  ['a floor table of month 13', 'machine: { products: [], tcb: 2026-13, smt: any, images: [] }\n', `${VALUE} 6:31`],
  [
    'floors that leave a product out',
    'machine: { products: [Milan], tcb: {}, smt: any, images: [] }\n',
    `${VALUE} 6:10`,
  ],
  [
    'a floor over 255',
    'machine: { products: [], tcb: { Milan: { bootloader: 256, tee: 0, snp: 0, microcode: 0 } }, smt: any, images: [] }\n',
    `${VALUE} 6:54`,
  ],
  [
    'fmc where the product has none',
    'machine: { products: [], tcb: { Milan: { fmc: 1, bootloader: 1, tee: 0, snp: 0, microcode: 0 } }, smt: any, images: [] }\n',
    `${KEY} 6:42`,
  ],
  ['a short measurement', 'machine: { products: [], tcb: any, smt: any, images: [abcd] }\n', `${VALUE} 6:55`],
  [
    'a release that is missing',
    'machine: { products: [], tcb: any, smt: any, images: [release:./no.json] }\n',
    `${REFERENCE} 6:55`,
  ],
  [
    'a file that is no release',
    'machine: { products: [], tcb: any, smt: any, images: [release:./jwks.json] }\n',
    `${REFERENCE} 6:55`,
  ],
  [
    'counters with another word',
    'machine: { products: [], tcb: any, smt: any, images: [], counters: no }\n',
    `${VALUE} 6:68`,
  ],
  // callers
  ['a caller without a proof', 'callers: { a: {} }\n', `${VALUE} 6:15`],
  [
    'a caller with two proofs',
    `callers: { a: { key: "${KEY_A}", certificate: { ca: ./research-ca.pem } } }\n`,
    `${VALUE} 6:15`,
  ],
  ['a caller named nobody', `callers: { nobody: { key: "${KEY_A}" } }\n`, `${VALUE} 6:12`],
  ['a certificate without ca', 'callers: { a: { certificate: { organization: R } } }\n', `${VALUE} 6:30`],
  ['an authority that is missing', 'callers: { a: { certificate: { ca: ./no.pem } } }\n', `${REFERENCE} 6:36`],
  ['an authority that is no PEM', 'callers: { a: { certificate: { ca: ./jwks.json } } }\n', `${REFERENCE} 6:36`],
  ['a reference upwards', 'callers: { a: { certificate: { ca: ../research-ca.pem } } }\n', `${VALUE} 6:36`],
  ['a reference upwards inside', 'callers: { a: { certificate: { ca: ./x/../research-ca.pem } } }\n', `${VALUE} 6:36`],
  ['an absolute reference', 'callers: { a: { certificate: { ca: /etc/ssl/cert.pem } } }\n', `${VALUE} 6:36`],
  [
    'a reference to an address',
    'callers: { a: { certificate: { ca: "https://a.example/ca.pem" } } }\n',
    `${VALUE} 6:36`,
  ],
  ['a reference without ./', 'callers: { a: { certificate: { ca: research-ca.pem } } }\n', `${VALUE} 6:36`],
  [
    'a pin that is no digest',
    'callers: { a: { certificate: { ca: ./research-ca.pem, pin: spki-sha256:00 } } }\n',
    `${VALUE} 6:60`,
  ],
  [
    'a pin without its kind',
    `callers: { a: { certificate: { ca: ./research-ca.pem, pin: "sha256:${'0'.repeat(64)}" } } }\n`,
    `${VALUE} 6:60`,
  ],
  ['a key of another kind', 'callers: { a: { key: "rsa:AAAA" } }\n', `${VALUE} 6:22`],
  ['a key that is too short', 'callers: { a: { key: "ed25519:MCowBQYDK2VwAyEA" } }\n', `${VALUE} 6:22`],
  [
    'a key with another algorithm inside',
    `callers: { a: { key: "${KEY_A.replace('VwAyEA', 'VuAyEA')}" } }\n`,
    `${VALUE} 6:22`,
  ],
  [
    'a token without audience',
    'callers: { a: { token: { issuer: "https://a.example", jwks: ./jwks.json } } }\n',
    `${VALUE} 6:24`,
  ],
  [
    'an issuer over http',
    'callers: { a: { token: { issuer: "http://a.example", audience: x, jwks: ./jwks.json } } }\n',
    `${VALUE} 6:34`,
  ],
  [
    'a claim that is a number',
    'callers: { a: { token: { issuer: "https://a.example", audience: x, claims: { level: 3 }, jwks: ./jwks.json } } }\n',
    `${VALUE} 6:85`,
  ],
  [
    'a claim that is a truth value',
    'callers: { a: { token: { issuer: "https://a.example", audience: x, claims: { admin: true }, jwks: ./jwks.json } } }\n',
    `${VALUE} 6:85`,
  ],
  [
    'a key set that is none',
    'callers: { a: { token: { issuer: "https://a.example", audience: x, jwks: ./scorer.trust.json } } }\n',
    `${REFERENCE} 6:74`,
  ],
  // queries
  ['a query rule without allow', 'queries: [{ to: POST /risk-score }]\n', `${VALUE} 6:11`],
  ['a query rule without to', 'queries: [{ allow: [] }]\n', `${VALUE} 6:11`],
  ['a query for a caller that is not listed', 'queries: [{ allow: analyst, to: POST /risk-score }]\n', `${VALUE} 6:11`],
  ['a query for a function that is not listed', 'queries: [{ allow: [], to: POST /risk }]\n', `${VALUE} 6:11`],
  ['a query without a method', 'queries: [{ allow: [], to: /risk-score }]\n', `${VALUE} 6:28`],
  ['a method in small letters', 'queries: [{ allow: [], to: post /risk-score }]\n', `${VALUE} 6:28`],
  ['any method', 'queries: [{ allow: [], to: "* /risk-score" }]\n', `${VALUE} 6:28`],
  ['CONNECT', 'queries: [{ allow: [], to: CONNECT /risk-score }]\n', `${VALUE} 6:28`],
  ['two blanks', 'queries: [{ allow: [], to: POST  /risk-score }]\n', `${VALUE} 6:28`],
  ['a wildcard as function', 'queries: [{ allow: [], to: POST /* }]\n', `${VALUE} 6:28`],
  ['a rest as function', 'queries: [{ allow: [], to: POST /** }]\n', `${VALUE} 6:28`],
  ['no function at all', 'queries: [{ allow: [], to: POST / }]\n', `${VALUE} 6:28`],
  ['a wildcard inside a segment', 'queries: [{ allow: [], to: POST /risk-score/a* }]\n', `${VALUE} 6:28`],
  ['a rest that is not last', 'queries: [{ allow: [], to: POST /risk-score/**/x }]\n', `${VALUE} 6:28`],
  ['three stars', 'queries: [{ allow: [], to: POST /risk-score/*** }]\n', `${VALUE} 6:28`],
  ['a query string in a rule', 'queries: [{ allow: [], to: POST /risk-score?x=1 }]\n', `${VALUE} 6:28`],
  ['a dot segment in a rule', 'queries: [{ allow: [], to: POST /risk-score/../x }]\n', `${VALUE} 6:28`],
  ['a limit without a unit', 'queries: [{ allow: [], to: POST /risk-score, limit: 100 }]\n', `${VALUE} 6:53`],
  ['a limit of zero', 'queries: [{ allow: [], to: POST /risk-score, limit: 0/day }]\n', `${VALUE} 6:53`],
  ['a limit per week', 'queries: [{ allow: [], to: POST /risk-score, limit: 1/week }]\n', `${VALUE} 6:53`],
  [
    'a limit of a query in bytes',
    'queries: [{ allow: [], to: POST /risk-score, limit: 1 MiB/day }]\n',
    `${VALUE} 6:53`,
  ],
  ['a limit in decimal units', 'queries: [{ allow: [], to: POST /risk-score, limit: 1 MB/day }]\n', `${VALUE} 6:53`],
  [
    'a caller twice in a rule',
    `callers: { a: { key: "${KEY_A}" } }\nqueries: [{ allow: [a, a], to: POST /risk-score }]\n`,
    `${VALUE} 7:24`,
  ],
  [
    'overlapping queries where one has a limit',
    `callers: { a: { key: "${KEY_A}" } }\nqueries:\n  - { allow: a, to: POST /risk-score/** }\n  - { allow: a, to: POST /risk-score/x, limit: 1/day }\n`,
    `${VALUE} 9:5`,
  ],
  // egress
  ['an egress rule without methods', 'egress: [{ to: "https://a.example/" }]\n', `${VALUE} 6:10`],
  ['an egress rule without to', 'egress: [{ methods: [GET] }]\n', `${VALUE} 6:10`],
  ['a destination without a path', 'egress: [{ to: "https://a.example", methods: [] }]\n', `${VALUE} 6:16`],
  ['a destination without a scheme', 'egress: [{ to: a.example/x, methods: [] }]\n', `${VALUE} 6:16`],
  ['another scheme', 'egress: [{ to: "ftp://a.example/", methods: [] }]\n', `${VALUE} 6:16`],
  ['any host', 'egress: [{ to: "https://*/", methods: [] }]\n', `${VALUE} 6:16`],
  ['every site of a top-level domain', 'egress: [{ to: "https://*.com/", methods: [] }]\n', `${VALUE} 6:16`],
  ['a wildcard inside a label', 'egress: [{ to: "https://a*.example.com/", methods: [] }]\n', `${VALUE} 6:16`],
  ['a wildcard in the middle', 'egress: [{ to: "https://a.*.example.com/", methods: [] }]\n', `${VALUE} 6:16`],
  ['a wildcard before an address', 'egress: [{ to: "https://*.10.0.0.1/", methods: [] }]\n', `${VALUE} 6:16`],
  ['two stars in a host', 'egress: [{ to: "https://**.example.com/", methods: [] }]\n', `${VALUE} 6:16`],
  ['a user name in a rule', 'egress: [{ to: "https://u@a.example/", methods: [] }]\n', `${VALUE} 6:16`],
  ['any port', 'egress: [{ to: "https://a.example:*/", methods: [] }]\n', `${VALUE} 6:16`],
  [
    'a pin on http',
    `egress: [{ to: "http://a.example/", methods: [], pin: "spki-sha256:${'0'.repeat(64)}" }]\n`,
    `${VALUE} 6:10`,
  ],
  [
    'a credential on http',
    'secrets: [s]\negress: [{ to: "http://a.example/", methods: [], credential: { header: x, secret: s } }]\n',
    `${VALUE} 7:10`,
  ],
  [
    'a credential that is not listed',
    'egress: [{ to: "https://a.example/", methods: [], credential: { header: x, secret: s } }]\n',
    `${VALUE} 6:10`,
  ],
  [
    'a credential as host',
    'secrets: [s]\negress: [{ to: "https://a.example/", methods: [], credential: { header: Host, secret: s } }]\n',
    `${VALUE} 7:73`,
  ],
  ['an enclave without trust', 'egress: [{ to: "enclave://a.example/x", methods: [POST] }]\n', `${VALUE} 6:10`],
  [
    'trust for a plain site',
    'egress: [{ to: "https://a.example/x", methods: [POST], trust: ./scorer.trust.json }]\n',
    `${VALUE} 6:10`,
  ],
  [
    'a trust file that is none',
    'egress: [{ to: "enclave://a.example/x", methods: [POST], trust: ./jwks.json }]\n',
    `${REFERENCE} 6:65`,
  ],
  [
    'overlapping destinations where one is pinned',
    `egress:\n  - { to: "https://*.example.com/**", methods: [GET] }\n  - { to: "https://a.example.com/x", methods: [GET, PUT], pin: "spki-sha256:${'0'.repeat(64)}" }\n`,
    `${VALUE} 8:5`,
  ],
  // data, results, changes, tests
  ['a data file without max', 'data: { a: { mount: /data/a } }\n', `${VALUE} 6:12`],
  ['a relative mount', 'data: { a: { mount: data/a, max: 1 KiB } }\n', `${VALUE} 6:21`],
  ['a mount with dots', 'data: { a: { mount: /data/../etc, max: 1 KiB } }\n', `${VALUE} 6:21`],
  ['the root as mount', 'data: { a: { mount: /, max: 1 KiB } }\n', `${VALUE} 6:21`],
  [
    'a mount inside another',
    'data:\n  a: { mount: /data/a, max: 1 KiB }\n  b: { mount: /data/a/b, max: 1 KiB }\n',
    `${VALUE} 8:3`,
  ],
  [
    'a mount twice',
    'data:\n  a: { mount: /data/a, max: 1 KiB }\n  b: { mount: /data/a, max: 1 KiB }\n',
    `${VALUE} 8:3`,
  ],
  ['a size without a unit', 'results: { max: 64, types: [] }\n', `${VALUE} 6:17`],
  ['a size in decimal units', 'results: { max: 64 KB, types: [] }\n', `${VALUE} 6:17`],
  ['a fraction of a size', 'results: { max: 1.5 KiB, types: [] }\n', `${VALUE} 6:17`],
  ['a size beyond counting', 'results: { max: 999999999999 GiB, types: [] }\n', `${VALUE} 6:17`],
  ['results without types', 'results: { max: 64 KiB }\n', `${VALUE} 6:10`],
  ['any type', 'results: { max: 64 KiB, types: ["*/*"] }\n', `${VALUE} 6:33`],
  ['a type with a parameter', 'results: { max: 64 KiB, types: ["text/plain; charset=utf-8"] }\n', `${VALUE} 6:33`],
  ['more signatures than keys', `changes: { keys: ["${KEY_A}"], needed: 2 }\n`, `${VALUE} 6:10`],
  ['no signature needed', `changes: { keys: ["${KEY_A}"], needed: 0 }\n`, `${VALUE} 6:${32 + KEY_A.length}`],
  [
    'a key twice in changes',
    `changes: { keys: ["${KEY_A}", "${KEY_A}"], needed: 2 }\n`,
    `${VALUE} 6:${23 + KEY_A.length}`,
  ],
  [
    'a mount outside another',
    'data:\n  a: { mount: /data/a/b, max: 1 KiB }\n  b: { mount: /data/a, max: 1 KiB }\n',
    `${VALUE} 8:3`,
  ],
  ['a test of nothing', 'tests: [{ expect: deny }]\n', `${VALUE} 6:9`],
  ['a test with only a caller', 'tests: [{ caller: nobody, expect: deny }]\n', `${VALUE} 6:9`],
  [
    'a test of a way out with a caller',
    'tests: [{ caller: nobody, egress: "GET https://a.example/", expect: deny }]\n',
    `${VALUE} 6:9`,
  ],
  [
    'a test of a query and a way out without a caller',
    'tests: [{ query: POST /a, egress: "GET https://a.example/", expect: deny }]\n',
    `${VALUE} 6:9`,
  ],
  [
    'a test of both windows',
    'tests: [{ caller: nobody, query: POST /a, egress: "GET https://a.example/", expect: deny }]\n',
    `${VALUE} 6:9`,
  ],
  ['a test without a caller', 'tests: [{ query: POST /a, expect: deny }]\n', `${VALUE} 6:9`],
  [
    'a test with a caller that is not listed',
    'tests: [{ caller: analysts, query: POST /a, expect: deny }]\n',
    `${VALUE} 6:9`,
  ],
  [
    'a test that expects something else',
    'tests: [{ caller: nobody, query: POST /a, expect: maybe }]\n',
    `${VALUE} 6:51`,
  ],
];

describe('a policy is refused with code, line and column for', () => {
  it('at least a hundred different reasons', () => {
    expect(CASES.length).toBeGreaterThan(120);
    expect(new Set(CASES.map(([name]) => name)).size).toBe(CASES.length);
  });

  it.each(CASES)('%s', (_name, text, expected) => {
    expect(outcome(HEAD + text)).toBe(expected);
  });
});

describe('the head of a policy', () => {
  it.each([
    ['nothing', '', `${SYNTAX} 1:1`],
    ['a comment only', '# nothing\n', `${SYNTAX} 1:1`],
    ['a list', '- a\n', `${SYNTAX} 1:1`],
    ['a word', 'word\n', `${SYNTAX} 1:1`],
    ['a directive', `%YAML 1.1\n---\n${HEAD}`, `${SYNTAX} 1:1`],
    ['no format', HEAD.replace(/^.*\n/, ''), `${VALUE} 1:1`],
    ['another format', HEAD.replace('owner-policy/1', 'owner-policy/2'), `${VALUE} 1:13`],
    ['no owner', HEAD.replace(/owner: .*\n/, ''), `${VALUE} 1:1`],
    ['no version', HEAD.replace(/version: .*\n/, ''), `${VALUE} 1:1`],
    ['version zero', HEAD.replace('version: 7', 'version: 0'), `${VALUE} 3:10`],
    ['a version that is no whole number', HEAD.replace('version: 7', 'version: 7.0'), `${VALUE} 3:10`],
    ['a version in hex', HEAD.replace('version: 7', 'version: 0x7'), `${VALUE} 3:10`],
    ['no validity', HEAD.replace(/valid: .*\n/, ''), `${VALUE} 1:1`],
    ['no end', HEAD.replace(', until: 2027-05-01', ''), `${VALUE} 4:8`],
    ['an end before the beginning', HEAD.replace('2027', '2025'), `${VALUE} 4:8`],
    ['an end at the beginning', HEAD.replace('2027-05-01', '2026-11-01'), `${VALUE} 4:8`],
    ['a day that does not exist', HEAD.replace('2027-05-01', '2027-02-30'), `${VALUE} 4:35`],
    ['a time without a zone', HEAD.replace('2027-05-01', '2027-05-01T00:00:00'), `${VALUE} 4:35`],
    ['a digest of another length', HEAD.replace('9f2c', '9f2'), `${VALUE} 5:26`],
    ['a digest in capitals', HEAD.replace('9f2c', '9F2C'), `${VALUE} 5:26`],
  ])('is refused with %s', (_name, text, expected) => {
    expect(outcome(text)).toBe(expected);
  });

  it.each([
    ['a byte order mark', `\ufeff${HEAD}`],
    ['line ends of two characters', HEAD.replaceAll('\n', '\r\n')],
    ['a document mark', `---\n${HEAD}...\n`],
    ['comments', `# über uns\n${HEAD}# end`],
    ['a time of day', HEAD.replace('2027-05-01', '2027-05-01T08:30:00+02:00')],
    ['a quoted number', HEAD.replace('version: 7', 'version: "7"')],
  ])('is read with %s', (_name, text) => {
    expect(outcome(text)).toBe('ok');
  });

  it('is refused when it is not UTF-8, or too large', () => {
    expect(outcome(Uint8Array.of(...encodeUtf8(HEAD), 0x23, 0xff))).toBe(`${SYNTAX} 1:1`);
    expect(outcome(`${HEAD}#${' '.repeat(LIMITS.policyBytes)}`)).toBe(`${LIMIT} 1:1`);
    expect(outcome(`${HEAD}#`.padEnd(LIMITS.policyBytes, ' '))).toBe('ok');
  });
});

describe('rules that overlap', () => {
  const callers = `callers: { a: { key: "${KEY_A}" }, b: { key: "${KEY_B}" } }\n`;
  it.each([
    ['without terms', `queries: [{ allow: a, to: POST /risk-score/* }, { allow: a, to: POST /risk-score/x }]\n`],
    [
      'for other callers',
      `queries: [{ allow: a, to: POST /risk-score }, { allow: b, to: POST /risk-score, limit: 1/day }]\n`,
    ],
    [
      'by other methods',
      `queries: [{ allow: a, to: GET /risk-score }, { allow: a, to: POST /risk-score, limit: 1/day }]\n`,
    ],
    [
      'at another depth',
      `queries: [{ allow: a, to: POST /risk-score }, { allow: a, to: POST /risk-score/**, limit: 1/day }]\n`,
    ],
    [
      'on another port',
      `egress: [{ to: "https://x.example/", methods: [GET] }, { to: "https://x.example:8443/", methods: [GET], limit: 1/day }]\n`,
    ],
  ])('only in part are read: %s', (_name, text) => {
    expect(outcome(HEAD + callers + text)).toBe('ok');
  });
});

describe('references', () => {
  const one = (content: Uint8Array | null, kind: 'ca' | 'jwks'): string => {
    const text =
      kind === 'ca'
        ? 'callers: { a: { certificate: { ca: ./f } } }\n'
        : 'callers: { a: { token: { issuer: "https://a.example", audience: x, jwks: ./f } } }\n';
    try {
      parseOwnerPolicy(HEAD + text, { file: 'f', references: () => content });
      return 'ok';
    } catch (error) {
      return error instanceof PolicyError ? error.code : 'another error';
    }
  };
  const pem = new TextDecoder().decode(references('./research-ca.pem') ?? undefined);

  it.each([
    ['an authority', 'ca', pem, 'ok'],
    ['two authorities', 'ca', pem + pem, 'ok'],
    ['text around it', 'ca', `subject=x\n${pem}`, 'ok'],
    [
      'a private key beside it',
      'ca',
      `${pem}-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n`,
      REFERENCE,
    ],
    ['something else beside it', 'ca', `${pem}-----BEGIN PUBLIC KEY-----\nMAA=\n-----END PUBLIC KEY-----\n`, REFERENCE],
    ['an authority that was cut', 'ca', pem.slice(0, 200), REFERENCE],
    ['an authority with wrong letters', 'ca', pem.replace('MIIB', '!!!!'), REFERENCE],
    ['an empty file', 'ca', '', REFERENCE],
    ['a key set', 'jwks', '{"keys":[{"kty":"OKP"}]}', 'ok'],
    ['an empty key set', 'jwks', '{"keys":[]}', REFERENCE],
    ['a private key in a set', 'jwks', '{"keys":[{"kty":"OKP","d":"x"}]}', REFERENCE],
    ['a shared key in a set', 'jwks', '{"keys":[{"kty":"oct","k":"x"}]}', REFERENCE],
    ['a set of words', 'jwks', '{"keys":["x"]}', REFERENCE],
    ['a list', 'jwks', '[]', REFERENCE],
    ['no JSON', 'jwks', '{', REFERENCE],
  ] as const)('%s', (_name, kind, content, expected) => {
    expect(one(encodeUtf8(content), kind)).toBe(expected);
  });

  it('that are missing, not text, too large or fail to be read are refused', () => {
    expect(one(null, 'ca')).toBe(REFERENCE);
    expect(one(Uint8Array.of(0xff), 'ca')).toBe(REFERENCE);
    expect(one(new Uint8Array(LIMITS.referenceBytes + 1), 'ca')).toBe(LIMIT);
    const failing = (): never => {
      throw new Error('EACCES');
    };
    expect(() => parseOwnerPolicy(SAMPLE, { file: 'f', references: failing })).toThrow(PolicyError);
  });
});

describe('problems', () => {
  const text = `${HEAD}quereis: []\nsecrets: [Bad, "a b"]\nexplain: all\n`;
  const problems = ((): readonly {
    readonly code: string;
    readonly at: { readonly line: number; readonly column: number };
  }[] => {
    try {
      parse(text);
      return [];
    } catch (error) {
      return error instanceof PolicyFileError ? error.problems : [];
    }
  })();

  it('are all told, in the order of the file; the first one decides', () => {
    expect(problems.map(({ code, at }) => `${code} ${at.line}:${at.column}`)).toEqual([
      `${KEY} 6:1`,
      `${VALUE} 7:11`,
      `${VALUE} 7:16`,
      `${VALUE} 8:10`,
    ]);
    expect(outcome(text)).toBe(`${KEY} 6:1`);
  });

  it('are shown with their line, a caret, and the nearest known key', () => {
    const at = { file: 'f.yaml', line: 2, column: 4 };
    expect(renderProblem({ code: 'ERR_POLICY_VALUE', at, what: 'is wrong' }, 'a\r\nb: \u001bc\n')).toBe(
      'f.yaml:2:4: is wrong\n  2 | b: \ufffdc\n    |    ^',
    );
    expect(() => parse(text)).toThrow(/did you mean "queries"/);
  });

  it('come with the whole file, unless it is no text or too large', () => {
    const textOf = (source: string | Uint8Array): string | null => {
      try {
        parse(source);
        return null;
      } catch (error) {
        return error instanceof PolicyFileError ? error.text : null;
      }
    };
    expect(textOf(text)).toBe(text);
    expect(textOf(encodeUtf8(text))).toBe(text);
    expect(textOf(Uint8Array.of(0xff))).toBe('');
    const most = `${text}#`.padEnd(LIMITS.policyBytes, ' ');
    expect(textOf(most)).toBe(most);
    expect(textOf(`${most} `)).toBe('');
  });

  it('keep the cause that the reader of YAML gave', () => {
    expect(() => parse(`${HEAD}secrets: [x\n`)).toThrow(
      expect.objectContaining({ cause: expect.any(Error) as Error }) as Error,
    );
  });

  it('keep their caret under the place when the line is long', () => {
    const at = { file: 'f', line: 1, column: 500 };
    const lines = renderProblem(
      { code: 'ERR_POLICY_VALUE', at, what: 'x' },
      `${'a'.repeat(499)}B${'c'.repeat(900)}`,
    ).split('\n');
    expect(lines[1]?.[(lines[2] ?? '').indexOf('^')]).toBe('B');
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThan(130);
  });
});

describe('the digest of another function', () => {
  it('makes another policy', () => {
    expect(parse(SAMPLE.replace(DIGEST, OTHER_DIGEST)).digest).not.toBe(parse(SAMPLE).digest);
  });
});
