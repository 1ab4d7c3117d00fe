/** A trust file on disk, and the policy files that it names: read beside it, and worth exactly their digest. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { formatTrustFile, type TrustFile } from '../../src/attestation/trust-file.ts';
import { loadTrustFile } from '../../src/client/trust.ts';
import { SecureSession } from '../../src/index.ts';
import { parseOwnerPolicy } from '../../src/policy/parse.ts';
import { ANY_LOCKDOWN, ANY_MACHINE } from '../attestation/demands.ts';
import { issueAuthority } from '../fixtures/certificates.ts';

const folder = mkdtempSync(join(tmpdir(), 'anchorhold-trust-'));
afterAll(() => rmSync(folder, { recursive: true }));

const ca = issueAuthority('Research').pem;
const POLICY = `anchorhold: owner-policy/1
owner: hospital-a
version: 1
valid: { from: 2020-01-01, until: 2099-01-01 }
callers: { analysts: { certificate: { ca: ./ca.pem, organization: Research } } }
`;
const { digest } = parseOwnerPolicy(POLICY, { file: 'a.yaml', references: () => Buffer.from(ca) });
mkdirSync(join(folder, 'policies'));
writeFileSync(join(folder, 'policies/a.yaml'), POLICY);
writeFileSync(join(folder, 'policies/ca.pem'), ca);
writeFileSync(join(folder, 'alone.yaml'), POLICY);
writeFileSync(join(folder, 'large.yaml'), '#'.repeat(300_000));

const TRUST: TrustFile = {
  url: 'https://worker.example',
  roots: 'amd',
  machine: ANY_MACHINE,
  code: { measurements: [], functions: {} },
  isolation: { policies: {}, others: 'refused', lockdown: ANY_LOCKDOWN },
  freshness: { reattest: 'connection' },
};

/** The trust file as JSON, with what it says of the policy of hospital-a. */
function naming(policy: unknown): object {
  const isolation = { policies: { 'hospital-a': policy }, lockdown: ANY_LOCKDOWN };
  return { ...(JSON.parse(formatTrustFile(TRUST)) as object), isolation };
}

function write(content: object): string {
  const path = join(folder, 'anchorhold.trust.json');
  writeFileSync(path, JSON.stringify(content));
  return path;
}

describe('a trust file', () => {
  it.each([['./policies/a.yaml'], ['policies/a.yaml']])('stands for the digest of the policy in %s', async (file) => {
    const trust = await loadTrustFile(write(naming({ file })));
    expect(trust.isolation.policies).toEqual({ 'hospital-a': digest });
    expect(trust).toEqual(await loadTrustFile(write(naming(digest))));
  });

  it.each([
    ['a policy file that is not there', { file: './none.yaml' }, 'ERR_CONFIGURATION_FILE'],
    ['a folder', { file: './policies' }, 'ERR_CONFIGURATION_FILE'],
    ['a policy file that is too large', { file: './large.yaml' }, 'ERR_CONFIGURATION_FILE'],
    ['a policy whose own files are missing', { file: './alone.yaml' }, 'ERR_POLICY_REFERENCE'],
    ['a file that is no policy', { file: './policies/ca.pem' }, 'ERR_POLICY_SYNTAX'],
    ['something else than a file', { path: './policies/a.yaml' }, 'ERR_CONFIGURATION_TRUST'],
  ])('that names %s is refused', async (_name, policy, code) => {
    await expect(loadTrustFile(write(naming(policy)))).rejects.toMatchObject({ code });
  });

  it('that is not there is refused', async () => {
    await expect(loadTrustFile(join(folder, 'none.json'))).rejects.toMatchObject({ code: 'ERR_CONFIGURATION_FILE' });
  });

  it('given as an object has no place that a policy file could stand beside', async () => {
    await using session = new SecureSession(undefined, { trust: naming({ file: './policies/a.yaml' }) });
    await expect(session.attest()).rejects.toMatchObject({ code: 'ERR_CONFIGURATION_TRUST' });
  });
});
