/**
 * One connection to one address that somebody else has checked: TCP, and TLS with the name and the pins that it is given, vouched for by
 * authorities or by whoever is handed in to judge it. Resolves no name, and reads no environment. [RFC 9525]
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
import { type DigestText, formatDigest } from '../base/digest.ts';
import { describeConnection, peerSpkiDigestOf, type TlsConnection } from './tls-connection.ts';

/** Judges a TLS 1.3 connection before anybody sends on it; gives why it may not be used, or null. What it throws ends the connection. */
export type JudgeConnection = (connection: TlsConnection) => Promise<ConnectFailureName | null>;

/** What a server over TLS has to prove. */
export interface TlsDemands {
  /** The name that it is asked by: a literal address without brackets, if that was asked for. */
  readonly name: string;
  readonly isAddress: boolean;
  /** Its key must be each of these. */
  readonly pins: readonly DigestText[];
  /** Who vouches for it: authorities, that it has the name; or a judge, and then the name proves nothing. */
  readonly vouchedBy: 'authorities' | JudgeConnection;
}

export interface Destination {
  /** A literal address, without brackets. */
  readonly address: string;
  readonly port: number;
  readonly tls: TlsDemands | 'plain';
}

/** Why there is no connection, in the words of wasi:http `error-code`. */
export type ConnectFailureName =
  | 'connection-refused'
  | 'connection-timeout'
  | 'connection-terminated'
  | 'destination-unavailable'
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

/** What both kinds of servers are held to; a judge needs the exporter of TLS 1.3. */
interface Contexts {
  readonly authorities: () => SecureContext;
  readonly judge: SecureContext;
}

function failureOf(cause: NodeJS.ErrnoException): ConnectFailure {
  const isCertificate = TLS_CERTIFICATE_CODES.test(cause.code ?? '');
  const isReset = cause.code === 'ECONNRESET' || cause.code === 'EPIPE';
  const failure = isCertificate ? 'TLS-certificate-error' : isReset ? 'connection-terminated' : 'TLS-protocol-error';
  return new ConnectFailure(failure, cause);
}

/** Checks the server's key and whoever vouches for it. */
async function proveServer(socket: TLSSocket, { name, pins, vouchedBy }: TlsDemands): Promise<void> {
  const digest = peerSpkiDigestOf(socket);
  const key = digest === null ? null : formatDigest(digest);
  if (pins.some((pin) => pin !== key)) throw new ConnectFailure('TLS-certificate-error');
  if (vouchedBy === 'authorities') {
    if (!socket.authorized) throw new ConnectFailure('TLS-certificate-error');
    return;
  }
  const connection = describeConnection(socket, name);
  if (connection === null) throw new ConnectFailure('TLS-protocol-error');
  const failure = await vouchedBy(connection);
  if (failure !== null) throw new ConnectFailure(failure);
}

async function openTls(tcp: Socket, tls: TlsDemands, contexts: Contexts, signal: AbortSignal): Promise<TLSSocket> {
  const byAuthorities = tls.vouchedBy === 'authorities';
  const socket = connectTls({
    socket: tcp,
    secureContext: byAuthorities ? contexts.authorities() : contexts.judge,
    // A server name is a DNS name, never an address. [RFC 6066 3]
    ...(tls.isAddress ? { host: tls.name } : { servername: tls.name }),
    checkServerIdentity: (_host, certificate) => checkServerIdentity(tls.name, certificate),
    // A certificate that a judge looks at is self-signed: its chain means nothing.
    rejectUnauthorized: byAuthorities,
    ALPNProtocols: byAuthorities ? ['h2', 'http/1.1'] : ['http/1.1'],
  });
  const secured = Promise.withResolvers<void>();
  const broken = Promise.withResolvers<never>();
  const onAbort = (): void => broken.reject(new ConnectFailure('connection-timeout'));
  socket.once('secureConnect', () => secured.resolve());
  socket.once('close', () => broken.reject(new ConnectFailure('connection-terminated')));
  // Whoever uses it later learns of an error by its end.
  socket.on('error', () => socket.destroy());
  socket.once('error', (cause: NodeJS.ErrnoException) => broken.reject(failureOf(cause)));
  signal.addEventListener('abort', onAbort, { once: true });
  const proven = secured.promise.then(async () => await proveServer(socket, tls));
  // Whichever comes second is nobody's any more.
  proven.catch(() => undefined);
  broken.promise.catch(() => undefined);
  try {
    await Promise.race([broken.promise, proven]);
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

/** Reads those shipped with Node when a first server is held to them, because that takes as long as the rest of a start; others at once, for their faults. */
function openAuthorities(roots: 'system' | readonly string[]): () => SecureContext {
  const read = (ca: readonly string[]): SecureContext => createSecureContext({ ca: [...ca], minVersion: 'TLSv1.2' });
  let context = roots === 'system' ? null : read(roots);
  return () => {
    context ??= read(rootCertificates);
    return context;
  };
}

/** Trusts the authorities shipped with Node, or only those of `roots` (PEM); nothing that the environment adds. An empty list trusts no server. */
export function openConnector(roots: 'system' | readonly string[], dial: Dial): OpenConnection {
  const contexts: Contexts = {
    authorities: openAuthorities(roots),
    judge: createSecureContext({ ca: [], minVersion: 'TLSv1.3' }),
  };
  return async (destination, signal) => {
    const tcp = await openTcp(dial, destination, signal);
    tcp.on('error', () => {});
    return destination.tls === 'plain' ? tcp : await openTls(tcp, destination.tls, contexts, signal);
  };
}
