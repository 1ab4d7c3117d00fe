/**
 * Opens TLS 1.3 connections whose certificate proves nothing by its chain: the attestation that follows decides.
 * Gives the two values that bind evidence to this very connection: the exporter and the peer's public key. Judges nothing.
 */
import { createHash, X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { connect, createSecureContext, type SecureContext, type TLSSocket } from 'node:tls';
import { ConfigurationError, SecretError, TransportError } from '../errors.ts';

/** Node's timers hold no more than 31 bits, and 0 means "for ever" to a socket. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1;

export interface ClientCertificate {
  readonly certPem: string;
  readonly keyPem: string;
}

export interface TlsConnection {
  readonly socket: TLSSocket;
  /** SHA-256 of the peer's SubjectPublicKeyInfo, 32 bytes. */
  readonly peerSpkiDigest: Uint8Array;
  /**
   * Derives keying material that both ends of this connection, and nobody else, can compute. [RFC 8446 7.5]
   * @throws TransportError ERR_TRANSPORT_CLOSED
   */
  exportKey(label: string, context: string): Uint8Array;
}

/** Derives 32 bytes from the connection's secrets; the context is mixed in, so that two uses never share a value. [RFC 8446 7.5] */
export function exportChannelKey(socket: TLSSocket, label: string, context: string): Uint8Array {
  return Uint8Array.from(socket.exportKeyingMaterial(32, label, Buffer.from(context, 'utf8')));
}

/** Holds this connection to TLS 1.3, and reads what the caller proves itself with. */
function contextOf(clientCertificate: ClientCertificate | null): SecureContext {
  const own = clientCertificate === null ? {} : { cert: clientCertificate.certPem, key: clientCertificate.keyPem };
  try {
    return createSecureContext({ minVersion: 'TLSv1.3', ...own });
  } catch (cause) {
    const message = "the caller's certificate and private key are not a pair in PEM";
    throw new SecretError('ERR_SECRET_UNREADABLE', message, { cause });
  }
}

/** Hashes the key that the peer proved to hold (SHA-256 of its SubjectPublicKeyInfo); null for a peer without one that can be read. */
export function peerSpkiDigestOf(socket: TLSSocket): Uint8Array | null {
  try {
    const peer = socket.getPeerX509Certificate();
    if (!(peer instanceof X509Certificate)) return null;
    const spki = peer.publicKey.export({ type: 'spki', format: 'der' });
    return Uint8Array.from(createHash('sha256').update(spki).digest());
  } catch {
    return null;
  }
}

/**
 * Dials a TLS 1.3 connection and waits for the handshake.
 * @throws TransportError ERR_TRANSPORT_UNREACHABLE, ERR_TRANSPORT_TIMEOUT
 * @throws SecretError ERR_SECRET_UNREADABLE; ConfigurationError ERR_CONFIGURATION_USAGE for a wait that is none
 */
export async function openTlsConnection(target: {
  readonly host: string;
  readonly port: number;
  readonly timeoutMs: number;
  readonly clientCertificate: ClientCertificate | null;
}): Promise<TlsConnection> {
  const { host, port, timeoutMs, clientCertificate } = target;
  const where = `${host}:${port}`;
  if (!(timeoutMs >= 1 && timeoutMs <= MAX_TIMEOUT_MS)) {
    const message = `the longest wait must be 1 to ${MAX_TIMEOUT_MS} ms, not ${timeoutMs}`;
    throw new ConfigurationError('ERR_CONFIGURATION_USAGE', message);
  }
  const socket = connect({
    host,
    port,
    ...(isIP(host) === 0 ? { servername: host } : {}),
    secureContext: contextOf(clientCertificate),
    ALPNProtocols: ['http/1.1'],
    // The certificate is self-signed by a key made in the enclave: the report vouches for the key, no authority does.
    rejectUnauthorized: false,
  });
  // Node does not end a connection with a broken record by itself: whoever waits for its `close` would wait until the time is up.
  socket.on('error', () => socket.destroy());
  await new Promise<void>((resolve, reject) => {
    const fail = (error: TransportError): void => {
      socket.destroy();
      reject(error);
    };
    socket.setTimeout(timeoutMs, () => {
      fail(new TransportError('ERR_TRANSPORT_TIMEOUT', `${where} did not finish the TLS handshake in ${timeoutMs} ms`));
    });
    const onError = (cause: Error): void => {
      fail(
        new TransportError('ERR_TRANSPORT_UNREACHABLE', `${where} could not be reached: ${cause.message}`, { cause }),
      );
    };
    socket.once('error', onError);
    socket.once('secureConnect', () => {
      socket.setTimeout(0);
      socket.removeAllListeners('timeout');
      socket.removeListener('error', onError);
      resolve();
    });
  });
  const connection = describeConnection(socket, where);
  if (connection !== null) return connection;
  socket.destroy();
  throw new TransportError('ERR_TRANSPORT_UNREACHABLE', `${where} does not speak TLS 1.3 with a certificate`);
}

/** Gives what binds evidence to a connection whose handshake is done; null when it is not TLS 1.3 with a certificate. */
export function describeConnection(socket: TLSSocket, where: string): TlsConnection | null {
  const peerSpkiDigest = peerSpkiDigestOf(socket);
  if (socket.getProtocol() !== 'TLSv1.3' || peerSpkiDigest === null) return null;
  return {
    socket,
    peerSpkiDigest,
    exportKey: (label, context) => {
      // The secrets go with the connection, which the other end may close at any moment.
      if (socket.destroyed) throw new TransportError('ERR_TRANSPORT_CLOSED', `${where} ended the connection`);
      return exportChannelKey(socket, label, context);
    },
  };
}
