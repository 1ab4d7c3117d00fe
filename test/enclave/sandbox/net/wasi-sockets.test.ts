/** wasi:sockets of WASI 0.2 over a call's network: what each function says in each state, by the state machine of the specification. */
import { describe, expect, it } from 'vitest';
import { GuestTrap } from '../../../../src/enclave/sandbox/component/trap.ts';
import { Network } from '../../../../src/enclave/sandbox/net/network.ts';
import { NO_OUTSIDE, type Outside } from '../../../../src/enclave/sandbox/net/outside.ts';
import type { GuestCall } from '../../../../src/enclave/sandbox/wasi/call.ts';
import { type WitAddress, writeAddress } from '../../../../src/enclave/sandbox/wasi/socket-values.ts';
import { SOCKETS } from '../../../../src/enclave/sandbox/wasi/sockets.ts';
import { createTcpSocket, type TcpSocket } from '../../../../src/enclave/sandbox/wasi/sockets-tcp.ts';
import { createUdpSocket } from '../../../../src/enclave/sandbox/wasi/sockets-udp.ts';
import { at, here, ip } from './kit.ts';

interface Answer {
  readonly tag: 'ok' | 'err';
  readonly val: unknown;
}

const callOver = (outside: Outside): GuestCall => ({ network: new Network(outside) }) as unknown as GuestCall;

/** Takes the value of a result that has to be good. */
function good<T>(result: { readonly tag: 'ok'; readonly val: T } | { readonly tag: 'err'; readonly val: unknown }): T {
  if (result.tag === 'err') throw new Error(String(result.val));
  return result.val;
}
const said = ({ tag, val }: Answer): unknown => (tag === 'err' ? val : tag);
const LOOPBACK = writeAddress(here('ipv4'));
const FAR = writeAddress(at('192.0.2.1', 443));

function openTcp(call: GuestCall): TcpSocket {
  return good(createTcpSocket(call, 'ipv4'));
}

function openServer(call: GuestCall): { server: TcpSocket; address: WitAddress } {
  const server = openTcp(call);
  good(server.startBind(null, LOOPBACK));
  good(server.finishBind());
  good(server.startListen());
  good(server.finishListen());
  return { server, address: good(server.localAddress()) };
}

describe('tcp-socket', () => {
  it('is bound and listens in two steps each', () => {
    const server = openTcp(callOver(NO_OUTSIDE));
    expect([said(server.finishBind()), said(server.finishListen()), said(server.finishConnect())]).toEqual([
      'not-in-progress',
      'not-in-progress',
      'not-in-progress',
    ]);
    expect([said(server.startListen()), said(server.localAddress()), said(server.accept())]).toEqual([
      'invalid-state',
      'invalid-state',
      'invalid-state',
    ]);
    expect(said(server.startBind(null, LOOPBACK))).toBe('ok');
    expect([
      said(server.startBind(null, LOOPBACK)),
      said(server.startConnect(null, LOOPBACK)),
      said(server.localAddress()),
    ]).toEqual(['invalid-state', 'invalid-state', 'invalid-state']);
    expect([said(server.finishBind()), said(server.finishBind())]).toEqual(['ok', 'not-in-progress']);
    expect(good(server.localAddress()).val.port).toBeGreaterThan(0);
    expect([said(server.startListen()), server.isListening(), said(server.accept())]).toEqual([
      'ok',
      false,
      'invalid-state',
    ]);
    expect([said(server.finishListen()), server.isListening(), said(server.accept())]).toEqual([
      'ok',
      true,
      'would-block',
    ]);
    expect([server.subscribe().ready(), said(server.startListen()), said(server.shutdown('both'))]).toEqual([
      false,
      'invalid-state',
      'invalid-state',
    ]);
  });

  it('may be bound again after it could not be', () => {
    const socket = openTcp(callOver(NO_OUTSIDE));
    expect([said(socket.startBind(null, FAR)), said(socket.finishBind())]).toEqual([
      'address-not-bindable',
      'not-in-progress',
    ]);
    expect(said(socket.startBind(null, LOOPBACK))).toBe('ok');
  });

  it('connects inside the call', async () => {
    const call = callOver(NO_OUTSIDE);
    const { server, address } = openServer(call);
    const client = openTcp(call);
    expect(said(client.startConnect(null, address))).toBe('ok');
    expect([said(client.startConnect(null, address)), said(client.remoteAddress())]).toEqual([
      'invalid-state',
      'invalid-state',
    ]);
    await client.subscribe().block();
    expect(said(client.finishConnect())).toBe('ok');
    expect([said(client.finishConnect()), good(client.remoteAddress())]).toEqual(['not-in-progress', address]);
    await server.subscribe().block();
    const [accepted] = good(server.accept());
    expect(accepted.localAddress()).toEqual(client.remoteAddress());
    expect([said(client.shutdown('send')), said(client.shutdown('send')), said(accepted.shutdown('both'))]).toEqual([
      'ok',
      'ok',
      'ok',
    ]);
    expect(said(client.setListenBacklogSize(1n))).toBe('invalid-state');
  });

  it('says that it is not through yet, and then how it went', async () => {
    const { promise, resolve } = Promise.withResolvers<'timeout'>();
    const client = openTcp(callOver({ ...NO_OUTSIDE, connect: () => promise }));
    good(client.startConnect(null, FAR));
    const pollable = client.subscribe();
    expect([said(client.finishConnect()), pollable.ready()]).toEqual(['would-block', false]);
    const waiting = pollable.block();
    resolve('timeout');
    await waiting;
    expect([said(client.finishConnect()), said(client.finishConnect()), said(client.startConnect(null, FAR))]).toEqual([
      'timeout',
      'not-in-progress',
      'invalid-state',
    ]);
  });

  it('is denied what is outside, by an error', async () => {
    const client = openTcp(callOver(NO_OUTSIDE));
    good(client.startConnect(null, FAR));
    await client.subscribe().block();
    expect(said(client.finishConnect())).toBe('access-denied');
  });

  it('frees its port when it is dropped', () => {
    const call = callOver(NO_OUTSIDE);
    const { server, address } = openServer(call);
    expect(said(openTcp(call).startBind(null, address))).toBe('address-in-use');
    server[Symbol.dispose]();
    expect(said(openTcp(call).startBind(null, address))).toBe('ok');
  });

  it.each([
    ['setKeepAliveIdleTime', 'keepAliveIdleTime', 0n, 42n],
    ['setKeepAliveInterval', 'keepAliveInterval', 0n, 42n],
    ['setKeepAliveCount', 'keepAliveCount', 0, 42],
    ['setHopLimit', 'hopLimit', 0, 42],
    ['setReceiveBufferSize', 'receiveBufferSize', 0n, 42n],
    ['setSendBufferSize', 'sendBufferSize', 0n, 42n],
  ] as const)('%s takes any value but zero', (set, get, zero, value) => {
    const socket = openTcp(callOver(NO_OUTSIDE));
    const before = good<unknown>(socket[get]());
    expect(said(socket[set](zero as never))).toBe('invalid-argument');
    expect(good<unknown>(socket[get]())).toBe(before);
    expect(said(socket[set](value as never))).toBe('ok');
    expect(good<unknown>(socket[get]())).toBe(value);
  });
});

describe('udp-socket', () => {
  const openUdp = (call: GuestCall) => good(createUdpSocket(call, 'ipv4'));
  const bound = (call: GuestCall) => {
    const socket = openUdp(call);
    good(socket.startBind(null, LOOPBACK));
    good(socket.finishBind());
    return socket;
  };

  it('has streams once it is bound, and only the last pair is of use', async () => {
    const call = callOver(NO_OUTSIDE);
    const [server, client] = [bound(call), openUdp(call)];
    expect([said(client.finishBind()), said(client.stream(undefined)), said(client.startBind(null, LOOPBACK))]).toEqual(
      ['not-in-progress', 'invalid-state', 'ok'],
    );
    expect([said(client.stream(undefined)), said(client.finishBind())]).toEqual(['invalid-state', 'ok']);
    const [incoming] = good(server.stream(undefined));
    const address = good(server.localAddress());
    const [, first] = good(client.stream(undefined));
    const [, outgoing] = good(client.stream(address));
    expect([said(first.checkSend()), good(client.remoteAddress())]).toEqual(['invalid-state', address]);
    expect(good(incoming.receive(9n))).toEqual([]);
    expect(good(outgoing.checkSend())).toBeGreaterThan(1n);
    const data = Uint8Array.of(1);
    expect(
      good(
        outgoing.send([
          { data, remoteAddress: undefined },
          { data, remoteAddress: FAR },
        ]),
      ),
    ).toBe(1n);
    await incoming.subscribe().block();
    expect(good(incoming.receive(9n))).toEqual([{ data, remoteAddress: good(client.localAddress()) }]);
    expect(said(client.stream(FAR))).toBe('access-denied');
  });

  it('sends no more than it was permitted, or the guest ends', () => {
    const [, outgoing] = good(bound(callOver(NO_OUTSIDE)).stream(undefined));
    const one = { data: Uint8Array.of(1), remoteAddress: LOOPBACK };
    expect(() => outgoing.send([one])).toThrow(GuestTrap);
    const permitted = Number(good(outgoing.checkSend()));
    expect(said(outgoing.send([{ ...one, remoteAddress: FAR }]))).toBe('access-denied');
    expect(() => outgoing.send(Array.from({ length: permitted }, () => one))).toThrow(GuestTrap);
  });
});

describe('ip-name-lookup', () => {
  const { resolveAddresses } = SOCKETS['wasi:sockets/ip-name-lookup'] as {
    resolveAddresses: (
      call: GuestCall,
      network: unknown,
      name: string,
    ) => { val: { resolveNextAddress(): Answer; subscribe(): { ready(): boolean; block(): Promise<void> } } };
  };

  it('gives one address after the other, and then none', async () => {
    const call = callOver({ ...NO_OUTSIDE, resolve: () => Promise.resolve([ip('192.0.2.1'), ip('2001:db8::1')]) });
    const { val: lookup } = resolveAddresses(call, null, 'db.example.com');
    expect([said(lookup.resolveNextAddress()), lookup.subscribe().ready()]).toEqual(['would-block', false]);
    await lookup.subscribe().block();
    expect([1, 2, 3].map(() => lookup.resolveNextAddress().val)).toEqual([
      { tag: 'ipv4', val: [192, 0, 2, 1] },
      { tag: 'ipv6', val: [0x2001, 0xdb8, 0, 0, 0, 0, 0, 1] },
      undefined,
    ]);
  });

  it('says why there is none, as often as it is asked', async () => {
    const { val: lookup } = resolveAddresses(callOver(NO_OUTSIDE), null, 'db.example.com');
    await lookup.subscribe().block();
    expect([said(lookup.resolveNextAddress()), said(lookup.resolveNextAddress())]).toEqual([
      'access-denied',
      'access-denied',
    ]);
  });
});
