/**
 * Appraises the worker at the other end of one connection: the evidence as in evidence-appraisal.ts, and the question only a session can
 * answer, whether it is fresh and about this very connection. Turns an appraisal that does not accept into the error of its family.
 */
import type { Appraisal, Check } from '../appraisal.ts';
import { encodeHex, equalBytes } from '../base/bytes.ts';
import type { InvalidEnclaveCodeCode, NotAnEnclaveCode, NotIsolatedEnclaveCode } from '../error-table.ts';
import { InvalidEnclaveCodeError, NotAnEnclaveError, NotIsolatedEnclaveError } from '../errors.ts';
import { concludeAppraisal, makeCheck } from './checks.ts';
import type { Claims, Role } from './claims.ts';
import type { Evidence } from './evidence.ts';
import { appraiseEvidence, type ChannelQuestion } from './evidence-appraisal.ts';
import { freshnessLeaf, isFresh } from './freshness.ts';
import type { ChainCache } from './snp/chain-cache.ts';
import type { CrlNumbers } from './snp/crl-numbers.ts';
import type { TrustFile } from './trust-file.ts';

/** What the client knows of its own connection: nothing of it comes from the other end's word. */
export interface Channel {
  readonly role: Role;
  /** 32 random bytes that the client sent on this connection. */
  readonly nonce: Uint8Array;
  /** 32 bytes from the client's own TLS exporter. */
  readonly value: Uint8Array;
  /** SHA-256 of the SPKI that the peer proved to hold in the handshake. */
  readonly peerSpkiDigest: Uint8Array;
}

function checkFreshness(claims: Claims, evidence: Evidence, channel: Channel): Check {
  const leaf = freshnessLeaf(channel.role, channel.nonce, channel.value);
  const fresh = claims.role === channel.role && isFresh(leaf, evidence, claims.freshness);
  const expected = 'my nonce and my connection under the freshness root';
  return makeCheck('channel-freshness', fresh, expected, fresh ? 'so' : 'another nonce or another connection');
}

function checkTlsKey(claims: Claims, channel: Channel): Check {
  const met = equalBytes(claims.tls, channel.peerSpkiDigest);
  return makeCheck('channel-tls-key', met, encodeHex(channel.peerSpkiDigest), encodeHex(claims.tls));
}

/** Appraises what a worker answered to the nonce; `encoded` is null when it answered with something else than evidence. */
export async function appraiseSession(
  encoded: Uint8Array | null,
  channel: Channel,
  trust: TrustFile,
  now: Date,
  cache: ChainCache,
  crlNumbers: CrlNumbers,
): Promise<Appraisal> {
  if (encoded === null) {
    const absent = makeCheck('evidence-present', false, 'an evidence bundle', 'something else');
    return concludeAppraisal([absent], null, trust.roots !== 'amd');
  }
  const askChannel: ChannelQuestion = (claims, evidence) => [
    checkFreshness(claims, evidence, channel),
    checkTlsKey(claims, channel),
  ];
  return await appraiseEvidence(encoded, trust, askChannel, now, cache, crlNumbers);
}

/**
 * Throws the verdict of an appraisal unless it accepts.
 * @throws NotAnEnclaveError, InvalidEnclaveCodeError, NotIsolatedEnclaveError with the appraisal
 */
export function refuseUnlessAccepted(appraisal: Appraisal): void {
  const { verdict, error, code, stage, checks } = appraisal;
  if (verdict === 'accept') return;
  const failed = checks.find((check) => check.stage === stage && check.outcome === 'fail');
  const message = `${failed?.id ?? stage}: expected ${failed?.expected ?? 'a pass'}, found ${failed?.actual ?? 'none'}`;
  if (error === 'InvalidEnclaveCodeError')
    throw new InvalidEnclaveCodeError(code as InvalidEnclaveCodeCode, message, appraisal);
  if (error === 'NotIsolatedEnclaveError')
    throw new NotIsolatedEnclaveError(code as NotIsolatedEnclaveCode, message, appraisal);
  throw new NotAnEnclaveError(code as NotAnEnclaveCode, message, appraisal);
}
