/**
 * The worker's only open port: TLS 1.3, the attestation exchange, and everything else to the gate.
 * Turns sockets into values and back; decides nothing.
 */

import { constants } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { TLSSocket, type TlsOptions } from 'node:tls';
import { ATTESTATION_PATH } from '../attestation/evidence.ts';
import { answerEvidence } from '../attestation/evidence-answer.ts';
import { EXPORTER_LABEL, NONCE_BYTES } from '../attestation/freshness.ts';
import { LIMITS } from '../base/limits.ts';
import { SIGNED_REQUEST } from '../base/signed-request.ts';
import { ConfigurationError, PolicyError, TransportError } from '../errors.ts';
import { pairFields } from '../io/raw-fields.ts';
import { exportChannelKey } from '../io/tls-connection.ts';
import type { Attester } from './attester.ts';
import type { PresentedRequest } from './callers/caller.ts';
import type { Gate, GateAnswer } from './gate.ts';
import type { Identity } from './identity.ts';
import { problemOfError } from './problem.ts';
import { openBody, readBody } from './request-body.ts';
import type { StreamedBody } from './sandbox/body.ts';
import type { FunctionResponse, HeaderField, WholeResponse } from './sandbox/sandbox.ts';
import { sendAnswer, sendHead } from './send-answer.ts';
import { writeBody } from './streamed-answer.ts';

const HANDSHAKE_MS = 10_000;
/** How long a client may take nothing of its answer. */
const ANSWER_STALL_MS = 60_000;

/** How long a request may take to come in, and how often that is looked at. */
export interface ListenerTimes {
  readonly headersMs: number;
  /** From its first byte to the last of its body, however steadily it drips. */
  readonly requestMs: number;
  readonly lookMs: number;
}

/** What holds for every worker. */
export const LISTENER_TIMES: ListenerTimes = { headersMs: 10_000, requestMs: 60_000, lookMs: 5000 };

export interface Listener {
  readonly host: string;
  readonly port: number;
  /** Ends the open connections; every client has to attest anew. */
  dropConnections(): void;
  /** Ends those on which nothing is under way; the others end with the answer that is. */
  dropIdle(): void;
  /** Stops taking connections and ends the open ones. */
  close(): Promise<void>;
}

/** Answers a request that is for the worker itself and for no function. */
export type Door = (
  request: PresentedRequest & { readBody(maxBytes: number): Promise<Uint8Array> },
) => Promise<WholeResponse>;

/** What a connection is for as long as it lasts: what its client proved to hold, and the value that binds signatures to it. */
interface Connection {
  readonly peerCertificates: readonly Uint8Array[];
  readonly channel: Uint8Array;
}

/** DER of the certificates the client proved to hold, leaf first, at most four. */
function peerCertificates(socket: TLSSocket): Uint8Array[] {
  const chain: Uint8Array[] = [];
  let at = socket.getPeerCertificate(true);
  while (at?.raw !== undefined && chain.length < 4) {
    chain.push(Uint8Array.from(at.raw));
    if (at.issuerCertificate === undefined || at.issuerCertificate === at) break;
    at = at.issuerCertificate;
  }
  return chain;
}

/** Says in words why a port cannot be opened. */
function listenError(host: string, port: number, cause: NodeJS.ErrnoException): ConfigurationError {
  const why: Readonly<Record<string, string>> = {
    EADDRINUSE: 'another program listens there: choose another port, or end that program',
    EACCES: 'this user may not open it: choose a port from 1024 on',
    EADDRNOTAVAIL: 'this machine does not have that address',
    ENOTFOUND: 'no address has that name',
  };
  const reason = why[cause.code ?? ''] ?? cause.message;
  return new ConfigurationError('ERR_CONFIGURATION_USAGE', `cannot listen on ${host} port ${port}: ${reason}`, {
    cause,
  });
}

/** Gives how a worker speaks TLS, and how every peer that it is compared with has to. */
export function tlsOptionsOf({ privateKeyPem, certificatePem }: Identity): TlsOptions {
  return {
    key: privateKeyPem,
    cert: certificatePem,
    minVersion: 'TLSv1.3',
    ALPNProtocols: ['http/1.1'],
    // Callers may prove themselves by certificate; whether it counts is the gate's decision, per owner.
    requestCert: true,
    rejectUnauthorized: false,
    // Every connection is attested anew, so resumption would save nothing and keep keys around.
    secureOptions: constants.SSL_OP_NO_TICKET,
  };
}

/**
 * Opens the port. Every answer of a simulated worker says so in a header of its own.
 * @throws ConfigurationError ERR_CONFIGURATION_USAGE when the port is taken or the address is not this machine's
 */
export async function openListener(options: {
  readonly host: string;
  readonly port: number;
  readonly identity: Identity;
  readonly attester: Attester;
  readonly gate: Pick<Gate, 'answer'>;
  /** What the worker itself answers, by path. */
  readonly doors: ReadonlyMap<string, Door>;
  /** Gives the epoch of the policies in force: a connection that was appraised in an earlier one gets no new work. */
  readonly epoch: () => number;
  readonly simulated: boolean;
  readonly times: ListenerTimes;
}): Promise<Listener> {
  const { identity, attester, gate, epoch } = options;
  const marks: readonly HeaderField[] = options.simulated ? [['anchorhold-simulated', 'SIMULATED']] : [];

  /** Those who wait for evidence: one that sends nonce after nonce without reading an answer would take the places of others. */
  const asking = new WeakSet<TLSSocket>();

  async function askOnce(socket: TLSSocket, ask: () => Promise<Uint8Array>): Promise<Uint8Array> {
    if (asking.has(socket))
      throw new PolicyError('ERR_POLICY_REQUEST', 'this connection already waits for evidence: one nonce at a time');
    asking.add(socket);
    try {
      return await ask();
    } finally {
      asking.delete(socket);
    }
  }

  const connections = new WeakMap<TLSSocket, Connection>();
  /** The epoch in which each connection was made or last appraised. */
  const epochs = new WeakMap<TLSSocket, number>();
  const isOutdated = (socket: TLSSocket): boolean => epochs.get(socket) !== epoch();

  /** Nobody renegotiates in TLS 1.3, so what was read once stays true. */
  function connectionOf(socket: TLSSocket): Connection {
    const connection = connections.get(socket) ?? {
      peerCertificates: peerCertificates(socket),
      channel: exportChannelKey(socket, SIGNED_REQUEST.exporterLabel, 'worker'),
    };
    connections.set(socket, connection);
    return connection;
  }

  async function attest(request: IncomingMessage, socket: TLSSocket): Promise<WholeResponse> {
    if (request.method !== 'POST') throw new PolicyError('ERR_POLICY_REQUEST', 'evidence is asked for with POST');
    const nonce = await readBody(request, NONCE_BYTES);
    if (nonce.length !== NONCE_BYTES) throw new PolicyError('ERR_POLICY_REQUEST', `a nonce is ${NONCE_BYTES} bytes`);
    const channel = exportChannelKey(socket, EXPORTER_LABEL, 'worker');
    // Claims that are made later may be of a later epoch; then this one errs to the safe side.
    const asked = epoch();
    const evidence = await askOnce(socket, () => attester.answer(nonce, channel, () => socket.destroyed));
    epochs.set(socket, asked);
    const { mediaType, body } = answerEvidence(evidence, request.headers.accept);
    return {
      status: 200,
      headers: [
        ['content-type', mediaType],
        ['cache-control', 'no-store'],
      ],
      body,
    };
  }

  async function serve(request: IncomingMessage, response: ServerResponse, askForBody: () => void): Promise<void> {
    const socket = request.socket;
    if (!(socket instanceof TLSSocket)) return void socket.destroy();
    let answer: GateAnswer;
    try {
      const headers = pairFields(request.rawHeaders);
      // Two readers would each take their own. [RFC 9112 3.2]
      if (headers.filter(([name]) => name === 'host').length > 1)
        throw new PolicyError('ERR_POLICY_REQUEST', 'the request names more than one host');
      // Whoever ignored it would answer what the client takes for a failed handshake. [RFC 9110 7.8]
      if (request.headers.upgrade !== undefined)
        throw new PolicyError('ERR_POLICY_UPGRADE', 'the request asks for another protocol on this connection');
      if (request.url !== ATTESTATION_PATH && isOutdated(socket))
        throw new TransportError('ERR_TRANSPORT_OUTDATED', 'an owner changed the policy: nothing was carried out');
      const readWhole = (maxBytes: number): Promise<Uint8Array> => {
        askForBody();
        return readBody(request, maxBytes);
      };
      const asked = {
        method: request.method ?? '',
        target: request.url ?? '',
        authority: request.headers.host ?? '',
        headers,
        ...connectionOf(socket),
        readBody: readWhole,
      };
      const door = options.doors.get(asked.target);
      answer =
        request.url === ATTESTATION_PATH
          ? (askForBody(), await attest(request, socket))
          : door !== undefined
            ? await door(asked)
            : await gate.answer({
                ...asked,
                openBody: (maxBytes) => {
                  askForBody();
                  return openBody(request, maxBytes);
                },
                whenGone: (end) => {
                  // It may have gone before anybody wanted to know.
                  if (response.destroyed) end();
                  else response.once('close', end);
                },
                stream: (head, body, withinMs) => stream(request, response, head, body, withinMs),
              });
    } catch (error) {
      answer = problemOfError(error);
    }
    if (answer.streamed !== undefined || response.headersSent) {
      // An answer that broke off must not look complete, so its connection ends without the end of the answer.
      if (answer.streamed === 'complete') response.end();
      else socket.destroy();
      return;
    }
    // A client that does not read its answer would keep it here for ever.
    response.setTimeout(ANSWER_STALL_MS, () => socket.destroy());
    try {
      // A body that nobody read would be taken for the next request.
      sendAnswer(response, answer, marks, !request.complete || isOutdated(socket));
    } catch {
      // What HTTP cannot carry ends this connection, and nothing else.
      socket.destroy();
    }
  }

  /** Sends all of an answer but its end. */
  async function stream(
    request: IncomingMessage,
    response: ServerResponse,
    head: Pick<FunctionResponse, 'status' | 'headers'>,
    { source, length }: StreamedBody,
    withinMs: number,
  ): Promise<boolean> {
    // Without chunks only a length tells a whole answer from a part of it.
    if (response.destroyed || (length === null && request.httpVersion !== '1.1')) {
      source.cancel();
      return false;
    }
    response.setTimeout(ANSWER_STALL_MS, () => request.socket.destroy());
    try {
      sendHead(response, head, length, request.complete ? marks : [...marks, ['connection', 'close']]);
    } catch {
      // What HTTP cannot carry ends this connection, and nothing else.
      source.cancel();
      return false;
    }
    // A client that takes a byte now and then is never silent, and would hold its place for days.
    const slow = setTimeout(() => request.socket.destroy(), withinMs);
    try {
      return await writeBody(source, response);
    } finally {
      clearTimeout(slow);
    }
  }

  const server: Server = createServer({
    ...tlsOptionsOf(identity),
    maxHeaderSize: LIMITS.requestHeadBytes,
    handshakeTimeout: HANDSHAKE_MS,
    headersTimeout: options.times.headersMs,
    requestTimeout: options.times.requestMs,
    connectionsCheckingInterval: options.times.lookMs,
    keepAliveTimeout: 60_000,
    requireHostHeader: true,
  });
  server.maxConnections = 4096;
  server.on('request', (request, response) => void serve(request, response, () => {}));
  server.on('checkContinue', (request, response) => void serve(request, response, () => response.writeContinue()));
  server.on('secureConnection', (socket) => epochs.set(socket, epoch()));
  server.on('clientError', (_error, socket) => socket.destroy());
  server.on('tlsClientError', (_error, socket) => socket.destroy());
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) => reject(listenError(options.host, options.port, cause)));
    server.listen(options.port, options.host, resolve);
  });
  const address = server.address() as AddressInfo;
  return {
    host: address.address,
    port: address.port,
    dropConnections: () => server.closeAllConnections(),
    dropIdle: () => server.closeIdleConnections(),
    async close() {
      const ended = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await ended;
    },
  };
}
