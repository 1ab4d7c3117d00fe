/**
 * Every import by which a guest can reach the network, with real guests in their own processes and servers that count who comes: without a rule
 * nobody comes and the guest is told an error, never ended; with the rule it gets through; and no answer of DNS leads it elsewhere.
 */
import { createSocket, type Socket as UdpServer } from 'node:dgram';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { encodeUtf8 } from '../../../src/base/bytes.ts';
import type { DigestText } from '../../../src/base/digest.ts';
import { openAuditLog } from '../../../src/enclave/audit.ts';
import { openBudget } from '../../../src/enclave/budget.ts';
import { EGRESS_LIMITS, openEgress } from '../../../src/enclave/egress.ts';
import { CONNECTION_LIMITS, openSocketEgress } from '../../../src/enclave/egress-connections.ts';
import { NO_SECRETS } from '../../../src/enclave/egress-credentials.ts';
import { openPeerAppraiser } from '../../../src/enclave/peer-appraisal.ts';
import type { SandboxedFunction } from '../../../src/enclave/sandbox/load.ts';
import { openHttpClient } from '../../../src/io/http-client.ts';
import { openTcpClient } from '../../../src/io/tcp-client.ts';
import { buildComponent, FUNCTIONS_FOLDER } from '../../../tools/build-functions.ts';
import { DIGEST, NOW, PUBLIC, policyOf } from '../egress/world.ts';
import { loadGuest, textOf } from './guests.ts';
import { buildSocketGuest, readAnswer, tell, tellName } from './socket-guest.ts';

const OTHER = '93.184.216.35';

let fetcher: SandboxedFunction;
let sockets: SandboxedFunction;
let http: Server;
let echo: Server;
let udp: UdpServer;
let source: Server;
let came = 0;
let dialled: string[] = [];
let resolved: string[] = [];

const portOf = (server: Server): number => (server.address() as AddressInfo).port;
/** Sends on port 9000 this many bytes, and on port 9001 a few before it resets. */
const MANY = 8 * 1024 * 1024;
/** What is dialled on port 80 leads to the HTTP server, on 9000 and 9001 to the source, everything else to the echo. */
const serverOf = (port: number): Server => (port === 80 ? http : port >= 9000 ? source : echo);
const dial = (address: string, port: number): Socket => {
  dialled.push(`${address} ${port}`);
  return connect({ host: '127.0.0.1', port: portOf(serverOf(port)), allowHalfOpen: true });
};

beforeAll(async () => {
  http = createHttpServer((_, response) => void response.end('hello')).listen(0, '127.0.0.1');
  echo = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => undefined);
    socket.pipe(socket);
  }).listen(0, '127.0.0.1');
  source = createServer((socket) => {
    socket.on('error', () => undefined);
    if (dialled.at(-1)?.endsWith('9000') === true) socket.end(Buffer.alloc(MANY, 'x'));
    else socket.write('x', () => void setImmediate(() => socket.resetAndDestroy()));
  }).listen(0, '127.0.0.1');
  udp = createSocket('udp4').bind(0, '127.0.0.1');
  for (const server of [http, echo, source]) server.on('connection', () => void (came += 1));
  udp.on('message', () => void (came += 1));
  await Promise.all([
    once(http, 'listening'),
    once(echo, 'listening'),
    once(source, 'listening'),
    once(udp, 'listening'),
  ]);
  const wat = readFileSync(join(FUNCTIONS_FOLDER, 'fetcher/fetcher.wat'), 'utf8');
  [fetcher, sockets] = await Promise.all([
    loadGuest(await buildComponent(wat, 'http')),
    loadGuest(await buildSocketGuest()),
  ]);
});
afterAll(async () => {
  await Promise.all([fetcher.close(), sockets.close()]);
  for (const server of [http, echo, source, udp]) server.close();
});
beforeEach(() => {
  came = 0;
  dialled = [];
  resolved = [];
});

interface Given {
  readonly egress: string | null;
  readonly dns?: Readonly<Record<string, readonly string[]>>;
  readonly owners?: readonly string[];
  readonly digest?: DigestText;
}

/** Asks a guest under a policy with this egress section; null is no owner at all. */
async function ask(
  guest: SandboxedFunction,
  body: Uint8Array,
  { egress, dns = {}, owners = [] }: Given,
): Promise<string> {
  const policies =
    egress === null ? [] : [egress, ...owners].map((lines, i) => policyOf(lines, { owner: `owner-${i}` }));
  const common = {
    policies: () => policies,
    functionDigest: DIGEST,
    resolve: async (name: string) => {
      resolved.push(name);
      return await Promise.resolve(dns[name] ?? []);
    },
    appraiser: openPeerAppraiser(() => NOW),
    fixedNames: {},
    audit: openAuditLog({ blockHeight: 8, retainedBlocks: 2, sink: 'memory-only' }),
    budget: openBudget(100),
    now: () => NOW,
  };
  const response = await guest.call(
    { method: 'POST', path: '/', authority: 'worker.test', headers: [], body },
    {
      deadlineMs: 20_000,
      caller: '',
      egress: openEgress({ ...common, secrets: NO_SECRETS, client: openHttpClient([], dial), limits: EGRESS_LIMITS }),
      sockets: openSocketEgress({ ...common, client: openTcpClient(dial), limits: CONNECTION_LIMITS }),
      whenGone: () => undefined,
    },
  );
  return readAnswer(textOf(response).replaceAll('\0', '').trim());
}

const RULES = `- { to: "http://api.example.com/**", methods: [GET] }
- to: tcp://db.example.com:5432
- to: tcp://${PUBLIC}:6379
- to: tcp://10.0.0.5:5432`;
const DNS = { 'api.example.com': [PUBLIC], 'db.example.com': [PUBLIC] };

/** Each way out: what the guest is told to do, what it says without a rule and with one, and where that leads. */
const WAYS: readonly (readonly [string, () => SandboxedFunction, Uint8Array, string, string, string])[] = [
  [
    'wasi:http/outgoing-handler',
    () => fetcher,
    encodeUtf8('http://api.example.com/x'),
    'error HTTP-request-denied',
    'status 200',
    `${PUBLIC} 80`,
  ],
  [
    'wasi:sockets/ip-name-lookup',
    () => sockets,
    tellName('db.example.com', 5432),
    'access-denied',
    'ping',
    `${PUBLIC} 5432`,
  ],
  ['wasi:sockets/tcp', () => sockets, tell('t', PUBLIC, 6379), 'access-denied', 'ping', `${PUBLIC} 6379`],
  [
    'wasi:sockets/tcp to a private address that a rule names',
    () => sockets,
    tell('t', '10.0.0.5', 5432),
    'access-denied',
    'ping',
    '10.0.0.5 5432',
  ],
];

describe('a guest without a way out', () => {
  it.each(WAYS)('is told so by %s', async (_, guest, body, refusal) => {
    for (const egress of [null, '', '- { to: "https://other.example.com/**", methods: [GET] }']) {
      expect(await ask(guest(), body, { egress, dns: DNS })).toBe(refusal);
    }
    expect(await ask(guest(), body, { egress: RULES, owners: [''], dns: DNS })).toBe(refusal);
    expect({ came, dialled, resolved }).toEqual({ came: 0, dialled: [], resolved: [] });
  });

  it.each(WAYS)('gets through by %s where a rule says so', async (_, guest, body, _refusal, answer, address) => {
    expect(await ask(guest(), body, { egress: RULES, dns: DNS })).toMatch(new RegExp(`^${answer}`));
    expect({ came, dialled }).toEqual({ came: 1, dialled: [address] });
  });

  it.each([
    ['another port', tell('t', PUBLIC, 6380)],
    ['an address that no name led to', tell('t', OTHER, 5432)],
    ['a named name, and another port', tellName('db.example.com', 5433)],
    ['a name below a named one', tellName('secret.db.example.com', 5432)],
    ['a name of a rule for requests', tellName('api.example.com', 80)],
    ['the address of a rule for requests', tell('t', PUBLIC, 80)],
    ['NAT64', tell('t', '64:ff9b::a00:5', 5432)],
    ['the metadata service', tell('t', '169.254.169.254', 80)],
    ['a private address', tell('t', '10.0.0.6', 5432)],
    ['a datagram to a named address', tell('u', PUBLIC, 6379)],
    ['a datagram to a name server', tell('u', '8.8.8.8', 53)],
    ['a datagram over IPv6', tell('u', '2001:4860:4860::8888', 53)],
  ])('is refused %s', async (_, body) => {
    expect(await ask(sockets, body, { egress: RULES, dns: DNS })).toBe('access-denied');
    expect({ came, dialled }).toEqual({ came: 0, dialled: [] });
  });

  it.each([
    ['a mapped address', tell('t', `::ffff:${PUBLIC}`, 6379)],
    ['no address', tell('t', '0.0.0.0', 6379)],
    ['a group', tell('t', '224.0.0.1', 6379)],
    ['a datagram to a mapped address', tell('u', `::ffff:${PUBLIC}`, 53)],
  ])('is told that %s is none', async (_, body) => {
    expect(await ask(sockets, body, { egress: RULES, dns: DNS })).toBe('invalid-argument');
    expect({ came, dialled }).toEqual({ came: 0, dialled: [] });
  });

  it.each([
    ['the machine itself', ['127.0.0.1']],
    ['a private address', ['10.0.0.5']],
    ['the metadata service', ['169.254.169.254']],
    ['a mapped address', [`::ffff:${PUBLIC}`]],
    ['NAT64', ['64:ff9b::a00:5']],
    ['a private address behind a public one', [PUBLIC, '10.0.0.5']],
  ])('is not led to %s by DNS', async (_, addresses) => {
    expect(
      await ask(sockets, tellName('db.example.com', 5432), { egress: RULES, dns: { 'db.example.com': addresses } }),
    ).toBe('access-denied');
    const url = encodeUtf8('http://api.example.com/x');
    expect(await ask(fetcher, url, { egress: RULES, dns: { 'api.example.com': addresses } })).toBe(
      'error destination-IP-prohibited',
    );
    expect({ came, dialled }).toEqual({ came: 0, dialled: [] });
  });

  it('is not led elsewhere by a second answer of DNS', async () => {
    let asked = 0;
    const dns = {
      get 'db.example.com'() {
        asked += 1;
        return asked === 1 ? [PUBLIC] : [OTHER];
      },
    };
    expect(await ask(sockets, tellName('db.example.com', 5432), { egress: RULES, dns })).toBe('ping');
    expect({ dialled, resolved }).toEqual({ dialled: [`${PUBLIC} 5432`], resolved: ['db.example.com'] });
  });
});

describe('a connection of a guest', () => {
  const rule = (port: number, limit: string): string => `- { to: "tcp://${PUBLIC}:${port}"${limit} }`;

  it('brings many windows of bytes, and its end', async () => {
    expect(await ask(sockets, tell('s', PUBLIC, 9000), { egress: rule(9000, '') })).toBe(`${MANY} 1`);
  });

  it('breaks off where a limit ends, after no more bytes than that', async () => {
    const [count, how] = (
      await ask(sockets, tell('s', PUBLIC, 9000), { egress: rule(9000, ', limit: 1 MiB/day') })
    ).split(' ');
    expect(Number(count)).toBeLessThanOrEqual(1024 * 1024);
    expect(how).toBe('0');
  });

  it('breaks off where the server does', async () => {
    expect(await ask(sockets, tell('s', PUBLIC, 9001), { egress: rule(9001, '') })).toMatch(/^[01] 0$/);
  });
});

describe('the loopback of a guest', () => {
  it('is its own: it reaches itself, and no server of the machine', async () => {
    for (const address of ['127.0.0.1', '::1']) {
      expect(await ask(sockets, tell('l', address, 0), { egress: null })).toBe('ping11ping');
    }
    for (const port of [portOf(echo), portOf(http)]) {
      expect(await ask(sockets, tell('t', '127.0.0.1', port), { egress: RULES, dns: DNS })).toBe('connection-refused');
    }
    expect(await ask(sockets, tell('u', '127.0.0.1', udp.address().port), { egress: RULES })).toBe('1');
    expect({ came, dialled }).toEqual({ came: 0, dialled: [] });
  });
});
