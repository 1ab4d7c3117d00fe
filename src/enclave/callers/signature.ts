/**
 * Callers by key: one Ed25519 signature over the request and this connection, fresh and used once. Which request it may make is not
 * decided here, and the body is only named by its digest: content-digest.ts compares it. [RFC 9421 3.2]
 */
import { createPublicKey, verify } from 'node:crypto';
import { encodeUtf8, parseBase64 } from '../../base/bytes.ts';
import { encodeSignatureBase, type MessageSignature, parseSignatureFields } from '../../base/http-signature.ts';
import { coversRequest, formatChannel, formatKeyId, SIGNED_REQUEST } from '../../base/signed-request.ts';
import { PolicyError, TransportError } from '../../errors.ts';
import type { KeyCaller } from '../../policy/policy.ts';
import type { PresentedRequest, ProvenCaller } from './caller.ts';
import type { ReplayCache } from './replay-cache.ts';

/** A rule of the owner's `callers` that names a key. */
export type KeyRule = KeyCaller & { readonly name: string };

function refusal(why: string): PolicyError {
  return new PolicyError('ERR_POLICY_CALLER', `the request's signature is not valid: ${why}`);
}

/** Gives the value of a header that must be there exactly once: two copies let two readers see two requests. */
function single(request: PresentedRequest, name: string): string {
  const values = request.headers.filter(([header]) => header === name);
  const value = values[0]?.[1];
  if (value === undefined || values.length !== 1) {
    throw refusal(`the header ${name} must be there exactly once, not ${values.length} times`);
  }
  return value;
}

function announcesBody(request: PresentedRequest): boolean {
  return request.headers.some(
    ([name, value]) => name === 'transfer-encoding' || (name === 'content-length' && value.trim() !== '0'),
  );
}

interface Parameters {
  readonly keyId: string;
  readonly nonce: string;
  readonly expiresUnixSec: number;
}

/** Checks the six parameters against the profile and the clock. */
function checkParameters({ parameters }: MessageSignature, now: Date): Parameters {
  const { parameters: names, maxLifetimeSeconds, maxSkewSeconds, minNonceBytes, maxNonceBytes } = SIGNED_REQUEST;
  if (parameters.size !== names.length || !names.every((name) => parameters.has(name))) {
    throw refusal(`its parameters must be exactly ${names.join(', ')}`);
  }
  if (parameters.get('tag') !== SIGNED_REQUEST.tag) throw refusal(`its tag must be "${SIGNED_REQUEST.tag}"`);
  if (parameters.get('alg') !== SIGNED_REQUEST.algorithm) {
    throw refusal(`its alg must be "${SIGNED_REQUEST.algorithm}"`);
  }
  const created = parameters.get('created');
  const expires = parameters.get('expires');
  const nonce = parameters.get('nonce');
  const keyId = parameters.get('keyid');
  if (typeof created !== 'number' || typeof expires !== 'number') {
    throw refusal('created and expires must be whole seconds since 1970');
  }
  if (typeof nonce !== 'string' || typeof keyId !== 'string') throw refusal('nonce and keyid must be strings');
  const nowUnixSec = now.getTime() / 1000;
  if (created > nowUnixSec + maxSkewSeconds) throw refusal(`it was created in the future (${created})`);
  if (expires <= nowUnixSec) throw refusal(`it expired at ${expires}`);
  if (expires <= created || expires - created > maxLifetimeSeconds) {
    throw refusal(`it must expire at most ${maxLifetimeSeconds} seconds after it was created`);
  }
  const nonceBytes = parseBase64(nonce)?.length ?? 0;
  if (nonceBytes < minNonceBytes || nonceBytes > maxNonceBytes) {
    throw refusal(`its nonce must be base64 of ${minNonceBytes} to ${maxNonceBytes} bytes`);
  }
  return { keyId, nonce, expiresUnixSec: expires };
}

function isSignedBy(spki: Uint8Array, base: string, signature: Uint8Array): boolean {
  try {
    const key = createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' });
    return key.asymmetricKeyType === 'ed25519' && verify(null, encodeUtf8(base), key, signature);
  } catch {
    return false;
  }
}

/** Tells whether the request claims to be signed. */
export function isSigned(request: PresentedRequest): boolean {
  return request.headers.some(([name]) => name === 'signature-input' || name === 'signature');
}

/**
 * Verifies the signature of a request and gives the callers who have that key.
 * @throws PolicyError ERR_POLICY_CALLER when it does not hold, was used before, or is by a key that no rule names
 * @throws TransportError ERR_TRANSPORT_OVERLOADED when its nonce cannot be remembered
 */
export function verifySignedRequest(
  rules: readonly KeyRule[],
  request: PresentedRequest,
  context: { readonly now: Date; readonly replay: ReplayCache },
): ProvenCaller[] {
  const signed = parseSignatureFields(single(request, 'signature-input'), single(request, 'signature'));
  if (signed === null) throw refusal('Signature-Input and Signature do not hold exactly one signature in normal form');
  const { keyId, nonce, expiresUnixSec } = checkParameters(signed, context.now);
  const hasDigest = request.headers.some(([name]) => name === 'content-digest');
  if (hasDigest) single(request, 'content-digest');
  if (!hasDigest && announcesBody(request)) throw refusal('a request with a body must have a content-digest');
  if (!coversRequest(signed.components, hasDigest)) {
    throw refusal(
      'it must cover "@method", "@target-uri" (or "@authority" "@path" "@query"), ' +
        `"${SIGNED_REQUEST.channelHeader}" and, with a body, "content-digest", and nothing else`,
    );
  }
  if (single(request, SIGNED_REQUEST.channelHeader) !== formatChannel(request.channel)) {
    throw refusal('it was made for another connection');
  }
  const base = encodeSignatureBase({ ...request, scheme: 'https' }, signed);
  const callers = rules.filter(({ spki }) => formatKeyId(spki) === keyId);
  const [caller] = callers;
  if (caller === undefined) throw refusal(`the policy names no key ${keyId}`);
  if (base === null || !isSignedBy(caller.spki, base, signed.signature)) {
    throw refusal(`the bytes are not a signature by ${caller.name} over this request`);
  }
  const verdict = context.replay.admit(keyId, nonce, expiresUnixSec, context.now);
  if (verdict === 'replayed') throw refusal('its nonce was used before');
  if (verdict === 'full') {
    throw new TransportError(
      'ERR_TRANSPORT_OVERLOADED',
      'too many signed requests are waiting for their nonces to expire',
    );
  }
  return callers.map(({ name, spki }) => ({ name, id: keyId, proof: { kind: 'key', spki } }));
}
