/**
 * Callers by certificate: does the chain that the TLS client proved to hold lead to the authority of a rule, and is it the subject that the
 * rule names? The handshake has proven possession of the key already. What is revoked is judged after it, by the owner's file alone. [RFC 5280 6.1]
 */
import { type KeyObject, X509Certificate } from 'node:crypto';
import { equalBytes } from '../../base/bytes.ts';
import { type DigestText, formatDigest, sha256 } from '../../base/digest.ts';
import { LIMITS } from '../../base/limits.ts';
import { PolicyError } from '../../errors.ts';
import type { CertificateCaller } from '../../policy/policy.ts';
import type { ProvenCaller } from './caller.ts';
import { type CertificateFields, parseCertificateFields } from './certificate-fields.ts';

/** A rule of the owner's `callers` that names an authority. */
export type CertificateRule = CertificateCaller & { readonly name: string };

/** Intermediates between a caller's certificate and the authority. */
const MAX_INTERMEDIATES = 3;
const CLIENT_AUTHENTICATION = '1.3.6.1.5.5.7.3.2';
const MIN_RSA_BITS = 2048;
const PEM_BLOCK = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/** Signatures over SHA-2, and Ed25519; SHA-1 and MD5 can be forged. [RFC 5912, RFC 8410] */
const SIGNATURE_ALGORITHMS: ReadonlySet<string> = new Set([
  '1.2.840.113549.1.1.10',
  '1.2.840.113549.1.1.11',
  '1.2.840.113549.1.1.12',
  '1.2.840.113549.1.1.13',
  '1.2.840.10045.4.3.2',
  '1.2.840.10045.4.3.3',
  '1.2.840.10045.4.3.4',
  '1.3.101.112',
]);

interface Parsed {
  readonly x509: X509Certificate;
  readonly publicKey: KeyObject;
  /** Bits of an RSA key; null for another one. */
  readonly rsaBits: number | null;
  /**
   * SHA-256 of its SubjectPublicKeyInfo, by which a rule pins it and a caller is known: the digest of the certificate would not do, because anybody
   * can make a second one with the signature (r, n - s), and with it a second budget.
   */
  readonly keyDigest: DigestText;
  readonly fields: CertificateFields;
}

/** Certificates of open connections: their bytes are the connection's own, so the same array is the same certificate. */
const PARSED = new WeakMap<Uint8Array, Parsed>();
const AUTHORITIES = new WeakMap<CertificateRule, readonly Parsed[]>();
/** Which certificates were found to be issued by which: bytes and keys do not change, and dates are not in it. */
const ISSUED = new WeakMap<Parsed, WeakMap<Parsed, boolean>>();

/** What one connection's certificates have proven under one owner's rules, as long as none of the certificates that count begins or ends. */
interface Proof {
  readonly callers: readonly ProvenCaller[];
  readonly from: Date;
  readonly until: Date;
}
const PROOFS = new WeakMap<readonly Uint8Array[], WeakMap<readonly CertificateRule[], Proof>>();

/** Remembers a proof for as long as every certificate that could have counted is valid. */
function remember(
  certificates: readonly Uint8Array[],
  rules: readonly CertificateRule[],
  callers: readonly ProvenCaller[],
  counted: readonly Parsed[],
): void {
  const proofs = PROOFS.get(certificates) ?? new WeakMap<readonly CertificateRule[], Proof>();
  const from = new Date(Math.max(...counted.map(({ fields }) => fields.notBefore.getTime())));
  const until = new Date(Math.min(...counted.map(({ fields }) => fields.notAfter.getTime())));
  PROOFS.set(certificates, proofs.set(rules, { callers, from, until }));
}

function parseOnce(der: Uint8Array): Parsed | null {
  const parsed = PARSED.get(der) ?? parse(der);
  if (parsed !== null) PARSED.set(der, parsed);
  return parsed;
}

function parse(encoded: Uint8Array | string): Parsed | null {
  try {
    const x509 = new X509Certificate(encoded);
    if (typeof encoded !== 'string' && !equalBytes(x509.raw, encoded)) return null;
    const fields = parseCertificateFields(x509.raw);
    if (fields === null) return null;
    // Reading the key is a step of its own, and fails on its own.
    const { publicKey } = x509;
    const keyDigest = formatDigest(sha256(publicKey.export({ type: 'spki', format: 'der' })));
    const rsaBits = publicKey.asymmetricKeyDetails?.modulusLength ?? null;
    return { x509, fields, publicKey, rsaBits, keyDigest };
  } catch {
    return null;
  }
}

/**
 * Reads the authorities of a rule.
 * @throws PolicyError ERR_POLICY_REFERENCE when the text is not PEM certificates of authorities only
 */
export function parseAuthorities(rule: CertificateRule): readonly X509Certificate[] {
  return authoritiesOf(rule).map(({ x509 }) => x509);
}

function authoritiesOf(rule: CertificateRule): readonly Parsed[] {
  const authorities = AUTHORITIES.get(rule) ?? readAuthorities(rule);
  AUTHORITIES.set(rule, authorities);
  return authorities;
}

function readAuthorities({ ca, name }: CertificateRule): readonly Parsed[] {
  const fail = (why: string): PolicyError =>
    new PolicyError('ERR_POLICY_REFERENCE', `the ca file of the caller ${name} ${why}`);
  const blocks = ca.match(PEM_BLOCK) ?? [];
  if (blocks.length === 0) throw fail('holds no PEM certificate');
  return blocks.map((pem, i) => {
    const parsed = parse(pem);
    if (parsed === null) throw fail(`has a certificate (number ${i + 1}) that cannot be read`);
    if (!parsed.fields.isAuthority) throw fail(`has a certificate (number ${i + 1}) that is not an authority's`);
    return parsed;
  });
}

/** Says why a certificate may not be used at this time in this place, or null. `below` counts the authorities under it. */
function flaw({ rsaBits, fields }: Parsed, place: { readonly below: number } | 'leaf', now: Date): string | null {
  if (now < fields.notBefore) return `is not valid before ${fields.notBefore.toISOString()}`;
  if (now > fields.notAfter) return `expired at ${fields.notAfter.toISOString()}`;
  const [unknown] = fields.unknownCritical;
  if (unknown !== undefined) return `has a critical extension that is not understood (${unknown})`;
  if (fields.purposes !== null && !fields.purposes.includes(CLIENT_AUTHENTICATION)) {
    return 'is not for client authentication';
  }
  if (rsaBits !== null && rsaBits < MIN_RSA_BITS) return `has an RSA key of ${rsaBits} bits, under ${MIN_RSA_BITS}`;
  if (place === 'leaf') return fields.usage?.signs === false ? 'is not for signatures' : null;
  if (!fields.isAuthority) return 'is not an authority';
  if (fields.usage?.signsCertificates === false) return 'may not sign certificates';
  if (fields.pathLength !== null && place.below > fields.pathLength) return 'may not have so many authorities below it';
  return null;
}

function isIssuedBy(child: Parsed, issuer: Parsed): boolean {
  const known = ISSUED.get(child) ?? new WeakMap<Parsed, boolean>();
  const issued = known.get(issuer) ?? verifyIssued(child, issuer);
  ISSUED.set(child, known.set(issuer, issued));
  return issued;
}

function verifyIssued(child: Parsed, issuer: Parsed): boolean {
  if (!SIGNATURE_ALGORITHMS.has(child.fields.signatureAlgorithm)) return false;
  try {
    return child.x509.checkIssued(issuer.x509) && child.x509.verify(issuer.publicKey);
  } catch {
    return false;
  }
}

/** Says why the presented chain, in its order, does not lead to one of the authorities, or null when it does. */
function chainFlaw(chain: readonly Parsed[], authorities: readonly Parsed[], now: Date): string | null {
  for (const [i, certificate] of chain.entries()) {
    const what = i === 0 ? 'the certificate' : `the authority ${i} above it`;
    const own = flaw(certificate, i === 0 ? 'leaf' : { below: i - 1 }, now);
    if (own !== null) return `${what} ${own}`;
    const authority = authorities.find((candidate) => isIssuedBy(certificate, candidate));
    if (authority !== undefined) {
      const above = flaw(authority, { below: i }, now);
      return above === null ? null : `the owner's authority ${above}`;
    }
    const next = chain[i + 1];
    if (next === undefined) return `${what} was not issued by the owner's authority`;
    if (!isIssuedBy(certificate, next)) return `${what} was not issued by the next one that was sent`;
  }
  return 'no certificate was sent';
}

/** Says why the subject is not the one that the rule names, or null when it is. */
function subjectFlaw({ fields, keyDigest }: Parsed, { organization, san, pin }: CertificateRule): string | null {
  if (organization !== null && (fields.organizations.length !== 1 || fields.organizations[0] !== organization)) {
    return `its organization is not exactly "${organization}"`;
  }
  if (san !== null) {
    const isNamed = san.includes('@')
      ? fields.emails.includes(san)
      : fields.dnsNames.some((name) => name.toLowerCase() === san.toLowerCase());
    if (!isNamed) return `it has no alternative name "${san}"`;
  }
  if (pin !== null && keyDigest !== pin) return `its public key is ${keyDigest}, not the pinned one`;
  return null;
}

/**
 * Verifies the certificates of a TLS client (DER, leaf first, in order) and gives the callers whose rules they satisfy.
 * @throws PolicyError ERR_POLICY_CALLER with each rule's reason when there is none
 * @throws PolicyError ERR_POLICY_REFERENCE when a rule's authorities cannot be read
 */
export function verifyCertificates(
  rules: readonly CertificateRule[],
  certificates: readonly Uint8Array[],
  now: Date,
): readonly ProvenCaller[] {
  const known = PROOFS.get(certificates)?.get(rules);
  if (known !== undefined && now >= known.from && now <= known.until) return known.callers;
  const refusal = (why: string): PolicyError =>
    new PolicyError('ERR_POLICY_CALLER', `the client certificate proves no caller of this owner: ${why}`);
  if (certificates.length > MAX_INTERMEDIATES + 1) {
    throw refusal(
      `at most ${MAX_INTERMEDIATES} certificates may follow the caller's own, not ${certificates.length - 1}`,
    );
  }
  if (certificates.some((der) => der.length > LIMITS.certificateBytes)) {
    throw refusal(`a certificate may have at most ${LIMITS.certificateBytes} bytes`);
  }
  const chain = certificates.map(parseOnce).filter((certificate) => certificate !== null);
  const [leaf] = chain;
  if (leaf === undefined || chain.length !== certificates.length) throw refusal('it cannot be read');
  const callers: ProvenCaller[] = [];
  const reasons: string[] = [];
  for (const rule of rules) {
    const why = chainFlaw(chain, authoritiesOf(rule), now) ?? subjectFlaw(leaf, rule);
    if (why === null) {
      const above = authoritiesOf(rule).filter((authority) => chain.some((one) => isIssuedBy(one, authority)));
      const keys = [...chain, ...above].map(({ keyDigest }) => keyDigest);
      callers.push({ name: rule.name, id: leaf.keyDigest, proof: { kind: 'certificate', keys } });
    } else reasons.push(`${rule.name}: ${why}`);
  }
  if (callers.length === 0) throw refusal(reasons.join('; '));
  remember(certificates, rules, callers, [...chain, ...rules.flatMap(authoritiesOf)]);
  return callers;
}
