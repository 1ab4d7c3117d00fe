/** What a statement must say, for which worker, and when. Each refusal differs from the good one in one field. */
import { describe, expect, it } from 'vitest';
import { SIGNATURE_CHARACTERS } from '../../../src/base/detached-jws.ts';
import { formatSignatureFile, parseSignatureFile } from '../../../src/policy/signing/signature-file.ts';
import {
  checkWorkerStatement,
  readPolicyStatement,
  readWorkerStatement,
  stateForWorker,
  statePolicy,
  type WorkerStatement,
} from '../../../src/policy/signing/statement.ts';
import { codeOf } from './keys.ts';

const instance = new Uint8Array(16).fill(7);
const now = new Date('2026-12-01T10:00:00Z');
const digest = `sha256:${'ab'.repeat(32)}` as const;
const good = stateForWorker({ kind: 'data', owner: 'hospital-a', name: 'patients', digest, size: 9 }, instance, now);
const policy = statePolicy({ owner: 'hospital-a', version: 8, digest });

describe('a statement for a worker', () => {
  const code = (change: Partial<WorkerStatement>, at = now): Promise<string | null> =>
    codeOf(() => checkWorkerStatement({ ...good, ...change }, { instance, now: at }));

  it('is read back as it was written', () => {
    expect(readWorkerStatement(JSON.parse(JSON.stringify(good)))).toEqual(good);
  });

  it('is made for one run of a worker and for five minutes', () => {
    const about = { kind: 'secret', owner: 'hospital-a', name: 'token', digest, size: 9 } as const;
    expect(stateForWorker(about, instance, now)).toEqual({
      ...about,
      anchorhold: 'anchorhold-statement/1',
      instance: '07'.repeat(16),
      issued: '2026-12-01T10:00:00.000Z',
      expires: '2026-12-01T10:05:00.000Z',
    });
  });

  it('counts for its worker and in its time', async () => {
    expect(await code({})).toBeNull();
    expect(await code({}, new Date('2026-12-01T10:04:59.999Z'))).toBeNull();
    expect(await code({}, new Date('2026-12-01T09:59:30Z'))).toBeNull();
    expect(await code({ expires: '2026-12-01T10:10:00Z' })).toBeNull();
  });

  it.each<[string, Partial<WorkerStatement>, Date?]>([
    ['another instance', { instance: '08'.repeat(16) }],
    ['a later time', {}, new Date('2026-12-01T09:59:29Z')],
    ['an earlier time', {}, new Date('2026-12-01T10:05:00Z')],
    ['a long life', { expires: '2026-12-01T10:10:01Z' }],
    ['an end before its beginning', { issued: '2026-12-01T10:00:20Z', expires: '2026-12-01T10:00:10Z' }],
    ['an end at its beginning', { issued: '2026-12-01T10:00:10Z', expires: '2026-12-01T10:00:10Z' }],
    ['a beginning that is no time', { issued: 'now' }],
    ['an end that is no time', { expires: 'never' }],
    ['a clock that is broken', {}, new Date(Number.NaN)],
  ])('does not count with %s', async (_what, change, at) => {
    expect(await code(change, at)).toBe('ERR_POLICY_STATEMENT');
  });

  it('is refused with how long it may count, in seconds', () => {
    const long = { ...good, expires: '2026-12-01T10:10:01Z' };
    expect(() => checkWorkerStatement(long, { instance, now })).toThrow('600 seconds');
  });

  it.each([
    ['another format', { anchorhold: 'anchorhold-statement/2' }],
    ['another kind', { kind: 'policy' }],
    ['an owner that is no name', { owner: 'Hospital A' }],
    ['a short instance', { instance: '07' }],
    ['a name that is a path', { name: '../patients' }],
    ['a digest without its algorithm', { digest: 'ab'.repeat(32) }],
    ['a size below zero', { size: -1 }],
    ['a size that is text', { size: '9' }],
    ['a time without a zone', { issued: '2026-12-01T10:00:00' }],
    ['a key that is not known', { more: true }],
  ])('is not read with %s', async (_what, change) => {
    expect(await codeOf(() => readWorkerStatement({ ...good, ...change }))).toBe('ERR_POLICY_STATEMENT');
  });

  it.each(Object.keys(good))('is not read without %s', async (key) => {
    const rest = Object.fromEntries(Object.entries(good).filter(([name]) => name !== key));
    expect(await codeOf(() => readWorkerStatement(rest))).toBe('ERR_POLICY_STATEMENT');
  });
});

describe('a statement about a policy', () => {
  it.each([
    ['another kind', { kind: 'data' }],
    ['version 0', { version: 0 }],
    ['a version that is no whole number', { version: 1.5 }],
    ['no owner', { owner: undefined }],
    ['a digest in capitals', { digest: `sha256:${'AB'.repeat(32)}` }],
    ['a key that is not known', { instance: '07'.repeat(16) }],
  ])('is not read with %s', async (_what, change) => {
    expect(await codeOf(() => readPolicyStatement({ ...policy, ...change }))).toBe('ERR_POLICY_STATEMENT');
  });

  it('is read back as it was written', () => {
    expect(readPolicyStatement(JSON.parse(JSON.stringify(policy)))).toEqual(policy);
  });
});

describe('a signature file', () => {
  const file = { statement: policy, signatures: ['aa..bb', 'aa..cc'] };

  it('is read back as it was written', () => {
    const longest = { ...file, signatures: ['aa..'.padEnd(SIGNATURE_CHARACTERS, 'b')] };
    expect(parseSignatureFile(formatSignatureFile(file))).toEqual(file);
    expect(parseSignatureFile(formatSignatureFile(longest))).toEqual(longest);
  });

  it.each([
    ['a text that is no signature', { signatures: ['aa.bb.cc'] }],
    ['a blank before a signature', { signatures: [' aa..bb'] }],
    ['a blank behind a signature', { signatures: ['aa..bb '] }],
    ['the same signature twice', { signatures: ['aa..bb', 'aa..bb'] }],
    ['a signature that is too long', { signatures: ['aa..'.padEnd(SIGNATURE_CHARACTERS + 1, 'b')] }],
    ['a statement for a worker', { statement: good }],
    ['another format', { anchorhold: 'anchorhold-signatures/2' }],
  ])('is not read with %s', async (_what, change) => {
    const written = { ...JSON.parse(formatSignatureFile(file)), ...change };
    expect(await codeOf(() => parseSignatureFile(JSON.stringify(written)))).toBe('ERR_POLICY_STATEMENT');
  });
});
