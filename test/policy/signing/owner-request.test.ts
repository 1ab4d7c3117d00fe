/** The envelope that an owner sends: read as it was written, and refused when it differs in one field. */
import { describe, expect, it } from 'vitest';
import { encodeUtf8 } from '../../../src/base/bytes.ts';
import { formatOwnerRequest, type OwnerRequest, parseOwnerRequest } from '../../../src/policy/signing/owner-request.ts';
import { stateForWorker, statePolicy, type WorkerStatementKind } from '../../../src/policy/signing/statement.ts';
import { codeOf } from './keys.ts';

const DIGEST = `sha256:${'ab'.repeat(32)}` as const;
const REFUSED = 'ERR_POLICY_STATEMENT';
const signatures = ['aa..bb'];

const policyRequest: OwnerRequest = {
  kind: 'policy',
  statement: statePolicy({ owner: 'hospital-a', version: 8, digest: DIGEST }),
  signatures,
  policy: { file: 'hospital-a.yaml', source: 'owner: hospital-a', references: { './ca.pem': Uint8Array.of(0, 255) } },
};

const workerRequest = (kind: WorkerStatementKind): OwnerRequest => ({
  kind,
  statement: stateForWorker(
    { kind, owner: 'hospital-a', name: 'patients', digest: DIGEST, size: 3 },
    new Uint8Array(16),
    new Date('2026-12-01T10:00:00Z'),
  ),
  signatures,
  payload: encodeUtf8('abc'),
});

/** Gives the code for an envelope that differs in these fields. */
const code = (request: OwnerRequest, change: object): Promise<string | null> =>
  codeOf(() =>
    parseOwnerRequest(JSON.stringify({ ...(JSON.parse(formatOwnerRequest(request)) as object), ...change })),
  );

describe('a request', () => {
  it.each<[string, OwnerRequest]>([
    ['for another policy', policyRequest],
    ['to take a policy back', workerRequest('revoke')],
    ['to put data', workerRequest('data')],
    ['to put a secret', workerRequest('secret')],
    ['to forget', workerRequest('forget')],
  ])('%s is read as it was written', (_, request) => {
    expect(parseOwnerRequest(formatOwnerRequest(request))).toEqual(request);
  });

  it('is one line of JSON that carries bytes in base64', () => {
    expect(JSON.parse(formatOwnerRequest(workerRequest('data')))).toMatchObject({
      anchorhold: 'owner-request/1',
      kind: 'data',
      signatures,
      payload: 'YWJj',
    });
    expect(JSON.parse(formatOwnerRequest(policyRequest))).toMatchObject({
      anchorhold: 'owner-request/1',
      kind: 'policy',
      policy: { file: 'hospital-a.yaml', source: 'owner: hospital-a', references: { './ca.pem': 'AP8=' } },
    });
  });

  it.each([
    ['no JSON', 'x'],
    ['nothing', 'null'],
    ['a number', '3'],
    ['a list', '[]'],
    ['an object without a kind', '{}'],
  ])('is not %s', async (_, content) => {
    expect(await codeOf(() => parseOwnerRequest(content))).toBe(REFUSED);
  });

  it.each<[string, object]>([
    ['another format', { anchorhold: 'owner-request/2' }],
    ['a kind that is not known', { kind: 'reset' }],
    ['the kind of another request', { kind: 'forget' }],
    ['the kind of a request for a policy', { kind: 'policy' }],
    ['another statement', { statement: policyRequest.statement }],
    ['a signature that is none', { signatures: ['aa'] }],
    ['a payload that is no base64', { payload: 'YWJ' }],
    ['a payload that is a list', { payload: [97, 98, 99] }],
    ['a policy', { policy: { file: 'a', source: '', references: {} } }],
  ])('to put data is refused with %s', async (_, change) => {
    expect(await code(workerRequest('data'), change)).toBe(REFUSED);
  });

  it.each<[string, object]>([
    ['another format', { anchorhold: 'owner-request/2' }],
    ['the kind of another request', { kind: 'data' }],
    ['another statement', { statement: workerRequest('data').statement }],
    ['a signature that is none', { signatures: ['aa'] }],
    ['a payload', { payload: '' }],
  ])('for another policy is refused with %s', async (_, change) => {
    expect(await code(policyRequest, change)).toBe(REFUSED);
  });
});

describe('the policy that is sent', () => {
  const codeOfPolicy = (change: object): Promise<string | null> =>
    code(policyRequest, { policy: { file: 'a.yaml', source: '', references: {}, ...change } });

  it.each([['a'], ['a.yaml'], ['_a-B.9'], ['-'], ['a..b'], ['a'.repeat(128)]])(
    'may have the file name %s',
    async (file) => {
      expect(await codeOfPolicy({ file })).toBeNull();
    },
  );

  it.each([[''], ['.a'], ['..'], ['a/b'], ['/a'], ['a b'], ['a\n'], [' a'], ['a'.repeat(129)], [3]])(
    'has no file name %j',
    async (file) => {
      expect(await codeOfPolicy({ file })).toBe(REFUSED);
    },
  );

  it.each<[string, object]>([
    ['a source that is no text', { source: null }],
    ['a reference that is no base64', { references: { './a': '!' } }],
    ['a reference that is null', { references: { './a': null } }],
    ['references in a list', { references: ['AP8='] }],
  ])('is refused with %s', async (_, change) => {
    expect(await codeOfPolicy(change)).toBe(REFUSED);
  });

  it('has 64 references at most', async () => {
    const references = (count: number): object =>
      Object.fromEntries(Array.from({ length: count }, (_, i) => [`./${i}`, 'AP8=']));
    expect(await codeOfPolicy({ references: references(64) })).toBeNull();
    expect(await codeOfPolicy({ references: references(65) })).toBe(REFUSED);
  });
});
