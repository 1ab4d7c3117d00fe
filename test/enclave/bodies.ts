/** Bodies for tests: whole ones out of answers, and what a request needs whose answer is never streamed. */
import type { GateRequest } from '../../src/enclave/gate.ts';
import { type Body, isWhole, readWhole } from '../../src/enclave/sandbox/body.ts';

/** Gives a body that must have come whole. */
export function wholeOf(body: Body): Uint8Array {
  if (!isWhole(body)) throw new Error('the body is streamed');
  return body;
}

/** Reads a body to its end. */
export async function drain(body: Body): Promise<Uint8Array> {
  const bytes = await readWhole(body, 1024 * 1024 * 1024);
  if (bytes === null) throw new Error('the body broke off');
  return bytes;
}

/** Never calls what ends a call. */
export const NEVER_GONE = (): void => undefined;

/** What a request has beside its head, when its body is read by this alone and its answer comes whole. */
export function bodyParts(
  readBody: GateRequest['readBody'],
): Omit<GateRequest, 'method' | 'target' | 'authority' | 'headers' | 'peerCertificates' | 'channel'> {
  return { readBody, openBody: readBody, whenGone: NEVER_GONE, stream: () => Promise.resolve(false) };
}
