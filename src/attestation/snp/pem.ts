/** Certificates in PEM, as certificate tables and AMD's key distribution service give them. [RFC 7468 5] */
import { parseBase64, parseUtf8 } from '../../base/bytes.ts';

const START = '-----BEGIN CERTIFICATE-----';
const END = '-----END CERTIFICATE-----';

/** Tells whether bytes begin as PEM does, after white space. */
export function isPem(bytes: Uint8Array): boolean {
  return parseUtf8(bytes.subarray(0, 256))?.trimStart().startsWith(START) ?? false;
}

/** Reads a text of certificates and nothing else into their DER; gives null for anything else. */
export function parsePemCertificates(bytes: Uint8Array): readonly Uint8Array<ArrayBuffer>[] | null {
  const [before, ...blocks] = (parseUtf8(bytes) ?? '').split(START);
  if (before?.trim() !== '' || blocks.length === 0) return null;
  const certificates: Uint8Array<ArrayBuffer>[] = [];
  for (const block of blocks) {
    const [base64 = '', after, more] = block.split(END);
    const der = parseBase64(base64.replaceAll(/\s/g, ''));
    if (der === null || after?.trim() !== '' || more !== undefined) return null;
    certificates.push(der);
  }
  return certificates;
}
