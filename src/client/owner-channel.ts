/**
 * One attested connection for an owner: what the worker claims, the policies that it shows, and one request at a time, all on the connection that was
 * appraised. Nothing is sent before the trust file accepts the worker.
 */
import type { Appraisal } from '../appraisal.ts';
import type { Claims } from '../attestation/claims.ts';
import { createChainCache } from '../attestation/snp/chain-cache.ts';
import { encodeHex, encodeUtf8, parseUtf8 } from '../base/bytes.ts';
import { LIMITS } from '../base/limits.ts';
import { ERRORS, type ErrorCode, PolicyError, TransportError } from '../errors.ts';
import { type Notice, verifyNotice } from '../policy/signing/notice.ts';
import { formatOwnerRequest, OWNER_PATH, type OwnerRequest, POLICIES_PATH } from '../policy/signing/owner-request.ts';
import { readShownPolicies, type ShownPolicy } from '../policy/signing/shown-policies.ts';
import { type ConnectionDemands, openAttestedConnection } from './connection.ts';

export interface OwnerChannel extends AsyncDisposable {
  readonly appraisal: Appraisal;
  readonly claims: Claims;
  /**
   * Gives the policies in force, as far as the worker shows them; each is the one in the claims.
   * @throws PolicyError ERR_POLICY_STATEMENT, TransportError
   */
  policies(): Promise<readonly ShownPolicy[]>;
  /**
   * Asks for something and gives the worker's signed notice: verified, and as it came.
   * @throws PolicyError what the worker refused it for, and ERR_POLICY_STATEMENT for a notice that does not hold; TransportError
   */
  request(request: OwnerRequest): Promise<{ readonly notice: Notice; readonly signed: string }>;
}

async function readAnswer(response: Response, maxBytes: number): Promise<string> {
  const pieces: Uint8Array[] = [];
  let size = 0;
  for await (const piece of response.body ?? []) {
    size += piece.length;
    if (size > maxBytes) throw new TransportError('ERR_TRANSPORT_CLOSED', 'the answer of the worker is too large');
    pieces.push(piece);
  }
  return parseUtf8(Buffer.concat(pieces)) ?? '';
}

/** Makes the error of a refusal; the worker's word is taken only for which row of the table it is. */
function errorOf(status: number, content: string): PolicyError | TransportError {
  let problem: unknown;
  try {
    problem = JSON.parse(content);
  } catch {
    problem = null;
  }
  const { code, detail }: { code?: unknown; detail?: unknown } =
    typeof problem === 'object' && problem !== null ? problem : {};
  const known = typeof code === 'string' && Object.hasOwn(ERRORS, code) ? (code as ErrorCode) : null;
  const message = typeof detail === 'string' ? detail : `the worker answered with status ${status}`;
  if (known?.startsWith('ERR_POLICY_') === true) return new PolicyError(known as PolicyError['code'], message);
  if (known?.startsWith('ERR_TRANSPORT_') === true) return new TransportError(known as TransportError['code'], message);
  return new TransportError('ERR_TRANSPORT_CLOSED', message);
}

/**
 * Opens a connection and appraises the worker.
 * @throws NotAnEnclaveError, InvalidEnclaveCodeError, NotIsolatedEnclaveError with the appraisal; TransportError
 */
export async function openOwnerChannel(demands: ConnectionDemands): Promise<OwnerChannel> {
  const { appraisal, claims, client } = await openAttestedConnection(demands, createChainCache());
  const ask = async (path: string, body: string | null, maxBytes: number): Promise<string> => {
    const response = await client.fetch({
      url: new URL(path, demands.origin),
      method: body === null ? 'GET' : 'POST',
      headers: body === null ? [] : [['content-type', 'application/json']],
      body: body === null ? null : encodeUtf8(body),
      signal: null,
    });
    const content = await readAnswer(response, maxBytes);
    if (response.status !== 200) throw errorOf(response.status, content);
    return content;
  };
  return {
    appraisal,
    claims,
    policies: async () => readShownPolicies(await ask(POLICIES_PATH, null, LIMITS.shownPoliciesBytes), claims.policies),
    async request(request) {
      const signed = await ask(OWNER_PATH, formatOwnerRequest(request), LIMITS.noticeBytes);
      const worker = { tls: claims.tls, instance: encodeHex(claims.instance) };
      return { notice: await verifyNotice(signed, worker), signed };
    },
    [Symbol.asyncDispose]: () => client.close(),
  };
}
