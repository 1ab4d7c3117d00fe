/** Who callers are: names, issuers and claims, each grammar at its edges. */
import { describe, expect, it } from 'vitest';
import { parseCallerName, parseIssuer } from '../../src/policy/callers.ts';
import { HEAD, KEY_A, outcome, parse } from './sample.ts';

describe('the name of a caller', () => {
  it('is any name but the one that stands for someone who proved nothing', () => {
    expect(parseCallerName('nobody-else')).toEqual({ ok: true, value: 'nobody-else' });
    expect(parseCallerName('nobody')).toMatchObject({ ok: false, why: expect.stringContaining('stands for someone') });
    expect(parseCallerName('Nobody')).toMatchObject({ ok: false, why: expect.stringContaining('is not a name') });
  });
});

describe('an issuer', () => {
  it.each(['https://a.example', 'https://a.example/', 'https://a.example:8443/realms/x'])('may be %s', (issuer) => {
    expect(parseIssuer(issuer)).toEqual({ ok: true, value: issuer });
  });

  it.each([
    '',
    'https://',
    'http://a.example',
    'xhttps://a.example',
    'HTTPS://a.example',
    'https://a b',
    'https://a.example?x',
    'https://a.example#x',
    'https://u@a.example',
    'https://a.example\\x',
    'https://a.example\n',
  ])('is not %j', (issuer) => {
    expect(parseIssuer(issuer).ok).toBe(false);
  });
});

describe('a claim', () => {
  const withClaims = (claims: string): string =>
    `${HEAD}callers: { a: { token: { issuer: "https://a.example", audience: x, claims: { ${claims} }, jwks: ./jwks.json } } }\n`;
  const claimsOf = (claims: string): unknown => {
    const [caller] = parse(withClaims(claims)).callers;
    return caller?.kind === 'token' ? { ...caller.claims } : null;
  };
  /** The column of the first claim. */
  const at = withClaims('').split('\n')[5]?.indexOf('claims: { ') ?? 0;
  const [nameAt, valueAt] = [at + 11, at + 14];

  it.each(['untrue', 'trueish', 'nullable', 'x5', 'a-1', '"3"', "'true'", '"~"', 'a  b', '-x', '.x'])(
    'may have the value %s',
    (value) => {
      expect(claimsOf(`a: ${value}`)).toEqual({ a: value.replaceAll(/["']/g, '') });
    },
  );

  it.each([
    'true',
    'False',
    'NULL',
    '~',
    '3',
    '-3',
    '+3',
    '.5',
    '-.5',
    '1e3',
    '0x1',
    '2026-01-01',
    '[a]',
    '{ b: c }',
    '" a"',
    '"a\\nb"',
  ])('has no value %s', (value) => {
    expect(outcome(withClaims(`a: ${value}`))).toBe(`ERR_POLICY_VALUE 6:${valueAt}`);
  });

  it('has a name that tokens have', () => {
    const longest = 'a'.repeat(128);
    expect(claimsOf(`${longest}: x, "https://a.example/role": y, A_b.c-9: z`)).toEqual({
      [longest]: 'x',
      'https://a.example/role': 'y',
      'A_b.c-9': 'z',
    });
    for (const name of [`${longest}a`, '"a b"', '" a"', '"a "', 'ü', '"a@b"'])
      expect([name, outcome(withClaims(`${name}: x`))]).toEqual([name, `ERR_POLICY_VALUE 6:${nameAt}`]);
  });
});

describe('a key set that is published', () => {
  const withKeys = (url: string): string =>
    outcome(
      `${HEAD}callers: { a: { token: { issuer: "https://a.example", audience: x, jwks: { url: "${url}", pin: "spki-sha256:${'0'.repeat(64)}" } } } }\n`,
    );
  it.each([
    ['https://a.example/jwks', 'ok'],
    ['http://a.example/jwks', 'ERR_POLICY_VALUE 6:81'],
    ['enclave://a.example/jwks', 'ERR_POLICY_VALUE 6:81'],
    ['https://a.example/jwks?', 'ERR_POLICY_VALUE 6:81'],
    ['a.example/jwks', 'ERR_POLICY_VALUE 6:81'],
  ])('stands at %s: %s', (url, expected) => {
    expect(withKeys(url)).toBe(expected);
  });
});

it('a caller is proven in exactly one way', () => {
  const certificate = 'certificate: { ca: ./research-ca.pem }';
  const key = `key: "${KEY_A}"`;
  const token = 'token: { issuer: "https://a.example", audience: x, jwks: ./jwks.json }';
  for (const proof of [certificate, key, token]) expect(outcome(`${HEAD}callers: { a: { ${proof} } }\n`)).toBe('ok');
  for (const proofs of [[certificate, key], [certificate, token], [key, token], []])
    expect(outcome(`${HEAD}callers: { a: { ${proofs.join(', ')} } }\n`)).toBe('ERR_POLICY_VALUE 6:15');
});
