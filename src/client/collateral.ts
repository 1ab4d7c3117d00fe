/**
 * Completes evidence with what a worker did not send along: AMD's certificates and revocation list. What the evidence has comes first, and
 * only what is missing is asked for. Nothing that was fetched or kept is trusted: it goes through the same appraisal. [RFC 9334 2.3]
 */
import type { Appraisal } from '../appraisal.ts';
import { encodeEvidence, parseEvidence } from '../attestation/evidence.ts';
import type { Subject } from '../attestation/report-appraisal.ts';
import type { CrlNumbers } from '../attestation/snp/crl-numbers.ts';
import { parseCertificate, parseCrl, type X509Certificate } from '../attestation/snp/der.ts';
import { certChainPath, crlPath, kdsProduct, vcekPath } from '../attestation/snp/kds-urls.ts';
import { rootProduct } from '../attestation/snp/path.ts';
import { isPem, parsePemCertificates } from '../attestation/snp/pem.ts';
import type { Product } from '../attestation/snp/product.ts';
import { type AttestationReport, parseReport } from '../attestation/snp/report.ts';
import { equalTcb } from '../attestation/snp/tcb.ts';
import { parseVek, vekKind } from '../attestation/snp/vek.ts';
import type { TrustFile } from '../attestation/trust-file.ts';
import { equalBytes } from '../base/bytes.ts';
import { LIMITS } from '../base/limits.ts';
import { type KdsCollateral, startCollateralRound, type Wanted } from './collateral-round.ts';
import type { CrlNumberStore } from './crl-number-store.ts';

/** A revocation list that was fetched longer ago is asked for again; the old one serves while the service cannot be reached. */
const CRL_MAX_AGE_MS = 24 * 60 * 60 * 1000;

/** What a client has beside the evidence. */
export interface Collateral {
  /** A key distribution service and a cache before it, for certificates that are missing; null when nobody may be asked. */
  readonly kds: KdsCollateral | null;
  /** The revocation lists that were seen. */
  readonly crlNumbers: CrlNumberStore;
}

type Appraise<T, A extends Appraisal> = (subject: T, crlNumbers: CrlNumbers) => Promise<A>;

/** What an appraisal is completed by, and judged with. */
export interface Completion {
  readonly collateral: Collateral;
  readonly trust: TrustFile;
  readonly now: Date;
}

const isVek = (certificate: X509Certificate): boolean => vekKind(certificate.subject.commonName) !== null;

function wantVcek(path: string, report: AttestationReport, product: Product): Wanted<X509Certificate> {
  return {
    path,
    maxBytes: LIMITS.certificateBytes,
    parse: (bytes) => {
      const certificate = parseCertificate(bytes);
      return certificate !== null && isVek(certificate) ? certificate : null;
    },
    // A kept one of another chip or TCB would only lead to a refusal; what the service answers is left to the appraisal.
    judgeKept: (certificate) => {
      const { hwid = null, tcb = null } = parseVek(certificate, product).vek ?? {};
      const isHere = hwid !== null && equalBytes(hwid, report.chipId.subarray(0, hwid.length));
      return isHere && tcb !== null && equalTcb(tcb, report.reportedTcb) ? 'fresh' : 'useless';
    },
  };
}

function wantChain(path: string): Wanted<readonly Uint8Array[]> {
  return {
    path,
    maxBytes: LIMITS.certificates * LIMITS.certificateBytes,
    parse: (bytes) => {
      const ders = isPem(bytes) ? parsePemCertificates(bytes) : null;
      return ders?.length === 2 && ders.every((der) => parseCertificate(der) !== null) ? ders : null;
    },
    judgeKept: () => 'fresh',
  };
}

function wantCrl(path: string, now: Date): Wanted<Uint8Array> {
  return {
    path,
    maxBytes: LIMITS.crlBytes,
    parse: (der) => (parseCrl(der) === null ? null : der),
    judgeKept: (der, ageMs) => {
      const nextUpdate = parseCrl(der)?.nextUpdate ?? null;
      if (nextUpdate === null || now > nextUpdate) return 'useless';
      return ageMs >= 0 && ageMs < CRL_MAX_AGE_MS ? 'fresh' : 'stale';
    },
  };
}

/** Appraises with what was seen of revocation lists, and keeps what was seen now, whatever the verdict. */
async function appraiseRemembering<T, A extends Appraisal>(
  subject: T,
  store: CrlNumberStore,
  appraise: Appraise<T, A>,
): Promise<A> {
  const numbers = await store.read();
  const appraisal = await appraise(subject, numbers);
  await store.write(numbers);
  return appraisal;
}

/**
 * Appraises a subject after completing it; without a service just as it is. Asks for VEK, intermediate and root, and for the revocation
 * list when the trust file requires it. For what cannot be read nobody is asked: the appraisal says what is wrong with it.
 * @throws TransportError ERR_TRANSPORT_UNREACHABLE, ERR_TRANSPORT_TIMEOUT, ERR_TRANSPORT_OVERLOADED
 * @throws ConfigurationError ERR_CONFIGURATION_FILE when the cache cannot be written, or the numbers of revocation lists not be read
 */
export async function appraiseCompleted<A extends Appraisal>(
  subject: Subject,
  { collateral, trust, now }: Completion,
  appraise: Appraise<Subject, A>,
): Promise<A> {
  const { kds, crlNumbers } = collateral;
  const asItIs = async (): Promise<A> => await appraiseRemembering(subject, crlNumbers, appraise);
  if (kds === null || subject.certificates.length > LIMITS.certificates) return await asItIs();
  const { report } = parseReport(subject.report);
  const given = subject.certificates.map(parseCertificate).filter((certificate) => certificate !== null);
  const vek = given.find(isVek);
  const product = report === null ? null : kdsProduct(report, vek?.issuer.commonName ?? null);
  if (report === null || product === null || given.length < subject.certificates.length) return await asItIs();

  const { signer } = report.keyInfo;
  const round = startCollateralRound(kds);
  const certificates = [...subject.certificates];
  const path = vek === undefined ? vcekPath(report, product) : null;
  const vcek = path === null ? null : await round.obtain(wantVcek(path, report, product));
  if (vcek !== null) certificates.push(vcek.der);
  const issuer = signer === 'VLEK' ? `SEV-VLEK-${product}` : `SEV-${product}`;
  const hasIssuer = given.some((certificate) => certificate.subject.commonName === issuer);
  const hasRoot = given.some((certificate) => rootProduct(certificate.subject.commonName) === product);
  if (!hasIssuer || !hasRoot) {
    certificates.push(...((await round.obtain(wantChain(certChainPath(signer, product)))) ?? []));
  }
  const wantsCrl = subject.crl === null && trust.machine.revocation === 'required';
  const crl = wantsCrl ? await round.obtain(wantCrl(crlPath(signer, product), now)) : subject.crl;

  const completed = { report: subject.report, certificates, crl };
  const appraisal = await appraiseRemembering(completed, crlNumbers, appraise);
  await round.settle(appraisal.stage);
  return appraisal;
}

/**
 * Appraises an encoded bundle after completing it. Report and claims stay the bytes that came, so what REPORT_DATA covers does not change;
 * what is no bundle is appraised as it is.
 * @throws TransportError, ConfigurationError as appraiseCompleted
 */
export async function appraiseCompletedBundle<B extends Uint8Array | null>(
  encoded: B,
  completion: Completion,
  appraise: Appraise<B | Uint8Array, Appraisal>,
): Promise<Appraisal> {
  const { kds, crlNumbers } = completion.collateral;
  const parsed = kds === null || encoded === null ? null : parseEvidence(encoded);
  if (parsed === null || 'problem' in parsed) return await appraiseRemembering(encoded, crlNumbers, appraise);
  const { value } = parsed;
  return await appraiseCompleted(
    value,
    completion,
    async ({ certificates, crl }, numbers) => await appraise(encodeEvidence({ ...value, certificates, crl }), numbers),
  );
}
