/**
 * Holds a body against the digest in the head of its request: the second half of a signed request, once the body has been read.
 * A request that is not signed may come without a digest; one that names a digest is held to it. [RFC 9530 2]
 */
import { isContentDigest } from '../../base/http-signature.ts';
import { PolicyError } from '../../errors.ts';
import type { HeaderField } from '../sandbox/sandbox.ts';

/**
 * Checks that the body is the one that the head names; call it before the body goes anywhere.
 * @throws PolicyError ERR_POLICY_CALLER when it is another one, or when a signed request has a body without a digest
 */
export function checkContentDigest(headers: readonly HeaderField[], body: Uint8Array): void {
  const fields = headers.filter(([name]) => name === 'content-digest');
  const [field] = fields;
  if (field === undefined) {
    if (body.length === 0 || !headers.some(([name]) => name === 'signature-input')) return;
    throw new PolicyError(
      'ERR_POLICY_CALLER',
      'the signed request has a body, but no content-digest that vouches for it',
    );
  }
  if (fields.length !== 1 || !isContentDigest(field[1], body)) {
    throw new PolicyError('ERR_POLICY_CALLER', 'the body does not have the sha-256 that its content-digest names');
  }
}
