/**
 * The certificates of AMD's hierarchy with the names, dates, extensions and algorithms of the real ones, each field replaceable, so
 * that a defect is one line. It holds no keys. [AMD 57230 VCEK and VLEK certificates; SNP-ABI 1.58 chapter 2]
 */
import type { KeyObject } from 'node:crypto';
import { AMD_OID, type AmdExtension } from '../attestation/snp/oids.ts';
import type { Product } from '../attestation/snp/product.ts';
import type { AttestationReport, Signer } from '../attestation/snp/report.ts';
import { componentsOf, layoutOf, type TcbComponent } from '../attestation/snp/tcb.ts';
import {
  type CertificateDescription,
  type DistinguishedName,
  type ExtensionDescription,
  encodeDerInteger,
  encodeDerText,
  type RevocationListDescription,
  type SignatureScheme,
} from '../io/x509-certificate.ts';
import {
  authorityKeyIdentifier,
  basicConstraints,
  crlDistributionPoint,
  crlNumber,
  keyUsage,
  STANDARD_EXTENSION_OIDS,
  subjectKeyIdentifier,
} from '../io/x509-extensions.ts';

/** An authority of the hierarchy: root, issuer of VCEKs, issuer of VLEKs. */
export type AuthorityRole = 'ark' | 'ask' | 'asvk';

/** Serial numbers of the authorities, as AMD numbers them. */
export const AUTHORITY_SERIALS: Readonly<Record<Product, Readonly<Record<AuthorityRole, bigint>>>> = {
  Milan: { ark: 0x10000n, ask: 0x10001n, asvk: 0x10101n },
  Genoa: { ark: 0x20000n, ask: 0x20002n, asvk: 0x20101n },
  Turin: { ark: 0x30000n, ask: 0x30001n, asvk: 0x30101n },
};

/** First days of validity, as of AMD's own roots; authorities last 25 years. */
const SINCE: Readonly<Record<Product, string>> = { Milan: '2020-10-22', Genoa: '2022-01-26', Turin: '2023-05-15' };
const AUTHORITY_YEARS = 25;
const VEK_YEARS: Readonly<Record<Signer, number>> = { VCEK: 7, VLEK: 1 };
const CRL_YEARS = 1;

const PROVIDER = 'CN=simulated provider';

const AMD_SIGNATURE: SignatureScheme = { kind: 'rsa-pss', hash: 'sha384', saltBytes: 48, explicitTrailer: false };
const AUTHORITY_SIGNATURE: SignatureScheme = { ...AMD_SIGNATURE, explicitTrailer: true };

const SPL: Readonly<Record<TcbComponent, AmdExtension>> = {
  fmc: 'fmcSpl',
  bootloader: 'bootloaderSpl',
  tee: 'teeSpl',
  snp: 'snpSpl',
  microcode: 'microcodeSpl',
};

const OIDS: Readonly<Record<string, string>> = { ...STANDARD_EXTENSION_OIDS, ...AMD_OID };

/** Names an extension, or gives the OID of one that AMD does not use. */
export type ExtensionKey = keyof typeof STANDARD_EXTENSION_OIDS | AmdExtension | `${number}.${number}.${string}`;

/** What becomes of an extension: null leaves it out, bytes replace its value, a list writes it several times. */
export type ExtensionChange =
  | null
  | Uint8Array
  | readonly Uint8Array[]
  | { readonly critical: boolean; readonly value: Uint8Array };

export type ExtensionChanges = Readonly<Partial<Record<ExtensionKey, ExtensionChange>>>;

/** Attributes of a name to replace, by their short names. */
export type NameChange = Readonly<Partial<Record<DistinguishedName[number][0], string>>>;

/** What differs from the certificate that AMD would issue. */
export interface CertificateChange {
  readonly serial?: bigint;
  readonly issuer?: NameChange;
  readonly subject?: NameChange;
  readonly notBefore?: Date;
  readonly notAfter?: Date;
  /** Certifies this key instead, whatever its type. */
  readonly publicKey?: KeyObject;
  readonly extensions?: ExtensionChanges;
  readonly scheme?: SignatureScheme;
  /** Signs with this private key instead of the issuer's. */
  readonly signer?: KeyObject;
}

/** What differs from the revocation list that AMD would issue. */
export interface CrlChange {
  readonly issuer?: NameChange;
  readonly thisUpdate?: Date;
  readonly nextUpdate?: Date;
  /** Serial numbers to revoke; see `AUTHORITY_SERIALS`. */
  readonly revoked?: readonly bigint[];
  readonly extensions?: ExtensionChanges;
  readonly scheme?: SignatureScheme;
  readonly signer?: KeyObject;
}

/** The common name of an authority. */
function authorityName(product: Product, role: AuthorityRole): string {
  return { ark: `ARK-${product}`, ask: `SEV-${product}`, asvk: `SEV-VLEK-${product}` }[role];
}

function amdName(commonName: string, change: NameChange = {}): DistinguishedName {
  const name: DistinguishedName = [
    ['OU', 'Engineering'],
    ['C', 'US'],
    ['L', 'Santa Clara'],
    ['ST', 'CA'],
    ['O', 'Advanced Micro Devices'],
    ['CN', commonName],
  ];
  return name.map(([attribute, text]) => [attribute, change[attribute] ?? text]);
}

function addYears(date: Date, years: number): Date {
  const later = new Date(date);
  later.setUTCFullYear(later.getUTCFullYear() + years);
  return later;
}

/** A day before `now`, so that a verifier whose clock is a little behind accepts too. */
function dayBefore(now: Date): Date {
  return new Date(now.getTime() - 24 * 60 * 60 * 1000);
}

function describeExtension(oid: string, change: ExtensionChange): readonly ExtensionDescription[] {
  if (change === null) return [];
  if (change instanceof Uint8Array) return [{ oid, critical: false, value: change }];
  if ('value' in change) return [{ oid, ...change }];
  return change.map((value) => ({ oid, critical: false, value }));
}

function changeExtensions(
  extensions: readonly ExtensionDescription[],
  changes: ExtensionChanges = {},
): readonly ExtensionDescription[] {
  const entries = Object.entries(changes) as [string, ExtensionChange][];
  return entries.reduce((list, [key, change]) => {
    const oid = OIDS[key] ?? key;
    const fresh = describeExtension(oid, change);
    const present = list.some((e) => e.oid === oid);
    return present ? list.flatMap((e) => (e.oid === oid ? fresh : [e])) : [...list, ...fresh];
  }, extensions);
}

/** Describes the certificate of an authority as AMD would issue it, apart from `change`. */
export function describeAuthority(
  product: Product,
  role: AuthorityRole,
  keys: { readonly own: KeyObject; readonly root: KeyObject },
  change: CertificateChange = {},
): CertificateDescription {
  const notBefore = new Date(`${SINCE[product]}T12:00:00Z`);
  const service = role === 'asvk' ? 'vlek' : 'vcek';
  const url = `https://kdsintf.amd.com/${service}/v1/${product}/crl`;
  const own = change.publicKey ?? keys.own;
  const extensions =
    role === 'ark'
      ? [keyUsage('keyCertSign', 'cRLSign'), subjectKeyIdentifier(own), basicConstraints(true, null)]
      : [
          subjectKeyIdentifier(own),
          authorityKeyIdentifier(keys.root),
          basicConstraints(true, 0),
          keyUsage('keyCertSign'),
        ];
  return {
    serial: change.serial ?? AUTHORITY_SERIALS[product][role],
    issuer: amdName(authorityName(product, 'ark'), change.issuer),
    subject: amdName(authorityName(product, role), change.subject),
    notBefore: change.notBefore ?? notBefore,
    notAfter: change.notAfter ?? addYears(notBefore, AUTHORITY_YEARS),
    publicKey: own,
    extensions: changeExtensions([...extensions, crlDistributionPoint(url)], change.extensions),
    scheme: change.scheme ?? AUTHORITY_SIGNATURE,
  };
}

/** The extensions that say which chip or provider, and which firmware levels the key was derived from. */
function describeVekExtensions(product: Product, signer: Signer, report: AttestationReport): ExtensionDescription[] {
  const layout = layoutOf(report.reportedTcb);
  const spl = (extension: AmdExtension, level: number): [AmdExtension, Uint8Array] => [
    extension,
    encodeDerInteger(level),
  ];
  const reserved: readonly AmdExtension[] =
    layout === 'turin' ? ['spl5', 'spl6', 'spl7'] : ['spl4', 'spl5', 'spl6', 'spl7'];
  const hwid = report.chipId.subarray(0, product === 'Turin' ? 8 : 64);
  const name = product === 'Milan' && signer === 'VCEK' ? 'Milan-B0' : product;
  const extensions: [AmdExtension, Uint8Array][] = [
    ['structVersion', encodeDerInteger(layout === 'turin' ? 1 : 0)],
    ['productName', encodeDerText(name)],
    ...componentsOf(layout).map((c) => spl(SPL[c], report.reportedTcb[c] ?? 0)),
    ...reserved.map((extension) => spl(extension, 0)),
    // HWID is the one extension whose content is not DER.
    signer === 'VCEK' ? ['hwid', hwid] : ['cspId', encodeDerText(PROVIDER)],
  ];
  return extensions.map(([extension, value]) => ({ oid: AMD_OID[extension], critical: false, value }));
}

/** Describes the certificate of the key that signs `report`, as AMD would issue it at `now`, apart from `change`. */
export function describeVek(
  product: Product,
  signer: Signer,
  report: AttestationReport,
  context: { readonly publicKey: KeyObject; readonly issuer: AuthorityRole; readonly now: Date },
  change: CertificateChange = {},
): CertificateDescription {
  const notBefore = change.notBefore ?? dayBefore(context.now);
  return {
    serial: change.serial ?? 0n,
    issuer: amdName(authorityName(product, context.issuer), change.issuer),
    subject: amdName(`SEV-${signer}`, change.subject),
    notBefore,
    notAfter: change.notAfter ?? addYears(notBefore, VEK_YEARS[signer]),
    publicKey: change.publicKey ?? context.publicKey,
    extensions: changeExtensions(describeVekExtensions(product, signer, report), change.extensions),
    scheme: change.scheme ?? AMD_SIGNATURE,
  };
}

/** Describes the root's revocation list as AMD would issue it at `now`, apart from `change`. */
export function describeCrl(
  product: Product,
  context: { readonly root: KeyObject; readonly now: Date },
  change: CrlChange = {},
): RevocationListDescription {
  const thisUpdate = change.thisUpdate ?? dayBefore(context.now);
  return {
    issuer: amdName(authorityName(product, 'ark'), change.issuer),
    thisUpdate,
    nextUpdate: change.nextUpdate ?? addYears(thisUpdate, CRL_YEARS),
    revoked: (change.revoked ?? []).map((serial) => ({ serial, at: thisUpdate })),
    extensions: changeExtensions([authorityKeyIdentifier(context.root), crlNumber(1)], change.extensions),
    scheme: change.scheme ?? AMD_SIGNATURE,
  };
}
