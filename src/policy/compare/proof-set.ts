/**
 * Callers, and proofs that were taken back, as sets of proofs. What a caller must show is a set of demands, so one caller is included in another exactly when it meets all
 * demands of the other; the name says nothing. An authority or key set is its file: what two different ones certify cannot be compared.
 */
import { encodeBase64, encodeUtf8 } from '../../base/bytes.ts';
import { formatDigest, sha256 } from '../../base/digest.ts';
import type { CallerRule, CertificateCaller, KeyCaller, OwnerPolicy, RevokedProof, TokenCaller } from '../policy.ts';
import { oncePer } from '../rule-index.ts';

/** What someone shows: every demand that the proof meets. */
export type Proof = ReadonlySet<string>;

/** Gives the demands that one key of a rule makes; every key must be here. */
type Demands<T> = { readonly [K in keyof Omit<T, 'kind'>]-?: (value: T[K]) => readonly string[] };

const demand = (name: string, value: string): string => `${name} ${value}`;
const claim = (name: string, value: string): string => demand('claim', JSON.stringify([name, value]));
const fileDemand = (name: string, content: string): string => demand(name, formatDigest(sha256(encodeUtf8(content))));
const unlessNull = (name: string, value: string | null): readonly string[] =>
  value === null ? [] : [demand(name, value)];

const CERTIFICATE: Demands<CertificateCaller> = {
  ca: (content) => [fileDemand('ca', content)],
  organization: (name) => unlessNull('organization', name),
  // The case of letters counts in an e-mail address and not in a DNS name.
  san: (name) => unlessNull('san', name === null || name.includes('@') ? name : name.toLowerCase()),
  // A revoked key may be the caller's own, or that of an authority above it.
  pin: (digest) => [...unlessNull('pin', digest), ...unlessNull('chain', digest)],
};

const KEY: Demands<KeyCaller> = {
  algorithm: (name) => [demand('algorithm', name)],
  spki: (key) => [demand('key', encodeBase64(key))],
};

const TOKEN: Demands<TokenCaller> = {
  issuer: (name) => [claim('iss', name)],
  audience: (name) => [claim('aud', name)],
  claims: (claims) => Object.entries(claims).map(([name, value]) => claim(name, value)),
  jwks: (keys) =>
    typeof keys === 'string' ? [fileDemand('jwks', keys)] : [demand('jwks', JSON.stringify([keys.url, keys.pin]))],
};

/** Demands of which a proof meets one at most. */
const SINGLE = /^(?:kind|organization|pin|key) |^claim \["(?:iss|sub)",/;

function demandsOf<T extends object>(rule: T, demands: Demands<T>): readonly string[] {
  return (Object.keys(demands) as (keyof Omit<T, 'kind'>)[]).flatMap((key) => demands[key](rule[key]));
}

/** Gives what someone shows who shows no more than this rule demands. */
export const leastProof: (rule: CallerRule) => Proof = oncePer((rule) => {
  const kind = demand('kind', rule.kind);
  if (rule.kind === 'certificate') return new Set([kind, ...demandsOf<CertificateCaller>(rule, CERTIFICATE)]);
  if (rule.kind === 'key') return new Set([kind, ...demandsOf<KeyCaller>(rule, KEY)]);
  return new Set([kind, ...demandsOf<TokenCaller>(rule, TOKEN)]);
});

/** Gives what someone shows who shows no more than what was taken back. */
export function revokedProof(rule: RevokedProof): Proof {
  const kind = demand('kind', rule.kind);
  if (rule.kind === 'certificate') return new Set([kind, demand('chain', rule.pin)]);
  if (rule.kind === 'key') return new Set([kind, demand('key', encodeBase64(rule.spki))]);
  const { issuer, subject, id } = rule;
  return new Set([kind, claim('iss', issuer), subject === null ? claim('jti', id ?? '') : claim('sub', subject)]);
}

/** Tells whether a proof shows all that another one does. */
export function shows(proof: Proof, least: Proof): boolean {
  return [...least].every((one) => proof.has(one));
}

const namesByProof = oncePer((policy: OwnerPolicy) => oncePer((proof: Proof) => findNames(proof, policy)));

/** Gives the names of the callers that a proof satisfies; none when it was taken back. */
export function namesProvenBy(proof: Proof, policy: OwnerPolicy): ReadonlySet<string> {
  return namesByProof(policy)(proof);
}

/** Tells whether a policy takes a proof back. */
export function isRevoked(proof: Proof, { revoked }: OwnerPolicy): boolean {
  return revoked.some((rule) => shows(proof, revokedProof(rule)));
}

function findNames(proof: Proof, policy: OwnerPolicy): ReadonlySet<string> {
  const { callers } = policy;
  if (isRevoked(proof, policy)) return new Set();
  return new Set(callers.filter((rule) => shows(proof, leastProof(rule))).map(({ name }) => name));
}

/** Gives the proof that shows what both show, or null when no single proof can. */
export function joinProofs(a: Proof, b: Proof): Proof | null {
  const joined = new Set([...a, ...b]);
  const single = [...joined].map((one) => SINGLE.exec(one)?.[0]).filter((name) => name !== undefined);
  return new Set(single).size === single.length ? joined : null;
}

/** Gives every least proof that satisfies some of the rules together; null when there are more than `most`. */
export function jointProofs(rules: readonly CallerRule[], most: number): readonly Proof[] | null {
  const found = new Map<string, Proof>();
  const keyOf = (proof: Proof): string => JSON.stringify([...proof].toSorted());
  for (const rule of rules) {
    const one = leastProof(rule);
    for (const other of [one, ...found.values()]) {
      const joined = joinProofs(one, other);
      if (joined !== null) found.set(keyOf(joined), joined);
      if (found.size > most) return null;
    }
  }
  return [...found.values()];
}
