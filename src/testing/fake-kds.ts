/**
 * A key distribution service on loopback that speaks the addresses of AMD's and gives out what a simulated AMD issues. Tests make it slow,
 * busy or wrong; it has no protection of its own. [AMD 57230]
 */
import { createServer as createPlainServer, type RequestListener } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Product } from '../attestation/snp/product.ts';
import type { Signer } from '../attestation/snp/report.ts';
import type { Tcb } from '../attestation/snp/tcb.ts';
import { encodeBase64, encodeUtf8, parseHex } from '../base/bytes.ts';
import type { CrlChange } from './certificates.ts';
import type { SimulatedAmd } from './simulated-amd.ts';

/** An answer of the service. */
export interface KdsAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
}

export interface FakeKdsOptions {
  /** Is asked first, with the path and query; null leaves the answer to the service. A promise that waits makes the service slow. */
  readonly answer?: (path: string) => KdsAnswer | null | Promise<KdsAnswer | null>;
  /** What is wrong with its revocation lists. */
  readonly crl?: CrlChange;
  /** Key and certificate (PEM) for HTTPS; plain HTTP when left out. */
  readonly tls?: { readonly key: string; readonly cert: string };
}

export interface FakeKds extends AsyncDisposable {
  /** Base address. */
  readonly url: string;
  /** Paths with their queries that were asked for, in order. */
  readonly asked: readonly string[];
  /** Ends the service: nothing listens any more. */
  stop(): Promise<void>;
}

const AUTHORITY = /^\/(vcek|vlek)\/v1\/(Milan|Genoa|Turin)\/(cert_chain|crl)$/;
const CLASSIC =
  /^\/vcek\/v1\/(Milan|Genoa)\/([0-9a-f]{128})\?blSPL=(\d{2,3})&teeSPL=(\d{2,3})&snpSPL=(\d{2,3})&ucodeSPL=(\d{2,3})$/;
const TURIN =
  /^\/vcek\/v1\/(Turin)\/([0-9a-f]{16})\?fmcSPL=(\d{2,3})&blSPL=(\d{2,3})&teeSPL=(\d{2,3})&snpSPL=(\d{2,3})&ucodeSPL=(\d{2,3})$/;

const pem = (der: Uint8Array): string =>
  `-----BEGIN CERTIFICATE-----\n${encodeBase64(der).replaceAll(/.{64}(?=.)/g, '$&\n')}\n-----END CERTIFICATE-----\n`;

/** Issues the VCEK that a path asks for; null when it asks in no form of AMD's, as for a Turin chip by 64 bytes. */
async function issueVcek(amd: SimulatedAmd, path: string): Promise<Uint8Array | null> {
  const [, product, hwid, ...levels] = CLASSIC.exec(path) ?? TURIN.exec(path) ?? [];
  const id = parseHex(hwid ?? '');
  if (product === undefined || id === null) return null;
  const numbers = levels.map(Number);
  const [fmc = null, bootloader = 0, tee = 0, snp = 0, microcode = 0] =
    product === 'Turin' ? numbers : [null, ...numbers];
  if (numbers.some((level) => level > 255)) return null;
  const reportedTcb: Tcb = {
    fmc,
    bootloader: bootloader ?? 0,
    tee: tee ?? 0,
    snp: snp ?? 0,
    microcode: microcode ?? 0,
  };
  const chipId = new Uint8Array(64);
  chipId.set(id);
  const { certificates } = await amd.openMachine({ product: product as Product, chipId, reportedTcb });
  return certificates[0] ?? null;
}

async function answerAs(amd: SimulatedAmd, path: string, crlChange: CrlChange): Promise<KdsAnswer> {
  const [, kind, product, item] = AUTHORITY.exec(path) ?? [];
  if (kind === undefined) {
    const vcek = await issueVcek(amd, path);
    return vcek === null ? { status: 404 } : { status: 200, body: vcek };
  }
  const signer: Signer = kind === 'vlek' ? 'VLEK' : 'VCEK';
  const { certificates, crl } = await amd.openMachine({ product: product as Product, signer, crl: crlChange });
  if (item === 'crl') return crl === null ? { status: 404 } : { status: 200, body: crl };
  return { status: 200, body: encodeUtf8(certificates.slice(1).map(pem).join('')) };
}

/** Opens a service in front of a simulated AMD, on a free port of 127.0.0.1. */
export async function openFakeKds(amd: SimulatedAmd, options: FakeKdsOptions = {}): Promise<FakeKds> {
  const { answer, crl = {}, tls } = options;
  const asked: string[] = [];
  const listener: RequestListener = (request, response) => {
    const path = request.url ?? '';
    asked.push(path);
    const serve = async (): Promise<void> => {
      const {
        status,
        headers = {},
        body = new Uint8Array(),
      } = (await answer?.(path)) ?? (await answerAs(amd, path, crl));
      response.writeHead(status, headers).end(body);
    };
    serve().catch(() => response.destroy());
  };
  const server = tls === undefined ? createPlainServer(listener) : createServer(tls, listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const stop = async (): Promise<void> => {
    if (!server.listening) return;
    server.closeAllConnections();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  };
  return {
    url: `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`,
    asked,
    stop,
    [Symbol.asyncDispose]: stop,
  };
}
