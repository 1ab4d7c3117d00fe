/** Who vouches for the server of one outgoing request: authorities, or for `enclave://` the appraisal by every owner's trust file. */
import { TransportError } from '../errors.ts';
import type { ConnectFailureName, TlsDemands } from '../io/http-connection.ts';
import { type EgressGrant, ownersOf } from './egress-grant.ts';
import { checkTrustFiles, type PeerAppraiser, type PeerRefusal } from './peer-appraisal.ts';

export interface PeerDoor {
  readonly vouchedBy: TlsDemands['vouchedBy'];
  /** Why the other end is not the worker that was meant, once that is known. */
  readonly refusal: PeerRefusal | null;
}

/** Says in the words of wasi:http why nothing could be judged. */
function wordOf(error: unknown): ConnectFailureName {
  if (!(error instanceof TransportError)) throw error;
  if (error.code === 'ERR_TRANSPORT_TIMEOUT') return 'connection-timeout';
  return error.code === 'ERR_TRANSPORT_OVERLOADED' ? 'destination-unavailable' : 'connection-terminated';
}

/**
 * Prepares the judge of one request; nothing is asked before there is a connection.
 * @throws PolicyError ERR_POLICY_REFERENCE when a trust file cannot be read
 */
export function openPeerDoor(
  appraiser: PeerAppraiser,
  grant: EgressGrant,
  authority: string,
  timeoutMs: number,
): PeerDoor {
  const { scheme, segments } = grant.target;
  if (scheme !== 'enclave') return { vouchedBy: 'authorities', refusal: null };
  checkTrustFiles(ownersOf(grant).map(({ rule }) => rule));
  const asked = { authority, functionName: segments[0] ?? '' };
  let refusal: PeerRefusal | null = null;
  return {
    get refusal() {
      return refusal;
    },
    async vouchedBy(connection): Promise<ConnectFailureName | null> {
      const judged = await appraiser.judge(connection, asked, ownersOf(grant), timeoutMs).catch(wordOf);
      if (typeof judged === 'string') return judged;
      if (judged === null) return null;
      refusal = judged;
      return 'TLS-certificate-error';
    },
  };
}
