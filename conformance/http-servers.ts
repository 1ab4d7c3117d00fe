/** The servers that a test of wasi:http asks for, on loopback: fixed answers, echoes of what came, and addresses where nobody listens. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

interface Endpoint {
  readonly method: string;
  readonly path: string;
  readonly mode?: 'echo-body' | 'echo-headers';
  readonly response?: {
    readonly status: number;
    readonly headers?: Readonly<Record<string, string>>;
    readonly body?: string;
    readonly chunks?: readonly string[];
    readonly trailers?: Readonly<Record<string, string>>;
  };
}

export interface ServerSpec {
  readonly name: string;
  readonly kind?: 'closed';
  readonly endpoints?: readonly Endpoint[];
}

export interface OpenServers {
  /** What the guest finds in its environment. */
  readonly env: readonly (readonly [name: string, value: string])[];
  /** `host:port` of each. */
  readonly authorities: readonly string[];
  /** URLs that no wildcard of a policy stands for: their paths have an encoded slash. */
  readonly slashed: readonly string[];
  close(): Promise<void>;
}

async function readBody(request: IncomingMessage): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of request as AsyncIterable<Buffer>) pieces.push(piece);
  return Buffer.concat(pieces);
}

/** Gives back as headers what came as headers and trailers. */
function echoOf(request: IncomingMessage): string[] {
  const pairs = (raw: readonly string[], prefix: string): string[] =>
    raw.flatMap((text, i) => (i % 2 === 0 ? [`${prefix}${text.toLowerCase()}`, raw[i + 1] ?? ''] : []));
  return [
    'x-request-method',
    request.method ?? '',
    'x-request-path',
    request.url ?? '',
    ...pairs(request.rawHeaders, 'x-echo-'),
    ...pairs(request.rawTrailers, 'x-trailer-'),
  ];
}

async function answer(endpoints: readonly Endpoint[], request: IncomingMessage, to: ServerResponse): Promise<void> {
  const body = await readBody(request);
  const found = endpoints.find(({ method, path }) => method === request.method && path === request.url);
  if (found === undefined) return void to.writeHead(404).end();
  if (found.mode === 'echo-body') return void to.writeHead(200).end(body);
  if (found.mode === 'echo-headers') return void to.writeHead(200, echoOf(request)).end();
  const { status = 200, headers = {}, body: text = '', chunks, trailers = {} } = found.response ?? {};
  const names = Object.keys(trailers);
  to.writeHead(status, names.length === 0 ? headers : { ...headers, trailer: names.join(', ') });
  if (chunks === undefined) return void to.end(text);
  for (const chunk of chunks) to.write(chunk);
  to.addTrailers(trailers);
  to.end();
}

function listen(server: Server): Promise<string> {
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve(`127.0.0.1:${(server.address() as AddressInfo).port}`));
  });
}

const close = (server: Server): Promise<void> =>
  new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });

/** Opens the servers of a test. */
export async function openServers(specs: readonly ServerSpec[]): Promise<OpenServers> {
  const open: Server[] = [];
  const env: (readonly [string, string])[] = [];
  const slashed: string[] = [];
  for (const { name, kind, endpoints = [] } of specs) {
    const server = createServer((request, response) => void answer(endpoints, request, response));
    const authority = await listen(server);
    env.push([`HTTP_SERVER_${name.toUpperCase()}`, authority]);
    const paths = endpoints.map(({ path }) => path.replace(/\?.*$/s, ''));
    slashed.push(...paths.filter((path) => /%2f/i.test(path)).map((path) => `http://${authority}${path}`));
    if (kind === 'closed') await close(server);
    else open.push(server);
  }
  return {
    env,
    authorities: env.map(([, authority]) => authority),
    slashed,
    close: async () => {
      await Promise.all(open.map(close));
    },
  };
}
