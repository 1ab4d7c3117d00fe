/**
 * The chain stage: from the VEK through ASK or ASVK to an accepted root. Every rule is checked and reported, also after one is broken;
 * only when all are met is the VEK's content believed. Revocation is in revocation.ts. [AMD 57230 certificate chain; RFC 5280 6.1]
 */
import type { Check } from '../../appraisal.ts';
import { equalBytes } from '../../base/bytes.ts';
import type { CheckId } from '../check-table.ts';
import { makeCheck, skipCheck } from '../checks.ts';
import type { Machine } from '../requirements.ts';
import type { ChainCache } from './chain-cache.ts';
import {
  parseBasicConstraints,
  parseKeyUsage,
  type X509Certificate,
  type X509Crl,
  type X509Extension,
  type X509Name,
} from './der.ts';
import { X509_OID } from './oids.ts';
import { findPath, type Path } from './path.ts';
import type { Product } from './product.ts';
import type { Signer } from './report.ts';
import { checkRevocation } from './revocation.ts';
import { isAcceptedRoot, isAmdRoot, type Roots } from './roots.ts';
import { isAmdSignatureAlgorithm, isP384Key, isRsa4096Key } from './signature.ts';
import { parseVek, type Vek } from './vek.ts';

/** An endorsement key that a chain leads to; believed only when all checks of the stage are met. */
export interface Endorsement {
  readonly product: Product;
  readonly vek: Vek;
  /** The certificate that `vek` was read from; its key signs reports. */
  readonly certificate: X509Certificate;
}

/** What the chain stage gives; `endorsement` is null when the chain could not be read to its end. */
export interface ChainResult {
  readonly checks: readonly Check[];
  readonly endorsement: Endorsement | null;
  /** The product line that the root names; null without a path. */
  readonly product: Product | null;
  /** Whether the root is not AMD's. */
  readonly simulated: boolean;
}

const REST: readonly CheckId[] = [
  'chain-root',
  'chain-names',
  'chain-algorithms',
  'chain-keys',
  'chain-ark-signature',
  'chain-ask-signature',
  'chain-vek-signature',
  'chain-dates',
  'chain-authority',
  'chain-extensions',
  'chain-vek-extensions',
  'chain-vek-kind',
  'chain-product-name',
  'chain-accepted-product',
  'chain-accepted-signer',
];

/** The attributes that all of AMD's subjects have before the common name. */
const AMD_ATTRIBUTES: readonly string[] = [
  '2.5.4.11=Engineering',
  '2.5.4.6=US',
  '2.5.4.7=Santa Clara',
  '2.5.4.8=CA',
  '2.5.4.10=Advanced Micro Devices',
];

/** Extensions whose meaning this stage knows, so that they may be critical. */
const UNDERSTOOD: readonly string[] = [X509_OID.basicConstraints, X509_OID.keyUsage];

const PRODUCT_NAMES: Readonly<Record<Product, RegExp>> = {
  Milan: /^Milan(-[A-Z][0-9])?$/,
  Genoa: /^(Genoa|Bergamo|Siena)(-[A-Z][0-9])?$/,
  Turin: /^Turin(-[A-Z][0-9])?$/,
};

const list = (problems: readonly string[], good: string): string =>
  problems.length === 0 ? good : problems.join('; ');

/** Makes all checks of the chain stage. */
export async function checkChain(
  certificates: readonly X509Certificate[],
  crl: X509Crl | null,
  machine: Machine,
  roots: Roots,
  now: Date,
  cache: ChainCache,
): Promise<ChainResult> {
  const { path, problem } = await findPath(certificates, roots, cache);
  if (path === null) {
    const checks = [
      makeCheck('chain-path', false, 'one VEK, its issuer and a root', problem),
      ...REST.map((id) => skipCheck(id, 'a path', 'no path')),
    ];
    return { checks, endorsement: null, product: null, simulated: roots !== 'amd' };
  }
  const { vek: leaf, ask, ark, product } = path;
  const { vek, problems } = parseVek(leaf, product);
  const signer: Signer = leaf.subject.commonName === 'SEV-VLEK' ? 'VLEK' : 'VCEK';
  // At the same time, for all of them are made and reported whatever the others say.
  const [arkSignature, askSignature, vekSignature, revocation] = await Promise.all([
    checkSignature('chain-ark-signature', ark, ark, cache),
    checkSignature('chain-ask-signature', ask, ark, cache),
    checkSignature('chain-vek-signature', leaf, ask, cache),
    checkRevocation(crl, path, machine.revocation, now, cache),
  ]);
  const checks = [
    makeCheck('chain-path', true, 'one VEK, its issuer and a root', describe(path)),
    makeCheck('chain-root', isAcceptedRoot(roots, product, path.fingerprint), expectedRoots(roots), path.fingerprint),
    checkNames(path, signer),
    checkAlgorithms(path),
    checkKeys(path),
    arkSignature,
    askSignature,
    vekSignature,
    checkDates(path, now),
    checkAuthority(path),
    checkExtensions(path),
    makeCheck('chain-vek-extensions', vek !== null, "AMD's extensions, each once", list(problems, 'all there')),
    checkKind(path, vek, signer),
    vek === null
      ? skipCheck('chain-product-name', product, 'not readable')
      : makeCheck('chain-product-name', PRODUCT_NAMES[product].test(vek.productName), product, vek.productName),
    makeCheck('chain-accepted-product', machine.products.includes(product), machine.products.join(', '), product),
    makeCheck('chain-accepted-signer', machine.signer.includes(signer), machine.signer.join(', '), signer),
    ...revocation,
  ];
  const endorsement = vek === null ? null : { product, vek, certificate: leaf };
  return { checks, endorsement, product, simulated: !isAmdRoot(path.fingerprint) };
}

function describe(path: Path): string {
  return [path.vek, path.ask, path.ark].map((c) => c.subject.commonName).join(' < ');
}

function expectedRoots(roots: Roots): string {
  return roots === 'amd' ? "AMD's root of the product line" : `SIMULATED: ${roots.simulated.join(', ')}`;
}

/** Gives the value of an attribute (`2.5.4.6=US`). */
const valueOf = (attribute: string): string => attribute.slice(attribute.indexOf('=') + 1);

function checkNames({ vek, ask, ark, product }: Path, signer: Signer): Check {
  const askName = signer === 'VLEK' ? `SEV-VLEK-${product}` : `SEV-${product}`;
  const expected = [`ARK-${product}`, askName, `SEV-${signer}`];
  const isAmdName = (name: X509Name, commonName: string): boolean => {
    const attributes = [...AMD_ATTRIBUTES, `2.5.4.3=${commonName}`];
    return name.attributes.length === attributes.length && attributes.every((a, i) => a === name.attributes[i]);
  };
  const met =
    [ark, ask, vek].every((c, i) => isAmdName(c.subject, expected[i] ?? '')) &&
    equalBytes(ark.issuer.der, ark.subject.der) &&
    equalBytes(ask.issuer.der, ark.subject.der) &&
    equalBytes(vek.issuer.der, ask.subject.der);
  const actual = [ark, ask, vek].map((c) => c.subject.attributes.map(valueOf).join(', '));
  return makeCheck('chain-names', met, `AMD's names: ${expected.join(', ')}`, actual.join(' | '));
}

function checkAlgorithms({ vek, ask, ark }: Path): Check {
  const wrong = [ark, ask, vek].filter(
    (c) => !isAmdSignatureAlgorithm(c.outerAlgorithm) || !equalBytes(c.outerAlgorithm, c.innerAlgorithm),
  );
  const actual = list(
    wrong.map((c) => `${c.subject.commonName} has another`),
    'the same in all three',
  );
  return makeCheck('chain-algorithms', wrong.length === 0, 'RSASSA-PSS, SHA-384, MGF1-SHA-384, salt 48', actual);
}

function checkKeys({ vek, ask, ark }: Path): Check {
  const problems = [ark, ask]
    .filter((c) => !isRsa4096Key(c.spki))
    .map((c) => `${c.subject.commonName} is not RSA-4096`);
  if (!isP384Key(vek.spki)) problems.push(`${vek.subject.commonName} is not P-384`);
  return makeCheck('chain-keys', problems.length === 0, 'RSA-4096, RSA-4096, P-384', list(problems, 'these'));
}

async function checkSignature(
  id: CheckId,
  child: X509Certificate,
  parent: X509Certificate,
  cache: ChainCache,
): Promise<Check> {
  const met = await cache.isSignedBy(child, parent);
  const expected = `${child.subject.commonName} signed by ${parent.subject.commonName}`;
  return makeCheck(id, met, expected, met ? 'verifies' : 'does not verify');
}

function checkDates({ vek, ask, ark }: Path, now: Date): Check {
  // Written so that an invalid `now` meets no window.
  const outside = [ark, ask, vek].filter((c) => !(now >= c.notBefore && now <= c.notAfter));
  const windows = outside.map(
    (c) => `${c.subject.commonName} is valid ${c.notBefore.toISOString()} to ${c.notAfter.toISOString()}`,
  );
  const time = Number.isNaN(now.getTime()) ? 'no valid time' : now.toISOString();
  return makeCheck('chain-dates', outside.length === 0, `valid at ${time}`, list(windows, 'all three are'));
}

function checkAuthority({ vek, ask, ark }: Path): Check {
  const problems: string[] = [];
  for (const c of [ark, ask]) {
    const constraints = criticalValue(c, X509_OID.basicConstraints, parseBasicConstraints);
    const usage = criticalValue(c, X509_OID.keyUsage, parseKeyUsage);
    const pathLength = constraints?.pathLength ?? Number.POSITIVE_INFINITY;
    if (constraints?.ca !== true) problems.push(`${c.subject.commonName} is not a CA`);
    else if (c === ask ? pathLength !== 0 : pathLength < 1)
      problems.push(`${c.subject.commonName} has path length ${pathLength}`);
    if (usage?.certificateSign !== true) problems.push(`${c.subject.commonName} may not sign certificates`);
  }
  const leaf = vek.extensions.find((e) => e.oid === X509_OID.basicConstraints);
  if (leaf !== undefined && parseBasicConstraints(leaf.value)?.ca !== false) problems.push('the VEK is a CA');
  const usage = vek.extensions.find((e) => e.oid === X509_OID.keyUsage);
  if (usage !== undefined && parseKeyUsage(usage.value)?.certificateSign !== false)
    problems.push('the VEK may sign certificates');
  return makeCheck(
    'chain-authority',
    problems.length === 0,
    'CA, CA with path length 0, not a CA',
    list(problems, 'these'),
  );
}

/** Reads an extension that must be there and critical. */
function criticalValue<T>(
  c: X509Certificate,
  oid: string,
  parse: (value: X509Extension['value']) => T | null,
): T | null {
  const extension = c.extensions.find((e) => e.oid === oid);
  return extension?.critical === true ? parse(extension.value) : null;
}

function checkExtensions({ vek, ask, ark }: Path): Check {
  const problems = [ark, ask, vek].flatMap((c) => {
    const oids = c.extensions.map((e) => e.oid);
    const twice = oids.filter((oid, i) => oids.indexOf(oid) !== i).map((oid) => `${oid} is there twice`);
    const unknown = c.extensions
      .filter((e) => e.critical && !UNDERSTOOD.includes(e.oid))
      .map((e) => `${e.oid} is critical and unknown`);
    const version = c.version === 3 ? [] : [`version is ${c.version}`];
    return [...version, ...twice, ...unknown].map((p) => `${c.subject.commonName}: ${p}`);
  });
  return makeCheck(
    'chain-extensions',
    problems.length === 0,
    'v3, none twice, none critical and unknown',
    list(problems, 'so'),
  );
}

function checkKind({ ask, product }: Path, vek: Vek | null, signer: Signer): Check {
  const issuer = signer === 'VLEK' ? `SEV-VLEK-${product}` : `SEV-${product}`;
  const expected = `${signer} under ${issuer} with ${signer === 'VLEK' ? 'a provider' : 'a hardware ID'}`;
  if (vek === null) return skipCheck('chain-vek-kind', expected, 'extensions not readable');
  const content = vek.hwid === null ? 'provider' : 'hardware ID';
  const met = ask.subject.commonName === issuer && (vek.hwid === null) === (signer === 'VLEK');
  return makeCheck('chain-vek-kind', met, expected, `${vek.signer} under ${ask.subject.commonName} with ${content}`);
}
