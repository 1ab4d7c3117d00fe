/** TCP inside a call: what WASI says of each state, every address that is refused, what every cap does, and that nothing leads out of the call. */
import { describe, expect, it } from 'vitest';
import { LIMITS } from '../../../../src/base/limits.ts';
import type { SocketAddress } from '../../../../src/enclave/sandbox/net/address.ts';
import { BytePipe } from '../../../../src/enclave/sandbox/net/byte-pipe.ts';
import { Network } from '../../../../src/enclave/sandbox/net/network.ts';
import { NO_OUTSIDE, type Outside } from '../../../../src/enclave/sandbox/net/outside.ts';
import { setOption } from '../../../../src/enclave/sandbox/net/socket-options.ts';
import { at, endsOf, FAMILIES, good, here, ip, listen } from './kit.ts';

const network = (): Network => new Network(NO_OUTSIDE);

/** An outside that writes down what it is asked. */
function openOutside(answer: Awaited<ReturnType<Outside['connect']>>): { outside: Outside; asked: SocketAddress[] } {
  const asked: SocketAddress[] = [];
  const connect = (remote: SocketAddress) => {
    asked.push(remote);
    return Promise.resolve(answer);
  };
  return { outside: { ...NO_OUTSIDE, connect }, asked };
}

describe.each(FAMILIES)('a TCP socket over %s', (family) => {
  const other = family === 'ipv4' ? 'ipv6' : 'ipv4';

  it('binds to a free port, and not to one that is taken', () => {
    const net = network();
    const first = good(net.openTcp(family));
    expect(first.localAddress()).toBe('invalid-state');
    expect(first.bind(here(family))).toBeNull();
    const local = good(first.localAddress());
    expect(local.ip).toEqual(here(family).ip);
    expect(local.port).toBeGreaterThan(0);
    expect(first.bind(here(family))).toBe('invalid-state');
    const second = good(net.openTcp(family));
    expect(second.bind(local)).toBe('address-in-use');
    expect(second.bind(at(family === 'ipv4' ? '0.0.0.0' : '::', local.port))).toBe('address-in-use');
    first.drop();
    expect(second.bind(local)).toBeNull();
  });

  it.each([
    ['of the other family', here(other), 'invalid-argument'],
    ['multicast', family === 'ipv4' ? at('224.0.0.1', 0) : at('ff02::1', 0), 'invalid-argument'],
    [
      'broadcast or mapped',
      family === 'ipv4' ? at('255.255.255.255', 0) : at('::ffff:127.0.0.1', 0),
      'invalid-argument',
    ],
    ['of another machine', family === 'ipv4' ? at('192.0.2.1', 0) : at('2001:db8::1', 0), 'address-not-bindable'],
  ])('does not bind to an address %s', (_, address, error) => {
    const socket = good(network().openTcp(family));
    expect(socket.bind(address)).toBe(error);
    expect(socket.bind(here(family))).toBeNull();
  });

  it.each([
    ['of the other family', here(other, 42)],
    ['multicast', family === 'ipv4' ? at('239.0.0.1', 42) : at('ff02::1', 42)],
    ['broadcast or mapped', family === 'ipv4' ? at('255.255.255.255', 42) : at('::ffff:127.0.0.1', 42)],
    ['of no machine', family === 'ipv4' ? at('0.0.0.0', 42) : at('::', 42)],
    ['without a port', here(family, 0)],
  ])('does not connect to an address %s, and asks nobody', async (_, address) => {
    const { outside, asked } = openOutside('timeout');
    const socket = good(new Network(outside).openTcp(family));
    expect(await socket.connect(address)).toBe('invalid-argument');
    expect([socket.state, asked.length]).toEqual(['unbound', 0]);
    // Such an address is no attempt: the socket may still connect to another.
    expect(await socket.connect(here(family, 42))).toBe('connection-refused');
  });

  it('listens without having been bound, and once', () => {
    const socket = good(network().openTcp(family));
    expect(socket.accept()).toBe('invalid-state');
    expect(socket.listen()).toBeNull();
    expect(good(socket.localAddress()).port).toBeGreaterThan(0);
    expect([socket.listen(), socket.startConnect(here(family, 42)), socket.accept()]).toEqual([
      'invalid-state',
      'invalid-state',
      null,
    ]);
  });

  it('carries bytes both ways, and what its listener was set to', async () => {
    const net = network();
    const { server, address } = listen(net, family);
    setOption(server.options, 'hopLimit', 42);
    const client = good(net.openTcp(family));
    const waiting = server.changed();
    expect(await client.connect(address)).toBeNull();
    await waiting;
    const accepted = good(server.accept());
    expect(server.accept()).toBeNull();
    expect([accepted.state, accepted.options]).toEqual(['connected', server.options]);
    expect(accepted.localAddress()).toEqual(client.remoteAddress());
    expect(accepted.remoteAddress()).toEqual(client.localAddress());
    expect(await client.connect(address)).toBe('invalid-state');
    const [there, back] = [endsOf(client), endsOf(accepted)];
    expect([client.takeSource(), client.takeSink()]).toEqual(['invalid-state', 'invalid-state']);
    there.sink.write(Uint8Array.of(1, 2));
    back.sink.write(Uint8Array.of(3));
    expect([[...back.source.take(9)], [...there.source.take(9)]]).toEqual([[1, 2], [3]]);
    // What was taken outlives its socket; the port does not.
    client.drop();
    accepted.drop();
    server.drop();
    there.sink.end();
    expect([back.source.state, back.sink.state]).toEqual(['ended', 'open']);
    expect(good(net.openTcp(family)).bind(address)).toBeNull();
  });

  it('ends what nobody took when it is dropped', async () => {
    const net = network();
    const { server, address } = listen(net, family);
    const client = good(net.openTcp(family));
    await client.connect(address);
    const { source, sink } = endsOf(good(server.accept()));
    client.drop();
    client.drop();
    expect([source.state, sink.state]).toEqual(['ended', 'closed']);
  });

  it('breaks off what it never accepted', async () => {
    const net = network();
    const { server, address } = listen(net, family);
    const client = good(net.openTcp(family));
    await client.connect(address);
    server.drop();
    expect([good(client.takeSource()).state, good(client.takeSink()).state]).toEqual(['failed', 'closed']);
  });

  it('is refused where nobody listens', async () => {
    const net = network();
    const bound = good(net.openTcp(family));
    bound.bind(here(family));
    const address = good(bound.localAddress());
    const first = good(net.openTcp(family));
    expect([await first.connect(address), first.state]).toEqual(['connection-refused', 'closed']);
    bound.listen();
    expect(await good(net.openTcp(family)).connect(address)).toBeNull();
    // Another call has ports of its own.
    expect(await good(network().openTcp(family)).connect(address)).toBe('connection-refused');
  });

  it('is refused when as many wait as its backlog says', async () => {
    const net = network();
    const { server, address } = listen(net, family);
    expect([server.setBacklog(0n), server.setBacklog(1n)]).toEqual(['invalid-argument', null]);
    expect(await good(net.openTcp(family)).connect(address)).toBeNull();
    expect(await good(net.openTcp(family)).connect(address)).toBe('connection-refused');
    server.accept();
    const third = good(net.openTcp(family));
    expect(await third.connect(address)).toBeNull();
    expect(third.setBacklog(1n)).toBe('invalid-state');
  });

  it('asks outside for an address that is not loopback, and takes what it is given', async () => {
    const pipe = new BytePipe(8, () => undefined);
    const { outside, asked } = openOutside(pipe);
    const remote = family === 'ipv4' ? at('192.0.2.1', 443) : at('2001:db8::1', 443);
    const client = good(new Network(outside).openTcp(family));
    expect(client.startConnect(remote)).toBeNull();
    expect([client.state, client.startConnect(remote)]).toEqual(['connecting', 'invalid-state']);
    await client.changed();
    expect([client.state, client.remoteAddress(), asked]).toEqual(['connected', remote, [remote]]);
    expect(endsOf(client)).toEqual({ source: pipe.source, sink: pipe.sink });
    const denied = good(network().openTcp(family));
    expect([await denied.connect(remote), denied.state, denied.failure]).toEqual([
      'access-denied',
      'closed',
      'access-denied',
    ]);
  });

  it('gives up a connection that comes after it was dropped', async () => {
    const pipe = new BytePipe(8, () => undefined);
    const { promise, resolve } = Promise.withResolvers<BytePipe>();
    const client = good(new Network({ ...NO_OUTSIDE, connect: () => promise }).openTcp(family));
    client.startConnect(family === 'ipv4' ? at('192.0.2.1', 443) : at('2001:db8::1', 443));
    client.drop();
    resolve(pipe);
    await pipe.sink.changed();
    expect([client.state, pipe.sink.state]).toEqual(['closed', 'closed']);
  });
});

describe('the network of a call', () => {
  it('has so many sockets and no more, and one more when one is dropped', () => {
    const net = network();
    const sockets = Array.from({ length: LIMITS.callSockets }, () => good(net.openTcp('ipv4')));
    expect([net.openTcp('ipv4'), net.openUdp('ipv4')]).toEqual(['new-socket-limit', 'new-socket-limit']);
    sockets[0]?.drop();
    sockets[0]?.drop();
    good(net.openUdp('ipv4'));
    expect(net.openTcp('ipv4')).toBe('new-socket-limit');
  });

  it('has so many connections and no more, also when their sockets are gone', async () => {
    const net = network();
    const { server, address } = listen(net, 'ipv4');
    const connect = async () => {
      const client = good(net.openTcp('ipv4'));
      const error = await client.connect(address);
      if (error !== null) return error;
      const ends = [endsOf(client), endsOf(good(server.accept()))];
      client.drop();
      return ends;
    };
    const made: Awaited<ReturnType<typeof connect>>[] = [];
    while (typeof made.at(-1) !== 'string') made.push(await connect());
    expect(made.pop()).toBe('out-of-memory');
    expect(made.length).toBeLessThanOrEqual(LIMITS.callSockets / 2);
    server.drop();
  });

  it.each([
    ['127.0.0.5', [ip('127.0.0.5')]],
    ['2001:db8::1', [ip('2001:db8::1')]],
    ['LocalHost', [ip('127.0.0.1'), ip('::1')]],
    ['localhost.', [ip('127.0.0.1'), ip('::1')]],
    ['::ffff:1.2.3.4', 'invalid-argument'],
    ['', 'invalid-argument'],
    ['[::1]', [ip('::1')]],
    ['[127.0.0.1]', [ip('127.0.0.1')]],
    ['[::1]:80', 'invalid-argument'],
    ['127.0.0.1:80', 'invalid-argument'],
    ['http://example.com/', 'invalid-argument'],
    ['a b', 'invalid-argument'],
    ['a.b<&>', 'invalid-argument'],
    ['a..b', 'invalid-argument'],
    ['.', 'invalid-argument'],
    ['user@example.com', 'invalid-argument'],
    ['%6c.example', 'invalid-argument'],
    ['0x7f.1', 'invalid-argument'],
    ['2130706433', 'invalid-argument'],
    ['１２７.0.0.1', 'invalid-argument'],
    [`${'a'.repeat(64)}.example`, 'invalid-argument'],
    [`${'a.'.repeat(126)}aa`, 'invalid-argument'],
    ['localhost.example', 'access-denied'],
    [`${'a'.repeat(63)}.example`, 'access-denied'],
    [`${'a.'.repeat(126)}a`, 'access-denied'],
  ])('resolves %j', async (name, expected) => {
    expect(await network().resolve(name)).toEqual(expected);
  });

  it('asks for a name in its ASCII form', async () => {
    const asked: string[] = [];
    const resolve = (name: string) => {
      asked.push(name);
      return Promise.resolve([ip('192.0.2.1')]);
    };
    const net = new Network({ ...NO_OUTSIDE, resolve });
    for (const name of ['München.example', 'DB.Example.com.', 'a_b.example']) await net.resolve(name);
    expect(asked).toEqual(['xn--mnchen-3ya.example', 'db.example.com', 'a_b.example']);
  });

  it.each([
    ['hopLimit', 0, 64],
    ['keepAliveCount', 0, 9],
    ['keepAliveIdleTime', 0n, 7_200_000_000_000n],
    ['receiveBufferSize', 0n, 65_536n],
  ] as const)('refuses %s %s', (name, value, kept) => {
    const { options } = good(network().openTcp('ipv4'));
    expect(setOption(options, name, value)).toBe('invalid-argument');
    expect(options[name]).toBe(kept);
  });

  it('keeps options as they were set, but no buffer above the window', () => {
    const { options } = good(network().openTcp('ipv4'));
    expect(setOption(options, 'keepAliveEnabled', true)).toBeNull();
    expect(setOption(options, 'keepAliveInterval', 2n ** 64n - 1n)).toBeNull();
    expect(setOption(options, 'sendBufferSize', 2n ** 64n - 1n)).toBeNull();
    expect(setOption(options, 'receiveBufferSize', 1n)).toBeNull();
    expect(options).toMatchObject({
      keepAliveEnabled: true,
      keepAliveInterval: 2n ** 64n - 1n,
      sendBufferSize: 65_536n,
      receiveBufferSize: 1n,
    });
  });
});
