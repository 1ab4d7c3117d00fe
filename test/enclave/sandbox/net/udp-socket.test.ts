/** UDP inside a call: datagrams arrive whole or are lost, a peer keeps others away, and nothing outside is ever reached. */
import { describe, expect, it } from 'vitest';
import { LIMITS } from '../../../../src/base/limits.ts';
import { Network } from '../../../../src/enclave/sandbox/net/network.ts';
import { NO_OUTSIDE, type Outside } from '../../../../src/enclave/sandbox/net/outside.ts';
import type { UdpSocket } from '../../../../src/enclave/sandbox/net/udp-socket.ts';
import { at, FAMILIES, good, here } from './kit.ts';

/** An outside that no datagram may ever ask. */
const NEVER: Outside = {
  connect: () => Promise.reject(new Error('asked')),
  resolve: () => Promise.reject(new Error('asked')),
};

describe.each(FAMILIES)('a UDP socket over %s', (family) => {
  const other = family === 'ipv4' ? 'ipv6' : 'ipv4';
  const far = family === 'ipv4' ? at('192.0.2.1', 53) : at('2001:db8::1', 53);
  const any = family === 'ipv4' ? '0.0.0.0' : '::';
  const most = family === 'ipv4' ? 65_507 : 65_527;

  function pair(): { net: Network; server: UdpSocket; client: UdpSocket; address: ReturnType<typeof here> } {
    const net = new Network(NO_OUTSIDE);
    const server = good(net.openUdp(family));
    server.bind(here(family));
    return { net, server, client: good(net.openUdp(family)), address: good(server.localAddress()) };
  }

  it('binds as TCP does, with ports of its own', () => {
    const { net, client, address } = pair();
    expect(client.receive()).toBe('invalid-state');
    expect(client.bind(address)).toBe('address-in-use');
    expect(client.bind(here(other))).toBe('invalid-argument');
    expect(client.bind(far)).toBe('address-not-bindable');
    expect([client.bind(at(any, 0)), client.bind(here(family))]).toEqual([null, 'invalid-state']);
    expect(good(net.openTcp(family)).bind(address)).toBeNull();
  });

  it('sends to an address, and says who sent', async () => {
    const { server, client, address } = pair();
    const waiting = server.changed();
    const bytes = Uint8Array.of(1, 2, 3);
    expect(client.send(bytes, address)).toBeNull();
    bytes[0] = 9;
    await waiting;
    const { data, from } = good(server.receive());
    expect([...data]).toEqual([1, 2, 3]);
    expect(from).toEqual({ ip: here(family).ip, port: good(client.localAddress()).port });
    expect([client.remoteAddress(), server.receive()]).toEqual(['invalid-state', null]);
    expect(server.send(Uint8Array.of(4), from)).toBeNull();
    expect(good(client.receive()).from).toEqual(address);
  });

  it('is held to its peer while it has one', () => {
    const { net, server, client, address } = pair();
    const third = good(net.openUdp(family));
    expect(client.disconnect()).toBe('invalid-state');
    expect([client.send(Uint8Array.of(1), null), client.connect(address)]).toEqual(['invalid-argument', null]);
    expect([client.remoteAddress(), good(client.localAddress()).ip]).toEqual([address, here(family).ip]);
    expect(client.send(Uint8Array.of(1), here(family, address.port + 1))).toBe('invalid-argument');
    expect([client.send(Uint8Array.of(1), address), client.send(Uint8Array.of(2), null)]).toEqual([null, null]);
    expect([...good(server.receive()).data, ...good(server.receive()).data]).toEqual([1, 2]);
    third.send(Uint8Array.of(3), good(client.localAddress()));
    expect(client.receive()).toBeNull();
    expect(client.disconnect()).toBeNull();
    third.send(Uint8Array.of(4), good(client.localAddress()));
    expect([...good(client.receive()).data]).toEqual([4]);
    // What came from others before is lost with a new peer.
    third.send(Uint8Array.of(5), good(client.localAddress()));
    expect([client.connect(address), client.receive()]).toEqual([null, null]);
  });

  it.each([
    ['of the other family', here(other, 42), 'invalid-argument'],
    ['without a port', here(family, 0), 'invalid-argument'],
    ['of no machine', at(any, 42), 'invalid-argument'],
    ['multicast', family === 'ipv4' ? at('224.0.0.1', 42) : at('ff02::1', 42), 'invalid-argument'],
    [
      'broadcast or mapped',
      family === 'ipv4' ? at('255.255.255.255', 42) : at('::ffff:127.0.0.1', 42),
      'invalid-argument',
    ],
    ['of another machine', far, 'access-denied'],
  ])('reaches no address %s', (_, address, error) => {
    const socket = good(new Network(NEVER).openUdp(family));
    expect([socket.send(Uint8Array.of(1), address), socket.connect(address)]).toEqual([error, error]);
    expect(socket.localAddress()).toBe('invalid-state');
  });

  it('sends as much at once as a datagram holds', () => {
    const { server, client, address } = pair();
    expect(client.send(new Uint8Array(most + 1), address)).toBe('datagram-too-large');
    expect(client.send(new Uint8Array(most), address)).toBeNull();
    expect(good(server.receive()).data.length).toBe(most);
  });

  it('loses what nobody reads, and goes on', () => {
    const { server, client, address } = pair();
    expect(client.send(Uint8Array.of(1), here(family, address.port + 9))).toBeNull();
    for (let i = 0; i <= LIMITS.socketDatagrams; i += 1) expect(client.send(Uint8Array.of(i), address)).toBeNull();
    const got: number[] = [];
    for (let next = server.receive(); next !== null; next = server.receive()) got.push(...good(next).data);
    expect(got).toEqual(Array.from({ length: LIMITS.socketDatagrams }, (_, i) => i));
    client.send(new Uint8Array(40_000), address);
    client.send(new Uint8Array(40_000), address);
    expect([good(server.receive()).data.length, server.receive()]).toEqual([40_000, null]);
  });

  it('is of no use once it is dropped', () => {
    const { net, server, client, address } = pair();
    server.drop();
    server.drop();
    expect(client.send(Uint8Array.of(1), address)).toBeNull();
    expect([server.receive(), server.bind(here(family)), server.connect(address)]).toEqual([
      'invalid-state',
      'invalid-state',
      'invalid-state',
    ]);
    expect(good(net.openUdp(family)).bind(address)).toBeNull();
  });
});
