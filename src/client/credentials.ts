/**
 * What a caller proves itself with: a certificate for the handshake, a key that signs each request for this very connection, or a token.
 * Makes what is presented and decides nothing; runs in Node and in a browser. [RFC 9421; RFC 9530; RFC 6750 2.1]
 */
import { encodeBase64, encodeUtf8 } from '../base/bytes.ts';
import { importSigningKey, type SigningKey } from '../base/ed25519.ts';
import { encodeContentDigest, encodeSignatureBase, encodeSignatureFields } from '../base/http-signature.ts';
import { componentsToSign, formatChannel, formatKeyId, SIGNED_REQUEST } from '../base/signed-request.ts';
import { ConfigurationError } from '../errors.ts';

/** Proves the caller in the TLS handshake; `certPem` may hold intermediates after the caller's own certificate. */
export interface CertificateCredential {
  readonly kind: 'certificate';
  readonly certPem: string;
  readonly keyPem: string;
}

/** Signs each request with an Ed25519 key. */
export interface KeyCredential {
  readonly kind: 'key';
  /** `sha256:` of the public key, as the owner's file knows it. */
  keyId(): Promise<string>;
  sign(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array>;
}

/** Presents a token of an issuer that the owner's file names. */
export interface TokenCredential {
  readonly kind: 'token';
  token(): Promise<string>;
}

export type Credential = CertificateCredential | KeyCredential | TokenCredential;

/** A request that is about to leave on a connection that was appraised. */
export interface OutgoingRequest {
  readonly method: string;
  readonly url: URL;
  /** Names in lower case. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: Uint8Array | null;
  /** The connection's channel value for callers. */
  readonly channel: Uint8Array;
  readonly now: Date;
}

/** A signature is made right before the request leaves, so a minute bridges slow links and clocks. */
const LIFETIME_SECONDS = 60;

/** Makes a credential of a certificate and its key, both PEM. */
export function certificateCredential(pem: {
  readonly certPem: string;
  readonly keyPem: string;
}): CertificateCredential {
  return { kind: 'certificate', certPem: pem.certPem, keyPem: pem.keyPem };
}

/**
 * Makes a credential of an Ed25519 private key (PKCS #8 PEM); the key is read at its first use.
 * Using it throws SecretError ERR_SECRET_UNREADABLE when it is not such a key.
 */
export function keyCredential(pem: { readonly privateKeyPem: string }): KeyCredential {
  let imported: Promise<SigningKey> | null = null;
  const key = (): Promise<SigningKey> => (imported ??= importSigningKey(pem.privateKeyPem));
  return {
    kind: 'key',
    keyId: async () => formatKeyId((await key()).spki),
    sign: async (bytes) => await (await key()).sign(bytes),
  };
}

/** Makes a credential of a token, or of what fetches a current one before each request. */
export function tokenCredential(source: { readonly token: string | (() => Promise<string>) }): TokenCredential {
  const { token } = source;
  return { kind: 'token', token: typeof token === 'string' ? async () => token : token };
}

async function signRequest(
  credential: KeyCredential,
  request: OutgoingRequest,
): Promise<(readonly [string, string])[]> {
  const { method, url, body, channel, now } = request;
  const bound = [
    ...(body === null || body.length === 0 ? [] : [['content-digest', encodeContentDigest(body)] as const]),
    [SIGNED_REQUEST.channelHeader, formatChannel(channel)] as const,
  ];
  const created = Math.floor(now.getTime() / 1000);
  const nonce = globalThis.crypto.getRandomValues(new Uint8Array(SIGNED_REQUEST.minNonceBytes));
  const input = {
    label: SIGNED_REQUEST.label,
    components: componentsToSign(bound.length === 2),
    parameters: new Map<string, string | number>([
      ['created', created],
      ['expires', created + LIFETIME_SECONDS],
      ['nonce', encodeBase64(nonce)],
      ['keyid', await credential.keyId()],
      ['alg', SIGNED_REQUEST.algorithm],
      ['tag', SIGNED_REQUEST.tag],
    ]),
  };
  const target = `${url.pathname}${url.search}`;
  const base = encodeSignatureBase({ method, scheme: 'https', authority: url.host, target, headers: bound }, input);
  if (base === null) throw new ConfigurationError('ERR_CONFIGURATION_USAGE', 'the request cannot be signed');
  const signature = await credential.sign(encodeUtf8(base));
  return [...bound, ...encodeSignatureFields({ ...input, signature })];
}

/**
 * Makes the headers that prove the caller, to be added to the request; none for a certificate, which the handshake carries.
 * @throws ConfigurationError ERR_CONFIGURATION_USAGE when the request already has one of them, or the token is not one
 * @throws SecretError ERR_SECRET_UNREADABLE
 */
export async function presentCredential(
  credential: Credential | null,
  request: OutgoingRequest,
): Promise<(readonly [name: string, value: string])[]> {
  if (credential === null || credential.kind === 'certificate') return [];
  const proof =
    credential.kind === 'key'
      ? await signRequest(credential, request)
      : ([['authorization', `Bearer ${await credential.token()}`]] as const);
  if (credential.kind === 'token' && !/^Bearer [A-Za-z0-9._~+/-]+=*$/.test(proof[0]?.[1] ?? '')) {
    throw new ConfigurationError(
      'ERR_CONFIGURATION_USAGE',
      'the token is not one: it has characters that no token has',
    );
  }
  const taken = proof.find(([name]) => request.headers.some(([header]) => header === name));
  if (taken !== undefined) {
    throw new ConfigurationError(
      'ERR_CONFIGURATION_USAGE',
      `leave out the header ${taken[0]}: the credential makes it`,
    );
  }
  return [...proof];
}
