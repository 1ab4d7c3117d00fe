/** The way out for sockets: which names are looked up, which addresses are reached, what each byte costs, and what is written down. */

import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { connect as connectTcp, createServer, type Server, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { encodeUtf8 } from '../../../src/base/bytes.ts';
import { openAuditLog } from '../../../src/enclave/audit.ts';
import { type Budget, openBudget } from '../../../src/enclave/budget.ts';
import { CONNECTION_LIMITS, type ConnectionLimits, openSocketEgress } from '../../../src/enclave/egress-connections.ts';
import type { Connection } from '../../../src/enclave/sandbox/net/outside.ts';
import type { SocketEgress } from '../../../src/enclave/sandbox/socket-egress.ts';
import { openTcpClient } from '../../../src/io/tcp-client.ts';
import type { OwnerPolicy } from '../../../src/policy/policy.ts';
import { DIGEST, NOW, PUBLIC, PUBLIC6, policyOf } from './world.ts';

const OTHER = '93.184.216.35';
const DB = policyOf('- to: tcp://db.example.com:5432');

const cleanup: (() => void)[] = [];
afterEach(() => {
  for (const end of cleanup.splice(0)) end();
});

/** A server on loopback that answers every byte with the same byte, and counts who came. */
async function openEcho(onConnection: (socket: Socket) => void = (socket) => void socket.pipe(socket)) {
  let connections = 0;
  const sockets = new Set<Socket>();
  const server: Server = createServer({ allowHalfOpen: true }, (socket) => {
    connections += 1;
    sockets.add(socket);
    socket.on('error', () => undefined);
    onConnection(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanup.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, connections: () => connections };
}

interface Options {
  readonly policies: readonly OwnerPolicy[];
  readonly dns?: Readonly<Record<string, readonly string[]>>;
  readonly fixedNames?: Readonly<Record<string, string>>;
  readonly limits?: Partial<ConnectionLimits>;
  readonly sink?: () => void;
  readonly budget?: Budget;
  /** Where everything that is dialled leads to on loopback. */
  readonly port?: number;
}

function openWorld(options: Options) {
  const resolved: string[] = [];
  const dialled: string[] = [];
  const audit = openAuditLog({ blockHeight: 8, retainedBlocks: 2, sink: options.sink ?? 'memory-only' });
  const client = openTcpClient((address, port) => {
    dialled.push(`${address} ${port}`);
    return connectTcp({ host: '127.0.0.1', port: options.port ?? 1, allowHalfOpen: true });
  });
  const open = openSocketEgress({
    policies: () => options.policies,
    functionDigest: DIGEST,
    client,
    resolve: async (name) => {
      resolved.push(name);
      const addresses = options.dns?.[name];
      if (addresses === undefined) throw new Error('no such name');
      return await Promise.resolve(addresses);
    },
    fixedNames: options.fixedNames ?? {},
    audit,
    budget: options.budget ?? openBudget(1000),
    limits: { ...CONNECTION_LIMITS, ...options.limits },
    now: () => NOW,
  });
  const over = new AbortController();
  cleanup.push(() => over.abort());
  const log = () =>
    audit
      .recent()
      .map(({ outcome, target, reason, bytesIn, bytesOut }) => [outcome, target, reason, bytesIn, bytesOut]);
  return { open, egress: open(over.signal), over, resolved, dialled, log };
}

function connected(answer: Awaited<ReturnType<SocketEgress['connect']>>): Connection {
  if ('error' in answer) throw new Error(answer.error);
  return answer;
}

/** Reads until so many bytes are here, or the other end is done. */
async function read({ source }: Connection, bytes: number): Promise<string> {
  let text = '';
  while (text.length < bytes) {
    text += Buffer.from(source.take(bytes - text.length)).toString('latin1');
    if (text.length >= bytes || (source.state !== 'open' && source.available === 0)) break;
    await source.changed();
  }
  return text;
}

async function closed({ source, sink }: Connection): Promise<void> {
  while (source.state === 'open') await source.changed();
  while (sink.state === 'open') await sink.changed();
}

describe('a lookup', () => {
  it('gives the addresses of a name that a rule names', async () => {
    const { egress, resolved, log } = openWorld({ policies: [DB], dns: { 'db.example.com': [PUBLIC, PUBLIC6] } });
    expect(await egress.resolve('DB.example.com')).toEqual([PUBLIC, PUBLIC6]);
    expect([resolved, log()]).toEqual([['db.example.com'], []]);
  });

  it.each([
    ['of no owner', [], 'db.example.com'],
    ['of an owner without rules', [policyOf('')], 'db.example.com'],
    [
      'of an owner who only allows requests',
      [policyOf('- { to: "https://db.example.com:5432/**", methods: [GET] }')],
      'db.example.com',
    ],
    ['that one of two owners does not name', [DB, policyOf('', { owner: 'other' })], 'db.example.com'],
    ['below a named one', [DB], 'secret.db.example.com'],
    ['beside a named one', [DB], 'dc.example.com'],
    ['with a final dot', [DB], 'db.example.com.'],
    ['with a line end', [DB], 'db.example.com\n'],
  ])('of a name %s asks nobody', async (_, policies, name) => {
    const { egress, resolved, log } = openWorld({ policies, dns: { [name]: [PUBLIC] } });
    expect(await egress.resolve(name)).toEqual({ error: 'access-denied' });
    expect(resolved).toEqual([]);
    expect(log()).toMatchObject([['deny', `LOOKUP ${name}`, expect.stringMatching(/^ERR_POLICY_/), 0, 0]]);
  });

  it.each([
    ['private', ['10.0.0.5']],
    ['of the machine itself', ['127.0.0.1']],
    ['of a cloud service', ['169.254.169.254']],
    ['of Azure', ['168.63.129.16']],
    ['mapped', [`::ffff:${PUBLIC}`]],
    ['behind NAT64', ['64:ff9b::a00:5']],
    ['unique local', ['fd00::1']],
    ['public, and then a private one', [PUBLIC, '10.0.0.5']],
  ])('that leads to an address %s leads nowhere', async (_, addresses) => {
    const { egress, dialled, log } = openWorld({ policies: [DB], dns: { 'db.example.com': addresses } });
    expect(await egress.resolve('db.example.com')).toEqual({ error: 'access-denied' });
    expect(log()).toEqual([['deny', 'LOOKUP db.example.com', 'destination-IP-prohibited', 0, 0]]);
    for (const address of addresses) expect(await egress.connect(address, 5432)).toEqual({ error: 'access-denied' });
    expect(dialled).toEqual([]);
  });

  it('of a name without an address says so', async () => {
    const { egress, log } = openWorld({ policies: [DB] });
    expect(await egress.resolve('db.example.com')).toEqual({ error: 'name-unresolvable' });
    expect(log()).toEqual([['deny', 'LOOKUP db.example.com', 'DNS-error', 0, 0]]);
  });

  it('of a fixed name gives its address, but never that of the machine itself', async () => {
    const policies = [policyOf('- to: tcp://*.fixed.example:1')];
    const own = [
      '127.0.0.1',
      '::1',
      '0.0.0.0',
      '::',
      '::ffff:127.0.0.1',
      '64:ff9b::7f00:1',
      '2002:7f00:1::',
      '::127.0.0.1',
      '0:0:0:0:0:0:7f00:1',
      '0000:0000:0000:0000:0000:0000:127.0.0.1',
      '0:0:0:0:0:0:0:1',
      '0::1',
      '00::7f00:1',
      '0:0:0:0:0:ffff:7f00:1',
      '64:ff9b:1::7f00:1',
      '127.9.9.9',
      '0.0.0.1',
      '127.1',
    ];
    const names = own.map((address, i) => [`b${i}.fixed.example`, address]);
    const fixedNames = { 'a.fixed.example': '10.0.0.7', ...Object.fromEntries(names) };
    const { egress, resolved } = openWorld({ policies, fixedNames });
    expect(await egress.resolve('a.fixed.example')).toEqual(['10.0.0.7']);
    for (const [name = ''] of names)
      expect([name, await egress.resolve(name)]).toEqual([name, { error: 'access-denied' }]);
    expect(resolved).toEqual([]);
  });

  it('or a connection is asked for so often in one call, and no more', async () => {
    const { egress, open, over, resolved, log } = openWorld({
      policies: [DB],
      dns: { 'db.example.com': [PUBLIC] },
      limits: { maxRequests: 2 },
    });
    expect(await egress.connect(PUBLIC, 5432)).toEqual({ error: 'access-denied' });
    expect(await egress.resolve('db.example.com')).toEqual([PUBLIC]);
    expect(await egress.resolve('db.example.com')).toEqual({ error: 'access-denied' });
    expect(await egress.connect(PUBLIC, 5432)).toEqual({ error: 'access-denied' });
    expect(await open(over.signal).resolve('db.example.com')).toEqual([PUBLIC]);
    expect([resolved.length, log().length]).toEqual([2, 1]);
  });

  it('is made so often in one call, and no more', async () => {
    const { egress, open, over, resolved, log } = openWorld({
      policies: [DB],
      dns: { 'db.example.com': [PUBLIC] },
      limits: { maxLookups: 2 },
    });
    expect(await egress.resolve('db.example.com')).toEqual([PUBLIC]);
    expect(await egress.resolve('db.example.com')).toEqual([PUBLIC]);
    expect(await egress.resolve('db.example.com')).toEqual({ error: 'access-denied' });
    expect(await egress.connect(PUBLIC, 5432)).not.toEqual({ error: 'access-denied' });
    expect(await open(over.signal).resolve('db.example.com')).toEqual([PUBLIC]);
    expect(resolved.length).toBe(3);
    expect(log()[0]).toEqual(['deny', 'LOOKUP db.example.com', 'lookup-limit-reached', 0, 0]);
  });

  const limited = (limit: string, port = 5432) => `- { to: "tcp://*.example.com:${port}", limit: ${limit} }`;

  it.each([
    ['in connections', limited('2/day'), 2],
    ['in bytes', limited('1535 B/day'), 2],
    ['in bytes that is smaller than one', limited('511 B/day'), 0],
    ['of one rule, and then of another that names it', `${limited('1/day', 1)}\n${limited('3/day', 2)}`, 4],
  ])('counts against a limit %s, over all calls', async (_, rules, allowed) => {
    const names = Array.from({ length: 6 }, (__, i) => `n${i}.example.com`);
    const dns = Object.fromEntries(names.map((name) => [name, [PUBLIC]]));
    const { open, over, resolved, log } = openWorld({ policies: [policyOf(rules)], dns });
    for (const name of names) await open(over.signal).resolve(name);
    expect(resolved).toEqual(names.slice(0, allowed));
    const refused = names.slice(allowed).map((name) => ['deny', `LOOKUP ${name}`, 'ERR_POLICY_DENIED_LIMIT', 0, 0]);
    expect(log()).toEqual(refused);
  });

  it('takes nothing from one owner when another has none left', async () => {
    const [one, two] = [policyOf(limited('1/day')), policyOf(limited('1/hour'), { owner: 'other' })];
    const budget = openBudget(1000);
    const dns = { 'db.example.com': [PUBLIC] };
    const both = openWorld({ policies: [one, two], dns, budget });
    await openWorld({ policies: [two], dns, budget }).egress.resolve('db.example.com');
    expect(await both.egress.resolve('db.example.com')).toEqual({ error: 'access-denied' });
    expect(await openWorld({ policies: [one], dns, budget }).egress.resolve('db.example.com')).toEqual([PUBLIC]);
  });

  it('takes no connection from a limit in connections', async () => {
    const { port } = await openEcho();
    const { egress } = openWorld({
      policies: [policyOf(limited('1/day'))],
      dns: { 'db.example.com': [PUBLIC] },
      port,
    });
    expect(await egress.resolve('db.example.com')).toEqual([PUBLIC]);
    expect(await egress.connect(PUBLIC, 5432)).not.toHaveProperty('error');
  });
});

describe('a connection', () => {
  it('goes to the address that a named name led to, and every byte is written down', async () => {
    const { port, connections } = await openEcho();
    const { egress, dialled, log } = openWorld({ policies: [DB], dns: { 'db.example.com': [OTHER, PUBLIC] }, port });
    await egress.resolve('db.example.com');
    const connection = connected(await egress.connect(PUBLIC, 5432));
    expect(connection.sink.write(encodeUtf8('hello'))).toBe(true);
    expect(await read(connection, 5)).toBe('hello');
    expect(log()).toEqual([['allow', 'CONNECT tcp://db.example.com:5432', 'ok', 0, 0]]);
    connection.sink.end();
    await closed(connection);
    expect([connection.source.state, dialled, connections()]).toEqual(['ended', [`${PUBLIC} 5432`], 1]);
    await expect.poll(() => log()[1]).toEqual(['allow', 'CLOSE tcp://db.example.com:5432', 'ok', 5, 5]);
  });

  it.each([
    ['that no name led to', [DB], PUBLIC, 5432],
    ['that a name led to, but another port', [DB], OTHER, 5433],
    [
      'that another name led to, by a rule for requests',
      [policyOf('- { to: "https://db.example.com:5432/**", methods: [GET] }')],
      OTHER,
      5432,
    ],
    ['without an owner', [], OTHER, 5432],
    ['that one of two owners does not name', [DB, policyOf('', { owner: 'other' })], OTHER, 5432],
    ['in a mapped form', [DB], `::ffff:${OTHER}`, 5432],
    ['of the machine itself', [DB], '127.0.0.1', 5432],
    ['with port 0', [DB], OTHER, 0],
    ['with a port that is none', [DB], OTHER, 65_536],
  ])('to an address %s is not made', async (_, policies, address, port) => {
    const echo = await openEcho();
    const { egress, dialled, log } = openWorld({ policies, dns: { 'db.example.com': [OTHER] }, port: echo.port });
    await egress.resolve('db.example.com');
    const before = log().length;
    expect(await egress.connect(address, port)).toEqual({ error: 'access-denied' });
    expect([dialled, echo.connections()]).toEqual([[], 0]);
    expect(log().slice(before)).toMatchObject([
      ['deny', expect.stringMatching(/^CONNECT tcp:\/\//), expect.stringMatching(/^ERR_POLICY_/), 0, 0],
    ]);
  });

  it.each([['10.0.0.5'], ['fd00::5'], ['169.254.169.254']])('goes to %s where a rule names it', async (address) => {
    const { port } = await openEcho();
    const host = address.includes(':') ? `[${address}]` : address;
    const { egress, dialled } = openWorld({ policies: [policyOf(`- to: tcp://${host}:5432`)], port });
    connected(await egress.connect(address, 5432));
    expect(dialled).toEqual([`${address} 5432`]);
    expect(await egress.connect(address, 5433)).toEqual({ error: 'access-denied' });
  });

  it('of one call knows nothing of the names of another', async () => {
    const { port } = await openEcho();
    const { egress, open, over } = openWorld({ policies: [DB], dns: { 'db.example.com': [PUBLIC] }, port });
    await egress.resolve('db.example.com');
    expect(await open(over.signal).connect(PUBLIC, 5432)).toEqual({ error: 'access-denied' });
  });

  it('is refused where nobody listens, and that is written down', async () => {
    const { egress, log } = openWorld({ policies: [policyOf(`- to: tcp://${PUBLIC}:5432`)] });
    expect(await egress.connect(PUBLIC, 5432)).toEqual({ error: 'connection-refused' });
    expect(log()).toEqual([['allow', `CONNECT tcp://${PUBLIC}:5432`, 'connection-refused', 0, 0]]);
  });

  it('is one of so many at the same time', async () => {
    const { port } = await openEcho();
    const { egress } = openWorld({
      policies: [policyOf(`- to: tcp://${PUBLIC}:5432`)],
      port,
      limits: { maxConcurrent: 1 },
    });
    const first = connected(await egress.connect(PUBLIC, 5432));
    expect(await egress.connect(PUBLIC, 5432)).toEqual({ error: 'new-socket-limit' });
    first.sink.abort();
    await closed(first);
    await expect.poll(async () => await egress.connect(PUBLIC, 5432)).not.toHaveProperty('error');
  });

  it('counts against a limit in connections', async () => {
    const { port, connections } = await openEcho();
    const { egress, log } = openWorld({ policies: [policyOf(`- { to: "tcp://${PUBLIC}:5432", limit: 1/day }`)], port });
    connected(await egress.connect(PUBLIC, 5432));
    expect(await egress.connect(PUBLIC, 5432)).toEqual({ error: 'access-denied' });
    expect(log()[1]).toEqual(['deny', `CONNECT tcp://${PUBLIC}:5432`, 'ERR_POLICY_DENIED_LIMIT', 0, 0]);
    expect(connections()).toBe(1);
  });

  it('ends where a limit in bytes does, in either direction', async () => {
    const { port } = await openEcho();
    const policies = [policyOf(`- { to: "tcp://${PUBLIC}:5432", limit: 15 B/day }`)];
    const { egress, log } = openWorld({ policies, port });
    const connection = connected(await egress.connect(PUBLIC, 5432));
    expect(connection.sink.write(encodeUtf8('0123456789'))).toBe(true);
    while (connection.source.available < 10) await connection.source.changed();
    expect(connection.source.take(10).length).toBe(0);
    await closed(connection);
    expect(connection.source.state).toBe('failed');
    await expect
      .poll(() => log()[1])
      .toEqual(['allow', `CLOSE tcp://${PUBLIC}:5432`, 'ERR_POLICY_DENIED_LIMIT', 0, 10]);
    const second = connected(await egress.connect(PUBLIC, 5432));
    expect(second.sink.write(encodeUtf8('012345'))).toBe(false);
    await closed(second);
  });

  it('is not made once nothing is left of a limit in bytes', async () => {
    const { port, connections } = await openEcho();
    const { egress } = openWorld({ policies: [policyOf(`- { to: "tcp://${PUBLIC}:5432", limit: 5 B/day }`)], port });
    const connection = connected(await egress.connect(PUBLIC, 5432));
    connection.sink.write(encodeUtf8('01234'));
    expect(await egress.connect(PUBLIC, 5432)).toEqual({ error: 'access-denied' });
    expect(connections()).toBe(1);
  });

  it('ends with its call', async () => {
    const { port } = await openEcho();
    const { egress, over, log } = openWorld({
      policies: [policyOf(`- to: tcp://${PUBLIC}:5432`)],
      port,
      limits: { flushMs: 20 },
    });
    const [one, two] = [connected(await egress.connect(PUBLIC, 5432)), connected(await egress.connect(PUBLIC, 5432))];
    over.abort();
    two.sink.abort();
    await Promise.all([closed(one), closed(two)]);
    await expect
      .poll(() =>
        log()
          .slice(2)
          .map(([, , reason]) => reason),
      )
      .toEqual(['call-over', 'call-over']);
    expect(await egress.connect(PUBLIC, 5432)).toEqual({ error: 'timeout' });
  });

  it('still brings what its call has written and ended, and reads no answer', async () => {
    const { promise, resolve } = Promise.withResolvers<number>();
    const { port } = await openEcho((socket) => {
      let count = 0;
      socket.on('data', (chunk) => void (count += chunk.length));
      socket.on('end', () => resolve(count));
    });
    const { egress, over, log } = openWorld({ policies: [policyOf(`- to: tcp://${PUBLIC}:5432`)], port });
    const connection = connected(await egress.connect(PUBLIC, 5432));
    const { room } = connection.sink;
    connection.sink.write(new Uint8Array(room));
    over.abort();
    connection.source.cancel();
    connection.sink.end();
    expect(await promise).toBe(room);
    await closed(connection);
    await expect.poll(() => log()[1]).toEqual(['allow', `CLOSE tcp://${PUBLIC}:5432`, 'ok', 0, room]);
  });

  it('ends when nothing moves', async () => {
    const { port } = await openEcho();
    const { egress, log } = openWorld({
      policies: [policyOf(`- to: tcp://${PUBLIC}:5432`)],
      port,
      limits: { idleMs: 20 },
    });
    await closed(connected(await egress.connect(PUBLIC, 5432)));
    await expect.poll(() => log()[1]?.[2]).toBe('timeout');
  });

  it('takes a reset for one', async () => {
    const { port } = await openEcho((socket) => void socket.once('data', () => socket.resetAndDestroy()));
    const { egress } = openWorld({ policies: [policyOf(`- to: tcp://${PUBLIC}:5432`)], port });
    const connection = connected(await egress.connect(PUBLIC, 5432));
    connection.sink.write(encodeUtf8('x'));
    await closed(connection);
    expect(connection.source.state).toBe('failed');
  });

  it('holds a window of what nobody reads, and loses none of it', async () => {
    const bytes = 1024 * 1024;
    const { port } = await openEcho((socket) => void socket.end(Buffer.alloc(bytes, 'x')));
    const { egress } = openWorld({ policies: [policyOf(`- to: tcp://${PUBLIC}:5432`)], port });
    const connection = connected(await egress.connect(PUBLIC, 5432));
    await connection.source.changed();
    expect(connection.source.available).toBeLessThanOrEqual(128 * 1024);
    expect((await read(connection, bytes)).length).toBe(bytes);
    await expect.poll(() => connection.source.state).toBe('ended');
    expect(connection.sink.state).toBe('open');
    connection.sink.end();
    await closed(connection);
  });

  it('is not made when it cannot be written down', async () => {
    const { port } = await openEcho();
    const sink = (): void => {
      throw new Error('full');
    };
    const { egress } = openWorld({ policies: [policyOf(`- to: tcp://${PUBLIC}:5432`)], port, sink });
    expect(await egress.connect(PUBLIC, 5432)).toEqual({ error: 'access-denied' });
    expect(await egress.resolve('x.example')).toEqual({ error: 'access-denied' });
  });
});
