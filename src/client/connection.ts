/**
 * One attested connection: dial, send a nonce, appraise what comes back against the trust file, and only then hand out a way to send.
 * There is no other way to get an `AttestedConnection`, so no application byte can leave on a connection that was not appraised.
 */
import type { Appraisal } from '../appraisal.ts';
import { type Claims, parseClaims } from '../attestation/claims.ts';
import { ATTESTATION_PATH, parseEvidence } from '../attestation/evidence.ts';
import { evidenceOfAnswer } from '../attestation/evidence-answer.ts';
import { EXPORTER_LABEL, NONCE_BYTES } from '../attestation/freshness.ts';
import { appraiseSession, refuseUnlessAccepted } from '../attestation/session-appraisal.ts';
import { type ChainCache, createChainCache } from '../attestation/snp/chain-cache.ts';
import type { TrustFile } from '../attestation/trust-file.ts';
import { LIMITS } from '../base/limits.ts';
import { SIGNED_REQUEST } from '../base/signed-request.ts';
import { TransportError } from '../errors.ts';
import { type ChannelClient, openChannelClient } from '../io/channel-client.ts';
import { postOnSocket } from '../io/http-exchange.ts';
import { randomBytes } from '../io/random.ts';
import { type ClientCertificate, openTlsConnection, type TlsConnection } from '../io/tls-connection.ts';
import { appraiseCompletedBundle, type Collateral } from './collateral.ts';
import type { TrustSource } from './trust-source.ts';

export interface AttestedConnection {
  readonly appraisal: Appraisal;
  /** What the worker says about itself, which the appraisal accepted. */
  readonly claims: Claims;
  readonly client: ChannelClient;
  /** 32 bytes that only the two ends of this connection know; request signatures cover it. */
  readonly callerChannel: Uint8Array;
}

export interface ConnectionDemands {
  readonly origin: URL;
  readonly trust: TrustSource;
  readonly clientCertificate: ClientCertificate | null;
  readonly collateral: Collateral;
  readonly timeoutMs: number;
  readonly now: () => Date;
}

/** What came back on one connection, and what it is worth. */
export interface AppraisedEvidence {
  readonly appraisal: Appraisal;
  /** The encoded bundle, as it came, taken out of a CMW if there was one; null when the other end answered with something else. */
  readonly evidence: Uint8Array | null;
}

/** Sends a nonce and appraises the answer; nothing but the request for evidence leaves. */
async function exchangeEvidence(
  connection: TlsConnection,
  demands: ConnectionDemands,
  trust: TrustFile,
  cache: ChainCache,
): Promise<AppraisedEvidence> {
  const { origin, collateral, timeoutMs, now } = demands;
  const nonce = randomBytes(NONCE_BYTES);
  const answer = await postOnSocket(
    connection.socket,
    { authority: origin.host, path: ATTESTATION_PATH, contentType: 'application/octet-stream', body: nonce },
    { maxBodyBytes: LIMITS.evidenceBytes, timeoutMs },
  );
  if (answer?.status === 503) {
    throw new TransportError('ERR_TRANSPORT_OVERLOADED', `${origin.host} has too many sessions waiting for evidence`);
  }
  if (answer?.status === 504) {
    throw new TransportError(
      'ERR_TRANSPORT_TIMEOUT',
      `${origin.host} got no report from its attestation device in time`,
    );
  }
  const evidence =
    answer?.status === 200 ? evidenceOfAnswer({ mediaType: answer.contentType, body: answer.body }) : null;
  const value = connection.exportKey(EXPORTER_LABEL, 'worker');
  const channel = { role: 'worker', nonce, value, peerSpkiDigest: connection.peerSpkiDigest } as const;
  const appraisal = await appraiseCompletedBundle(
    evidence,
    { collateral, trust, now: now() },
    async (completed, crlNumbers) => await appraiseSession(completed, channel, trust, now(), cache, crlNumbers),
  );
  return { evidence, appraisal };
}

/** Gives the claims of evidence that was accepted, and so was read before. */
function claimsOf(encoded: Uint8Array | null): Claims {
  const evidence = encoded === null ? null : parseEvidence(encoded);
  const claims = evidence === null || 'problem' in evidence ? evidence : parseClaims(evidence.value.claims);
  if (claims === null || 'problem' in claims) throw new TypeError('accepted evidence has no claims');
  return claims.value;
}

async function dial({ origin, timeoutMs, clientCertificate }: ConnectionDemands): Promise<TlsConnection> {
  const host = origin.hostname.replace(/^\[|\]$/g, '');
  return await openTlsConnection({ host, port: Number(origin.port || 443), timeoutMs, clientCertificate });
}

/**
 * Appraises the worker on a connection that is closed again, whatever the verdict; for those who only want to look.
 * @throws TransportError; ConfigurationError when a release cannot be used, before anything is dialled
 */
export async function appraiseWorker(demands: ConnectionDemands): Promise<AppraisedEvidence> {
  const trust = await demands.trust.current();
  const connection = await dial(demands);
  try {
    return await exchangeEvidence(connection, demands, trust, createChainCache());
  } finally {
    connection.socket.destroy();
  }
}

/**
 * Opens a connection and appraises the worker at its other end; closes it again on every failure.
 * @throws NotAnEnclaveError, InvalidEnclaveCodeError, NotIsolatedEnclaveError with the appraisal; TransportError
 * @throws ConfigurationError when a release cannot be used, before anything is dialled
 */
export async function openAttestedConnection(
  demands: ConnectionDemands,
  cache: ChainCache,
): Promise<AttestedConnection> {
  const trust = await demands.trust.current();
  const connection = await dial(demands);
  try {
    const { appraisal, evidence } = await exchangeEvidence(connection, demands, trust, cache);
    refuseUnlessAccepted(appraisal);
    return {
      appraisal,
      claims: claimsOf(evidence),
      client: openChannelClient(demands.origin, connection.socket, demands.timeoutMs),
      callerChannel: connection.exportKey(SIGNED_REQUEST.exporterLabel, 'worker'),
    };
  } catch (error) {
    connection.socket.destroy();
    throw error;
  }
}
