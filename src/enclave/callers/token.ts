/**
 * Callers by token: a JWT signed by a key of the rule's own key set, for the rule's audience, with the rule's claims. Keys come from the
 * owner's file, or from the one place that it names: no key and no address inside a token counts. The one door to jose. [RFC 7519, RFC 8725]
 */
import { createLocalJWKSet, decodeJwt, errors, type JSONWebKeySet, type JWTPayload, jwtVerify } from 'jose';
import { LIMITS } from '../../base/limits.ts';
import { PolicyError } from '../../errors.ts';
import type { CallerRule, KeySetAddress, TokenCaller } from '../../policy/policy.ts';
import type { ProvenCaller } from './caller.ts';

/** A rule of the owner's `callers` that names an issuer. */
export type TokenRule = TokenCaller & Pick<CallerRule, 'name' | 'at'>;

/** A set of public keys. */
export type KeySet = JSONWebKeySet;

/** Keys that issuers publish, for the rules of one owner. */
export interface PublishedKeys {
  /** Gives the keys of a rule's place, or in words why there are none. */
  current(rule: TokenRule, address: KeySetAddress): Promise<KeySet | string>;
  /** Gives them anew, because a token names one that they did not have; null when they are not asked for so soon, or did not come. */
  again(rule: TokenRule, address: KeySetAddress): Promise<KeySet | null>;
}

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
 * Reads the key set of a caller.
 * @throws PolicyError ERR_POLICY_REFERENCE when it is not a set of public keys
 */
export function parseKeySet(name: string, jwks: string): KeySet {
  const fail = (why: string, cause?: unknown): PolicyError =>
    new PolicyError('ERR_POLICY_REFERENCE', `the key set of the caller ${name} ${why}`, { cause });
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

type Verified = Awaited<ReturnType<typeof jwtVerify>>;

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

async function verifySignature(token: string, keys: KeySet, rule: TokenRule, now: Date): Promise<Verified | Error> {
  try {
    return await jwtVerify(token, createLocalJWKSet(keys), {
      algorithms: [...ALGORITHMS],
      issuer: rule.issuer,
      audience: rule.audience,
      requiredClaims: ['iss', 'aud', 'exp', 'sub'],
      clockTolerance: CLOCK_TOLERANCE_SECONDS,
      currentDate: now,
    });
  } catch (error) {
    return error as Error;
  }
}

/** Tells whether a token says that it is of the rule's issuer, before anything of it is proven. */
function namesIssuer(token: string, { issuer }: TokenRule): boolean {
  try {
    return decodeJwt(token).iss === issuer;
  } catch {
    return false;
  }
}

/** Verifies with the keys of the rule's file, or with those that are published; these are asked for once more when they lack the one that the token names. */
async function verifyWithKeys(
  token: string,
  rule: TokenRule,
  published: PublishedKeys,
  now: Date,
): Promise<Verified | Error | string> {
  const { jwks, name } = rule;
  if (typeof jwks === 'string') return await verifySignature(token, parseKeySet(name, jwks), rule, now);
  // Nobody makes the worker ask an issuer about the tokens of another one.
  if (!namesIssuer(token, rule)) return 'its iss is not what the owner demands';
  const keys = await published.current(rule, jwks);
  if (typeof keys === 'string') return `the keys of the issuer could not be had: ${keys}`;
  const result = await verifySignature(token, keys, rule, now);
  const newer = result instanceof errors.JWKSNoMatchingKey ? await published.again(rule, jwks) : null;
  return newer === null ? result : await verifySignature(token, newer, rule, now);
}

async function verifyForRule(
  token: string,
  rule: TokenRule,
  published: PublishedKeys,
  now: Date,
): Promise<ProvenCaller | string> {
  const verified = await verifyWithKeys(token, rule, published, now);
  if (typeof verified === 'string') return verified;
  if (verified instanceof Error) return reasonOf(verified);
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
  published: PublishedKeys,
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
    const result = await verifyForRule(token, rule, published, now);
    if (typeof result === 'string') reasons.push(`${rule.name}: ${result}`);
    else callers.push(result);
  }
  if (callers.length === 0) throw refusal(reasons.join('; '));
  return callers;
}
