/**
 * Where AMD's key distribution service (KDS) keeps the certificates and the revocation list of a chip: paths only, below any base address.
 * Asks nobody, and says nothing of what comes back. Bergamo, Siena and Genoa-X are under Genoa. [AMD 57230]
 */
import { encodeHex, isZero } from '../../base/bytes.ts';
import { findProduct, PRODUCTS, type Product } from './product.ts';
import type { AttestationReport, Signer } from './report.ts';
import { componentsOf, layoutOf, type Tcb, type TcbComponent } from './tcb.ts';

/** Names AMD's own service. */
export const AMD_KDS_URL = 'https://kdsintf.amd.com';

/** Parameter of each component; the order is that of `componentsOf`, so a Turin address begins with `fmcSPL`. */
const PARAMETERS: Readonly<Record<TcbComponent, string>> = {
  fmc: 'fmcSPL',
  bootloader: 'blSPL',
  tee: 'teeSPL',
  snp: 'snpSPL',
  microcode: 'ucodeSPL',
};

/** Bytes of the chip ID that name a chip. */
const HWID_BYTES: Readonly<Record<Product, number>> = { Milan: 64, Genoa: 64, Turin: 8 };

const folder = (signer: Signer, product: Product): string => `/${signer.toLowerCase()}/v1/${product}`;

function query(tcb: Tcb): string {
  return componentsOf(layoutOf(tcb))
    .map((component) => `${PARAMETERS[component]}=${String(tcb[component] ?? 0).padStart(2, '0')}`)
    .join('&');
}

/** Gives the path of ASK (or ASVK) and ARK, in PEM. */
export function certChainPath(signer: Signer, product: Product): string {
  return `${folder(signer, product)}/cert_chain`;
}

/** Gives the path of the revocation list, in DER. */
export function crlPath(signer: Signer, product: Product): string {
  return `${folder(signer, product)}/crl`;
}

/**
 * Gives the path of the VCEK that signed a report: its chip ID and reported TCB. Null when the service has none to give: a VLEK goes to cloud
 * providers only, and a hidden chip ID names no chip.
 */
export function vcekPath(report: AttestationReport, product: Product): string | null {
  const { chipId, reportedTcb, keyInfo } = report;
  if (keyInfo.signer !== 'VCEK' || isZero(chipId)) return null;
  // The levels were read by the CPU's layout; under another product line they would ask for another key.
  if ((layoutOf(reportedTcb) === 'turin') !== (product === 'Turin')) return null;
  const hwid = encodeHex(chipId.subarray(0, HWID_BYTES[product]));
  return `${folder('VCEK', product)}/${hwid}?${query(reportedTcb)}`;
}

/**
 * Finds the product line to ask under: by the CPU in the report, or, since version 2 names none, by the issuer of a VEK that is at hand
 * (`SEV-Genoa`). Null when neither says it.
 */
export function kdsProduct(report: AttestationReport, vekIssuer: string | null): Product | null {
  if (report.cpuid !== null) return findProduct(report.cpuid);
  return PRODUCTS.find((p) => vekIssuer === `SEV-${p}` || vekIssuer === `SEV-VLEK-${p}`) ?? null;
}
