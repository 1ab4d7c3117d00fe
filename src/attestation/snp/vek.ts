/**
 * What AMD writes into the certificate of a versioned endorsement key (VEK): kind, product name, TCB and the chip or provider it is
 * for. Every extension exactly once, strictly typed; a missing level is never 0. [AMD 57230 VCEK and VLEK extensions]
 */
import { parseDerByte, parseDerIa5, type X509Certificate } from './der.ts';
import { AMD_OID, type AmdExtension } from './oids.ts';
import type { Product } from './product.ts';
import type { Signer } from './report.ts';
import type { Tcb } from './tcb.ts';

/** The contents of a VCEK or VLEK. */
export interface Vek {
  readonly signer: Signer;
  readonly productName: string;
  readonly tcb: Tcb;
  /** Hardware ID of a VCEK: 64 bytes, on Turin 8; null for a VLEK. */
  readonly hwid: Uint8Array | null;
  /** Cloud provider of a VLEK; null for a VCEK. */
  readonly cspId: string | null;
}

/** Gives the kind of key that a subject's common name stands for, or null. */
export function vekKind(commonName: string): Signer | null {
  if (commonName === 'SEV-VCEK') return 'VCEK';
  return commonName === 'SEV-VLEK' ? 'VLEK' : null;
}

/** Reads the hardware ID: raw bytes, in some certificates inside an OCTET STRING. */
function parseHwid(value: Uint8Array, size: number): Uint8Array | null {
  if (value.length === size) return value;
  return value.length === size + 2 && value[0] === 0x04 && value[1] === size ? value.subarray(2) : null;
}

/** Reads AMD's extensions; gives all problems in words when there are any. The product line decides which there must be. */
export function parseVek(
  certificate: X509Certificate,
  product: Product,
):
  | { readonly vek: Vek; readonly problems: readonly [] }
  | { readonly vek: null; readonly problems: readonly string[] } {
  const problems: string[] = [];
  const values = (name: AmdExtension): readonly Uint8Array[] =>
    certificate.extensions.filter((e) => e.oid === AMD_OID[name]).map((e) => e.value);
  const read = <T>(name: AmdExtension, type: string, parse: (value: Uint8Array) => T | null): T | null => {
    const [value, ...more] = values(name);
    const result = value === undefined ? null : parse(value);
    if (value === undefined) problems.push(`${name} is missing`);
    else if (more.length > 0) problems.push(`${name} is there ${more.length + 1} times`);
    else if (result === null) problems.push(`${name} is not ${type}`);
    return result;
  };
  const level = (name: AmdExtension): number => read(name, 'an INTEGER of 0 to 255', parseDerByte) ?? 0;
  const reserved = (name: AmdExtension): void => {
    if (level(name) !== 0) problems.push(`${name} is reserved, but not 0`);
  };
  const absent = (name: AmdExtension): void => {
    if (values(name).length > 0) problems.push(`${name} may not be there`);
  };

  const turin = product === 'Turin';
  const structVersion = turin ? 1 : 0;
  if (level('structVersion') !== structVersion) problems.push(`structVersion is not ${structVersion}`);
  const productName = read('productName', 'an IA5String', parseDerIa5) ?? '';
  const tcb: Tcb = {
    fmc: turin ? level('fmcSpl') : null,
    bootloader: level('bootloaderSpl'),
    tee: level('teeSpl'),
    snp: level('snpSpl'),
    microcode: level('microcodeSpl'),
  };
  if (!turin) absent('fmcSpl');
  if (!turin || values('spl4').length > 0) reserved('spl4');
  reserved('spl5');
  reserved('spl6');
  reserved('spl7');

  const signer = vekKind(certificate.subject.commonName);
  let hwid: Uint8Array | null = null;
  let cspId: string | null = null;
  if (signer === 'VLEK') {
    absent('hwid');
    cspId = read('cspId', 'an IA5String', parseDerIa5);
  } else {
    absent('cspId');
    const size = turin ? 8 : 64;
    hwid = read('hwid', `${size} bytes`, (value) => parseHwid(value, size));
  }
  if (signer === null) problems.push('subject is neither SEV-VCEK nor SEV-VLEK');
  return signer === null || problems.length > 0
    ? { vek: null, problems }
    : { vek: { signer, productName, tcb, hwid, cspId }, problems: [] };
}
