/**
 * Whether the other end of a connection is the worker that owners mean by an `enclave://` rule: evidence is asked for on that very connection
 * and judged by each owner's trust file, before a byte of the function's request leaves. Fetches no certificates: what the other worker does
 * not send along is missing. [docs/protocol.md, docs/trust.md]
 */
import { ATTESTATION_PATH } from '../attestation/evidence.ts';
import { evidenceOfAnswer } from '../attestation/evidence-answer.ts';
import { EXPORTER_LABEL, NONCE_BYTES } from '../attestation/freshness.ts';
import { appraiseSession, type Channel } from '../attestation/session-appraisal.ts';
import { createChainCache } from '../attestation/snp/chain-cache.ts';
import { createCrlNumbers } from '../attestation/snp/crl-numbers.ts';
import { parseTrustFile, type TrustFile } from '../attestation/trust-file.ts';
import { LIMITS } from '../base/limits.ts';
import { ConfigurationError, PolicyError, TransportError } from '../errors.ts';
import { postOnSocket } from '../io/http-exchange.ts';
import { randomBytes } from '../io/random.ts';
import type { TlsConnection } from '../io/tls-connection.ts';
import type { EgressRule, Position } from '../policy/policy.ts';
import type { OwnerGrant } from './egress-grant.ts';

/** The owner whose trust file the other end does not satisfy, and the code of the appraisal with the check that failed. */
export interface PeerRefusal {
  readonly owner: string;
  readonly at: Position;
  readonly reason: string;
}

export interface PeerAppraiser {
  /**
   * Judges the worker at the other end for every owner; null when all accept it.
   * @throws TransportError ERR_TRANSPORT_CLOSED, ERR_TRANSPORT_TIMEOUT, or ERR_TRANSPORT_OVERLOADED when it is too busy to make evidence
   */
  judge(
    connection: TlsConnection,
    asked: { readonly authority: string; readonly functionName: string },
    owners: readonly OwnerGrant[],
    timeoutMs: number,
  ): Promise<PeerRefusal | null>;
}

/** Statuses with which a worker says that it has no evidence now. */
const BUSY: readonly number[] = [503, 504];

const TRUST_FILES = new WeakMap<EgressRule, TrustFile>();

/**
 * Reads the trust file of an `enclave://` rule.
 * @throws PolicyError ERR_POLICY_REFERENCE when it is none
 */
function trustOf(rule: EgressRule): TrustFile {
  try {
    const trust = TRUST_FILES.get(rule) ?? parseTrustFile(rule.trust ?? '');
    TRUST_FILES.set(rule, trust);
    return trust;
  } catch (cause) {
    if (!(cause instanceof ConfigurationError)) throw cause;
    const { file, line } = rule.at;
    throw new PolicyError('ERR_POLICY_REFERENCE', `the trust file of ${file}:${line}: ${cause.message}`, { cause });
  }
}

/**
 * Checks the trust files that an owner's rules refer to, before the first request needs them.
 * @throws PolicyError ERR_POLICY_REFERENCE
 */
export function checkTrustFiles(rules: readonly EgressRule[]): void {
  for (const rule of rules) if (rule.scheme === 'enclave') trustOf(rule);
}

/** Opens an appraiser, which remembers the chains and the revocation lists that it saw. */
export function openPeerAppraiser(now: () => Date): PeerAppraiser {
  const cache = createChainCache();
  const crlNumbers = createCrlNumbers([]);

  async function judgeForOwner(
    evidence: Uint8Array | null,
    channel: Channel,
    { owner, rule }: OwnerGrant,
    functionName: string,
  ): Promise<PeerRefusal | null> {
    const refuse = (reason: string): PeerRefusal => ({ owner, at: rule.at, reason });
    const trust = trustOf(rule);
    const { verdict, code, stage, checks } = await appraiseSession(evidence, channel, trust, now(), cache, crlNumbers);
    const failed = checks.find((check) => check.stage === stage && check.outcome === 'fail');
    if (verdict !== 'accept') return refuse(`${code}: ${failed?.id ?? stage}`);
    // The appraisal says nothing about code that the trust file does not name, and that would read the request.
    return Object.hasOwn(trust.code.functions, functionName)
      ? null
      : refuse('ERR_INVALID_ENCLAVE_CODE_FUNCTION: the trust file does not list it');
  }

  return {
    async judge(connection, { authority, functionName }, owners, timeoutMs) {
      const nonce = randomBytes(NONCE_BYTES);
      const answer = await postOnSocket(
        connection.socket,
        { authority, path: ATTESTATION_PATH, contentType: 'application/octet-stream', body: nonce },
        { maxBodyBytes: LIMITS.evidenceBytes, timeoutMs },
      );
      if (answer !== null && BUSY.includes(answer.status))
        throw new TransportError('ERR_TRANSPORT_OVERLOADED', `${authority} has no evidence now`);
      const evidence =
        answer?.status === 200 ? evidenceOfAnswer({ mediaType: answer.contentType, body: answer.body }) : null;
      const value = connection.exportKey(EXPORTER_LABEL, 'worker');
      const channel = { role: 'worker', nonce, value, peerSpkiDigest: connection.peerSpkiDigest } as const;
      for (const owner of owners) {
        const refusal = await judgeForOwner(evidence, channel, owner, functionName);
        if (refusal !== null) return refusal;
      }
      return null;
    },
  };
}
