/** The DER reader, value by value: each kind in its one encoding, at the edges of what it may be. [X.690 8, 10, 11] */
import { describe, expect, it } from 'vitest';
import { type DerReader, isDerElement, readDer, TAG } from '../../../src/attestation/snp/der-reader.ts';
import { encodeHex, parseHex } from '../../../src/base/bytes.ts';
import { LIMITS } from '../../../src/base/limits.ts';

const bytes = (hex: string): Uint8Array<ArrayBuffer> => parseHex(hex.replaceAll(' ', '')) ?? new Uint8Array();
const latin1 = (text: string): string => Buffer.from(text, 'latin1').toString('hex');
/** An element of up to 127 bytes. */
const element = (tag: number, content: string): string =>
  [tag, bytes(content).length].map((n) => n.toString(16).padStart(2, '0')).join('') + content.replaceAll(' ', '');

type Read = (reader: DerReader) => unknown;
const integer: Read = (r) => encodeHex(r.integer());
const small: Read = (r) => r.smallInteger();
const bits: Read = (r) => encodeHex(r.bits());
const octetBits: Read = (r) => encodeHex(r.octetBits());
const oid: Read = (r) => r.oid();
const flag: Read = (r) => r.flag();
const time: Read = (r) => r.time().toISOString();
const text: Read = (r) => r.text();

const utc = (value: string): string => element(TAG.utcTime, latin1(value));
const generalized = (value: string): string => element(TAG.generalizedTime, latin1(value));

describe('a value', () => {
  it.each<[string, Read, string, unknown]>([
    ['an INTEGER of nothing', integer, '0200', null],
    ['zero', integer, '020100', '00'],
    ['127', integer, '02017f', '7f'],
    ['128, which needs a zero before it', integer, '02020080', '0080'],
    ['127 with a zero before it', integer, '0202007f', null],
    ['zero twice', integer, '02020000', null],
    ['-128', integer, '020180', '80'],
    ['-128 with padding', integer, '0202ff80', null],
    ['-129', integer, '0202ff7f', 'ff7f'],
    ['-1 with padding', integer, '0202ffff', null],
    ['another tag than INTEGER', integer, '040100', null],
    ['a small zero', small, '020100', 0],
    ['a small 127', small, '02017f', 127],
    ['a small 128', small, '02020080', 128],
    ['a small -1', small, '0201ff', -1],
    ['a small -128', small, '020180', -128],
    ['a small -129', small, '0202ff7f', -129],
    ['a small number of three octets', small, '02037fffff', 0x7fffff],
    ['the lowest of three octets', small, '0203800000', -0x800000],
    ['a number of four octets', small, '02047fffffff', null],
    ['true', flag, '0101ff', true],
    ['false, which may not be written', flag, '010100', null],
    ['another true', flag, '010101', null],
    ['a BOOLEAN of nothing', flag, '0100', null],
    ['a BOOLEAN of two octets', flag, '0102ffff', null],
    ['whole octets', octetBits, '0303000102', '0102'],
    ['no octets', octetBits, '030100', ''],
    ['a BIT STRING of nothing', octetBits, '0300', null],
    ['seven bits', octetBits, '03020180', null],
    ['bits', bits, '03020780', '80'],
    ['all bits', bits, '030200ff', 'ff'],
    ['no bits', bits, '030100', ''],
    ['no bits, of which one does not count', bits, '030101', null],
    ['bits of nothing', bits, '0300', null],
    ['eight bits that do not count', bits, '03020800', null],
    ['a bit that does not count and is set', bits, '03020781', null],
    ['the last bit that counts', bits, '030201fe', 'fe'],
    ['two octets of bits', bits, '030304fff0', 'fff0'],
    ['an OID', oid, '0603550403', '2.5.4.3'],
    ['the lowest OID', oid, '060100', '0.0'],
    ['0.39', oid, '060127', '0.39'],
    ['1.0', oid, '060128', '1.0'],
    ['1.39', oid, '06014f', '1.39'],
    ['2.0', oid, '060150', '2.0'],
    ['2.999', oid, '06028837', '2.999'],
    ['an arc of two octets', oid, '06032a8648', '1.2.840'],
    ['an OID of nothing', oid, '0600', null],
    ['an arc that does not end', oid, '06022a86', null],
    ['an arc with padding', oid, '06042a808648', null],
    ['a first arc with padding', oid, '06028055', null],
    ['the largest exact arc', oid, '06082affffffffffff7f', `1.2.${2 ** 49 - 1}`],
    ['a larger arc', oid, '06092affffffffffffff7f', null],
    ['1950', time, utc('500101000000Z'), '1950-01-01T00:00:00.000Z'],
    ['2049', time, utc('491231235959Z'), '2049-12-31T23:59:59.000Z'],
    ['2050', time, generalized('20500101000000Z'), '2050-01-01T00:00:00.000Z'],
    ['the 29th of February', time, utc('240229000000Z'), '2024-02-29T00:00:00.000Z'],
    ['a 29th of February that is none', time, utc('230229000000Z'), null],
    ['the 13th month', time, utc('231301000000Z'), null],
    ['day 0', time, utc('230100000000Z'), null],
    ["24 o'clock", time, utc('230101240000Z'), null],
    ['a 61st second', time, utc('230101000060Z'), null],
    ['a time without seconds', time, utc('2301010000Z'), null],
    ['a time without Z', time, utc('230101000000'), null],
    ['a time with an offset', time, utc('230101000000+0000'), null],
    ['a time with something before it', time, utc('x230101000000Z'), null],
    ['a time with a fraction', time, generalized('20230101000000.5Z'), null],
    ['a GeneralizedTime with something behind it', time, generalized('20230101000000Zx'), null],
    ['a GeneralizedTime with something before it', time, generalized('120230101000000Z'), null],
    ['a time as a number', time, '020100', null],
    ['UTF-8', text, element(TAG.utf8String, 'c3a9'), 'é'],
    ['broken UTF-8', text, element(TAG.utf8String, 'c3'), null],
    ['a PrintableString', text, element(TAG.printableString, latin1('US')), 'US'],
    ['a TeletexString', text, element(TAG.teletexString, 'e9'), 'é'],
    ['an IA5String', text, element(TAG.ia5String, latin1('a@b')), 'a@b'],
    ['another string', text, element(0x1e, '0041'), null],
    ['no string', text, '0500', null],
  ])('%s', (_name, read, hex, value) => {
    expect(readDer(bytes(hex), read)).toEqual(value);
  });
});

describe('reading', () => {
  const two = '3006 020101 020102';

  it('goes through all elements in order, and no further', () => {
    expect(readDer(bytes(two), (r) => r.all(TAG.sequence, (item) => item.smallInteger()))).toEqual([1, 2]);
    expect(readDer(bytes(two), (r) => r.inside(TAG.sequence, (s) => [s.smallInteger(), s.smallInteger()]))).toEqual([
      1, 2,
    ]);
    expect(readDer(bytes(two), (r) => r.inside(TAG.sequence, (s) => [1, 2, 3].map(() => s.smallInteger())))).toBeNull();
    expect(readDer(bytes(two), (r) => r.inside(TAG.sequence, (s) => [1, 2, 3].map(() => s.element())))).toBeNull();
  });

  it('refuses what is left over, inside and outside', () => {
    expect(readDer(bytes(two), (r) => r.inside(TAG.sequence, (s) => s.smallInteger()))).toBeNull();
    expect(readDer(bytes(two), () => 'nothing read')).toBeNull();
  });

  it('gives elements with their head, and contents without', () => {
    expect(readDer(bytes(two), (r) => encodeHex(r.element()))).toBe(two.replaceAll(' ', ''));
    expect(readDer(bytes(two), (r) => encodeHex(r.content(TAG.sequence)))).toBe('020101020102');
    const whole = readDer(bytes(two), (r) => r.whole(TAG.sequence, (s) => [encodeHex(s.element()), s.smallInteger()]));
    expect([encodeHex(whole?.der ?? new Uint8Array()), whole?.value]).toEqual([two.replaceAll(' ', ''), ['020101', 2]]);
  });

  it('skips what is optional and not there, and reads it when it is', () => {
    const optional: Read = (r) =>
      r.inside(TAG.sequence, (s) => [s.optional(TAG.boolean, () => s.flag()), s.flag(), s.smallInteger(), s.tag]);
    expect(readDer(bytes('3003 020107'), optional)).toEqual([null, false, 7, null]);
    expect(readDer(bytes('3006 0101ff 020107'), optional)).toEqual([true, false, 7, null]);
  });

  it('leaves alone what is not about DER', () => {
    const mistake = (): never => {
      throw new TypeError('a mistake of ours');
    };
    expect(() => readDer(bytes('0500'), mistake)).toThrow(TypeError);
    expect(readDer(bytes('0500'), (r) => r.refuse())).toBeNull();
    expect(readDer(bytes('05'), mistake)).toBeNull();
  });
});

describe('one element', () => {
  const long = (size: number, ...head: number[]): Uint8Array => {
    const out = new Uint8Array(head.length + 1 + size);
    out.set([0x04, ...head]);
    return out;
  };

  it.each<[string, Uint8Array, boolean]>([
    ['nothing', new Uint8Array(), false],
    ['a tag alone', bytes('04'), false],
    ['an empty element', bytes('0400'), true],
    ['127 bytes in the short form', long(127, 0x7f), true],
    ['127 bytes in the long form', long(127, 0x81, 0x7f), false],
    ['128 bytes', long(128, 0x81, 0x80), true],
    ['255 bytes', long(255, 0x81, 0xff), true],
    ['255 bytes with padding', long(255, 0x82, 0, 0xff), false],
    ['256 bytes', long(256, 0x82, 1, 0), true],
    ['65536 bytes', long(65536, 0x83, 1, 0, 0), true],
    ['a length of four octets', long(65536, 0x84, 0, 1, 0, 0), false],
    ['a length of four octets without padding', bytes('0484010000000102'), false],
    ['an indefinite length', bytes('30800000'), false],
    ['a byte too few', long(127, 0x81, 0x80), false],
    ['a byte too many', long(129, 0x81, 0x80), false],
    ['two elements', bytes('04000400'), false],
    ['a child that is longer than its parent', bytes('3003040201'), false],
    ['a child that ends behind its parent', bytes('300304020101'), false],
    ['children that fill their parent', bytes('3004 0400 0400'), true],
    ['a tag of several octets', bytes('1f8100'), false],
    ['a constructed tag of several octets', bytes('3f8100'), false],
    ['a context tag', bytes('8000'), true],
  ])('%s', (_name, der, is) => {
    expect(isDerElement(der)).toBe(is);
  });

  it('nests as deep as the cap, and no deeper', () => {
    const nested = (depth: number): Uint8Array => {
      let hex = '0500';
      for (let i = 0; i < depth; i++) hex = element(0x30, hex);
      return bytes(hex);
    };
    expect(isDerElement(nested(LIMITS.nesting - 1))).toBe(true);
    expect(isDerElement(nested(LIMITS.nesting))).toBe(false);
  });
});
