import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { encodeUtf8 } from '../../src/base/bytes.ts';
import { encodeCanonicalJson } from '../../src/base/canonical-json.ts';
import { parseOwnerPolicy } from '../../src/policy/parse.ts';
import { HEAD, KEY_A, KEY_B, OTHER_DIGEST, parse, references, SAMPLE } from './sample.ts';

const { digest } = parse(SAMPLE);
const swap = (from: string, to: string): string => {
  expect(SAMPLE).toContain(from);
  return SAMPLE.replace(from, to);
};

describe('the digest of a policy', () => {
  it('is SHA-256 over the canonical JSON', () => {
    const { canonical } = parse(SAMPLE);
    const text = encodeCanonicalJson(canonical);
    expect(digest).toBe(`sha256:${createHash('sha256').update(text).digest('hex')}`);
    expect(text.startsWith('{"anchorhold":"owner-policy/1","callers":{"analysts":{"certificate":{"ca":"sha256:')).toBe(
      true,
    );
  });

  it('stays what it is from release to release', () => {
    expect(parse(HEAD).digest).toBe('sha256:b054d9f1a014fa3dfac4a07d6ebe4123f95588bd19dee640f659722b05680813');
    expect(digest).toBe('sha256:1c1b1c34a35ca194953fcd3ba6d47801aa5967dbc4b55c0bd01c70595e614980');
  });

  it.each<[name: string, text: string]>([
    ['a comment', `# note\n${SAMPLE}`],
    ['blank lines', SAMPLE.replaceAll('\nqueries', '\n\n\nqueries')],
    ['line ends of two characters', SAMPLE.replaceAll('\n', '\r\n')],
    ['quotes', swap('owner: hospital-a', "owner: 'hospital-a'")],
    ['block instead of flow', swap('products: [Genoa, Turin]', 'products:\n    - Genoa\n    - Turin')],
    ['a list of one', swap('allow: analysts', 'allow: [analysts]')],
    [
      'the order of keys',
      swap('  max: 64 KiB\n  types: [application/json]', '  types: [application/json]\n  max: 64 KiB'),
    ],
    ['the order of sections', swap('secrets: [lookup-token]\n', '').concat('secrets: [lookup-token]\n')],
    ['another unit for the same size', swap('max: 64 KiB', 'max: 65536 B')],
    ['the port that goes without saying', swap('scorer.example:443', 'scorer.example')],
    ['capitals in a host', swap('api.example.com/v1', 'API.example.com/v1')],
    ['another way to write an instant', swap('until: 2027-05-01', 'until: 2027-05-01T02:00:00+02:00')],
    ['a default that is spelled out', swap('smt: forbidden', 'smt: forbidden\n  counters: any')],
  ])('does not change with %s', (_name, text) => {
    expect(parse(text).digest).toBe(digest);
  });

  it.each<[name: string, text: string]>([
    ['owner', swap('owner: hospital-a', 'owner: hospital-b')],
    ['version', swap('version: 7', 'version: 8')],
    ['beginning', swap('from: 2026-11-01', 'from: 2026-11-02')],
    ['end', swap('until: 2027-05-01', 'until: 2027-05-02')],
    ['function', swap(`sha256:9f2c${'0'.repeat(60)}`, OTHER_DIGEST)],
    ['products', swap('[Genoa, Turin]', '[Genoa]')],
    ['tcb', swap('tcb: 2026-09', 'tcb: 2026-10')],
    ['smt', swap('smt: forbidden', 'smt: any')],
    ['images', swap('images: [release:./anchorhold-1.4.json]', `images: ["${'a'.repeat(96)}"]`)],
    ['counters', swap('smt: forbidden', 'smt: forbidden\n  counters: durable')],
    ['organization', swap('organization: Research', 'organization: Care')],
    ['pin of a caller', swap('organization: Research', `organization: Research, pin: spki-sha256:${'0'.repeat(64)}`)],
    ['san', swap('organization: Research', 'organization: Research, san: a.example')],
    ['key of a caller', swap(`nightly: { key: ${KEY_A}`, `nightly: { key: ${KEY_B}`)],
    ['issuer', swap('https://id.hospital-a.example', 'https://id.hospital-b.example')],
    ['audience', swap('audience: risk', 'audience: other')],
    ['claims', swap('role: clinician', 'role: nurse')],
    ['name of a claim', swap('role: clinician', 'part: clinician')],
    ['allow', swap('[clinicians, nightly]', '[clinicians]')],
    ['path of a query', swap('POST /risk-score/batch', 'POST /risk-score/batches')],
    ['method of a query', swap('POST /risk-score/batch', 'PUT /risk-score/batch')],
    ['limit of a query', swap('100/day', '101/day')],
    ['window of a limit', swap('100/day', '100/hour')],
    ['no limit', swap('    limit: 100/day\n', '')],
    ['host', swap('api.example.com/v1', 'api.example.org/v1')],
    ['port', swap('scorer.example:443', 'scorer.example:8443')],
    [
      'scheme',
      swap(
        'enclave://scorer.example:443/score\n    methods: [POST]\n    trust: ./scorer.trust.json',
        'https://scorer.example/score\n    methods: [POST]',
      ),
    ],
    ['path of an egress', swap('/v1/lookup/*', '/v1/lookup/**')],
    ['methods', swap('methods: [GET]', 'methods: [GET, PUT]')],
    ['pin', swap(`spki-sha256:${'1'.repeat(64)}`, `spki-sha256:${'2'.repeat(64)}`)],
    ['byte limit', swap('1 MiB/day', '2 MiB/day')],
    ['header of a credential', swap('header: Authorization', 'header: x-key')],
    ['mount', swap('/data/patients.csv', '/data/patient.csv')],
    ['size of data', swap('max: 64 MiB', 'max: 65 MiB')],
    ['secrets', swap('[lookup-token]', '[lookup-token, other]')],
    ['size of results', swap('max: 64 KiB', 'max: 65 KiB')],
    ['types of results', swap('[application/json]', '[application/json, text/plain]')],
    ['needed signatures', swap('needed: 2', 'needed: 1')],
    ['keys of changes', swap(`[${KEY_A}, ${KEY_B}]\n  needed: 2`, `[${KEY_A}]\n  needed: 1`)],
    ['explain', swap('explain: callers', 'explain: nobody')],
    ['a test', swap('expect: allow', 'expect: deny')],
    ['no tests', SAMPLE.slice(0, SAMPLE.indexOf('tests:'))],
    ['revoked', `${SAMPLE}revoked: [{ key: ${KEY_B} }]\n`],
  ])('changes with: %s', (_name, text) => {
    expect(parse(text).digest).not.toBe(digest);
  });

  it.each(['./research-ca.pem', './jwks.json', './scorer.trust.json', './anchorhold-1.4.json'])(
    'changes with the content of %s',
    (changed) => {
      const other = parseOwnerPolicy(SAMPLE, {
        file: 'owner.yaml',
        references: (name) => {
          const bytes = references(name);
          return bytes === null || name !== changed ? bytes : Uint8Array.of(...bytes, 0x0a);
        },
      });
      expect(other.digest).not.toBe(digest);
    },
  );

  it('does not change with the name of a file that holds the same', () => {
    const renamed = parseOwnerPolicy(swap('./research-ca.pem', './keys/ca.pem'), {
      file: 'other.yaml',
      references: (name) => references(name === './keys/ca.pem' ? './research-ca.pem' : name),
    });
    expect(renamed.digest).toBe(digest);
  });

  it('has ways out in the order of the file, with their limits, and what tests ask as it stands', () => {
    const { canonical } = parse(`${HEAD}egress:
  - { to: "tcp://b.example:1" }
  - { to: "https://a.example/", methods: [GET] }
  - { to: "tcp://a.example:1", limit: 5/day }
tests:
  - { egress: "tcp://a.example:1", expect: allow }
  - { egress: "GET https://a.example/", expect: allow }
  - { caller: nobody, query: POST /risk-score, expect: deny }
`);
    expect(canonical.egress).toEqual([
      { to: 'tcp://b.example:1', limit: null },
      { to: 'https://a.example/', methods: ['GET'], pin: null, limit: null, credential: null, trust: null },
      { to: 'tcp://a.example:1', limit: '5/day' },
    ]);
    expect(canonical.tests).toEqual([
      { egress: 'tcp://a.example:1', expect: 'allow' },
      { egress: 'GET https://a.example/', expect: 'allow' },
      { caller: 'nobody', query: 'POST /risk-score', expect: 'deny' },
    ]);
    const inOneLine = parse(
      `${HEAD}egress: [{ to: "tcp://b.example:1" }, { to: "https://a.example/", methods: [] }, { to: "tcp://a.example:1" }]\n`,
    );
    expect(inOneLine.canonical.egress.map(({ to }) => to)).toEqual([
      'tcp://b.example:1',
      'https://a.example/',
      'tcp://a.example:1',
    ]);
  });

  it('has measurements as they stand, and releases by their digest', () => {
    const { canonical } = parse(
      `${HEAD}machine: { products: [], tcb: any, smt: any, images: ["${'a'.repeat(96)}", release:./anchorhold-1.4.json] }\n`,
    );
    expect(canonical.machine?.images).toEqual(['a'.repeat(96), expect.stringMatching(/^release:sha256:[0-9a-f]{64}$/)]);
  });

  it('takes a claim named like an inherited property for what it is', () => {
    const claims = (text: string): string =>
      `${HEAD}callers: { a: { token: { issuer: "https://a.example", audience: x, claims: { ${text} }, jwks: ./jwks.json } } }\n`;
    const one = parse(claims('__proto__: x'));
    expect(one.digest).not.toBe(parse(claims('')).digest);
    expect(Object.entries(one.callers[0]?.kind === 'token' ? one.callers[0].claims : {})).toEqual([['__proto__', 'x']]);
    expect(encodeUtf8(encodeCanonicalJson(one.canonical)).length).toBeGreaterThan(0);
  });
});
