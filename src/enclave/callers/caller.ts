/** What a request brings to prove who asks, and the verified result; the policy's names come out, never the other way round. */
import type { PresentedProof } from '../../policy/revoked.ts';
import type { HeaderField } from '../sandbox/sandbox.ts';

/** The head of a request and its connection, as far as proofs need them. The body has not been read yet. */
export interface PresentedRequest {
  readonly method: string;
  /** Exactly as on the request line, with query string. */
  readonly target: string;
  /** `host[:port]` of the request. */
  readonly authority: string;
  readonly headers: readonly HeaderField[];
  /** DER of the certificates the TLS client proved to hold, leaf first; empty when it sent none. */
  readonly peerCertificates: readonly Uint8Array[];
  /** SHA-256 of the channel this request travels on (TLS exporter), so that a proof cannot be moved to another connection. */
  readonly channel: Uint8Array;
}

/** A caller the owner names, proven. `id` tells single callers under one name apart, for logs and limits. */
export interface ProvenCaller {
  readonly name: string;
  readonly id: string;
  /** What an owner may have taken back since the caller got it. */
  readonly proof: PresentedProof;
}
