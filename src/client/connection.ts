/**
 * One attested connection: dial, send a nonce, appraise what comes back against the trust file, and only then hand out a way to send.
 * There is no other way to get an `AttestedConnection`, so no application byte can leave on a connection that was not appraised.
 */

import type { Appraisal } from '../appraisal.ts';
import { ATTESTATION_PATH, EVIDENCE_MEDIA_TYPE } from '../attestation/evidence.ts';
import { EXPORTER_LABEL, NONCE_BYTES } from '../attestation/freshness.ts';
import { appraiseSession, refuseUnlessAccepted } from '../attestation/session-appraisal.ts';
import type { TrustFile } from '../attestation/trust-file.ts';
import { LIMITS } from '../base/limits.ts';
import { TransportError } from '../errors.ts';
import { type ChannelClient, openChannelClient } from '../io/channel-client.ts';
import { postOnSocket } from '../io/http-exchange.ts';
import { randomBytes } from '../io/random.ts';
import { type ClientCertificate, openTlsConnection } from '../io/tls-connection.ts';

/** Label of the exporter that goes into a caller's request signature; the worker derives the same value. */
const CALLER_EXPORTER_LABEL = 'EXPORTER-anchorhold-caller';

export interface AttestedConnection {
  readonly appraisal: Appraisal;
  readonly client: ChannelClient;
  /** 32 bytes that only the two ends of this connection know; request signatures cover it. */
  readonly callerChannel: Uint8Array;
}

export interface ConnectionDemands {
  readonly origin: URL;
  readonly trust: TrustFile;
  readonly clientCertificate: ClientCertificate | null;
  readonly timeoutMs: number;
  readonly now: () => Date;
}

/**
 * Opens a connection and appraises the worker at its other end; closes it again on every failure.
 * @throws NotAnEnclaveError, InvalidEnclaveCodeError, NotIsolatedEnclaveError with the appraisal; TransportError
 */
export async function openAttestedConnection(demands: ConnectionDemands): Promise<AttestedConnection> {
  const { origin, trust, clientCertificate, timeoutMs, now } = demands;
  const connection = await openTlsConnection({
    host: origin.hostname.replace(/^\[|\]$/g, ''),
    port: Number(origin.port || 443),
    timeoutMs,
    clientCertificate,
  });
  const { socket, peerSpkiDigest } = connection;
  try {
    const nonce = randomBytes(NONCE_BYTES);
    const answer = await postOnSocket(
      socket,
      { authority: origin.host, path: ATTESTATION_PATH, contentType: 'application/octet-stream', body: nonce },
      { maxBodyBytes: LIMITS.evidenceBytes, timeoutMs },
    );
    if (answer?.status === 503) {
      throw new TransportError('ERR_TRANSPORT_OVERLOADED', `${origin.host} has too many sessions waiting for evidence`);
    }
    const evidence = answer?.status === 200 && answer.contentType === EVIDENCE_MEDIA_TYPE ? answer.body : null;
    const appraisal = await appraiseSession(
      evidence,
      { role: 'worker', nonce, value: connection.exportKey(EXPORTER_LABEL, 'worker'), peerSpkiDigest },
      trust,
      now(),
    );
    refuseUnlessAccepted(appraisal);
    return {
      appraisal,
      client: openChannelClient(origin, socket, timeoutMs),
      callerChannel: connection.exportKey(CALLER_EXPORTER_LABEL, 'worker'),
    };
  } catch (error) {
    socket.destroy();
    throw error;
  }
}
