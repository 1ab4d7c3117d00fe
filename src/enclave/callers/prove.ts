/**
 * Who is asking, as far as one owner is concerned: every proof the request brings, held against the owner's rules for that kind. A proof that
 * is there and does not hold is refused, even beside one that holds; it is never taken for no proof.
 */
import { PolicyError } from '../../errors.ts';
import type { CallerRule } from '../../policy/policy.ts';
import type { PresentedRequest, ProvenCaller } from './caller.ts';
import { parseAuthorities, verifyCertificates } from './certificate.ts';
import type { ReplayCache } from './replay-cache.ts';
import { isSigned, verifySignedRequest } from './signature.ts';
import { type PublishedKeys, parseKeySet, verifyToken } from './token.ts';

export interface ProofContext {
  readonly now: Date;
  /** The owner's own cache. */
  readonly replay: ReplayCache;
  /** The keys that the issuers of the owner's tokens publish. */
  readonly published: PublishedKeys;
}

const KIND_TEXT = { certificate: 'a certificate', key: 'a signature', token: 'a token' } as const;

/** The rules of each kind; a list of rules is one policy's, and stays as it is. */
type ByKind = { readonly [K in CallerRule['kind']]: readonly Extract<CallerRule, { kind: K }>[] };
const BY_KIND = new WeakMap<readonly CallerRule[], ByKind>();

function byKind(rules: readonly CallerRule[]): ByKind {
  const sort = <K extends CallerRule['kind']>(kind: K): Extract<CallerRule, { kind: K }>[] =>
    rules.filter((rule): rule is Extract<CallerRule, { kind: K }> => rule.kind === kind);
  const sorted = BY_KIND.get(rules) ?? { certificate: sort('certificate'), key: sort('key'), token: sort('token') };
  BY_KIND.set(rules, sorted);
  return sorted;
}

/**
 * Checks the files that an owner's caller rules refer to, before the first request needs them.
 * @throws PolicyError ERR_POLICY_REFERENCE
 */
export function checkCallerRules(rules: readonly CallerRule[]): void {
  const { certificate, token } = byKind(rules);
  for (const rule of certificate) parseAuthorities(rule);
  for (const { name, jwks } of token) if (typeof jwks === 'string') parseKeySet(name, jwks);
}

/**
 * Gives every caller of one owner that the request proves to be; none when it brings no proof.
 * @throws PolicyError ERR_POLICY_CALLER when it brings a proof that does not hold, or only kinds of proof that the owner names no caller by
 * @throws TransportError ERR_TRANSPORT_OVERLOADED when a nonce cannot be remembered
 */
export async function proveCallers(
  rules: readonly CallerRule[],
  request: PresentedRequest,
  context: ProofContext,
): Promise<ProvenCaller[]> {
  const authorization = request.headers.filter(([name]) => name === 'authorization').map(([, value]) => value);
  if (authorization.length > 1) {
    throw new PolicyError('ERR_POLICY_CALLER', 'the request has more than one authorization header');
  }
  const [bearer] = authorization;
  const presented = [
    ...(request.peerCertificates.length > 0 ? (['certificate'] as const) : []),
    ...(bearer === undefined ? [] : (['token'] as const)),
    // Last, because an accepted signature uses up its nonce.
    ...(isSigned(request) ? (['key'] as const) : []),
  ];
  const sorted = byKind(rules);
  const judged = presented.filter((kind) => sorted[kind].length > 0);
  if (presented.length > 0 && judged.length === 0) {
    const brought = presented.map((kind) => KIND_TEXT[kind]).join(' and ');
    throw new PolicyError('ERR_POLICY_CALLER', `the request brings ${brought}, but the owner names no caller by that`);
  }
  const proven: ProvenCaller[] = [];
  for (const kind of judged) {
    if (kind === 'certificate') {
      proven.push(...verifyCertificates(sorted.certificate, request.peerCertificates, context.now));
    } else if (kind === 'token') {
      proven.push(...(await verifyToken(sorted.token, bearer ?? '', context.published, context.now)));
    } else {
      proven.push(...verifySignedRequest(sorted.key, request, context));
    }
  }
  return proven;
}
