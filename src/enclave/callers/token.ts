/**
 * Callers by token: a JWT signed by a key of the rule's own key set, for the rule's audience, with the rule's claims. Keys come from the
 * owner's file only: nothing is fetched, and no key inside a token counts. The one door to jose. [RFC 7519, RFC 8725]
 */
import { createLocalJWKSet, errors, type JSONWebKeySet, type JWTPayload, jwtVerify } from 'jose';
import { LIMITS } from '../../base/limits.ts';
import { PolicyError } from '../../errors.ts';
import type { TokenCaller } from '../../policy/policy.ts';
import type { ProvenCaller } from './caller.ts';

/** A rule of the owner's `callers` that names an issuer. */
export type TokenRule = TokenCaller & { readonly name: string };

/** Signatures by a key pair only: with HMAC, whoever can check a token could make one; `none` is no proof at all. */
const ALGORITHMS: readonly string[] = [
  'EdDSA',
  'Ed25519',
  'ES256',
  'ES384',
  'ES512',
  'PS256',
  'PS384',
  'PS512',
  'RS256',
  'RS384',
  'RS512',
];

/** A token says what it is, so that one made for another purpose (a logout, an event) is not taken for a login. [RFC 8725 3.11] */
const TYPES: readonly string[] = ['jwt', 'at+jwt'];

const CLOCK_TOLERANCE_SECONDS = 30;
const MAX_TOKEN_BYTES = 8 * 1024;
const MAX_SUBJECT_CHARACTERS = 256;

const KEY_TYPES: readonly unknown[] = ['OKP', 'EC', 'RSA'];

/**
 * Reads the key set of a rule.
 * @throws PolicyError ERR_POLICY_REFERENCE when it is not a set of public keys
 */
export function parseKeySet({ jwks, name }: TokenRule): JSONWebKeySet {
  const fail = (why: string, cause?: unknown): PolicyError =>
    new PolicyError('ERR_POLICY_REFERENCE', `the jwks file of the caller ${name} ${why}`, { cause });
  if (jwks.length > LIMITS.referenceBytes) throw fail(`is over ${LIMITS.referenceBytes} bytes`);
  let set: unknown;
  try {
    set = JSON.parse(jwks);
  } catch (cause) {
    throw fail('is not JSON', cause);
  }
  const keys: unknown = typeof set === 'object' && set !== null && 'keys' in set ? set.keys : null;
  if (!Array.isArray(keys) || keys.length === 0) throw fail('has no list of keys');
  for (const [i, key] of keys.entries()) {
    if (typeof key !== 'object' || key === null || !KEY_TYPES.includes((key as { kty?: unknown }).kty)) {
      throw fail(`has a key (number ${i + 1}) that is not a public key of type OKP, EC or RSA`);
    }
    if ('d' in key || 'k' in key) throw fail(`holds a private key (number ${i + 1}): give only the public half`);
  }
  return { keys };
}

/** Says why a verified payload does not have what the rule demands, or null. */
function claimFlaw(payload: JWTPayload, rule: TokenRule): string | null {
  for (const [claim, expected] of Object.entries(rule.claims)) {
    const actual: unknown = Object.hasOwn(payload, claim) ? payload[claim] : undefined;
    const holds = Array.isArray(actual) ? actual.includes(expected) : actual === expected;
    if (!holds) return `its claim ${claim} is not "${expected}"`;
  }
  return null;
}

function reasonOf(error: unknown): string {
  if (error instanceof errors.JWTExpired) return 'it has expired';
  if (error instanceof errors.JWTClaimValidationFailed) return `its ${error.claim} is not what the owner demands`;
  if (error instanceof errors.JWKSNoMatchingKey) return 'no key of the owner fits it';
  if (error instanceof errors.JWKSMultipleMatchingKeys) return 'it does not say which of the keys signed it (kid)';
  if (error instanceof errors.JWSSignatureVerificationFailed) return 'its signature is not valid';
  if (error instanceof errors.JOSEAlgNotAllowed) return 'its algorithm is not allowed';
  return 'it is not a signed token in compact form';
}

async function verifyForRule(token: string, rule: TokenRule, now: Date): Promise<ProvenCaller | string> {
  const keys = createLocalJWKSet(parseKeySet(rule));
  let verified: Awaited<ReturnType<typeof jwtVerify>>;
  try {
    verified = await jwtVerify(token, keys, {
      algorithms: [...ALGORITHMS],
      issuer: rule.issuer,
      audience: rule.audience,
      requiredClaims: ['iss', 'aud', 'exp', 'sub'],
      clockTolerance: CLOCK_TOLERANCE_SECONDS,
      currentDate: now,
    });
  } catch (error) {
    return reasonOf(error);
  }
  const { payload, protectedHeader } = verified;
  const type = (protectedHeader.typ ?? '').toLowerCase().replace(/^application\//, '');
  if (!TYPES.includes(type)) return `its typ is "${type}", not ${TYPES.join(' or ')}`;
  const { sub, jti } = payload;
  if (typeof sub !== 'string' || sub === '' || sub.length > MAX_SUBJECT_CHARACTERS) {
    return `its sub must have 1 to ${MAX_SUBJECT_CHARACTERS} characters`;
  }
  // Only a text can be named by a revocation; another one would be a way around it.
  if (jti !== undefined && typeof jti !== 'string') return 'its jti is not a text';
  const proof = { kind: 'token', issuer: rule.issuer, subject: sub, id: jti ?? null } as const;
  return claimFlaw(payload, rule) ?? { name: rule.name, id: `${rule.issuer} ${sub}`, proof };
}

/**
 * Verifies the token of `Authorization: Bearer` and gives the callers whose rules it satisfies; `authorization` is the header's value.
 * @throws PolicyError ERR_POLICY_CALLER with each rule's reason when there is none
 * @throws PolicyError ERR_POLICY_REFERENCE when a rule's key set cannot be read
 */
export async function verifyToken(
  rules: readonly TokenRule[],
  authorization: string,
  now: Date,
): Promise<ProvenCaller[]> {
  const refusal = (why: string): PolicyError =>
    new PolicyError('ERR_POLICY_CALLER', `the token proves no caller of this owner: ${why}`);
  if (authorization.length > MAX_TOKEN_BYTES) throw refusal(`it is over ${MAX_TOKEN_BYTES} bytes`);
  const token = /^Bearer +([A-Za-z0-9._~+/=-]+)$/i.exec(authorization)?.[1];
  if (token === undefined) throw refusal('the header authorization does not have the form "Bearer <token>"');
  const callers: ProvenCaller[] = [];
  const reasons: string[] = [];
  for (const rule of rules) {
    const result = await verifyForRule(token, rule, now);
    if (typeof result === 'string') reasons.push(`${rule.name}: ${result}`);
    else callers.push(result);
  }
  if (callers.length === 0) throw refusal(reasons.join('; '));
  return callers;
}
