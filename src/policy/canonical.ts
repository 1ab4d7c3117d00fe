/**
 * The canonical form of a policy: the file in its longest spelling, with every quantity in its smallest unit and every reference as the
 * digest of what it refers to. Comments, order of keys and layout are gone; every rule, and every test, is there.
 */

import { encodeBase64, encodeUtf8 } from '../base/bytes.ts';
import { formatDigest, sha256 } from '../base/digest.ts';
import { formatConnection } from './connection.ts';
import { type CanonicalTerms, canonicalFunction } from './function-terms.ts';
import { formatPathPattern } from './path.ts';
import type {
  CallerRule,
  ConnectionRule,
  EgressRule,
  ImageRule,
  OwnerPolicy,
  PolicyTest,
  Position,
  QueryRule,
  RevocationRule,
} from './policy.ts';
import { formatRate } from './quantity.ts';
import { formatTargetPattern } from './target.ts';

/** A map from names to values; null prototype, so that no name means more than itself. */
type Named<T> = { readonly [name: string]: T };

export type CanonicalCaller =
  | {
      readonly certificate: {
        readonly ca: string;
        readonly organization: string | null;
        readonly san: string | null;
        readonly pin: string | null;
      };
    }
  | { readonly key: string }
  | {
      readonly token: {
        readonly issuer: string;
        readonly audience: string;
        readonly claims: Named<string>;
        readonly jwks: string | { readonly url: string; readonly pin: string };
      };
    };

export type CanonicalRevocation =
  | { readonly certificate: string }
  | { readonly key: string }
  | { readonly token: { readonly issuer: string; readonly subject: string } }
  | { readonly token: { readonly issuer: string; readonly id: string } };

export type CanonicalQuery = { readonly allow: readonly string[]; readonly to: string; readonly limit: string | null };

export type CanonicalEgress = {
  readonly to: string;
  readonly methods: readonly string[];
  readonly pin: string | null;
  readonly limit: string | null;
  readonly credential: { readonly header: string; readonly secret: string } | null;
  readonly trust: string | null;
};

export type CanonicalConnection = { readonly to: string; readonly limit: string | null };

export type CanonicalTest =
  | { readonly caller: string; readonly query: string; readonly expect: string }
  | { readonly egress: string; readonly expect: string };

/** The keys are those of the file; an absent section is null or empty, and every reference is `sha256:<hex>` of its content. */
export type CanonicalPolicy = {
  readonly anchorhold: 'owner-policy/1';
  readonly owner: string;
  readonly version: number;
  readonly valid: { readonly from: string; readonly until: string };
  readonly functions: Named<string | CanonicalTerms>;
  readonly machine: {
    readonly products: readonly string[];
    readonly tcb: string | Named<Named<number>>;
    readonly smt: string;
    readonly images: readonly string[];
    readonly counters: string;
  } | null;
  readonly callers: Named<CanonicalCaller>;
  /** Not there when nothing is revoked, so that a file that never revoked anything keeps its digest. */
  readonly revoked?: readonly CanonicalRevocation[];
  readonly queries: readonly CanonicalQuery[];
  readonly egress: readonly (CanonicalEgress | CanonicalConnection)[];
  readonly data: Named<{ readonly mount: string; readonly max: string }>;
  readonly secrets: readonly string[];
  readonly results: { readonly max: string; readonly types: readonly string[] } | null;
  readonly changes: { readonly keys: readonly string[]; readonly needed: number } | null;
  readonly tests: readonly CanonicalTest[];
  readonly explain: string;
};

const digestOf = (content: string): string => formatDigest(sha256(encodeUtf8(content)));
const bytes = (count: number): string => `${count} B`;
const key = (spki: Uint8Array): string => `ed25519:${encodeBase64(spki)}`;
const pin = (digest: string | null): string | null => (digest === null ? null : `spki-${digest}`);

function byName<T, V>(entries: readonly T[], name: (entry: T) => string, value: (entry: T) => V): Named<V> {
  const map: Record<string, V> = Object.create(null);
  for (const entry of entries) map[name(entry)] = value(entry);
  return map;
}

function caller(rule: CallerRule): CanonicalCaller {
  if (rule.kind === 'key') return { key: key(rule.spki) };
  if (rule.kind === 'token') {
    const { issuer, audience, claims, jwks } = rule;
    const keys = typeof jwks === 'string' ? digestOf(jwks) : { url: jwks.url, pin: `spki-${jwks.pin}` };
    return { token: { issuer, audience, claims: { ...claims }, jwks: keys } };
  }
  const { ca, organization, san } = rule;
  return { certificate: { ca: digestOf(ca), organization, san, pin: pin(rule.pin) } };
}

function revocation(rule: RevocationRule): CanonicalRevocation {
  if (rule.kind === 'certificate') return { certificate: `spki-${rule.pin}` };
  if (rule.kind === 'key') return { key: key(rule.spki) };
  const { issuer, subject, id } = rule;
  return subject === null ? { token: { issuer, id: id ?? '' } } : { token: { issuer, subject } };
}

function query(rule: QueryRule): CanonicalQuery {
  return {
    allow: rule.allow,
    to: `${rule.method} ${formatPathPattern(rule.path)}`,
    limit: rule.limit === null ? null : formatRate(rule.limit),
  };
}

function egress(rule: EgressRule): CanonicalEgress {
  return {
    to: formatTargetPattern(rule),
    methods: rule.methods,
    pin: pin(rule.pin),
    limit: rule.limit === null ? null : formatRate(rule.limit),
    credential: rule.credential === null ? null : { ...rule.credential },
    trust: rule.trust === null ? null : digestOf(rule.trust),
  };
}

function connection(rule: ConnectionRule): CanonicalConnection {
  return { to: formatConnection(rule), limit: rule.limit === null ? null : formatRate(rule.limit) };
}

/** Gives the rules of one section in the order of the file. */
function inOrder<T extends { readonly at: Position }>(rules: readonly T[]): readonly T[] {
  return rules.toSorted((a, b) => a.at.line - b.at.line || a.at.column - b.at.column);
}

function image(rule: ImageRule): string {
  return rule.kind === 'release' ? `release:${digestOf(rule.release)}` : rule.measurement;
}

function test(rule: PolicyTest): CanonicalTest {
  const { expect } = rule;
  if (rule.window === 'query') return { caller: rule.caller, query: `${rule.method} ${rule.path}`, expect };
  return { egress: rule.window === 'egress' ? `${rule.method} ${rule.url}` : rule.url, expect };
}

/** Makes the canonical form. */
export function canonicalPolicy(policy: Omit<OwnerPolicy, 'canonical' | 'digest'>): CanonicalPolicy {
  const { machine, results, changes } = policy;
  return {
    anchorhold: 'owner-policy/1',
    owner: policy.owner,
    version: policy.version,
    valid: { from: policy.valid.from.toISOString(), until: policy.valid.until.toISOString() },
    functions: byName(policy.functions, ({ name }) => name, canonicalFunction),
    machine:
      machine === null
        ? null
        : {
            products: machine.products,
            tcb: machine.tcb,
            smt: machine.smt,
            images: machine.images.map(image),
            counters: machine.counters,
          },
    callers: byName(policy.callers, ({ name }) => name, caller),
    ...(policy.revoked.length === 0 ? {} : { revoked: policy.revoked.map(revocation) }),
    queries: policy.queries.map(query),
    egress: inOrder([...policy.egress, ...policy.connections]).map((rule) =>
      rule.scheme === 'tcp' ? connection(rule) : egress(rule),
    ),
    data: byName(
      policy.data,
      ({ name }) => name,
      ({ mount, maxBytes }) => ({ mount, max: bytes(maxBytes) }),
    ),
    secrets: policy.secrets,
    results: results === null ? null : { max: bytes(results.maxBytes), types: results.types },
    changes: changes === null ? null : { keys: changes.keys.map(key), needed: changes.needed },
    tests: policy.tests.map(test),
    explain: policy.explain,
  };
}
