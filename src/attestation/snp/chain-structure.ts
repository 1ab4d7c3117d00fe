/**
 * What the three certificates of a path say by themselves: names, algorithms, keys, authority, extensions and kind. It depends on their bytes
 * and on nothing else, so it is made once for the same certificates; signatures, dates, roots and demands are chain.ts's.
 * [AMD 57230 certificate chain; RFC 5280 4]
 */
import type { Check } from '../../appraisal.ts';
import { equalBytes } from '../../base/bytes.ts';
import { makeCheck, skipCheck } from '../checks.ts';
import {
  parseBasicConstraints,
  parseKeyUsage,
  type X509Certificate,
  type X509Extension,
  type X509Name,
} from './der.ts';
import { X509_OID } from './oids.ts';
import type { Path } from './path.ts';
import type { Product } from './product.ts';
import type { Signer } from './report.ts';
import { isAmdSignatureAlgorithm, isP384Key, isRsa4096Key } from './signature.ts';
import { parseVek, type Vek } from './vek.ts';

/** The checks that certificates alone decide. */
export interface ChainStructure {
  readonly signer: Signer;
  /** Null when AMD's extensions could not be read. */
  readonly vek: Vek | null;
  readonly names: Check;
  readonly algorithms: Check;
  readonly keys: Check;
  readonly authority: Check;
  readonly extensions: Check;
  readonly vekExtensions: Check;
  readonly kind: Check;
  readonly productName: Check;
}

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

/** Makes the checks that the certificates of a path decide by themselves. */
export function checkStructure(path: Path): ChainStructure {
  const { vek: leaf, product } = path;
  const { vek, problems } = parseVek(leaf, product);
  const signer: Signer = leaf.subject.commonName === 'SEV-VLEK' ? 'VLEK' : 'VCEK';
  const structure: ChainStructure = {
    signer,
    vek,
    names: checkNames(path, signer),
    algorithms: checkAlgorithms(path),
    keys: checkKeys(path),
    authority: checkAuthority(path),
    extensions: checkExtensions(path),
    vekExtensions: makeCheck(
      'chain-vek-extensions',
      vek !== null,
      "AMD's extensions, each once",
      list(problems, 'all there'),
    ),
    kind: checkKind(path, vek, signer),
    productName:
      vek === null
        ? skipCheck('chain-product-name', product, 'not readable')
        : makeCheck('chain-product-name', PRODUCT_NAMES[product].test(vek.productName), product, vek.productName),
  };
  // They go into many appraisals, so that no reader of one may change them for the next.
  for (const part of Object.values(structure))
    if (part !== null && typeof part === 'object' && 'outcome' in part) Object.freeze(part);
  return structure;
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
