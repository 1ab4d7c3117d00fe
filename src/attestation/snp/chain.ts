/**
 * The chain stage: from the VEK through ASK or ASVK to an accepted root. Every rule is checked and reported, also after one is broken;
 * only when all are met is the VEK's content believed. What certificates say by themselves is in chain-structure.ts, revocation in
 * revocation.ts. [AMD 57230 certificate chain; RFC 5280 6.1]
 */
import type { Check } from '../../appraisal.ts';
import type { CheckId } from '../check-table.ts';
import { makeCheck, skipCheck } from '../checks.ts';
import type { Machine } from '../requirements.ts';
import type { ChainCache } from './chain-cache.ts';
import type { X509Certificate, X509Crl } from './der.ts';
import { findPath, type Path } from './path.ts';
import type { Product } from './product.ts';
import { checkRevocation } from './revocation.ts';
import { isAcceptedRoot, isAmdRoot, type Roots } from './roots.ts';
import type { Vek } from './vek.ts';

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
  /** Null when there is none; nothing on it is believed before all checks are met. */
  readonly path: Path | null;
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
    return { checks, endorsement: null, path: null, product: null, simulated: roots !== 'amd' };
  }
  const { vek: leaf, ask, ark, product } = path;
  const structure = cache.structure(path);
  const { vek, signer } = structure;
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
    structure.names,
    structure.algorithms,
    structure.keys,
    arkSignature,
    askSignature,
    vekSignature,
    checkDates(path, now),
    structure.authority,
    structure.extensions,
    structure.vekExtensions,
    structure.kind,
    structure.productName,
    makeCheck('chain-accepted-product', machine.products.includes(product), machine.products.join(', '), product),
    makeCheck('chain-accepted-signer', machine.signer.includes(signer), machine.signer.join(', '), signer),
    ...revocation,
  ];
  const endorsement = vek === null ? null : { product, vek, certificate: leaf };
  return { checks, endorsement, path, product, simulated: !isAmdRoot(path.fingerprint) };
}

function describe(path: Path): string {
  return [path.vek, path.ask, path.ark].map((c) => c.subject.commonName).join(' < ');
}

function expectedRoots(roots: Roots): string {
  return roots === 'amd' ? "AMD's root of the product line" : `SIMULATED: ${roots.simulated.join(', ')}`;
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
  return makeCheck('chain-dates', outside.length === 0, `valid at ${time}`, windows.join('; ') || 'all three are');
}
