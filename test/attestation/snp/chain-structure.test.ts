/** What certificates decide by themselves, at its edges: each row is a healthy path with one decoded value changed, where no issuer would write it so. */
import { describe, expect, it } from 'vitest';
import type { Check } from '../../../src/appraisal.ts';
import { createChainCache } from '../../../src/attestation/snp/chain-cache.ts';
import { checkStructure } from '../../../src/attestation/snp/chain-structure.ts';
import type { X509Certificate, X509Extension, X509Name } from '../../../src/attestation/snp/der.ts';
import { X509_OID } from '../../../src/attestation/snp/oids.ts';
import { findPath, type Path } from '../../../src/attestation/snp/path.ts';
import { sharedAmd } from '../../testing/shared-amd.ts';

const amd = await sharedAmd();
const issued = await amd.issueReport();
const cache = createChainCache();
const decoded = issued.certificates.map((der) => cache.parseCertificate(der)).filter((c) => c !== null);
const { path } = await findPath(decoded, { simulated: [issued.rootFingerprint] }, cache);
if (path === null) throw new Error('no path');
const healthy: Path = path;

const checksOf = (changed: Path): readonly Check[] =>
  Object.values(checkStructure(changed)).filter(
    (part): part is Check => typeof part === 'object' && part !== null && 'outcome' in part,
  );
const failed = (changed: Path): readonly string[] =>
  checksOf(changed)
    .filter(({ outcome }) => outcome === 'fail')
    .map(({ id }) => id);

type Role = 'vek' | 'ask' | 'ark';
const change = (role: Role, changes: Partial<X509Certificate>): Path => ({
  ...healthy,
  [role]: { ...healthy[role], ...changes },
});
const named = (role: Role, edit: (attributes: readonly string[]) => readonly string[]): Path => {
  const { subject } = healthy[role];
  const name: X509Name = { ...subject, attributes: edit(subject.attributes) };
  return change(role, { subject: name });
};
/** Replaces an extension, or adds it. */
const extended = (role: Role, oid: string, critical: boolean, ...value: number[]): Path => {
  const extension: X509Extension = { oid, critical, value: Uint8Array.from(value) };
  return change(role, { extensions: [...healthy[role].extensions.filter((e) => e.oid !== oid), extension] });
};

const { basicConstraints, keyUsage } = X509_OID;

describe('a path', () => {
  it('that is healthy meets every check, and nobody can change them for the next', () => {
    expect(failed(healthy)).toEqual([]);
    const checks = checksOf(healthy);
    expect(checks.length).toBeGreaterThan(5);
    for (const check of checks) expect(Object.isFrozen(check)).toBe(true);
  });

  it.each<[string, Path, readonly string[]]>([
    ['a name with one attribute more', named('vek', (a) => [...a, '2.5.4.5=1']), ['chain-names']],
    ['a root name with one attribute more', named('ark', (a) => [...a, '2.5.4.5=1']), ['chain-names']],
    ['a name with one attribute less', named('ask', (a) => a.slice(0, -1)), ['chain-names']],
    ['a name in another order', named('vek', (a) => a.toReversed()), ['chain-names']],
    ['no name', named('vek', () => []), ['chain-names']],
    ['a root that did not name itself as its issuer', change('ark', { issuer: healthy.ask.subject }), ['chain-names']],
    ['an intermediate of another issuer', change('ask', { issuer: healthy.vek.subject }), ['chain-names']],
    ['a VEK of another issuer', change('vek', { issuer: healthy.ark.subject }), ['chain-names']],
    ['another algorithm inside', change('ask', { innerAlgorithm: Uint8Array.of(0x30, 0) }), ['chain-algorithms']],
    ['another algorithm outside', change('ark', { outerAlgorithm: Uint8Array.of(0x30, 0) }), ['chain-algorithms']],
    ['version 1', change('vek', { version: 1 }), ['chain-extensions']],
    ['version 2', change('ark', { version: 2 }), ['chain-extensions']],
    ['a root with path length 1', extended('ark', basicConstraints, true, 0x30, 6, 1, 1, 0xff, 2, 1, 1), []],
    [
      'a root with path length 0',
      extended('ark', basicConstraints, true, 0x30, 6, 1, 1, 0xff, 2, 1, 0),
      ['chain-authority'],
    ],
    [
      'a root whose constraints are not critical',
      extended('ark', basicConstraints, false, 0x30, 3, 1, 1, 0xff),
      ['chain-authority'],
    ],
    ['a root that says that it is no authority', extended('ark', basicConstraints, true, 0x30, 0), ['chain-authority']],
    [
      'an intermediate without a path length',
      extended('ask', basicConstraints, true, 0x30, 3, 1, 1, 0xff),
      ['chain-authority'],
    ],
    [
      'an intermediate with path length 1',
      extended('ask', basicConstraints, true, 0x30, 6, 1, 1, 0xff, 2, 1, 1),
      ['chain-authority'],
    ],
    [
      'an intermediate whose key usage is not critical',
      extended('ask', keyUsage, false, 3, 2, 2, 4),
      ['chain-authority'],
    ],
    ['an intermediate that may only sign lists', extended('ask', keyUsage, true, 3, 2, 1, 2), ['chain-authority']],
    ['a VEK that says that it is no authority', extended('vek', basicConstraints, true, 0x30, 0), []],
    [
      'a VEK that says that it is one',
      extended('vek', basicConstraints, false, 0x30, 3, 1, 1, 0xff),
      ['chain-authority'],
    ],
    ['a VEK whose constraints cannot be read', extended('vek', basicConstraints, false, 5, 0), ['chain-authority']],
    ['a VEK that may sign data', extended('vek', keyUsage, true, 3, 2, 7, 0x80), []],
    ['a VEK that may sign certificates', extended('vek', keyUsage, false, 3, 2, 2, 4), ['chain-authority']],
    ['a VEK whose key usage cannot be read', extended('vek', keyUsage, false, 5, 0), ['chain-authority']],
    ['an unknown extension', extended('ask', '1.2.3', false, 5, 0), []],
    ['an unknown critical extension', extended('ask', '1.2.3', true, 5, 0), ['chain-extensions']],
  ])('with %s', (_name, changed, ids) => {
    expect(failed(changed)).toEqual(ids);
  });
});
