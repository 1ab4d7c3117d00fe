/** Object identifiers of AMD's certificates and of the X.509 parts that they use. [AMD 57230 VCEK and VLEK certificates] */

const AMD = '1.3.6.1.4.1.3704.1';

/** Extensions of VCEK and VLEK certificates. HWID is raw bytes, the others are DER. */
export const AMD_OID: Readonly<Record<AmdExtension, string>> = {
  structVersion: `${AMD}.1`,
  productName: `${AMD}.2`,
  bootloaderSpl: `${AMD}.3.1`,
  teeSpl: `${AMD}.3.2`,
  snpSpl: `${AMD}.3.3`,
  spl4: `${AMD}.3.4`,
  spl5: `${AMD}.3.5`,
  spl6: `${AMD}.3.6`,
  spl7: `${AMD}.3.7`,
  microcodeSpl: `${AMD}.3.8`,
  fmcSpl: `${AMD}.3.9`,
  hwid: `${AMD}.4`,
  cspId: `${AMD}.5`,
};

/** Names an extension of AMD's. */
export type AmdExtension =
  | 'structVersion'
  | 'productName'
  | 'bootloaderSpl'
  | 'teeSpl'
  | 'snpSpl'
  | 'spl4'
  | 'spl5'
  | 'spl6'
  | 'spl7'
  | 'microcodeSpl'
  | 'fmcSpl'
  | 'hwid'
  | 'cspId';

/** Extensions of X.509 certificates and revocation lists that chain.ts and revocation.ts know. [RFC 5280 4.2.1, 5.2] */
export const X509_OID: Readonly<
  Record<'basicConstraints' | 'keyUsage' | 'authorityKeyIdentifier' | 'crlNumber' | 'deltaCrlIndicator', string>
> = {
  keyUsage: '2.5.29.15',
  basicConstraints: '2.5.29.19',
  crlNumber: '2.5.29.20',
  deltaCrlIndicator: '2.5.29.27',
  authorityKeyIdentifier: '2.5.29.35',
};
