/** Certificates and revocation lists in PEM, as certificate tables and AMD's key distribution service give them. [RFC 7468 5, 6] */
import { parseBase64, parseUtf8 } from '../../base/bytes.ts';

/** What a block holds, as its first line says. */
export type PemLabel = 'CERTIFICATE' | 'X509 CRL';

const startOf = (label: PemLabel): string => `-----BEGIN ${label}-----`;

/** Tells whether bytes begin as a certificate in PEM does, after white space. */
export function isPem(bytes: Uint8Array): boolean {
  return parseUtf8(bytes.subarray(0, 256))?.trimStart().startsWith(startOf('CERTIFICATE')) ?? false;
}

/** Reads a text of blocks with this label and nothing else into their DER; gives null for anything else. */
export function parsePem(bytes: Uint8Array, label: PemLabel): readonly Uint8Array<ArrayBuffer>[] | null {
  const [before, ...blocks] = (parseUtf8(bytes) ?? '').split(startOf(label));
  if (before?.trim() !== '' || blocks.length === 0) return null;
  const items: Uint8Array<ArrayBuffer>[] = [];
  for (const block of blocks) {
    const [base64 = '', after, more] = block.split(`-----END ${label}-----`);
    const der = parseBase64(base64.replaceAll(/\s/g, ''));
    if (der === null || der.length === 0 || after?.trim() !== '' || more !== undefined) return null;
    items.push(der);
  }
  return items;
}

/** Reads a text of certificates and nothing else into their DER; gives null for anything else. */
export function parsePemCertificates(bytes: Uint8Array): readonly Uint8Array<ArrayBuffer>[] | null {
  return parsePem(bytes, 'CERTIFICATE');
}
