/** What an upload is sealed for: any other owner, name, run or policy gives another context. And what a secret may be. */
import { describe, expect, it } from 'vitest';
import { encodeUtf8 } from '../../src/base/bytes.ts';
import { MAX_SECRET_BYTES, parseSecret, type UploadTarget, uploadContext } from '../../src/policy/sealed-upload.ts';

const target: UploadTarget = {
  kind: 'data',
  owner: 'hospital-a',
  name: 'patients',
  instance: new Uint8Array(16).fill(7),
  policy: `sha256:${'ab'.repeat(32)}`,
};
const textOf = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

describe('the context of an upload', () => {
  it('names the protocol, and in canonical JSON what it is for', () => {
    const { info, aad } = uploadContext(target);
    expect(textOf(info)).toBe('anchorhold/upload/1');
    expect(textOf(aad)).toBe(
      `{"instance":"${'07'.repeat(16)}","kind":"data","name":"patients","owner":"hospital-a","policy":"${target.policy}"}`,
    );
  });

  it.each<[string, Partial<UploadTarget>]>([
    ['kind', { kind: 'secret' }],
    ['owner', { owner: 'hospital-b' }],
    ['name', { name: 'rows' }],
    ['run of the worker', { instance: new Uint8Array(16).fill(8) }],
    ['policy', { policy: `sha256:${'cd'.repeat(32)}` }],
  ])('is another one for another %s', (_, change) => {
    expect(textOf(uploadContext({ ...target, ...change }).aad)).not.toBe(textOf(uploadContext(target).aad));
  });
});

describe('a secret', () => {
  it.each([
    ['8 visible characters', '!234567~'],
    ['blanks between', 'a       b'],
    ['as much as fits into a header', 'x'.repeat(MAX_SECRET_BYTES)],
  ])('may be %s', (_, text) => {
    expect(parseSecret(encodeUtf8(text))).toBe(text);
  });

  it.each([
    ['nothing', ''],
    ['7 characters', '1234567'],
    ['more than fits into a header', 'x'.repeat(MAX_SECRET_BYTES + 1)],
    ['a blank before', ' 12345678'],
    ['a blank behind', '12345678 '],
    ['a line end behind', '12345678\n'],
    ['a line end in it', '1234\r\n5678'],
    ['a line before it', '12345678\n12345678'],
    ['a control character', '1234\u007f5678'],
    ['letters beyond ASCII', '1234ä5678'],
  ])('is not %s', (_, text) => {
    expect(parseSecret(encodeUtf8(text))).toBeNull();
  });
});
