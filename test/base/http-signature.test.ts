import { createPublicKey, verify } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeUtf8 } from '../../src/base/bytes.ts';
import {
  encodeContentDigest,
  encodeSignatureBase,
  encodeSignatureFields,
  isContentDigest,
  parseSignatureFields,
  type SignableRequest,
  type SignatureInput,
} from '../../src/base/http-signature.ts';
import { componentsToSign, coversRequest } from '../../src/base/signed-request.ts';

/** The request and the Ed25519 signature of RFC 9421 appendix B.2.6. */
const REQUEST: SignableRequest = {
  method: 'POST',
  scheme: 'https',
  authority: 'example.com',
  target: '/foo?param=Value&Pet=dog',
  headers: [
    ['host', 'example.com'],
    ['date', 'Tue, 20 Apr 2021 02:07:55 GMT'],
    ['content-type', 'application/json'],
    ['content-length', '18'],
  ],
};
const INPUT =
  'sig-b26=("date" "@method" "@path" "@authority" "content-type" "content-length")' +
  ';created=1618884473;keyid="test-key-ed25519"';
const SIGNATURE = 'sig-b26=:wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw==:';
const KEY = { kty: 'OKP', crv: 'Ed25519', x: 'JrQLj5P_89iXES9-vFgrIy29clF9CC_oPPsw3c5D0bs' };

const input = (components: readonly string[]): SignatureInput => ({ label: 'a', components, parameters: new Map() });

describe('the signature base', () => {
  it('is that of RFC 9421 appendix B.2.6, under which the signature printed there verifies', () => {
    const signed = parseSignatureFields(INPUT, SIGNATURE);
    if (signed === null) throw new Error('not parsed');
    const base = encodeSignatureBase(REQUEST, signed) ?? '';
    expect(base.split('\n')).toEqual([
      '"date": Tue, 20 Apr 2021 02:07:55 GMT',
      '"@method": POST',
      '"@path": /foo',
      '"@authority": example.com',
      '"content-type": application/json',
      '"content-length": 18',
      `"@signature-params": ${INPUT.slice('sig-b26='.length)}`,
    ]);
    const key = createPublicKey({ key: KEY, format: 'jwk' });
    expect(verify(null, encodeUtf8(base), key, signed.signature)).toBe(true);
    expect(verify(null, encodeUtf8(base.replace('/foo', '/fob')), key, signed.signature)).toBe(false);
  });

  it.each([
    ['@method', 'POST'],
    ['@authority', 'example.com'],
    ['@target-uri', 'https://example.com/foo?param=Value&Pet=dog'],
    ['@path', '/foo'],
    ['@query', '?param=Value&Pet=dog'],
    ['date', 'Tue, 20 Apr 2021 02:07:55 GMT'],
  ])('has for %s the value %s', (name, value) => {
    expect(encodeSignatureBase(REQUEST, input([name]))?.split('\n')[0]).toBe(`"${name}": ${value}`);
  });

  it('writes the authority in lower case and without the default port, and an absent query as a question mark', () => {
    const request = { ...REQUEST, authority: 'Example.COM:443', target: '/' };
    const lines = encodeSignatureBase(request, input(['@authority', '@query', '@target-uri']))?.split('\n');
    expect(lines?.slice(0, 3)).toEqual([
      '"@authority": example.com',
      '"@query": ?',
      '"@target-uri": https://example.com/',
    ]);
  });

  it('joins the copies of a header', () => {
    const request = {
      ...REQUEST,
      headers: [
        ['x', ' 1 '],
        ['x', '2'],
      ] as const,
    };
    expect(encodeSignatureBase(request, input(['x']))?.split('\n')[0]).toBe('"x": 1, 2');
  });

  it.each<[string, SignatureInput, Partial<SignableRequest>]>([
    ['a header that is not there', input(['x-absent']), {}],
    ['a component twice', input(['@method', '@method']), {}],
    ['an unknown derived component', input(['@status']), {}],
    ['a line break in a value', input(['x']), { headers: [['x', 'a\n"@method": GET']] }],
    ['a letter beyond ASCII', input(['x']), { headers: [['x', 'é']] }],
    ['a component name with a line break', input(['x\n']), { headers: [['x\n', '1']] }],
  ])('does not exist with %s', (_name, signature, overrides) => {
    expect(encodeSignatureBase({ ...REQUEST, ...overrides }, signature)).toBeNull();
  });
});

describe('the signature fields', () => {
  it.each<[string, string, string]>([
    ['two signatures', `${INPUT}, b=("@method")`, `${SIGNATURE}, b=:AA==:`],
    ['another label', INPUT, SIGNATURE.replace('b26', 'b27')],
    ['no bytes', INPUT, 'sig-b26="text"'],
    ['no inner list', 'sig-b26="x";created=1', SIGNATURE],
    ['a component with a parameter', INPUT.replace('"date"', '"date";req'), SIGNATURE],
    ['a component that is no string', INPUT.replace('"date"', 'date'), SIGNATURE],
    ['a parameter that is no string or integer', `${INPUT};x=1.5`, SIGNATURE],
    ['another spelling of the same', INPUT.replace('" "', '"  "'), SIGNATURE],
    ['a parameter twice', `${INPUT};created=1`, SIGNATURE],
    ['no dictionary', '((', SIGNATURE],
    ['nothing', '', ''],
  ])('are refused with %s', (_name, signatureInput, signature) => {
    expect(parseSignatureFields(signatureInput, signature)).toBeNull();
  });

  it('read back what was written', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'b', ' ', '"', '\\', ':', ';', '='), maxLength: 10 });
    fc.assert(
      fc.property(
        fc.uniqueArray(text),
        fc.maxSafeNat(),
        text,
        fc.uint8Array(),
        (components, created, nonce, signature) => {
          const number = created % 1e15;
          const parameters = new Map<string, number | string>([
            ['created', number],
            ['nonce', nonce],
          ]);
          const signed = { label: 'caller', components, parameters, signature };
          const [first, second] = encodeSignatureFields(signed);
          expect(parseSignatureFields(first?.[1] ?? '', second?.[1] ?? '')).toEqual(signed);
        },
      ),
    );
  });

  it('give a value or null for any text', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (a, b) => void parseSignatureFields(a, b)),
      { numRuns: 2000 },
    );
  });
});

describe('the content digest', () => {
  const body = encodeUtf8('{"hello": "world"}\n');
  it('is that of RFC 9530 appendix D for the same body', () => {
    expect(encodeContentDigest(body)).toBe('sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:');
    expect(isContentDigest(encodeContentDigest(body), body)).toBe(true);
  });

  it.each([
    ['another body', encodeContentDigest(encodeUtf8('{"hello": "world"} '))],
    ['another algorithm only', 'sha-512=:AAAA:'],
    ['text instead of bytes', 'sha-256="RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg="'],
    ['a cut digest', 'sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8Fa:'],
    ['nothing', ''],
    ['noise', ':::'],
  ])('does not hold with %s', (_name, field) => {
    expect(isContentDigest(field, body)).toBe(false);
  });
});

describe('what a signed request covers', () => {
  it.each([
    [true, componentsToSign(true), true],
    [false, componentsToSign(false), true],
    [false, ['@path', '@query', 'anchorhold-channel', '@authority', '@method'], true],
    [true, componentsToSign(false), false],
    [false, componentsToSign(true), false],
    [false, ['@method', '@target-uri'], false],
    [false, ['@target-uri', 'anchorhold-channel'], false],
    [false, ['@method', '@authority', '@path', 'anchorhold-channel'], false],
    [false, ['@method', '@target-uri', 'anchorhold-channel', 'date'], false],
    [false, ['@method', '@target-uri', 'anchorhold-channel', '@target-uri'], false],
    [false, [], false],
  ])('with a digest %s, %j: %s', (hasDigest, components, expected) => {
    expect(coversRequest(components, hasDigest)).toBe(expected);
  });
});
