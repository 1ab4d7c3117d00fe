import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseCertificateTable } from '../../../src/attestation/snp/certificate-table.ts';
import { concatBytes, encodeBase64, encodeUtf8, parseHex } from '../../../src/base/bytes.ts';

const VCEK = '63da758de6644564adc5f4b93be8accd';
const VLEK = 'a8074bc2a25a483eaae639c045a0b8a1';
const ASK = '4ab7b379bbac4fe4a02f05aef327c782';
const ARK = 'c0b406a4a803495297433fb6014cd0ae';
const CRL = '92f81bc358114d3d97ffd19f88dc67ea';
const PLATFORM = 'ecae0c0f950243b1afa20ae2e0d565b6';

const der = (n: number): Uint8Array => Uint8Array.of(0x30, 1, n);
const pem = (bytes: Uint8Array, label = 'CERTIFICATE'): Uint8Array =>
  encodeUtf8(`-----BEGIN ${label}-----\n${encodeBase64(bytes)}\n-----END ${label}-----\n`);

interface Entry {
  readonly guid: string;
  readonly payload: Uint8Array;
  readonly offset?: number;
  readonly length?: number;
}

/** Writes a table; an entry may lie about its place. */
function encodeTable(entries: readonly Entry[], end: Uint8Array = new Uint8Array(24)): Uint8Array {
  let at = 24 * entries.length + end.length;
  const header = entries.map(({ guid, payload, offset = at, length = payload.length }) => {
    at += payload.length;
    const numbers = new DataView(new ArrayBuffer(8));
    numbers.setUint32(0, offset, true);
    numbers.setUint32(4, length, true);
    return concatBytes(parseHex(guid, 16) ?? new Uint8Array(), new Uint8Array(numbers.buffer));
  });
  return concatBytes(...header, end, ...entries.map(({ payload }) => payload));
}

const FULL: readonly Entry[] = [
  { guid: ARK, payload: der(1) },
  { guid: ASK, payload: pem(der(2)) },
  { guid: VCEK, payload: der(3) },
  { guid: CRL, payload: pem(der(4), 'X509 CRL') },
  { guid: PLATFORM, payload: new Uint8Array(8) },
];

describe('a certificate table', () => {
  it('gives certificates and list, DER or PEM, and passes over what it does not know', () => {
    expect(parseCertificateTable(encodeTable(FULL))).toEqual({
      value: { certificates: [der(1), der(2), der(3)], crl: der(4) },
    });
  });

  it('gives both kinds of VEK when the host has both', () => {
    const table = encodeTable([
      { guid: VCEK, payload: der(1) },
      { guid: VLEK, payload: der(2) },
    ]);
    expect(parseCertificateTable(table)).toEqual({ value: { certificates: [der(1), der(2)], crl: null } });
  });

  it.each([
    ['empty', new Uint8Array()],
    ['only an end', new Uint8Array(24)],
  ])('holds nothing when it is %s', (_, table) => {
    expect(parseCertificateTable(table)).toEqual({ value: { certificates: [], crl: null } });
  });

  const one = { guid: VCEK, payload: der(3) };
  it.each<[string, Uint8Array]>([
    ['its header does not end', encodeTable([one], new Uint8Array())],
    ['its end is cut', encodeTable([], new Uint8Array(23))],
    [
      'its end is not all zero',
      encodeTable(
        [one],
        Uint8Array.from({ length: 24 }, (_, i) => (i === 16 ? 1 : 0)),
      ),
    ],
    ['an entry starts inside the header', encodeTable([{ ...one, offset: 47 }])],
    ['an entry starts at zero', encodeTable([{ ...one, offset: 0 }])],
    ['an entry ends outside', encodeTable([{ ...one, length: 4 }])],
    ['an entry starts outside', encodeTable([{ ...one, offset: 52, length: 0 }])],
    ['offset and length wrap around', encodeTable([{ ...one, offset: 0xffffffff, length: 2 }])],
    ['an unknown entry ends outside', encodeTable([{ guid: PLATFORM, payload: der(1), length: 99 }])],
    ['an entry is there twice', encodeTable([one, one])],
    ['a certificate is empty', encodeTable([{ guid: VCEK, payload: new Uint8Array() }])],
    ['a certificate is neither DER nor PEM', encodeTable([{ guid: VCEK, payload: encodeUtf8('hello') }])],
    ['PEM has another label', encodeTable([{ guid: VCEK, payload: pem(der(3), 'PRIVATE KEY') }])],
    ['PEM is cut', encodeTable([{ guid: VCEK, payload: pem(der(3)).subarray(0, 50) }])],
    ['PEM has text around it', encodeTable([{ guid: VCEK, payload: concatBytes(encodeUtf8('x'), pem(der(3))) }])],
    [
      'a certificate is over the cap',
      encodeTable([{ guid: VCEK, payload: concatBytes(der(3), new Uint8Array(8192)) }]),
    ],
    [
      'there are too many',
      encodeTable([{ guid: VCEK, payload: concatBytes(...Array<Uint8Array>(9).fill(pem(der(3)))) }]),
    ],
    [
      'there are two lists',
      encodeTable([{ guid: CRL, payload: concatBytes(pem(der(1), 'X509 CRL'), pem(der(2), 'X509 CRL')) }]),
    ],
    ['it is over the cap', concatBytes(encodeTable([one]), new Uint8Array(128 * 1024))],
  ])('is refused when %s', (_, table) => {
    expect(parseCertificateTable(table)).toEqual({ problem: expect.any(String) });
  });

  it('gives a value or a problem for any bytes', () => {
    const table = encodeTable(FULL);
    const damaged = fc.tuple(fc.nat(table.length - 1), fc.nat(255)).map(([at, byte]) => table.with(at, byte));
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), damaged), (bytes) => {
        const parsed = parseCertificateTable(bytes);
        expect('value' in parsed || parsed.problem.length > 0).toBe(true);
      }),
    );
  });
});
