/** The worker's word that it did something: whose word it is, for which run, and in which form. Each refusal differs from the good one in one field. */
import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { encodeBase64, encodeBase64Url } from '../../../src/base/bytes.ts';
import { sha256 } from '../../../src/base/digest.ts';
import { LIMITS } from '../../../src/base/limits.ts';
import {
  formatSignedNotice,
  makeNotice,
  type Notice,
  noticeInput,
  verifyNotice,
} from '../../../src/policy/signing/notice.ts';
import { codeOf } from './keys.ts';

const DIGEST = `sha256:${'ab'.repeat(32)}` as const;
const INSTANCE = '07'.repeat(16);

const notice = makeNotice(
  { kind: 'data', owner: 'hospital-a', name: 'patients', before: null, after: { version: null, digest: DIGEST } },
  { instance: INSTANCE, time: '2026-12-01T10:00:00.000Z', log: { size: 4, root: 'cd'.repeat(32) } },
);

const makeKey = (): KeyObject => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
const spkiOf = (pair: { readonly publicKey: KeyObject }): Uint8Array<ArrayBuffer> =>
  Uint8Array.from(pair.publicKey.export({ type: 'spki', format: 'der' }));
const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const SPKI = spkiOf({ publicKey });
const KEY = encodeBase64(SPKI);
const worker = { tls: sha256(SPKI), instance: INSTANCE };

const signatureOf = (of: Notice, key: KeyObject = privateKey): Uint8Array =>
  sign('sha256', noticeInput(of), { key, dsaEncoding: 'ieee-p1363' });
/** Writes and signs a notice, of whatever form. */
const signed = (change: object = {}): string => {
  const of = { ...notice, ...change } as Notice;
  return formatSignedNotice(of, signatureOf(of), KEY);
};
const withField = (field: 'signature' | 'key', value: unknown): string =>
  JSON.stringify({ ...(JSON.parse(signed()) as object), [field]: value });

const REFUSED = 'ERR_POLICY_STATEMENT';

describe('a notice', () => {
  it('says what was done, by which run of the worker, when, and how long the log is', () => {
    expect(notice).toEqual({
      anchorhold: 'anchorhold-notice/1',
      kind: 'data',
      owner: 'hospital-a',
      name: 'patients',
      before: null,
      after: { version: null, digest: DIGEST },
      instance: INSTANCE,
      time: '2026-12-01T10:00:00.000Z',
      log: { size: 4, root: 'cd'.repeat(32) },
    });
  });

  it('is signed as a JWS over its canonical JSON, under a header that names what it is', () => {
    const [header = '', payload = '', ...rest] = new TextDecoder().decode(noticeInput(notice)).split('.');
    const text = (part: string): string => Buffer.from(part, 'base64url').toString();
    expect([text(header), rest]).toEqual(['{"alg":"ES256","typ":"anchorhold-notice+jws"}', []]);
    expect(JSON.parse(text(payload))).toEqual(notice);
    expect(text(payload)).toMatch(/^\{"after":\{"digest":"[^"]+","version":null\},"anchorhold":/);
  });

  it('is written with the worker’s key and a detached signature, and verified by who appraised that key', async () => {
    const written = signed();
    expect(written.endsWith('}\n')).toBe(true);
    const { signature, key, ...rest } = JSON.parse(written) as { signature: string; key: string };
    expect(rest).toEqual({ notice });
    expect(key).toBe(KEY);
    expect(signature).toMatch(/^[A-Za-z0-9_-]+\.\.[A-Za-z0-9_-]{86}$/);
    expect(await verifyNotice(written, worker)).toEqual(notice);
  });

  it.each([
    ['a policy that came in place of another', { kind: 'policy', before: { version: 7, digest: DIGEST } }],
    ['a policy that was taken back', { kind: 'revoke', name: 'policy', after: null }],
    ['a secret', { kind: 'secret' }],
    ['data that is forgotten', { kind: 'forget', after: null }],
    ['the largest version', { before: { version: 999_999_999_999_999, digest: DIGEST } }],
    ['an empty log', { log: { size: 0, root: 'cd'.repeat(32) } }],
  ])('about %s is verified', async (_, change) => {
    expect(await verifyNotice(signed(change), worker)).toEqual({ ...notice, ...change });
  });
});

describe('a notice does not count', () => {
  it('when its key is not the one that was appraised, though it signed it', async () => {
    const other = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const content = formatSignedNotice(notice, signatureOf(notice, other.privateKey), encodeBase64(spkiOf(other)));
    expect(await codeOf(() => verifyNotice(content, worker))).toBe(REFUSED);
    expect(await codeOf(() => verifyNotice(content, { ...worker, tls: sha256(spkiOf(other)) }))).toBeNull();
  });

  it('when another key signed it', async () => {
    expect(
      await codeOf(() => verifyNotice(formatSignedNotice(notice, signatureOf(notice, makeKey()), KEY), worker)),
    ).toBe(REFUSED);
  });

  it('when it was changed after it was signed', async () => {
    const content = formatSignedNotice({ ...notice, name: 'rows' }, signatureOf(notice), KEY);
    expect(await codeOf(() => verifyNotice(content, worker))).toBe(REFUSED);
  });

  it('when it is of another run of the worker', async () => {
    expect(await codeOf(() => verifyNotice(signed(), { ...worker, instance: '08'.repeat(16) }))).toBe(REFUSED);
    expect(await codeOf(() => verifyNotice(signed({ instance: '08'.repeat(16) }), worker))).toBe(REFUSED);
  });

  it('when the key that was appraised cannot sign notices', async () => {
    const key = spkiOf(generateKeyPairSync('ed25519'));
    const content = formatSignedNotice(notice, signatureOf(notice), encodeBase64(key));
    expect(await codeOf(() => verifyNotice(content, { ...worker, tls: sha256(key) }))).toBe(REFUSED);
  });

  it.each([
    ['no base64', '!'],
    ['a number', 3],
    ['nothing', ''],
  ])('when its key is %s', async (_, key) => {
    expect(await codeOf(() => verifyNotice(withField('key', key), worker))).toBe(REFUSED);
  });

  const [header = '', , encoded = ''] = (JSON.parse(signed()) as { signature: string }).signature.split('.');
  const otherHeader = encodeBase64Url(Buffer.from('{"alg":"ES256","typ":"JWT"}'));

  it.each([
    ['of another header', `${otherHeader}..${encoded}`],
    ['that holds a payload', `${header}.e30.${encoded}`],
    ['of four parts', `${header}..${encoded}.`],
    ['of one part', header],
    ['of two parts', `${header}.`],
    ['without its bytes', `${header}..`],
    ['in standard base64', `${header}..${'+'.repeat(86)}`],
    ['of 63 bytes', `${header}..${encodeBase64Url(new Uint8Array(63))}`],
    [
      'of 65 bytes',
      `${header}..${encodeBase64Url(Buffer.concat([Buffer.from(encoded, 'base64url'), Buffer.alloc(1)]))}`,
    ],
    ['that is no text', 7],
  ])('with a signature %s', async (_, signature) => {
    expect(await codeOf(() => verifyNotice(withField('signature', signature), worker))).toBe(REFUSED);
  });

  it.each<[string, object]>([
    ['of another format', { anchorhold: 'anchorhold-notice/2' }],
    ['of another kind', { kind: 'reset' }],
    ['about an owner that is no name', { owner: 'Hospital A' }],
    ['about a name that is a path', { name: '../patients' }],
    ['whose state has no algorithm', { after: { version: null, digest: 'ab'.repeat(32) } }],
    ['whose state has version 0', { after: { version: 0, digest: DIGEST } }],
    ['whose state is a digest', { before: DIGEST }],
    ['with a short run', { instance: '07' }],
    ['without a time zone', { time: '2026-12-01T10:00:00' }],
    ['with a log of less than nothing', { log: { size: -1, root: 'cd'.repeat(32) } }],
    ['with a short root', { log: { size: 4, root: 'cd' } }],
    ['that says more', { more: true }],
  ])('%s, though it is signed', async (_, change) => {
    expect(await codeOf(() => verifyNotice(signed(change), worker))).toBe(REFUSED);
  });

  it('when it is cut, or larger than a notice can be', async () => {
    const content = signed();
    expect(await codeOf(() => verifyNotice(content.slice(0, -3), worker))).toBe(REFUSED);
    expect(await codeOf(() => verifyNotice(content.padEnd(LIMITS.noticeBytes), worker))).toBeNull();
    expect(await codeOf(() => verifyNotice(content.padEnd(LIMITS.noticeBytes + 1), worker))).toBe(REFUSED);
  });
});
