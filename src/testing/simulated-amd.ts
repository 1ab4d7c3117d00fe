/**
 * A simulated AMD: its own roots, certificates and signed reports in the real formats, for machines that have no SEV-SNP. Nothing makes
 * a verifier accept it except a trust file that names its root, and then the appraisal says that it is simulated. [SNP-ABI 1.58]
 */
import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { FIELDS, SIGNED_SIZE } from '../attestation/snp/layout.ts';
import type { Product } from '../attestation/snp/product.ts';
import { encodeReport, type RawOverride, type Signer } from '../attestation/snp/report.ts';
import { encodeHex } from '../base/bytes.ts';
import { sha256, sha512 } from '../base/digest.ts';
import { SecretError } from '../errors.ts';
import { encodeCertificate, encodeRevocationList } from '../io/x509-certificate.ts';
import { type Authority, isSignedBy, type KeepAuthority, keepInMemory, makeAuthority } from './authority.ts';
import { keepInDirectory } from './authority-directory.ts';
import {
  type AuthorityRole,
  type CertificateChange,
  type CrlChange,
  describeAuthority,
  describeCrl,
  describeVek,
} from './certificates.ts';
import { describeReport, type ReportFields } from './machine.ts';

export interface SimulatedAmdOptions {
  /** Gives the time at which certificates are issued; the system clock when it is left out. */
  readonly now?: () => Date;
  /** Is told each time a key is about to be made, which takes a second or more. */
  readonly onProgress?: (message: string) => void;
}

/** A machine, and what is wrong with its report or its certificates; what is left out is healthy. */
export interface MachineOptions extends ReportFields {
  /** Bytes of the report to replace before it is signed, for what its fields cannot say. */
  readonly raw?: readonly RawOverride[];
  /** Signs the report with this P-384 private key instead of the certified one. */
  readonly reportKey?: KeyObject;
  readonly vek?: CertificateChange;
  /** Changes the ASK or ASVK. */
  readonly intermediate?: CertificateChange;
  readonly ark?: CertificateChange;
  /** The authority that issues the VEK certificate; the right one for the signer when it is left out. */
  readonly issuedBy?: 'ask' | 'asvk';
  /** Null: no revocation list is given out. */
  readonly crl?: CrlChange | null;
}

/** The certificates that come along with a machine's reports. */
export interface Endorsements {
  /** DER: VEK, ASK or ASVK, ARK. */
  readonly certificates: readonly Uint8Array[];
  /** DER. */
  readonly crl: Uint8Array | null;
  /** SHA-256 of the DER of this ARK, 64 hex digits: what a trust file names. */
  readonly rootFingerprint: string;
}

/** A machine that signs reports; its certificates are issued once, when it is opened. */
export interface SimulatedMachine extends Endorsements {
  /** Signs a report over these 64 bytes; gives 1184 bytes. */
  readonly signReport: (reportData: Uint8Array) => Uint8Array<ArrayBuffer>;
}

/** A report with its endorsements. */
export interface IssuedReport extends Endorsements {
  /** 1184 bytes. */
  readonly report: Uint8Array<ArrayBuffer>;
}

export interface SimulatedAmd {
  /** Gives the root certificate of a product line, DER. */
  root(product: Product): Promise<Uint8Array>;
  /** Gives the SHA-256 of the root certificate's DER as 64 hex digits, as trust files name it. */
  rootFingerprint(product: Product): Promise<string>;
  /** Opens a machine: a chip, its firmware, its guest, and the certificates of its key. */
  openMachine(options?: MachineOptions): Promise<SimulatedMachine>;
  /** Opens a machine for one report. */
  issueReport(options?: MachineOptions): Promise<IssuedReport>;
}

interface KeyPair {
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}

/** Signs the first 672 bytes and puts r and s in their places, little-endian. [SNP-ABI 1.58 Table 23 SIGNATURE] */
function signReportBytes(report: Uint8Array<ArrayBuffer>, key: KeyObject): Uint8Array<ArrayBuffer> {
  const signature = sign('sha384', report.subarray(0, SIGNED_SIZE), { key, dsaEncoding: 'ieee-p1363' });
  const half = signature.length / 2;
  report.set(Uint8Array.from(signature.subarray(0, half)).reverse(), FIELDS.signatureR.offset);
  report.set(Uint8Array.from(signature.subarray(half)).reverse(), FIELDS.signatureS.offset);
  return report;
}

function simulateAmd(keep: KeepAuthority, options: SimulatedAmdOptions): SimulatedAmd {
  const now = options.now ?? ((): Date => new Date());
  const veks = new Map<string, KeyPair>();

  const authority = async (product: Product, role: AuthorityRole): Promise<Authority> => {
    const root = role === 'ark' ? null : await authority(product, 'ark');
    const name = `${role}-${product.toLowerCase()}`;
    const kept = await keep(name, async () => {
      options.onProgress?.(`making the key of the simulated ${role.toUpperCase()} for ${product}`);
      return await makeAuthority(product, role, root);
    });
    if (root !== null && !isSignedBy(kept, root)) {
      throw new SecretError(
        'ERR_SECRET_UNREADABLE',
        `${name} was made for another root: remove it to have a new one made`,
      );
    }
    return kept;
  };

  /** The key of a chip, or of the provider; it lives as long as this object. */
  const vekOf = (signer: Signer, chipId: Uint8Array): KeyPair => {
    const id = `${signer} ${encodeHex(chipId)}`;
    const pair = veks.get(id) ?? generateKeyPairSync('ec', { namedCurve: 'P-384' });
    veks.set(id, pair);
    return pair;
  };

  const openMachine = async (machineOptions: MachineOptions = {}): Promise<SimulatedMachine> => {
    const { raw = [], reportKey, vek, intermediate, ark, issuedBy, crl = {}, ...machine } = machineOptions;
    const { product = 'Genoa', signer = 'VCEK' } = machine;
    const issuer = issuedBy ?? (signer === 'VCEK' ? 'ask' : 'asvk');
    const root = await authority(product, 'ark');
    const middle = await authority(product, issuer);
    const reissue = (role: AuthorityRole, own: Authority, change?: CertificateChange): Uint8Array =>
      change === undefined
        ? own.certificate
        : encodeCertificate(
            describeAuthority(product, role, { own: own.publicKey, root: root.publicKey }, change),
            change.signer ?? root.key,
          );

    const report = describeReport(machine, sha512(root.certificate));
    const { privateKey, publicKey } = vekOf(signer, report.chipId);
    const leaf = describeVek(product, signer, report, { publicKey, issuer, now: now() }, vek);
    const rootCertificate = reissue('ark', root, ark);
    return {
      certificates: [
        encodeCertificate(leaf, vek?.signer ?? middle.key),
        reissue(issuer, middle, intermediate),
        rootCertificate,
      ],
      crl:
        crl === null
          ? null
          : encodeRevocationList(
              describeCrl(product, { root: root.publicKey, now: now() }, crl),
              crl.signer ?? root.key,
            ),
      rootFingerprint: encodeHex(sha256(rootCertificate)),
      signReport: (reportData) =>
        signReportBytes(encodeReport({ ...report, reportData }, raw), reportKey ?? privateKey),
    };
  };

  const root = async (product: Product): Promise<Uint8Array> => (await authority(product, 'ark')).certificate;
  return {
    root,
    rootFingerprint: async (product) => encodeHex(sha256(await root(product))),
    openMachine,
    issueReport: async (machineOptions = {}) => {
      const { signReport, ...endorsements } = await openMachine(machineOptions);
      return { report: signReport(machineOptions.reportData ?? new Uint8Array(64)), ...endorsements };
    },
  };
}

/** Makes a simulated AMD that lives in memory; its keys are made when they are first needed. */
export function createSimulatedAmd(options: SimulatedAmdOptions = {}): SimulatedAmd {
  return simulateAmd(keepInMemory(), options);
}

/**
 * Opens the simulated AMD of this machine in `dir`, which is made when it is missing. Roots stay the same from then on, so a trust file
 * that names them stays valid.
 * @throws SecretError ERR_SECRET_UNREADABLE when directory or files are open to other users or do not hold what they should.
 */
export async function openSimulatedAmd(dir: string, options: SimulatedAmdOptions = {}): Promise<SimulatedAmd> {
  return simulateAmd(await keepInDirectory(dir), options);
}
