/**
 * Finds the path VEK, intermediate, root among certificates in any order. Names only: nothing on the path is believed before all of
 * chain.ts is met, and a wrong choice here can only refuse. [RFC 5280 6.1]
 */
import { equalBytes } from '../../base/bytes.ts';
import type { ChainCache } from './chain-cache.ts';
import type { X509Certificate } from './der.ts';
import { PRODUCTS, type Product } from './product.ts';
import { isAcceptedRoot, type Roots } from './roots.ts';
import { vekKind } from './vek.ts';

/** The three certificates of a chain; `product` is what the root calls itself. */
export interface Path {
  readonly vek: X509Certificate;
  readonly ask: X509Certificate;
  readonly ark: X509Certificate;
  readonly product: Product;
  /** SHA-256 of the root's DER, in hex. */
  readonly fingerprint: string;
}

/** Gives the product line of a root's common name (`ARK-Genoa`), or null. */
export function rootProduct(commonName: string): Product | null {
  return PRODUCTS.find((product) => commonName === `ARK-${product}`) ?? null;
}

const isIssuedBy = (child: X509Certificate, parent: X509Certificate): boolean =>
  equalBytes(child.issuer.der, parent.subject.der);

/** Tells whether two certificates are the same bytes. */
const isSame = (a: X509Certificate, b: X509Certificate): boolean => a === b || equalBytes(a.der, b.der);

/** Finds the path; gives in words what is missing or there twice. */
export async function findPath(
  certificates: readonly X509Certificate[],
  roots: Roots,
  cache: ChainCache,
): Promise<{ readonly path: Path; readonly problem: null } | { readonly path: null; readonly problem: string }> {
  const distinct = certificates.filter((c, i) => certificates.findIndex((d) => isSame(c, d)) === i);
  const problem = (text: string): { readonly path: null; readonly problem: string } => ({ path: null, problem: text });

  const veks = distinct.filter((c) => vekKind(c.subject.commonName) !== null);
  const [vek] = veks;
  if (vek === undefined) return problem('no certificate of a SEV-VCEK or SEV-VLEK');
  if (veks.length > 1) return problem(`${veks.length} certificates of a SEV-VCEK or SEV-VLEK`);

  // AMD has issued intermediates again under the same name: take the one whose key fits.
  const asks = distinct.filter((c) => c !== vek && isIssuedBy(vek, c));
  let ask = asks[0];
  if (asks.length > 1) {
    for (const candidate of asks) {
      if (await cache.isSignedBy(vek, candidate)) ask = candidate;
    }
  }
  if (ask === undefined) return problem(`no certificate of ${vek.issuer.commonName}`);

  const intermediate = ask;
  const arks = distinct
    .filter((c) => isIssuedBy(intermediate, c) && isIssuedBy(c, c))
    .map((ark) => ({ ark, product: rootProduct(ark.subject.commonName), fingerprint: cache.fingerprint(ark) }));
  const accepted = arks.find((a) => a.product !== null && isAcceptedRoot(roots, a.product, a.fingerprint));
  const root = accepted ?? arks[0];
  if (root === undefined) return problem(`no root certificate of ${intermediate.issuer.commonName}`);
  if (root.product === null) return problem(`${root.ark.subject.commonName} is not the root of a product line`);
  return {
    path: { vek, ask: intermediate, ark: root.ark, product: root.product, fingerprint: root.fingerprint },
    problem: null,
  };
}
