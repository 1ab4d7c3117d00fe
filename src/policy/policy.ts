/**
 * The shape of a parsed owner policy: what docs/policy.md describes, with every quantity in one unit and every reference resolved.
 * Absent sections are empty lists here, and an empty list allows nothing.
 */
import type { DigestText } from '../base/digest.ts';

/** Where a rule stands in the owner's file; lines and columns count from 1. */
export interface Position {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** A caller who proves to hold a certificate issued by this authority. */
export interface CertificateCaller {
  readonly kind: 'certificate';
  /** PEM text of the authority's certificates. */
  readonly ca: string;
  readonly organization: string | null;
  /** Exact DNS or e-mail name among the subject alternative names. */
  readonly san: string | null;
  /** Pin of the caller's own public key: SHA-256 of its SPKI. */
  readonly pin: DigestText | null;
}

/** A caller who signs each request with this key. [RFC 9421] */
export interface KeyCaller {
  readonly kind: 'key';
  readonly algorithm: 'ed25519';
  /** SubjectPublicKeyInfo, DER. */
  readonly spki: Uint8Array;
}

/** A caller who presents a token of this issuer. [RFC 7519] */
export interface TokenCaller {
  readonly kind: 'token';
  readonly issuer: string;
  readonly audience: string;
  /** Claims that must be present with exactly this value (or hold it, where the claim is a list). */
  readonly claims: Readonly<Record<string, string>>;
  /** JSON text of the issuer's key set. [RFC 7517] */
  readonly jwks: string;
}

export type CallerRule = (CertificateCaller | KeyCaller | TokenCaller) & {
  readonly name: string;
  readonly at: Position;
};

/** `METHOD /segment/*` patterns; `*` is one whole segment, a last `**` is any rest (at least one segment). */
export interface PathPattern {
  readonly segments: readonly string[];
}

export interface QueryRule {
  readonly at: Position;
  /** Names from `callers`. */
  readonly allow: readonly string[];
  readonly method: string;
  /** The first segment is the function's name and never a wildcard. */
  readonly path: PathPattern;
  readonly limit: RateLimit | null;
}

/** So many calls or bytes in a window. */
export interface RateLimit {
  readonly amount: number;
  readonly unit: 'calls' | 'bytes';
  readonly windowSeconds: number;
}

export interface EgressRule {
  readonly at: Position;
  readonly scheme: 'https' | 'http' | 'enclave';
  /** Lower-case ASCII name after IDNA, or a literal address as it is written in canonical form; `*` only as a whole first label. */
  readonly host: string;
  readonly port: number;
  readonly path: PathPattern;
  readonly methods: readonly string[];
  /** SHA-256 of the server's SPKI. */
  readonly pin: DigestText | null;
  readonly limit: RateLimit | null;
  readonly credential: { readonly header: string; readonly secret: string } | null;
  /** Text of the trust file, for `enclave:` destinations. */
  readonly trust: string | null;
}

export interface DataRule {
  readonly at: Position;
  readonly name: string;
  readonly mount: string;
  readonly maxBytes: number;
}

export interface FunctionRule {
  readonly at: Position;
  readonly name: string;
  readonly digest: DigestText;
}

/** What comes back to callers: at most so many bytes, only of these media types (lower case, without parameters). */
export interface ResultRules {
  readonly maxBytes: number;
  readonly types: readonly string[];
}

export interface OwnerPolicy {
  readonly owner: string;
  readonly version: number;
  readonly valid: { readonly from: Date; readonly until: Date };
  readonly functions: readonly FunctionRule[];
  readonly callers: readonly CallerRule[];
  readonly queries: readonly QueryRule[];
  readonly egress: readonly EgressRule[];
  readonly data: readonly DataRule[];
  readonly secrets: readonly string[];
  /** null when the section is absent: then nothing may come back at all. */
  readonly results: ResultRules | null;
  /** The rest of the file in canonical form, for later readers: `machine`, `changes`, `explain`. */
  readonly canonical: unknown;
  readonly digest: DigestText;
  readonly file: string;
}

/** Who or what decided, and why; the same text goes to the caller, the audit log and `policy explain`. */
export interface Decision {
  readonly outcome: 'allow' | 'deny';
  readonly owner: string;
  /** The rule that allowed, or null: a denial is the absence of a rule, so it names the section instead (in `at`). */
  readonly at: Position;
  readonly reason: string;
  readonly hint: string;
}
