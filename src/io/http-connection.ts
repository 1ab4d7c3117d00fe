/**
 * One connection to one address that somebody else has checked: TCP, and TLS with the name and the pins that it is given. Resolves no name,
 * and reads no environment. [RFC 9525]
 */
import { connect as connectTcp, type Socket } from 'node:net';
import {
  checkServerIdentity,
  connect as connectTls,
  createSecureContext,
  rootCertificates,
  type SecureContext,
  type TLSSocket,
} from 'node:tls';
import { type DigestText, formatDigest, sha256 } from '../base/digest.ts';

export interface Destination {
  /** A literal address, without brackets. */
  readonly address: string;
  readonly port: number;
  /** The name that the certificate must have (a literal address without brackets, if that was asked for), and keys it must be one of. */
  readonly tls: { readonly name: string; readonly isAddress: boolean; readonly pins: readonly DigestText[] } | 'plain';
}

/** Why there is no connection, in the words of wasi:http `error-code`. */
export type ConnectFailureName =
  | 'connection-refused'
  | 'connection-timeout'
  | 'connection-terminated'
  | 'TLS-certificate-error'
  | 'TLS-protocol-error';

/** Opens a TCP connection to a literal address. */
export type Dial = (address: string, port: number) => Socket;

/** A connection that could not be made, with the reason in the words of wasi:http `error-code`. */
export class ConnectFailure extends Error {
  readonly failure: ConnectFailureName;
  constructor(failure: ConnectFailureName, cause?: unknown) {
    super(failure, { cause });
    this.failure = failure;
  }
}

export const dialTcp: Dial = (address, port) =>
  connectTcp({
    host: address,
    port,
    noDelay: true,
    // An address needs no look-up, so whatever asks for one is not an address.
    lookup: (name, _options, callback) => callback(new Error(`${name} is not an address`), '', 4),
  });

async function openTcp(dial: Dial, { address, port }: Destination, signal: AbortSignal): Promise<Socket> {
  const socket = dial(address, port);
  const { promise, resolve, reject } = Promise.withResolvers<Socket>();
  const onAbort = (): void => reject(new ConnectFailure('connection-timeout'));
  socket.once('connect', () => resolve(socket));
  socket.once('error', (cause) => reject(new ConnectFailure('connection-refused', cause)));
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await promise;
  } catch (error) {
    socket.destroy();
    throw error;
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

const TLS_CERTIFICATE_CODES =
  /^(?:ERR_TLS_CERT_|CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|HOSTNAME_MISMATCH|INVALID_(?:CA|PURPOSE)|PATH_LENGTH|OUT_OF_MEM)/;

async function openTls(
  tcp: Socket,
  tls: Exclude<Destination['tls'], 'plain'>,
  secureContext: SecureContext,
  signal: AbortSignal,
): Promise<TLSSocket> {
  const socket = connectTls({
    socket: tcp,
    secureContext,
    // A server name is a DNS name, never an address. [RFC 6066 3]
    ...(tls.isAddress ? { host: tls.name } : { servername: tls.name }),
    checkServerIdentity: (_host, certificate) => checkServerIdentity(tls.name, certificate),
    rejectUnauthorized: true,
    ALPNProtocols: ['http/1.1'],
  });
  const { promise, resolve, reject } = Promise.withResolvers<TLSSocket>();
  const onAbort = (): void => reject(new ConnectFailure('connection-timeout'));
  socket.once('secureConnect', () => resolve(socket));
  socket.once('close', () => reject(new ConnectFailure('connection-terminated')));
  socket.once('error', (cause: NodeJS.ErrnoException) => {
    const isCertificate = TLS_CERTIFICATE_CODES.test(cause.code ?? '');
    const isReset = cause.code === 'ECONNRESET' || cause.code === 'EPIPE';
    const failure = isCertificate ? 'TLS-certificate-error' : isReset ? 'connection-terminated' : 'TLS-protocol-error';
    reject(new ConnectFailure(failure, cause));
  });
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    await promise;
    const spki = socket.getPeerX509Certificate()?.publicKey.export({ type: 'spki', format: 'der' });
    const key = spki === undefined ? null : formatDigest(sha256(spki));
    if (!socket.authorized || tls.pins.some((pin) => pin !== key)) throw new ConnectFailure('TLS-certificate-error');
    return socket;
  } catch (error) {
    socket.destroy();
    tcp.destroy();
    throw error;
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

/** Opens connections; rejects with a ConnectFailure. `signal` gives up. */
export type OpenConnection = (destination: Destination, signal: AbortSignal) => Promise<Socket>;

/** Trusts the authorities shipped with Node, or only those of `roots` (PEM); nothing that the environment adds. An empty list trusts no server. */
export function openConnector(roots: 'system' | readonly string[], dial: Dial): OpenConnection {
  const secureContext = createSecureContext({
    ca: roots === 'system' ? [...rootCertificates] : [...roots],
    minVersion: 'TLSv1.2',
  });
  return async (destination, signal) => {
    const tcp = await openTcp(dial, destination, signal);
    tcp.on('error', () => {});
    return destination.tls === 'plain' ? tcp : await openTls(tcp, destination.tls, secureContext, signal);
  };
}
