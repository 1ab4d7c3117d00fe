/**
 * The section `revoked`: proofs that no longer count, whatever `callers` says. Certificates are named by their public key and not by their
 * own digest: of an ECDSA signature (r, s) anybody can make a second one (r, n - s), and so a certificate of another digest. [FIPS 186-5 6.4.2]
 */
import { equalBytes } from '../base/bytes.ts';
import type { DigestText } from '../base/digest.ts';
import { parseIssuer } from './callers.ts';
import type { Denial } from './denial.ts';
import { FORMS } from './forms.ts';
import type { CallerRule, OwnerPolicy, RevocationRule, RevokedProof } from './policy.ts';
import { quote } from './reading.ts';
import { oncePer } from './rule-index.ts';
import { derived, list, optional, problemAt, type Reader, record, required, text } from './shape.ts';
import { parseKey, parsePhrase, parsePin } from './words.ts';

/** What somebody has proven to hold, as far as a revocation can name it. */
export type PresentedProof =
  | {
      readonly kind: 'certificate';
      /** SHA-256 of the SPKI of each certificate of the chain, the authority's own included. */
      readonly keys: readonly DigestText[];
    }
  | { readonly kind: 'key'; readonly spki: Uint8Array }
  | { readonly kind: 'token'; readonly issuer: string; readonly subject: string; readonly id: string | null };

const token = record('a revoked token', {
  issuer: required(text(parseIssuer, FORMS.issuer)),
  subject: optional(text(parsePhrase, FORMS.phrase), null),
  id: optional(text(parsePhrase, FORMS.phrase), null),
});

const entry = record('a revoked proof', {
  certificate: optional(text(parsePin, FORMS.pin), null),
  key: optional(text(parseKey, FORMS.key), null),
  token: optional(token, null),
});

const readEntry: Reader<RevocationRule> = derived(
  entry,
  ({ at, certificate, key, token }, node) => {
    const proofs: RevokedProof[] = [];
    if (certificate !== null) proofs.push({ kind: 'certificate', pin: certificate });
    if (key !== null) proofs.push({ kind: 'key', spki: key });
    if (token !== null) {
      const { issuer, subject, id } = token;
      if ((subject === null) === (id === null))
        throw problemAt(token, 'ERR_POLICY_VALUE', 'a revoked token has exactly one of the keys subject and id');
      proofs.push({ kind: 'token', issuer, subject, id });
    }
    const [only, another] = proofs;
    if (only === undefined || another !== undefined)
      throw problemAt(
        node,
        'ERR_POLICY_VALUE',
        'a revoked proof has exactly one of the keys certificate, key and token',
      );
    return { ...only, at };
  },
  { minProperties: 1, maxProperties: 1 },
);

function identityOf(rule: RevocationRule): string {
  if (rule.kind === 'certificate') return `spki-${rule.pin}`;
  if (rule.kind === 'key') return String(rule.spki);
  return JSON.stringify([rule.issuer, rule.subject, rule.id]);
}

/** Reads the section. */
export const readRevoked: Reader<readonly RevocationRule[]> = list('revoked', readEntry, identityOf);

function names(rule: RevocationRule, proof: PresentedProof): boolean {
  if (rule.kind === 'certificate') return proof.kind === 'certificate' && proof.keys.includes(rule.pin);
  if (rule.kind === 'key') return proof.kind === 'key' && equalBytes(proof.spki, rule.spki);
  if (proof.kind !== 'token' || proof.issuer !== rule.issuer) return false;
  return rule.subject === null ? proof.id === rule.id : proof.subject === rule.subject;
}

/** Finds the entry that takes a proof back, or null. */
export function findRevocation(revoked: readonly RevocationRule[], proof: PresentedProof): RevocationRule | null {
  return revoked.find((rule) => names(rule, proof)) ?? null;
}

/** Finds the entry that takes back all that a rule of `callers` could be proven by, or null: a key, or a certificate with a pin. */
export function findRevokedCaller(policy: OwnerPolicy, caller: CallerRule): RevocationRule | null {
  if (caller.kind === 'key') return findRevocation(policy.revoked, caller);
  if (caller.kind === 'token' || caller.pin === null) return null;
  return findRevocation(policy.revoked, { kind: 'certificate', keys: [caller.pin] });
}

/** The callers of whom nothing counts any more, each with the entry that says so; found once, because every decision asks. */
const revokedCallers = oncePer((policy: OwnerPolicy): ReadonlyMap<string, RevocationRule> => {
  const entries = policy.callers.map((caller) => [caller.name, findRevokedCaller(policy, caller)] as const);
  return new Map(entries.flatMap(([name, rule]) => (rule === null ? [] : [[name, rule] as const])));
});

/** Leaves out the callers whose proof is revoked as a whole. */
export function keepCounted(policy: OwnerPolicy, callers: ReadonlySet<string>): ReadonlySet<string> {
  const revoked = revokedCallers(policy);
  return revoked.size === 0 ? callers : new Set([...callers].filter((name) => !revoked.has(name)));
}

/** Gives the denial of callers of whom none counts any more, or null when that is not so. */
export function judgeRevoked(policy: OwnerPolicy, callers: ReadonlySet<string>): Denial | null {
  const revoked = revokedCallers(policy);
  const [name = ''] = callers;
  const rule = revoked.get(name);
  if (rule === undefined || [...callers].some((other) => !revoked.has(other))) return null;
  return denyRevoked(policy, rule, name);
}

const WHAT = { certificate: 'certificate', key: 'key', token: 'token' } as const;

/** Makes the denial of a proof that the owner has taken back. */
export function denyRevoked(policy: OwnerPolicy, rule: RevocationRule, caller: string): Denial {
  return {
    code: 'ERR_POLICY_CALLER_REVOKED',
    at: rule.at,
    reason: `This ${WHAT[rule.kind]} of ${quote(caller)} was revoked by ${policy.owner}.`,
    hint: `Ask ${policy.owner} for a new one.`,
  };
}
