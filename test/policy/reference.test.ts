/** Files beside a policy: what their content must be, and what is told when it is not. */
import { describe, expect, it } from 'vitest';
import { encodeUtf8, parseUtf8 } from '../../src/base/bytes.ts';
import { LIMITS } from '../../src/base/limits.ts';
import { PolicyFileError } from '../../src/policy/policy-file-error.ts';
import type { Reading } from '../../src/policy/reading.ts';
import {
  checkCertificates,
  checkJsonObject,
  checkKeySet,
  checkTrustFile,
  parseReferenceName,
  reference,
} from '../../src/policy/reference.ts';
import { references } from './sample.ts';

const whyOf = (reading: Reading<unknown>): string => (reading.ok ? 'ok' : reading.why);
const pem = parseUtf8(references('./research-ca.pem') ?? new Uint8Array(0)) ?? '';
const KEY = '-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n';
/** A block of one certificate with this content. */
const block = (content: string): string => `-----BEGIN CERTIFICATE-----\n${content}\n-----END CERTIFICATE-----\n`;

describe('the name of a file beside the policy', () => {
  it.each(['./a', './a.pem', './certs/a-B_9.pem', './a/b/c'])('may be %s', (name) => {
    expect(parseReferenceName(name).ok).toBe(true);
  });

  it.each(['a', '/a', './', './a/', './.a', '../a', './a/../b', './a..b', './a b', './a\n', 'x./a', './-a', ''])(
    'is not %j',
    (name) => {
      expect(whyOf(parseReferenceName(name))).toContain('is not a file beside the policy');
    },
  );
});

describe('authorities', () => {
  it.each([
    ['one', pem, 1],
    ['two', pem + pem, 2],
    ['line ends of two characters', pem.replaceAll('\n', '\r\n'), 1],
    ['no line end behind it', pem.trimEnd(), 1],
    ['a short one', block('MAA='), 1],
    ['one in several lines', block('MAAA\nMAAA'), 1],
    ['text around it', `subject=x\n${pem}issuer=x\n`, 1],
  ])('are read from PEM: %s', (_, content, count) => {
    expect(checkCertificates(content)).toEqual({ ok: true, value: count });
  });

  it.each([
    ['behind them', pem + KEY],
    ['before them', KEY + pem],
    ['alone', KEY],
    ['of another kind', pem + KEY.replaceAll('PRIVATE', 'EC PRIVATE')],
    ['that is indented', `${pem}  ${KEY}`],
    ['with a blank behind its first line', pem + KEY.replace('KEY-----\n', 'KEY----- \n')],
  ])('are refused with a private key %s, and it is said so', (_, content) => {
    expect(whyOf(checkCertificates(content))).toContain('private key');
  });

  it.each([
    ['nothing', ''],
    ['text', 'MAA='],
    ['a public key', pem + KEY.replaceAll('PRIVATE', 'PUBLIC')],
    ['what is no DER sequence', block('MQA=')],
    ['what is no DER sequence beside one that is', pem + block('MQA=')],
    ['no base64', block('MAA')],
    ['other letters', block('MA-_')],
    ['nothing in it', block('')],
    ['an indented beginning', ` ${pem}`],
    ['something behind the end', `${pem.trimEnd()}x\n`],
    ['a blank behind the beginning', pem.replace('CERTIFICATE-----\n', 'CERTIFICATE----- \n')],
    ['a cut end', pem.slice(0, -30)],
  ])('are not %s', (_, content) => {
    expect(whyOf(checkCertificates(content))).toContain('is not a PEM file');
  });
});

describe('JSON', () => {
  it.each(['null', '3', '"x"', '[]', 'true', '{', ''])('%j is no object', (content) => {
    expect(whyOf(checkJsonObject(content))).toContain('is not a JSON object');
    expect(whyOf(checkKeySet(content))).toContain('is not a JSON object');
    expect(whyOf(checkTrustFile(content))).toContain('is not a JSON object');
  });

  it('of an object is its value', () => {
    expect(checkJsonObject('{"a":1}')).toEqual({ ok: true, value: { a: 1 } });
  });
});

describe('a key set', () => {
  const keySet = (...keys: readonly unknown[]): string => JSON.stringify({ keys });

  it('is as many public keys', () => {
    expect(checkKeySet(keySet({ kty: 'OKP' }, { kty: 'EC' }))).toEqual({ ok: true, value: 2 });
  });

  it.each([
    ['without keys', '{}', 'has no "keys"'],
    ['of no keys', keySet(), 'has no "keys"'],
    ['whose keys are one', '{"keys":{"kty":"OKP"}}', 'has no "keys"'],
    ['with null', keySet({ kty: 'OKP' }, null), 'an entry that is not a key'],
    ['with a word', keySet('kty'), 'an entry that is not a key'],
    ['with a key of no kind', keySet({ x: 'AA' }), 'an entry that is not a key'],
    ['with a private key', keySet({ kty: 'OKP', d: 'AA' }), 'private or shared key'],
    [
      'with a private key behind a public one',
      keySet({ kty: 'OKP' }, { kty: 'OKP', d: 'AA' }),
      'private or shared key',
    ],
    ['with a shared key', keySet({ kty: 'x', k: 'AA' }), 'private or shared key'],
    ['with the kind of a shared key', keySet({ kty: 'oct' }), 'private or shared key'],
  ])('is not one %s', (_, content, why) => {
    expect(whyOf(checkKeySet(content))).toContain(why);
  });
});

it('a trust file says that it is one', () => {
  expect(checkTrustFile('{"anchorhold":"trust/1"}').ok).toBe(true);
  expect(whyOf(checkTrustFile('{"anchorhold":"trust/2"}'))).toContain('is not a trust file');
});

describe('a reference', () => {
  const read = (content: Uint8Array | Error | null): string => {
    const at = { file: 'f', line: 3, column: 4 };
    try {
      const reader = reference((text) => (text === 'no' ? { ok: false, why: 'is not it' } : { ok: true, value: null }));
      return reader({ kind: 'text', at, text: './a', plain: true }, (name) => {
        if (content instanceof Error) throw content;
        return name === './a' ? content : null;
      });
    } catch (error) {
      if (!(error instanceof PolicyFileError)) throw error;
      return `${error.code} ${error.message}`;
    }
  };

  it('gives the text of the file', () => {
    expect(read(encodeUtf8('yes'))).toBe('yes');
  });

  it.each<[string, Uint8Array | Error | null, RegExp]>([
    ['that cannot be read', new Error('EACCES'), /^ERR_POLICY_REFERENCE f:3:4: .*cannot be read: .*EACCES/],
    ['that is not there', null, /^ERR_POLICY_REFERENCE f:3:4: .*does not exist/],
    ['that is not text', Uint8Array.of(0xff), /^ERR_POLICY_REFERENCE f:3:4: .*is not text/],
    ['of another kind', encodeUtf8('no'), /^ERR_POLICY_REFERENCE f:3:4: .*is not it/],
    ['that is too large', new Uint8Array(LIMITS.referenceBytes + 1), /^ERR_POLICY_LIMIT f:3:4: /],
  ])('to a file %s is refused', (_, content, refusal) => {
    expect(read(content)).toMatch(refusal);
  });

  it('may be as large as the cap', () => {
    expect(read(new Uint8Array(LIMITS.referenceBytes)).length).toBe(LIMITS.referenceBytes);
  });
});
