/** One form of a signature counts, and each other form, one field different, does not. */
import { createPrivateKey, sign } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { encodeBase64Url, encodeUtf8 } from '../../../src/base/bytes.ts';
import { encodeCanonicalJson } from '../../../src/base/canonical-json.ts';
import { SIGNATURE_CHARACTERS } from '../../../src/base/detached-jws.ts';
import { importSigningKey } from '../../../src/base/ed25519.ts';
import { isStatementSignedBy, signStatement } from '../../../src/policy/signing/jws.ts';
import { statePolicy } from '../../../src/policy/signing/statement.ts';
import { codeOf, makeKeyPem, makeKeys } from './keys.ts';

const statement = statePolicy({ owner: 'hospital-a', version: 8, digest: `sha256:${'ab'.repeat(32)}` });

/** Signs with any header at all, as another tool might. */
function signWithHeader(pem: string, header: string, payload = encodeCanonicalJson(statement)): string {
  const head = encodeBase64Url(encodeUtf8(header));
  const input = `${head}.${encodeBase64Url(encodeUtf8(payload))}`;
  return `${head}..${encodeBase64Url(sign(null, encodeUtf8(input), createPrivateKey(pem)))}`;
}

const HEADER = '{"alg":"EdDSA","typ":"anchorhold-statement+jws"}';

describe('a detached signature', () => {
  it('is made and read back, and can be made by any tool that signs JWS', async () => {
    const pem = makeKeyPem();
    const key = await importSigningKey(pem);
    const signature = await signStatement(statement, key);
    expect(signature).toHaveLength(SIGNATURE_CHARACTERS);
    expect(signature).toBe(signWithHeader(pem, HEADER));
    expect(await isStatementSignedBy(statement, signature, key.spki)).toBe(true);
  });

  it('counts for its own statement and its own key only', async () => {
    const [key, other] = await makeKeys(2);
    if (key === undefined || other === undefined) throw new Error('no keys');
    const signature = await signStatement(statement, key);
    expect(await isStatementSignedBy({ ...statement, version: 9 }, signature, key.spki)).toBe(false);
    expect(await isStatementSignedBy({ ...statement, owner: 'hospital-b' }, signature, key.spki)).toBe(false);
    expect(await isStatementSignedBy(statement, signature, other.spki)).toBe(false);
    expect(await isStatementSignedBy(statement, signature, Uint8Array.from(key.spki.subarray(0, 43)))).toBe(false);
  });

  it.each([
    ['another algorithm', '{"alg":"Ed25519","typ":"anchorhold-statement+jws"}'],
    ['no algorithm', '{"alg":"none","typ":"anchorhold-statement+jws"}'],
    ['HMAC', '{"alg":"HS256","typ":"anchorhold-statement+jws"}'],
    ['another type', '{"alg":"EdDSA","typ":"JWT"}'],
    ['the type of a release', '{"alg":"EdDSA","typ":"anchorhold-release+jws"}'],
    ['no type', '{"alg":"EdDSA"}'],
    ['a key of its own', '{"alg":"EdDSA","jwk":{"kty":"OKP"},"typ":"anchorhold-statement+jws"}'],
    ['certificates', '{"alg":"EdDSA","typ":"anchorhold-statement+jws","x5c":["AA=="]}'],
    ['a key name', '{"alg":"EdDSA","kid":"1","typ":"anchorhold-statement+jws"}'],
    ['a critical extension', '{"alg":"EdDSA","crit":["x"],"typ":"anchorhold-statement+jws","x":1}'],
    ['an unencoded payload', '{"alg":"EdDSA","b64":false,"crit":["b64"],"typ":"anchorhold-statement+jws"}'],
    ['white space', '{"alg":"EdDSA", "typ":"anchorhold-statement+jws"}'],
    ['another order', '{"typ":"anchorhold-statement+jws","alg":"EdDSA"}'],
  ])('with %s in its header does not count, though the key made it', async (_what, header) => {
    const pem = makeKeyPem();
    const { spki } = await importSigningKey(pem);
    expect(await isStatementSignedBy(statement, signWithHeader(pem, header), spki)).toBe(false);
  });

  it('is refused in every other spelling', async () => {
    const pem = makeKeyPem();
    const { spki } = await importSigningKey(pem);
    const good = signWithHeader(pem, HEADER);
    const [header, , signature] = good.split('.');
    const payload = encodeBase64Url(encodeUtf8(encodeCanonicalJson(statement)));
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    // The last of 86 characters carries two bits of the signature and four that must be zero.
    const loose = `${good.slice(0, -1)}${alphabet[alphabet.indexOf(good.slice(-1)) + 1]}`;
    const others = {
      attached: `${header}.${payload}.${signature}`,
      padded: `${good}==`,
      loose,
      spaced: `${good} `,
      longer: `${good}.`,
      parts: `${header}...${signature}`,
      short: good.slice(0, -2),
      none: `${header}..`,
      empty: '',
    };
    expect(await isStatementSignedBy(statement, good, spki)).toBe(true);
    for (const [name, text] of Object.entries(others))
      expect([name, await isStatementSignedBy(statement, text, spki)]).toEqual([name, false]);
  });
});

describe('a private key', () => {
  it('is read from plain PKCS #8 PEM and from nothing else', async () => {
    const pem = makeKeyPem();
    expect(await codeOf(() => importSigningKey(pem))).toBeNull();
    expect(await codeOf(() => importSigningKey(pem.replaceAll('PRIVATE', 'ENCRYPTED PRIVATE')))).toBe(
      'ERR_SECRET_UNREADABLE',
    );
    expect(await codeOf(() => importSigningKey(pem.replace('MC4C', 'MC4D')))).toBe('ERR_SECRET_UNREADABLE');
  });
});
