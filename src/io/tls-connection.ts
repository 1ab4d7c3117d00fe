/**
 * Opens TLS 1.3 connections whose certificate proves nothing by its chain: the attestation that follows decides.
 * Gives the two values that bind evidence to this very connection: the exporter and the peer's public key. Judges nothing.
 */
import { createHash, X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { connect, type TLSSocket } from 'node:tls';
import { TransportError } from '../errors.ts';

export interface ClientCertificate {
  readonly certPem: string;
  readonly keyPem: string;
}

export interface TlsConnection {
  readonly socket: TLSSocket;
  /** SHA-256 of the peer's SubjectPublicKeyInfo, 32 bytes. */
  readonly peerSpkiDigest: Uint8Array;
  /** Derives keying material that both ends of this connection, and nobody else, can compute. [RFC 8446 7.5] */
  exportKey(label: string, context: string): Uint8Array;
}

/** Derives 32 bytes from the connection's secrets; the context is mixed in, so that two uses never share a value. [RFC 8446 7.5] */
export function exportChannelKey(socket: TLSSocket, label: string, context: string): Uint8Array {
  return Uint8Array.from(socket.exportKeyingMaterial(32, label, Buffer.from(context, 'utf8')));
}

/**
 * Dials a TLS 1.3 connection and waits for the handshake.
 * @throws TransportError ERR_TRANSPORT_UNREACHABLE, ERR_TRANSPORT_TIMEOUT
 */
export async function openTlsConnection(target: {
  readonly host: string;
  readonly port: number;
  readonly timeoutMs: number;
  readonly clientCertificate: ClientCertificate | null;
}): Promise<TlsConnection> {
  const { host, port, timeoutMs, clientCertificate } = target;
  const where = `${host}:${port}`;
  const socket = connect({
    host,
    port,
    ...(isIP(host) === 0 ? { servername: host } : {}),
    minVersion: 'TLSv1.3',
    ALPNProtocols: ['http/1.1'],
    // The certificate is self-signed by a key made in the enclave: the report vouches for the key, no authority does.
    rejectUnauthorized: false,
    ...(clientCertificate === null ? {} : { cert: clientCertificate.certPem, key: clientCertificate.keyPem }),
  });
  await new Promise<void>((resolve, reject) => {
    const fail = (error: TransportError): void => {
      socket.destroy();
      reject(error);
    };
    socket.setTimeout(timeoutMs, () => {
      fail(new TransportError('ERR_TRANSPORT_TIMEOUT', `${where} did not finish the TLS handshake in ${timeoutMs} ms`));
    });
    socket.once('error', (cause) => {
      fail(
        new TransportError('ERR_TRANSPORT_UNREACHABLE', `${where} could not be reached: ${cause.message}`, { cause }),
      );
    });
    socket.once('secureConnect', () => {
      socket.setTimeout(0);
      socket.removeAllListeners('timeout');
      socket.removeAllListeners('error');
      resolve();
    });
  });
  // From here on an error also shows as `close`; without a listener Node would end the process.
  socket.on('error', () => {});
  const peer = socket.getPeerX509Certificate();
  if (socket.getProtocol() !== 'TLSv1.3' || !(peer instanceof X509Certificate)) {
    socket.destroy();
    throw new TransportError('ERR_TRANSPORT_UNREACHABLE', `${where} does not speak TLS 1.3 with a certificate`);
  }
  const spki = peer.publicKey.export({ type: 'spki', format: 'der' });
  return {
    socket,
    peerSpkiDigest: Uint8Array.from(createHash('sha256').update(spki).digest()),
    exportKey: (label, context) => exportChannelKey(socket, label, context),
  };
}
