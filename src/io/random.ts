/** Random bytes from the operating system. */
import { randomBytes as nodeRandomBytes } from 'node:crypto';

/** Draws bytes that nobody can foresee. */
export function randomBytes(size: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(nodeRandomBytes(size));
}
