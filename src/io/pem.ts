/** DER as PEM text, 64 characters a line. [RFC 7468 2] */
import { encodeBase64 } from '../base/bytes.ts';

/** Writes one certificate as PEM. */
export function encodeCertificatePem(der: Uint8Array): string {
  const lines = encodeBase64(der).match(/.{1,64}/g) ?? [];
  return ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n');
}
