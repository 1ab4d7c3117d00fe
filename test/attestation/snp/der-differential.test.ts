/**
 * Our decoder against another one (asn1-oracle.ts), on every certificate and list of the vectors, on simulated ones, and on thousands of
 * changed ones. Same values and same refusals, but for three differences that are named and checked here.
 */
import { type Dirent, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as own from '../../../src/attestation/snp/der.ts';
import { type DerReader, readDer, TAG } from '../../../src/attestation/snp/der-reader.ts';
import { isAmdSignatureAlgorithm, isP384Key, isRsa4096Key } from '../../../src/attestation/snp/signature.ts';
import { skipUnless } from '../../skips.ts';
import { sharedAmd } from '../../testing/shared-amd.ts';
import { VECTORS } from '../../vectors.ts';
import * as oracle from './asn1-oracle.ts';

type Bytes = Uint8Array<ArrayBuffer>;

const amd = await sharedAmd();
const issued = await Promise.all([
  amd.issueReport({ product: 'Milan' }),
  amd.issueReport({ product: 'Genoa', crl: { revoked: [7n, 300n] } }),
  amd.issueReport({ product: 'Turin', signer: 'VLEK' }),
]);
const simulated: readonly Bytes[] = issued
  .flatMap(({ certificates, crl }) => [...certificates, ...(crl === null ? [] : [crl])])
  .map((der) => Uint8Array.from(der));

const isDer = (entry: Dirent): boolean => entry.isFile() && entry.name.endsWith('.der');
const real: readonly Bytes[] =
  VECTORS === null
    ? []
    : readdirSync(join(VECTORS, 'snp'), { recursive: true, withFileTypes: true })
        .filter(isDer)
        .map((entry) => Uint8Array.from(readFileSync(join(entry.parentPath, entry.name))));

/** Tells whether a name has an attribute in a kind of string that ours does not read and AMD does not use. */
function hasOtherText(name: own.X509Name): boolean {
  const known: readonly number[] = [TAG.utf8String, TAG.printableString, TAG.teletexString, TAG.ia5String];
  let other = false;
  const read = readDer(Uint8Array.from(name.der), (reader) =>
    reader.all(TAG.sequence, (names) =>
      names.all(TAG.set, (attribute) =>
        attribute.inside(TAG.sequence, (pair) => {
          pair.oid();
          if (pair.tag === null || !known.includes(pair.tag)) other = true;
          pair.element();
        }),
      ),
    ),
  );
  return read !== null && other;
}

/** Tells whether an INTEGER has more octets than it needs: DER forbids it, and the other decoder reads it in serial numbers. [X.690 8.3.2] */
function hasPaddedInteger(der: Bytes): boolean {
  let padded = false;
  const walk = (reader: DerReader): void => {
    for (let tag = reader.tag; tag !== null; tag = reader.tag) {
      if ((tag & 0x20) !== 0) reader.inside(tag, walk);
      else {
        const content = reader.content(tag);
        const [first = 0, second = 0] = content;
        const isPadding = first === 0 ? second < 0x80 : first === 0xff && second >= 0x80;
        if (tag === TAG.integer && content.length > 1 && isPadding) padded = true;
      }
    }
  };
  return readDer(der, walk) !== null && padded;
}

/** Tells whether an algorithm or a key is none of AMD's; both are compared as whole encodings, so the chain stage refuses it. */
function hasOtherAlgorithm(value: own.X509Certificate | own.X509Crl): boolean {
  const foreign = !isAmdSignatureAlgorithm(value.innerAlgorithm) || !isAmdSignatureAlgorithm(value.outerAlgorithm);
  return foreign || ('spki' in value && !isRsa4096Key(value.spki) && !isP384Key(value.spki));
}

/** Compares both decoders on these bytes; gives how many of certificate and list they are. */
function compare(der: Bytes): number {
  let read = 0;
  for (const [ours, theirs] of [
    [own.parseCertificate(der), oracle.parseCertificate(der)],
    [own.parseCrl(der), oracle.parseCrl(der)],
  ] as const) {
    if (ours !== null) read++;
    if (ours !== null && theirs === null) expect(hasOtherAlgorithm(ours)).toBe(true);
    else if (ours === null && theirs !== null)
      expect(
        hasPaddedInteger(der) || hasOtherText(theirs.issuer) || ('subject' in theirs && hasOtherText(theirs.subject)),
      ).toBe(true);
    else expect(ours).toEqual(theirs);
  }
  return read;
}

describe('both decoders', () => {
  it('read the simulated certificates and lists alike', () => {
    expect(simulated.length).toBe(12);
    for (const der of simulated) expect(compare(der)).toBe(1);
  });

  skipUnless(VECTORS !== null, 'no test vectors')('read those of the vectors alike', () => {
    expect(real.length).toBe(125);
    for (const der of real) expect(compare(der)).toBe(1);
  });

  it('differ on a serial number with padding, which ours refuses', () => {
    // The entry 300 is 02 02 01 2c; 00 2c is padded.
    const list = Uint8Array.from(simulated.find((der) => own.parseCrl(der)?.revoked.length === 2) ?? []);
    const at = Buffer.from(list).indexOf(Buffer.from([0x02, 0x02, 0x01, 0x2c]));
    expect(at).toBeGreaterThan(0);
    expect(hasPaddedInteger(list)).toBe(false);
    list[at + 2] = 0;
    expect(hasPaddedInteger(list)).toBe(true);
    expect(own.parseCrl(list)).toBeNull();
    expect(oracle.parseCrl(list)).not.toBeNull();
  });

  it('differ on a name in a kind of string that AMD does not use, which ours refuses', () => {
    const certificate = Uint8Array.from(simulated[0] ?? []);
    const at = Buffer.from(certificate).indexOf('Engineering') - 2;
    expect(certificate[at]).toBe(TAG.utf8String);
    for (const other of [0x12, 0x19, 0x1a, 0x1b]) {
      certificate[at] = other;
      const theirs = oracle.parseCertificate(certificate);
      expect(theirs === null ? null : hasOtherText(theirs.issuer)).toBe(true);
      expect(own.parseCertificate(certificate)).toBeNull();
    }
  });

  it("differ on parameters of an algorithm, which ours reads as they are and never takes for AMD's", () => {
    const certificate = Uint8Array.from(simulated[0] ?? []);
    const pss = Buffer.from('2a864886f70d01010a', 'hex');
    const parameters = Buffer.from(certificate).indexOf(pss) + pss.length;
    expect(certificate[parameters]).toBe(TAG.sequence);
    const read = own.parseCertificate(certificate);
    expect(read === null ? null : hasOtherAlgorithm(read)).toBe(false);
    // NULL, but with content.
    certificate[parameters] = 0x05;
    const changed = own.parseCertificate(certificate);
    expect(changed === null ? null : hasOtherAlgorithm(changed)).toBe(true);
    expect(oracle.parseCertificate(certificate)).toBeNull();
  });

  it('read changed ones alike', { timeout: 120_000 }, () => {
    const bases = [...simulated, ...real];
    const value = fc.oneof(
      fc.nat(255),
      fc.constantFrom(...Object.values(TAG), 0, 5, 0x7f, 0x80, 0x81, 0x82, 0xa0, 0xa3, 0xff),
    );
    // The last 520 bytes are the signature, which is any bytes.
    const changes = fc.array(fc.tuple(fc.nat(), value), { minLength: 1, maxLength: 2 });
    fc.assert(
      fc.property(fc.constantFrom(...bases), changes, (base, list) => {
        const changed = Uint8Array.from(base);
        for (const [at, byte] of list) changed[at % Math.max(1, base.length - 520)] = byte;
        compare(changed);
      }),
      { numRuns: 3000 },
    );
  });

  it('read ones alike that are cut, stretched or put together from two', () => {
    const base = fc.constantFrom(...simulated);
    fc.assert(
      fc.property(base, base, fc.nat(), fc.nat(), (a, b, end, start) => {
        compare(Uint8Array.from([...a.subarray(0, end % a.length), ...b.subarray(start % b.length)]));
      }),
      { numRuns: 300 },
    );
  });

  it('read every short BasicConstraints and KeyUsage alike, or ours refuses it', () => {
    const counts = { constraints: 0, usages: 0 };
    const check = (...bytes: number[]): void => {
      const value = Uint8Array.from(bytes);
      const constraints = own.parseBasicConstraints(value);
      const usage = own.parseKeyUsage(value);
      if (constraints !== null && ++counts.constraints > 0)
        expect(constraints).toEqual(oracle.parseBasicConstraints(value));
      if (usage !== null && ++counts.usages > 0) expect(usage).toEqual(oracle.parseKeyUsage(value));
    };
    for (let a = 0; a < 256; a++) {
      check(TAG.bitString, 1, a);
      for (const b of [0x00, 0x01, 0x02, 0x7f, 0x80, 0xff]) check(TAG.sequence, 3, a, 1, b);
      for (let b = 0; b < 256; b++) {
        check(TAG.bitString, 2, a, b);
        if (b % 5 === 0) check(TAG.sequence, 6, 1, 1, 0xff, 2, a, b);
      }
      check(TAG.bitString, 3, 7, a, 0x80);
      check(TAG.sequence, 6, 1, 1, 0xff, 2, 1, a);
    }
    expect(counts).toEqual({ constraints: 315, usages: 767 });
  });
});
