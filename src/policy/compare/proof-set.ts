/**
 * Callers as sets of proofs. What a caller must show is a set of demands, so one caller is included in another exactly when it meets all
 * demands of the other; the name says nothing. An authority or key set is its file: what two different ones certify cannot be compared.
 */
import { encodeBase64, encodeUtf8 } from '../../base/bytes.ts';
import { formatDigest, sha256 } from '../../base/digest.ts';
import type { CallerRule, CertificateCaller, KeyCaller, TokenCaller } from '../policy.ts';

/** What someone shows: every demand that the proof meets. */
export type Proof = ReadonlySet<string>;

/** Gives the demands that one key of a rule makes; every key must be here. */
type Demands<T> = { readonly [K in keyof Omit<T, 'kind'>]-?: (value: T[K]) => readonly string[] };

const demand = (name: string, value: string): string => `${name} ${value}`;
const fileDemand = (name: string, content: string): string => demand(name, formatDigest(sha256(encodeUtf8(content))));
const unlessNull = (name: string, value: string | null): readonly string[] =>
  value === null ? [] : [demand(name, value)];

const CERTIFICATE: Demands<CertificateCaller> = {
  ca: (content) => [fileDemand('ca', content)],
  organization: (name) => unlessNull('organization', name),
  // The case of letters counts in an e-mail address and not in a DNS name.
  san: (name) => unlessNull('san', name === null || name.includes('@') ? name : name.toLowerCase()),
  pin: (digest) => unlessNull('pin', digest),
};

const KEY: Demands<KeyCaller> = {
  algorithm: (name) => [demand('algorithm', name)],
  spki: (key) => [demand('key', encodeBase64(key))],
};

const TOKEN: Demands<TokenCaller> = {
  issuer: (name) => [demand('claim', JSON.stringify(['iss', name]))],
  audience: (name) => [demand('claim', JSON.stringify(['aud', name]))],
  claims: (claims) => Object.entries(claims).map((claim) => demand('claim', JSON.stringify(claim))),
  jwks: (content) => [fileDemand('jwks', content)],
};

/** Demands of which a proof meets one at most. */
const SINGLE = /^(?:kind|organization|pin|key) |^claim \["(?:iss|sub)",/;

function demandsOf<T extends object>(rule: T, demands: Demands<T>): readonly string[] {
  return (Object.keys(demands) as (keyof Omit<T, 'kind'>)[]).flatMap((key) => demands[key](rule[key]));
}

const LEAST = new WeakMap<CallerRule, Proof>();
const NAMES = new WeakMap<readonly CallerRule[], WeakMap<Proof, ReadonlySet<string>>>();

/** Gives what someone shows who shows no more than this rule demands. */
export function leastProof(rule: CallerRule): Proof {
  const proof = LEAST.get(rule) ?? makeLeastProof(rule);
  LEAST.set(rule, proof);
  return proof;
}

function makeLeastProof(rule: CallerRule): Proof {
  const kind = demand('kind', rule.kind);
  if (rule.kind === 'certificate') return new Set([kind, ...demandsOf<CertificateCaller>(rule, CERTIFICATE)]);
  if (rule.kind === 'key') return new Set([kind, ...demandsOf<KeyCaller>(rule, KEY)]);
  return new Set([kind, ...demandsOf<TokenCaller>(rule, TOKEN)]);
}

function findNames(proof: Proof, rules: readonly CallerRule[]): ReadonlySet<string> {
  return new Set(rules.filter((rule) => [...leastProof(rule)].every((one) => proof.has(one))).map(({ name }) => name));
}

/** Gives the names of the rules that a proof satisfies. */
export function namesProvenBy(proof: Proof, rules: readonly CallerRule[]): ReadonlySet<string> {
  const known = NAMES.get(rules) ?? new WeakMap<Proof, ReadonlySet<string>>();
  NAMES.set(rules, known);
  const names = known.get(proof) ?? findNames(proof, rules);
  known.set(proof, names);
  return names;
}

/** Gives the proof that shows what both show, or null when no single proof can. */
function joinProofs(a: Proof, b: Proof): Proof | null {
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
