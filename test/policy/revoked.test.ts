/** What `revoked` takes back: each kind of proof, one that differs in one field beside each, and the law that it never opens anything. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseBase64 } from '../../src/base/bytes.ts';
import { decideEgress, decideQuery } from '../../src/policy/decide.ts';
import { decideQuestion, parseQuestion, renderDecision } from '../../src/policy/explain.ts';
import { findRevocation, type PresentedProof } from '../../src/policy/revoked.ts';
import { showPolicy } from '../../src/policy/show.ts';
import { DIGEST, HEAD, KEY_A, KEY_B, NOW, outcome, parse, SAMPLE } from './sample.ts';

const PIN = `sha256:${'2'.repeat(64)}` as const;
const OTHER_PIN = `sha256:${'3'.repeat(64)}` as const;
const ISSUER = 'https://id.hospital-a.example';
const spki = (key: string): Uint8Array => parseBase64(key.slice('ed25519:'.length)) ?? new Uint8Array();

const ENTRIES = {
  certificate: `{ certificate: spki-${PIN} }`,
  key: `{ key: ${KEY_A} }`,
  subject: `{ token: { issuer: ${ISSUER}, subject: ada } }`,
  id: `{ token: { issuer: ${ISSUER}, id: t-1 } }`,
};
const with_ = (...entries: readonly string[]): string =>
  `${SAMPLE}revoked:\n${entries.map((e) => `  - ${e}\n`).join('')}`;

describe('a revoked proof', () => {
  const token = { kind: 'token', issuer: ISSUER, subject: 'ada', id: 't-1' } as const;
  it.each<[keyof typeof ENTRIES, string, PresentedProof, PresentedProof]>([
    ['certificate', 'key', { kind: 'certificate', keys: [PIN] }, { kind: 'certificate', keys: [OTHER_PIN] }],
    ['certificate', 'authority', { kind: 'certificate', keys: [OTHER_PIN, PIN] }, { kind: 'certificate', keys: [] }],
    ['key', 'key', { kind: 'key', spki: spki(KEY_A) }, { kind: 'key', spki: spki(KEY_B) }],
    ['subject', 'subject', token, { ...token, subject: 'bob' }],
    ['subject', 'issuer', token, { ...token, issuer: `${ISSUER}.evil.test` }],
    ['id', 'id', token, { ...token, id: 't-2' }],
    ['id', 'no id', token, { ...token, id: null }],
    ['id', 'issuer', token, { ...token, issuer: `${ISSUER}.evil.test` }],
  ])('by %s is found, and not one of another %s', (entry, _field, listed, other) => {
    const { revoked } = parse(with_(ENTRIES[entry]));
    expect(findRevocation(revoked, listed)).toMatchObject({ at: { line: SAMPLE.split('\n').length + 1 } });
    expect(findRevocation(revoked, other)).toBeNull();
  });

  it.each([
    ['an entry of two kinds', `{ key: ${KEY_A}, certificate: spki-${PIN} }`, 'ERR_POLICY_VALUE'],
    ['an entry of no kind', '{}', 'ERR_POLICY_VALUE'],
    ['a digest that is no pin', `{ certificate: ${PIN} }`, 'ERR_POLICY_VALUE'],
    ['a token of nobody', `{ token: { issuer: ${ISSUER} } }`, 'ERR_POLICY_VALUE'],
    ['a token by id and subject', `{ token: { issuer: ${ISSUER}, id: a, subject: b } }`, 'ERR_POLICY_VALUE'],
    ['a token of no issuer', '{ token: { id: a } }', 'ERR_POLICY_VALUE'],
    ['another key', `{ serial: 12 }`, 'ERR_POLICY_UNKNOWN_KEY'],
  ])('is refused as %s', (_name, entry, code) => {
    expect(outcome(with_(entry))).toMatch(new RegExp(`^${code} `));
  });

  it('is refused when it is listed twice, in whatever order of keys', () => {
    expect(outcome(with_(ENTRIES.key, ENTRIES.id, ENTRIES.subject))).toBe('ok');
    expect(outcome(with_(ENTRIES.certificate, `{ certificate: spki-${OTHER_PIN} }`))).toBe('ok');
    expect(outcome(with_(ENTRIES.certificate, ENTRIES.certificate))).toMatch(/^ERR_POLICY_VALUE /);
    expect(outcome(with_(ENTRIES.key, ENTRIES.key))).toMatch(/^ERR_POLICY_VALUE /);
    expect(outcome(with_(ENTRIES.id, `{ token: { id: t-1, issuer: ${ISSUER} } }`))).toMatch(/^ERR_POLICY_VALUE /);
  });

  it('changes the digest, and an empty list does not', () => {
    const digests = [SAMPLE, ...Object.values(ENTRIES).map((entry) => with_(entry))].map((text) => parse(text).digest);
    expect(new Set(digests).size).toBe(5);
    expect(parse(`${SAMPLE}revoked: []\n`).digest).toBe(digests[0]);
  });

  it('is shown in plain English', () => {
    const { canonical, digest } = parse(with_(...Object.values(ENTRIES)));
    const lines = showPolicy(canonical, digest).split('\n');
    for (const line of [
      `  - certificates for the public key spki-${PIN}, and those issued with it`,
      `  - the key ${KEY_A}`,
      `  - all tokens for "ada" of ${ISSUER}`,
      `  - the token "t-1" of ${ISSUER}`,
    ])
      expect(lines).toContain(line);
    expect(showPolicy(parse(SAMPLE).canonical, digest).split('\n')).toContain('  nothing is revoked');
  });
});

describe('a caller of whom nothing counts any more', () => {
  const ask = (text: string, question: string): string => {
    const policy = parse(text);
    const asked = parseQuestion(policy, question);
    return asked.ok ? renderDecision(decideQuestion(policy, asked.value, NOW)) : asked.why;
  };

  it('is denied with the line that took the key back', () => {
    expect(ask(SAMPLE, 'POST /risk-score/batch as nightly')).toMatch(/^allowed: /);
    expect(ask(with_(ENTRIES.key), 'POST /risk-score/batch as nightly')).toBe(
      [
        'denied: This key of "nightly" was revoked by hospital-a.',
        `  at owner.yaml:${SAMPLE.split('\n').length + 1}:5`,
        '  hint: Ask hospital-a for a new one.',
      ].join('\n'),
    );
  });

  it('is denied by the pin of a certificate, and not by another one', () => {
    const pinned = (pin: string): string =>
      `${HEAD}callers: { ann: { certificate: { ca: ./research-ca.pem, pin: spki-${pin} } } }
queries: [{ allow: ann, to: POST /risk-score }]
revoked: [${ENTRIES.certificate}]
`;
    expect(ask(pinned(PIN), 'POST /risk-score as ann')).toMatch(/^denied: This certificate of "ann" was revoked/);
    expect(ask(pinned(OTHER_PIN), 'POST /risk-score as ann')).toMatch(/^allowed: /);
  });

  it('leaves others who ask beside it as they are', () => {
    expect(ask(with_(ENTRIES.key), 'POST /risk-score/batch as nightly,clinicians')).toMatch(
      /^allowed: .*clinicians to/,
    );
    expect(ask(with_(ENTRIES.key), 'POST /risk-score as nightly,analysts')).toMatch(/^allowed: /);
  });
});

describe('adding to `revoked`', () => {
  const keys = [KEY_A, KEY_B];
  const names = ['ann', 'bob', 'cid'];
  const entry = fc.constantFrom(
    ...keys.map((key) => ({ key })),
    { certificate: `spki-${PIN}` },
    { token: { issuer: ISSUER, id: 'x' } },
  );

  it('never allows more, in either window', () => {
    const policyOf = (allow: readonly string[], revoked: readonly object[]) =>
      parse(
        `${HEAD}${JSON.stringify({
          callers: {
            ann: { key: KEY_A },
            bob: { key: KEY_B },
            cid: { certificate: { ca: './research-ca.pem', pin: `spki-${PIN}` } },
          },
          queries: [{ allow, to: 'POST /risk-score' }],
          egress: [{ to: 'https://a.example/', methods: ['GET'] }],
          revoked,
        })
          .slice(1, -1)
          .replace(/"(callers|queries|egress|revoked)":/g, '\n$1: ')
          .replace(/,\n/g, '\n')}\n`,
      );
    let closed = 0;
    fc.assert(
      fc.property(
        fc.subarray(names, { minLength: 1 }),
        fc.subarray(names, { minLength: 1, maxLength: 2 }),
        fc.uniqueArray(entry, { selector: (value) => JSON.stringify(value), minLength: 1, maxLength: 3 }),
        fc.nat(2),
        (allow, callers, revoked, drop) => {
          const [more, less] = [policyOf(allow, revoked.toSpliced(drop, 1)), policyOf(allow, revoked)];
          const asked = {
            callers: new Set(callers),
            method: 'POST',
            path: '/risk-score',
            functionDigest: DIGEST,
            now: NOW,
          };
          const [before, after] = [decideQuery(more, asked), decideQuery(less, asked)];
          if (after.outcome === 'allow') expect(before.outcome).toBe('allow');
          else if (before.outcome === 'allow') closed += 1;
          const out = { functionDigest: DIGEST, method: 'GET', url: 'https://a.example/', now: NOW };
          expect(decideEgress(less, out).outcome).toBe(decideEgress(more, out).outcome);
        },
      ),
      { numRuns: 1500 },
    );
    // A law that never saw anything close would say nothing.
    expect(closed).toBeGreaterThan(40);
  });
});
