/**
 * One attested connection for an owner: what the worker claims, the policies that it shows, and one request at a time, all on the connection that was
 * appraised. Nothing is sent before the trust file accepts the worker.
 */
import type { Appraisal } from '../appraisal.ts';
import type { Claims } from '../attestation/claims.ts';
import { createChainCache } from '../attestation/snp/chain-cache.ts';
import { encodeHex, encodeUtf8, parseUtf8 } from '../base/bytes.ts';
import { encodeContentDigest } from '../base/http-signature.ts';
import { LIMITS } from '../base/limits.ts';
import { ERRORS, type ErrorCode, PolicyError, SecretError, TransportError } from '../errors.ts';
import { type HeldItems, readHeldItems } from '../policy/signing/held-items.ts';
import { type Notice, verifyNotice } from '../policy/signing/notice.ts';
import {
  CONTENT_PATH,
  formatOwnerRequest,
  HELD_PATH,
  OWNER_PATH,
  type OwnerRequest,
  POLICIES_PATH,
} from '../policy/signing/owner-request.ts';
import { readShownPolicies, type ShownPolicy } from '../policy/signing/shown-policies.ts';
import { type ConnectionDemands, openAttestedConnection } from './connection.ts';

/** A worker's notice: verified, and as it came. */
export interface OwnerAnswer {
  readonly notice: Notice;
  readonly signed: string;
}

export interface OwnerChannel extends AsyncDisposable {
  readonly appraisal: Appraisal;
  readonly claims: Claims;
  /**
   * Gives the policies in force, as far as the worker shows them; each is the one in the claims.
   * @throws PolicyError ERR_POLICY_STATEMENT, TransportError
   */
  policies(): Promise<readonly ShownPolicy[]>;
  /** Tells which data and secrets of the policies in force the worker holds, as far as it shows that. @throws as `policies` */
  held(): Promise<HeldItems>;
  /**
   * Asks for something and gives the worker's signed notice: verified, and as it came.
   * @throws PolicyError, SecretError what the worker refused it for, and ERR_POLICY_STATEMENT for a notice that does not hold; TransportError
   */
  request(request: OwnerRequest): Promise<OwnerAnswer>;
  /** Sends a content that an earlier request announced by its digest. @throws as `request` */
  sendContent(content: Uint8Array): Promise<OwnerAnswer>;
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
function errorOf(status: number, content: string): PolicyError | SecretError | TransportError {
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
  if (known?.startsWith('ERR_SECRET_') === true) return new SecretError(known as SecretError['code'], message);
  if (known?.startsWith('ERR_TRANSPORT_') === true) return new TransportError(known as TransportError['code'], message);
  return new TransportError('ERR_TRANSPORT_CLOSED', message);
}

/**
 * Opens a connection and appraises the worker.
 * @throws NotAnEnclaveError, InvalidEnclaveCodeError, NotIsolatedEnclaveError with the appraisal; TransportError
 */
export async function openOwnerChannel(demands: ConnectionDemands): Promise<OwnerChannel> {
  const { appraisal, claims, client } = await openAttestedConnection(demands, createChainCache());
  const ask = async (
    path: string,
    sent: { readonly headers: readonly (readonly [string, string])[]; readonly body: Uint8Array } | null,
    maxBytes: number,
  ): Promise<string> => {
    const response = await client.fetch({
      url: new URL(path, demands.origin),
      method: sent === null ? 'GET' : 'POST',
      headers: sent?.headers ?? [],
      body: sent?.body ?? null,
      signal: null,
    });
    const content = await readAnswer(response, maxBytes);
    if (response.status !== 200) throw errorOf(response.status, content);
    return content;
  };
  const verify = async (signed: string): Promise<OwnerAnswer> => {
    const worker = { tls: claims.tls, instance: encodeHex(claims.instance) };
    return { notice: await verifyNotice(signed, worker), signed };
  };
  return {
    appraisal,
    claims,
    policies: async () => readShownPolicies(await ask(POLICIES_PATH, null, LIMITS.shownPoliciesBytes), claims.policies),
    held: async () => readHeldItems(await ask(HELD_PATH, null, LIMITS.shownPoliciesBytes)),
    async request(request) {
      const headers = [['content-type', 'application/json']] as const;
      const body = encodeUtf8(formatOwnerRequest(request));
      return await verify(await ask(OWNER_PATH, { headers, body }, LIMITS.noticeBytes));
    },
    async sendContent(content) {
      const headers = [
        ['content-type', 'application/octet-stream'],
        ['content-digest', encodeContentDigest(content)],
      ] as const;
      return await verify(await ask(CONTENT_PATH, { headers, body: content }, LIMITS.noticeBytes));
    },
    [Symbol.asyncDispose]: () => client.close(),
  };
}
