/** Random bytes from the operating system. */
import { randomBytes as nodeRandomBytes } from 'node:crypto';

/** Draws bytes that nobody can foresee. */
export function randomBytes(size: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(nodeRandomBytes(size));
}

/** Draws a positive serial number of 16 bytes. [RFC 5280 4.1.2.2] */
export function randomSerial(): bigint {
  const bytes = randomBytes(16);
  // The first bit would make it negative or longer, a zero byte shorter.
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return bytes.reduce((n, b) => (n << 8n) | BigInt(b), 0n);
}
