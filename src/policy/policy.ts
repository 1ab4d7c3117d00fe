/**
 * The shape of a parsed owner policy: what docs/policy.md describes, with every quantity in one unit and every reference resolved.
 * Absent sections are empty lists here, and an empty list allows nothing.
 */

import type { Release } from '../attestation/release/release.ts';
import type { DigestText } from '../base/digest.ts';
import type { PolicyCode } from '../error-table.ts';
import type { CanonicalPolicy } from './canonical.ts';
import type { Variables } from './variables.ts';

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
  /** JSON text of the issuer's key set, or where the issuer publishes it. [RFC 7517] */
  readonly jwks: string | KeySetAddress;
}

/** Where an issuer publishes its keys, and the one key that the server there must have. */
export interface KeySetAddress {
  /** `https://` URL in normal form, without a query string. */
  readonly url: string;
  /** SHA-256 of the server's SPKI. */
  readonly pin: DigestText;
}

export type CallerRule = (CertificateCaller | KeyCaller | TokenCaller) & {
  readonly name: string;
  readonly at: Position;
};

/** A proof that no longer counts: a public key that certificates are for, a key, one token, or all tokens of a subject. */
export type RevokedProof =
  | {
      readonly kind: 'certificate';
      /** SHA-256 of the SPKI of the caller's certificate, or of an authority's above it. */
      readonly pin: DigestText;
    }
  | { readonly kind: 'key'; readonly spki: Uint8Array }
  | {
      readonly kind: 'token';
      readonly issuer: string;
      /** Either all tokens of a subject (`sub`), or the one with this `jti`; the other is null. */
      readonly subject: string | null;
      readonly id: string | null;
    };

export type RevocationRule = RevokedProof & { readonly at: Position };

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

/** Where the code may open a connection of its own. What is sent over it nobody reads, so the rule has no methods and no path. */
export interface ConnectionRule {
  readonly at: Position;
  readonly scheme: 'tcp';
  /** As in an `EgressRule`. */
  readonly host: string;
  readonly port: number;
  /** Counts connections and, apart from them, lookups of its name; or the bytes of both directions. */
  readonly limit: RateLimit | null;
}

export interface DataRule {
  readonly at: Position;
  readonly name: string;
  readonly mount: string;
  readonly maxBytes: number;
}

/** Whether each call starts with clean memory, or one instance answers up to so many calls, one after another. */
export type FunctionInstances = { readonly kind: 'fresh' } | { readonly kind: 'pooled'; readonly calls: number };

/** How a function may run; a cap of null leaves it to the worker, which has its own. */
export interface FunctionTerms {
  readonly instances: FunctionInstances;
  readonly deterministic: 'required' | 'any';
  /** Longest time of one call, in milliseconds. */
  readonly deadlineMs: number | null;
  /** Largest WASM memory, a multiple of 64 KiB. */
  readonly memoryBytes: number | null;
  /** Most processor time of one call, in milliseconds. */
  readonly cpuMs: number | null;
  /** What a query may keep in `/tmp` while it lasts; 0 for no such directory. */
  readonly scratchBytes: number;
  /** What it finds in its environment, by name. */
  readonly env: Variables;
}

export interface FunctionRule {
  readonly at: Position;
  readonly name: string;
  readonly digest: DigestText;
  readonly terms: FunctionTerms;
}

/** What comes back to callers: at most so many bytes, only of these media types (lower case, without parameters). */
export interface ResultRules {
  readonly maxBytes: number;
  readonly types: readonly string[];
}

/** Floors of firmware components per product, as numbers; `fmc` only where the product has it. */
export type TcbFloors = Readonly<Record<string, Readonly<Record<string, number>>>>;

/** An image that may run: a launch measurement (96 hex digits), or a release file that lists some, as text and as what it says. */
export type ImageRule =
  | { readonly kind: 'measurement'; readonly measurement: string }
  | { readonly kind: 'release'; readonly release: string; readonly content: Release };

/** What the hardware and the image must be before this owner's data and secrets go there. */
export interface MachineRules {
  readonly products: readonly string[];
  /** A dated floor table (`2026-09`), explicit floors, or `any` where the owner says so. */
  readonly tcb: string | TcbFloors;
  readonly smt: 'required' | 'forbidden' | 'any';
  readonly images: readonly ImageRule[];
  /** Whether limits must survive a restart of the worker. */
  readonly counters: 'durable' | 'any';
}

/** Who may replace the file: `needed` of `keys` (SubjectPublicKeyInfo, DER). */
export interface ChangeRules {
  readonly keys: readonly Uint8Array[];
  readonly needed: number;
}

/** A statement of the file about itself: this must be allowed, that must be denied. */
export type PolicyTest = {
  readonly at: Position;
  readonly expect: 'allow' | 'deny';
} & (
  | { readonly window: 'query'; readonly caller: string; readonly method: string; readonly path: string }
  | { readonly window: 'egress'; readonly method: string; readonly url: string }
  | { readonly window: 'connection'; readonly url: string }
);

export type SectionName =
  | 'functions'
  | 'machine'
  | 'callers'
  | 'revoked'
  | 'queries'
  | 'egress'
  | 'data'
  | 'secrets'
  | 'results'
  | 'changes'
  | 'tests'
  | 'explain'
  | 'valid';

export interface OwnerPolicy {
  readonly owner: string;
  readonly version: number;
  /** `from` belongs to it, `until` no more. */
  readonly valid: { readonly from: Date; readonly until: Date };
  readonly functions: readonly FunctionRule[];
  /** null when the section is absent: then no machine is good enough for this owner's data and secrets. */
  readonly machine: MachineRules | null;
  readonly callers: readonly CallerRule[];
  readonly revoked: readonly RevocationRule[];
  readonly queries: readonly QueryRule[];
  /** The rules of the section `egress` for requests. */
  readonly egress: readonly EgressRule[];
  /** The rules of the section `egress` for `tcp://`. */
  readonly connections: readonly ConnectionRule[];
  readonly data: readonly DataRule[];
  readonly secrets: readonly string[];
  /** null when the section is absent: then nothing may come back at all. */
  readonly results: ResultRules | null;
  /** null when the section is absent: then nobody may replace the file. */
  readonly changes: ChangeRules | null;
  readonly tests: readonly PolicyTest[];
  /** Who is told why something was refused: whoever asked, only proven callers, or nobody. */
  readonly explain: 'anyone' | 'callers' | 'nobody';
  /** Where each section stands; one that is absent points to the top of the file. */
  readonly sections: Readonly<Record<SectionName, Position>>;
  /** The whole file in canonical form: what `digest` is over and what `show` reads. */
  readonly canonical: CanonicalPolicy;
  readonly digest: DigestText;
  readonly file: string;
}

/** Who or what decided, and why; the same text goes to the caller, the audit log and `policy explain`. */
export interface Decision {
  readonly outcome: 'allow' | 'deny';
  readonly owner: string;
  /** The rule that allowed, or for a denial the nearest rule or the section that lacks one. */
  readonly at: Position;
  /** null when allowed. */
  readonly code: PolicyCode | null;
  readonly reason: string;
  readonly hint: string;
}
