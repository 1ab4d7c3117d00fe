/** Certificates and revocation lists that are built by hand, so that each optional part can be there, be missing, or be of another kind. */
import { describe, expect, it } from 'vitest';
import {
  parseBasicConstraints,
  parseCertificate,
  parseCrl,
  parseDerByte,
  parseDerIa5,
  parseKeyUsage,
} from '../../../src/attestation/snp/der.ts';
import { concatBytes, encodeUtf8 } from '../../../src/base/bytes.ts';
import { LIMITS } from '../../../src/base/limits.ts';

type Bytes = Uint8Array<ArrayBuffer>;

/** Writes an element with its shortest length. */
function der(tag: number, ...parts: readonly Uint8Array[]): Bytes {
  const content = concatBytes(...parts);
  const { length } = content;
  const head = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return concatBytes(Uint8Array.of(tag, ...head), content);
}
const sequence = (...parts: readonly Uint8Array[]): Bytes => der(0x30, ...parts);
const integer = (...octets: readonly number[]): Bytes => der(0x02, Uint8Array.from(octets));
const octets = (...values: readonly number[]): Bytes => der(0x04, Uint8Array.from(values));
const TRUE = der(0x01, Uint8Array.of(0xff));
const OID = der(0x06, Uint8Array.of(0x2a, 3));
const OTHER_OID = der(0x06, Uint8Array.of(0x2a, 4));
const ALGORITHM = sequence(OID);
const name = (...texts: readonly string[]): Bytes =>
  sequence(
    ...texts.map((text) => der(0x31, sequence(der(0x06, Uint8Array.of(0x55, 4, 3)), der(0x0c, encodeUtf8(text))))),
  );
const time = (text: string): Bytes => der(0x17, encodeUtf8(text));
const NOW = time('260101000000Z');
const LATER = der(0x18, encodeUtf8('20270101000000Z'));
const SPKI = sequence(ALGORITHM, der(0x03, Uint8Array.of(0, 1)));
const SIGNATURE = der(0x03, Uint8Array.of(0, 7));
const signed = (...tbs: readonly Uint8Array[]): Bytes => sequence(sequence(...tbs), ALGORITHM, SIGNATURE);
const plain = sequence(OID, octets(1));
const critical = sequence(OTHER_OID, TRUE, octets(2, 3));

const HEAD = [integer(5), ALGORITHM, name('issuer'), sequence(NOW, LATER), name('first', 'last'), SPKI] as const;
const V3 = der(0xa0, integer(2));
const extensions = (...items: readonly Uint8Array[]): Bytes => der(0xa3, sequence(...items));

describe('a certificate', () => {
  it('is read with everything that it may have', () => {
    const uniqueIds = [der(0x81, Uint8Array.of(0, 1)), der(0x82, Uint8Array.of(0, 2))];
    const certificate = parseCertificate(signed(V3, ...HEAD, ...uniqueIds, extensions(plain, critical)));
    expect(certificate).toMatchObject({
      version: 3,
      serial: 5n,
      issuer: { attributes: ['2.5.4.3=issuer'], commonName: 'issuer' },
      subject: { attributes: ['2.5.4.3=first', '2.5.4.3=last'], commonName: 'last' },
      notBefore: new Date('2026-01-01T00:00:00Z'),
      notAfter: new Date('2027-01-01T00:00:00Z'),
      spki: SPKI,
      innerAlgorithm: ALGORITHM,
      outerAlgorithm: ALGORITHM,
      signature: Uint8Array.of(7),
    });
    expect(certificate?.extensions).toEqual([
      { oid: '1.2.3', critical: false, value: Uint8Array.of(1) },
      { oid: '1.2.4', critical: true, value: Uint8Array.of(2, 3) },
    ]);
  });

  it('of version 1 has no extensions, and does not write its version', () => {
    expect(parseCertificate(signed(...HEAD))).toMatchObject({ version: 1, extensions: [] });
    expect(parseCertificate(signed(der(0xa0, integer(0)), ...HEAD))).toBeNull();
    expect(parseCertificate(signed(der(0xa0, integer(1)), ...HEAD))).toMatchObject({ version: 2 });
  });

  it.each([
    ['a part too few', signed(V3, ...HEAD.slice(0, -1))],
    ['a part too many', signed(V3, ...HEAD, extensions(plain), integer(1))],
    ['parts in another order', signed(V3, ...HEAD, extensions(plain), der(0x82, Uint8Array.of(0, 2)))],
    ['a third time', signed(V3, integer(5), ALGORITHM, name('a'), sequence(NOW, NOW, NOW), name('b'), SPKI)],
    ['an algorithm with three parts', sequence(sequence(V3, ...HEAD), sequence(OID, OID, OID), SIGNATURE)],
    ['an extension with its flag at the end', signed(V3, ...HEAD, extensions(sequence(OID, octets(1), TRUE)))],
    ['no signature', sequence(sequence(V3, ...HEAD), ALGORITHM)],
    ['two signatures', sequence(sequence(V3, ...HEAD), ALGORITHM, SIGNATURE, SIGNATURE)],
  ])('is none with %s', (_name, bytes) => {
    expect(parseCertificate(bytes)).toBeNull();
  });

  it('may fill its cap, and no more', () => {
    const ofSize = (size: number): Bytes => {
      const padded = (padding: number): Bytes =>
        signed(V3, ...HEAD, extensions(sequence(OID, der(0x04, new Uint8Array(padding)))));
      return padded(size - padded(1000).length + 1000);
    };
    expect(ofSize(LIMITS.certificateBytes)).toHaveLength(LIMITS.certificateBytes);
    expect(parseCertificate(ofSize(LIMITS.certificateBytes))).not.toBeNull();
    expect(parseCertificate(ofSize(LIMITS.certificateBytes + 1))).toBeNull();
  });
});

describe('a revocation list', () => {
  const V2 = integer(1);
  const START = [ALGORITHM, name('issuer'), NOW] as const;
  const entry = (serial: number, ...rest: readonly Uint8Array[]): Bytes => sequence(integer(serial), NOW, ...rest);
  const listExtensions = (...items: readonly Uint8Array[]): Bytes => der(0xa0, sequence(...items));

  it('is read with everything that it may have', () => {
    const entries = sequence(entry(1), entry(2, sequence(plain)), entry(3, sequence(plain, critical)));
    const crl = parseCrl(signed(V2, ...START, LATER, entries, listExtensions(plain, critical)));
    expect(crl).toMatchObject({
      version: 2,
      issuer: { commonName: 'issuer' },
      thisUpdate: new Date('2026-01-01T00:00:00Z'),
      nextUpdate: new Date('2027-01-01T00:00:00Z'),
      extensions: [{ oid: '1.2.3' }, { oid: '1.2.4', critical: true }],
    });
    expect(crl?.revoked).toEqual([
      { serial: 1n, criticalExtensions: [] },
      { serial: 2n, criticalExtensions: [] },
      { serial: 3n, criticalExtensions: ['1.2.4'] },
    ]);
  });

  it('may lack all that is optional', () => {
    expect(parseCrl(signed(...START))).toMatchObject({ version: 1, nextUpdate: null, revoked: [], extensions: [] });
    expect(parseCrl(signed(V2, ...START, NOW))).toMatchObject({ nextUpdate: new Date('2026-01-01T00:00:00Z') });
    expect(parseCrl(signed(V2, ...START, LATER))).toMatchObject({ nextUpdate: new Date('2027-01-01T00:00:00Z') });
    expect(parseCrl(signed(V2, ...START, sequence()))).toMatchObject({ nextUpdate: null, revoked: [] });
  });

  it.each([
    ['a third time', signed(V2, ...START, NOW, NOW)],
    ['an entry without a time', signed(V2, ...START, sequence(sequence(integer(1))))],
    [
      'an entry with two sets of extensions',
      signed(V2, ...START, sequence(entry(1, sequence(plain), sequence(plain)))),
    ],
    ['extensions before the entries', signed(V2, ...START, listExtensions(plain), sequence(entry(1)))],
    ['something behind it', signed(V2, ...START, sequence(entry(1)), listExtensions(plain), integer(1))],
  ])('is none with %s', (_name, bytes) => {
    expect(parseCrl(bytes)).toBeNull();
  });

  it('may fill its cap, and no more', () => {
    const ofSize = (size: number): Bytes => {
      const padded = (padding: number): Bytes =>
        signed(V2, ...START, listExtensions(sequence(OID, der(0x04, new Uint8Array(padding)))));
      return padded(size - padded(1000).length + 1000);
    };
    // Elements of more than 65535 bytes have a longer head, so the list is cut just below.
    const largest = ofSize(0xffff);
    expect(parseCrl(largest)).not.toBeNull();
    expect(largest.length).toBeLessThanOrEqual(LIMITS.crlBytes);
    expect(parseCrl(concatBytes(largest, new Uint8Array(2)))).toBeNull();
  });
});

describe('a value in an extension', () => {
  it.each<[readonly number[], number | null]>([
    [[2, 1, 0], 0],
    [[2, 1, 0x7f], 127],
    [[2, 1, 0x80], null],
    [[2, 1, 0xde], null],
    [[2, 2, 0, 0x80], 128],
    [[2, 2, 0, 0xff], 255],
    [[2, 2, 0, 0x7f], null],
    [[2, 2, 1, 0x80], null],
    [[2, 2, 0xff, 0x80], null],
    [[2, 3, 0, 0, 0x80], null],
    [[2, 1, 0, 0], null],
    [[2, 2, 0], null],
    [[2, 0], null],
    [[2], null],
    [[], null],
    [[4, 1, 0], null],
  ])('%j is a level of %s', (value, level) => {
    expect(parseDerByte(Uint8Array.from(value))).toBe(level);
  });

  it('is a text of 1 to 127 printable characters, all of them', () => {
    const text = (...characters: readonly number[]): string | null =>
      parseDerIa5(der(0x16, Uint8Array.from(characters)));
    const many = (count: number): number[] => Array.from({ length: count }, () => 0x41);
    expect(text(0x20, 0x7e)).toBe(' ~');
    for (const other of [0x1f, 0x7f, 0x80, 0, 0x0a]) {
      expect(text(other)).toBeNull();
      expect(text(0x41, other)).toBeNull();
      expect(text(other, 0x41)).toBeNull();
    }
    expect(text()).toBeNull();
    expect(text(...many(127))).toHaveLength(127);
    expect(text(...many(128))).toBeNull();
    expect(parseDerIa5(Uint8Array.of(0x16, 0x80, ...many(128)))).toBeNull();
    expect(parseDerIa5(Uint8Array.of(0x16, 2, 0x41))).toBeNull();
    expect(parseDerIa5(Uint8Array.of(0x16, 1, 0x41, 0x41))).toBeNull();
    expect(parseDerIa5(Uint8Array.of(0x0c, 1, 0x41))).toBeNull();
    expect(parseDerIa5(new Uint8Array())).toBeNull();
  });

  it.each<[string, Bytes, unknown]>([
    ['constraints of nothing', sequence(), { ca: false, pathLength: null }],
    ['an authority', sequence(TRUE), { ca: true, pathLength: null }],
    ['an authority with a path length', sequence(TRUE, integer(3)), { ca: true, pathLength: 3 }],
    ['a path length alone', sequence(integer(0)), { ca: false, pathLength: 0 }],
    ['parts in another order', sequence(integer(0), TRUE), null],
    ['a part too many', sequence(TRUE, integer(0), integer(0)), null],
    ['another kind', octets(1), null],
  ])('is constraints: %s', (_name, value, constraints) => {
    expect(parseBasicConstraints(value)).toEqual(constraints);
  });

  it.each<[readonly number[], unknown]>([
    [[3, 2, 1, 6], { certificateSign: true, crlSign: true }],
    [[3, 2, 2, 4], { certificateSign: true, crlSign: false }],
    [[3, 2, 1, 2], { certificateSign: false, crlSign: true }],
    [[3, 2, 7, 0x80], { certificateSign: false, crlSign: false }],
    [[3, 3, 7, 0, 0x80], { certificateSign: false, crlSign: false }],
    [[3, 1, 0], { certificateSign: false, crlSign: false }],
    [[4, 2, 2, 4], null],
  ])('is a key usage: %j', (value, usage) => {
    expect(parseKeyUsage(Uint8Array.from(value))).toEqual(usage);
  });
});
