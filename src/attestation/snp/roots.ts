/**
 * The roots that a verifier accepts: AMD's, pinned by fingerprint, or simulated ones that are named. Certificates in evidence are only
 * material for a path to one of these. [AMD KDS cert_chain of each product line]
 */
import { PRODUCTS, type Product } from './product.ts';

/** SHA-256 of the DER of AMD's root key certificate (ARK) of each product line. */
export const AMD_ROOTS: Readonly<Record<Product, string>> = Object.freeze({
  Milan: '69d063b45344d26a2e94e1f4210de49ef555308287d4c174445c95639a540bcd',
  Genoa: '4c6598d19c18719c5dfd4a7d335f674e5bfe1d8f800cea2cf270c10d103db2f1',
  Turin: '1f084161a44bb6d93778a904877d4819cafa5d05ef4193b2ded9dd9c73dd3f6a',
});

/** Either AMD's roots or simulated ones by the SHA-256 of their DER (64 hex digits each); never both. */
export type Roots = 'amd' | { readonly simulated: readonly string[] };

/** Tells whether a root of this product line with this fingerprint is accepted. */
export function isAcceptedRoot(roots: Roots, product: Product, fingerprint: string): boolean {
  return roots === 'amd' ? AMD_ROOTS[product] === fingerprint : roots.simulated.includes(fingerprint);
}

/** Tells whether a fingerprint is AMD's; anything else makes an appraisal SIMULATED. */
export function isAmdRoot(fingerprint: string): boolean {
  return PRODUCTS.some((product) => AMD_ROOTS[product] === fingerprint);
}
