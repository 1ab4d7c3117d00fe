/** Owner keys for tests, made anew in each run, and codes of errors. */
import { generateKeyPairSync } from 'node:crypto';
import { importSigningKey, type SigningKey } from '../../../src/base/ed25519.ts';
import { EnclaveError, type ErrorCode } from '../../../src/errors.ts';

/** Makes an Ed25519 private key, PKCS #8 PEM. */
export function makeKeyPem(): string {
  return generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' });
}

/** Makes so many signing keys. */
export async function makeKeys(count: number): Promise<readonly SigningKey[]> {
  return await Promise.all(Array.from({ length: count }, () => importSigningKey(makeKeyPem())));
}

/** Gives the code of the error that this throws or rejects with, or null. */
export async function codeOf(act: () => unknown): Promise<ErrorCode | null> {
  try {
    await act();
    return null;
  } catch (error) {
    if (error instanceof EnclaveError) return error.code;
    throw error;
  }
}
