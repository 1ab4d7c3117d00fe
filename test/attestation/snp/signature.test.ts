/** Keys and signatures at their edges, and what a VEK's extensions may be. */
import { describe, expect, it } from 'vitest';
import { parseCertificate, type X509Certificate } from '../../../src/attestation/snp/der.ts';
import { AMD_OID, type AmdExtension } from '../../../src/attestation/snp/oids.ts';
import {
  importP384Key,
  isP384Key,
  isP384Range,
  isP384Signature,
  isRsa4096Key,
  isSignedP384,
} from '../../../src/attestation/snp/signature.ts';
import { parseVek } from '../../../src/attestation/snp/vek.ts';
import { concatBytes } from '../../../src/base/bytes.ts';
import { sharedAmd } from '../../testing/shared-amd.ts';

const amd = await sharedAmd();
const decode = (der: Uint8Array | undefined): X509Certificate => {
  const certificate = parseCertificate(der ?? new Uint8Array());
  if (certificate === null) throw new Error('not issued');
  return certificate;
};
const [vcek, ask] = (await amd.issueReport()).certificates.map(decode);
const [vlek] = (await amd.issueReport({ signer: 'VLEK' })).certificates.map(decode);
const [turin] = (await amd.issueReport({ product: 'Turin' })).certificates.map(decode);
if (vcek === undefined || ask === undefined || vlek === undefined || turin === undefined) throw new Error('not issued');

const ORDER = 0xffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973n;

describe('an RSA key', () => {
  const { spki } = ask;
  /** Where the modulus begins. */
  const MODULUS = 33;

  it('has 4096 bits: the first one set, and no byte more or less', () => {
    expect(isRsa4096Key(spki)).toBe(true);
    expect(isRsa4096Key(spki.with(MODULUS, 0x80))).toBe(true);
    expect(isRsa4096Key(spki.with(MODULUS, 0xff))).toBe(true);
    expect(isRsa4096Key(spki.with(MODULUS, 0x7f))).toBe(false);
    expect(isRsa4096Key(spki.with(MODULUS, 0))).toBe(false);
    expect(isRsa4096Key(spki.subarray(1))).toBe(false);
    expect(isRsa4096Key(concatBytes(spki, Uint8Array.of(0)))).toBe(false);
    // The same end and the same start around a modulus of another size.
    expect(isRsa4096Key(concatBytes(spki.subarray(0, 100), spki.subarray(101)))).toBe(false);
    expect(isRsa4096Key(new Uint8Array())).toBe(false);
  });

  it('has exactly this head and the exponent 65537', () => {
    for (let at = 0; at < MODULUS; at++)
      expect([at, isRsa4096Key(spki.with(at, (spki[at] ?? 0) ^ 1))]).toEqual([at, false]);
    for (let at = 1; at <= 5; at++) {
      const place = spki.length - at;
      expect([at, isRsa4096Key(spki.with(place, (spki[place] ?? 0) ^ 2))]).toEqual([at, false]);
    }
    const inside = spki.with(MODULUS + 1, (spki[MODULUS + 1] ?? 0) ^ 1);
    expect(isRsa4096Key(inside)).toBe(true);
  });
});

describe('a P-384 key', () => {
  it('is an uncompressed point with exactly this head', () => {
    const { spki } = vcek;
    expect(isP384Key(spki)).toBe(true);
    for (let at = 0; at < 24; at++) expect([at, isP384Key(spki.with(at, (spki[at] ?? 0) ^ 1))]).toEqual([at, false]);
    expect(isP384Key(spki.subarray(0, -1))).toBe(false);
    expect(isP384Key(concatBytes(spki, Uint8Array.of(0)))).toBe(false);
  });
});

describe('a P-384 signature', () => {
  it('has two numbers from 1 to n-1', async () => {
    const key = await importP384Key(vcek.spki);
    if (key === null) throw new Error('no key');
    expect([key.type, key.extractable, key.usages]).toEqual(['public', false, ['verify']]);
    for (const good of [1n, 5n, ORDER - 1n]) {
      expect(isP384Range(good, 1n)).toBe(true);
      expect(isP384Range(1n, good)).toBe(true);
    }
    for (const bad of [-1n, 0n, ORDER, ORDER + 1n, 2n ** 384n, 2n ** 576n - 1n]) {
      expect([bad, isP384Range(bad, 1n), isP384Range(1n, bad)]).toEqual([bad, false, false]);
      // And does not reach the arithmetic.
      expect(await isP384Signature(key, bad, 1n, new Uint8Array())).toBe(false);
      expect(await isP384Signature(key, 1n, bad, new Uint8Array())).toBe(false);
    }
  });

  it('is none under a key that is no point, or no key', async () => {
    const { spki } = vcek;
    expect(await isSignedP384(spki.with(119, (spki[119] ?? 0) ^ 1), 1n, 1n, new Uint8Array())).toBe(false);
    expect(await isSignedP384(new Uint8Array(), 1n, 1n, new Uint8Array())).toBe(false);
  });
});

describe('the extensions of a VEK', () => {
  type Edit = (value: Uint8Array<ArrayBuffer>) => Uint8Array<ArrayBuffer>;
  const edit = (certificate: X509Certificate, name: AmdExtension, change: Edit): X509Certificate => ({
    ...certificate,
    extensions: certificate.extensions.map((e) => (e.oid === AMD_OID[name] ? { ...e, value: change(e.value) } : e)),
  });
  const add = (certificate: X509Certificate, name: AmdExtension, ...value: number[]): X509Certificate => ({
    ...certificate,
    extensions: [...certificate.extensions, { oid: AMD_OID[name], critical: false, value: Uint8Array.from(value) }],
  });
  const without = (certificate: X509Certificate, name: AmdExtension): X509Certificate => ({
    ...certificate,
    extensions: certificate.extensions.filter((e) => e.oid !== AMD_OID[name]),
  });
  const problems = (certificate: X509Certificate, product: 'Genoa' | 'Turin' = 'Genoa'): readonly string[] =>
    parseVek(certificate, product).problems;
  const to =
    (...value: number[]): Edit =>
    () =>
      Uint8Array.from(value);

  it('hold the hardware ID as it is, or in an OCTET STRING of exactly its size', () => {
    const wrapped = (...head: number[]): readonly string[] =>
      problems(edit(vcek, 'hwid', (value) => concatBytes(Uint8Array.from(head), value)));
    expect(problems(vcek)).toEqual([]);
    expect(wrapped(4, 64)).toEqual([]);
    for (const head of [[4, 63], [3, 64], [4, 65], [0, 64], [4, 0], [4], [4, 64, 0], [4, 0x81, 64]])
      expect([head, wrapped(...head)]).toEqual([head, ['hwid is not 64 bytes']]);
    expect(problems(edit(vcek, 'hwid', (value) => value.slice(1)))).toEqual(['hwid is not 64 bytes']);
    expect(
      problems(
        edit(turin, 'hwid', (value) => concatBytes(Uint8Array.of(4, 8), value)),
        'Turin',
      ),
    ).toEqual([]);
    expect(
      problems(
        edit(turin, 'hwid', () => new Uint8Array(64)),
        'Turin',
      ),
    ).toEqual(['hwid is not 8 bytes']);
  });

  it.each(['spl4', 'spl5', 'spl6', 'spl7'] as const)('hold %s, which is reserved, as 0', (name) => {
    expect(problems(edit(vcek, name, to(2, 1, 1)))).toEqual([`${name} is reserved, but not 0`]);
    expect(problems(without(vcek, name))).toEqual([`${name} is missing`]);
    expect(problems(add(vcek, name, 2, 1, 0))).toEqual([`${name} is there 2 times`]);
    if (name === 'spl4') return;
    expect(problems(edit(turin, name, to(2, 1, 1)), 'Turin')).toEqual([`${name} is reserved, but not 0`]);
    expect(problems(without(turin, name), 'Turin')).toEqual([`${name} is missing`]);
  });

  it('of Turin hold a level for FMC in place of the fourth, which may be there as 0', () => {
    expect(problems(turin, 'Turin')).toEqual([]);
    expect(problems(add(turin, 'spl4', 2, 1, 0), 'Turin')).toEqual([]);
    expect(problems(add(turin, 'spl4', 2, 1, 1), 'Turin')).toEqual(['spl4 is reserved, but not 0']);
    expect(problems(without(turin, 'fmcSpl'), 'Turin')).toEqual(['fmcSpl is missing']);
    expect(problems(add(vcek, 'fmcSpl', 2, 1, 0))).toEqual(['fmcSpl may not be there']);
    expect(problems(edit(turin, 'structVersion', to(2, 1, 0)), 'Turin')).toEqual(['structVersion is not 1']);
    expect(problems(edit(vcek, 'structVersion', to(2, 1, 1)))).toEqual(['structVersion is not 0']);
  });

  it('hold what belongs to their kind, and nothing of the other', () => {
    expect(problems(vlek)).toEqual([]);
    expect(problems(add(vcek, 'cspId', 0x16, 1, 0x41))).toEqual(['cspId may not be there']);
    expect(problems(add(vlek, 'hwid', ...new Uint8Array(64)))).toEqual(['hwid may not be there']);
    expect(problems(without(vlek, 'cspId'))).toEqual(['cspId is missing']);
    expect(problems(without(vcek, 'hwid'))).toEqual(['hwid is missing']);
    expect(problems(edit(vlek, 'cspId', to(0x16, 0)))).toEqual(['cspId is not an IA5String']);
    expect(problems(edit(vcek, 'productName', to(0x0c, 1, 0x41)))).toEqual(['productName is not an IA5String']);
    expect(problems({ ...vcek, subject: { ...vcek.subject, commonName: 'SEV-OTHER' } })).toEqual([
      'subject is neither SEV-VCEK nor SEV-VLEK',
    ]);
  });

  it.each(['bootloaderSpl', 'teeSpl', 'snpSpl', 'microcodeSpl'] as const)('hold %s as a level, once', (name) => {
    expect(problems(without(vcek, name))).toEqual([`${name} is missing`]);
    expect(problems(add(vcek, name, 2, 1, 1))).toEqual([`${name} is there 2 times`]);
    expect(problems(edit(vcek, name, to(2, 1, 0xff)))).toEqual([`${name} is not an INTEGER of 0 to 255`]);
    expect(problems(edit(vcek, name, to(2, 2, 0, 0xff)))).toEqual([]);
  });
});
