/** Sockets between child and gate: both sides joined by frames in memory, and a gate's side that a hostile child speaks to. */
import { describe, expect, it } from 'vitest';
import { ChildSockets } from '../../../src/enclave/sandbox/child-sockets.ts';
import { encodeFrame, openFrameReader } from '../../../src/enclave/sandbox/frame.ts';
import { FRAME, parseBodyMessage, parseChildMessage } from '../../../src/enclave/sandbox/messages.ts';
import { BytePipe } from '../../../src/enclave/sandbox/net/byte-pipe.ts';
import type { Connection } from '../../../src/enclave/sandbox/net/outside.ts';
import { openBodies } from '../../../src/enclave/sandbox/open-bodies.ts';
import type { SocketEgress, SocketFailure } from '../../../src/enclave/sandbox/socket-egress.ts';
import { parseConnectAnswer, parseLookupAnswer } from '../../../src/enclave/sandbox/socket-messages.ts';
import { SocketPassage } from '../../../src/enclave/sandbox/socket-passage.ts';
import { at, ip } from './net/kit.ts';

const REMOTE = at('192.0.2.1', 5432);
const CALL = 1;

/** A connection to a server that is played by the test: what it gets, and what it sends. */
function openServer(): { there: Connection; server: Connection } {
  const [out, back] = [new BytePipe(1000, () => undefined), new BytePipe(1000, () => undefined)];
  return { there: { source: back.source, sink: out.sink }, server: { source: out.source, sink: back.sink } };
}

/** Joins both sides: what one sends, the other reads from bytes, as over the pipe. */
function join(egress: Partial<SocketEgress>, maxOpen = 4) {
  const over = new AbortController();
  const asked: string[] = [];
  const [toChild, toGate] = [openFrameReader(1 << 20), openFrameReader(1 << 20)];
  let last = 0;
  const refuse = (): Promise<SocketFailure> => Promise.resolve({ error: 'access-denied' });
  const gateBodies = openBodies(CALL, (frame) => hearChild(frame));
  const childBodies = openBodies(CALL, (frame) => hearGate(frame));
  const passage = new SocketPassage({
    egress: {
      resolve: (name) => {
        asked.push(name);
        return (egress.resolve ?? refuse)(name);
      },
      connect: (address, port) => {
        asked.push(`${address} ${port}`);
        return (egress.connect ?? refuse)(address, port);
      },
    },
    maxOpen,
    bodies: gateBodies,
    send: async (type, head) => {
      hearChild(encodeFrame(type, CALL, head));
      await Promise.resolve();
    },
    ended: over.signal,
  });
  const child = new ChildSockets({
    nextNumber: () => (last += 1),
    send: (type, head) => hearGate(encodeFrame(type, CALL, head)),
    bodies: () => childBodies,
  });
  /** Frames are heard a turn later, as they would be. */
  function hearChild(bytes: Uint8Array): void {
    for (const frame of toChild(bytes) ?? []) {
      const message = parseBodyMessage(frame);
      const [lookup, connect] = [parseLookupAnswer(frame.head), parseConnectAnswer(frame.head)];
      queueMicrotask(() => {
        if (frame.type === FRAME.lookupAnswer && lookup !== null) child.takeLookup(lookup);
        else if (frame.type === FRAME.connectAnswer && connect !== null) child.takeConnect(connect);
        else if (message !== null) childBodies.take(message);
      });
    }
  }
  function hearGate(bytes: Uint8Array): void {
    for (const frame of toGate(bytes) ?? []) {
      const message = parseChildMessage(frame);
      queueMicrotask(() => {
        if (message?.type === 'lookup' || message?.type === 'connect') passage.take(message);
        else expect(gateBodies.take(message as never)).toBe(true);
      });
    }
  }
  const end = (): void => {
    over.abort();
    child.end();
    gateBodies.close();
    childBodies.close();
  };
  return { child, passage, asked, end };
}

async function connected(answer: ReturnType<ChildSockets['connect']>): Promise<Connection> {
  const given = await answer;
  if (typeof given === 'string') throw new Error(given);
  return given;
}

/** Writes so many numbered bytes as there is room, then ends. */
async function pump({ sink }: Connection, count: number): Promise<void> {
  for (let sent = 0; sent < count && sink.state === 'open'; ) {
    const size = Math.min(sink.room, count - sent);
    if (size > 0) sink.write(Uint8Array.from({ length: size }, (_, i) => (sent + i) % 251));
    else await sink.changed();
    sent += size;
  }
  sink.end();
}

/** Reads to the end; gives how many bytes came, or -1 where one was not the one that was sent. */
async function drain({ source }: Connection): Promise<number> {
  let count = 0;
  for (;;) {
    const bytes = source.take(4096);
    for (const byte of bytes) {
      if (byte !== count % 251) return -1;
      count += 1;
    }
    if (bytes.length > 0) continue;
    if (source.state !== 'open') return count;
    await source.changed();
  }
}

describe('the passage of sockets', () => {
  it('carries a lookup and its answer', async () => {
    const { child, asked } = join({ resolve: () => Promise.resolve(['192.0.2.1', '2001:db8::1']) });
    expect(await child.resolve('db.example.com')).toEqual([ip('192.0.2.1'), ip('2001:db8::1')]);
    expect(asked).toEqual(['db.example.com']);
    expect(await join({}).child.resolve('db.example.com')).toBe('access-denied');
  });

  it('carries bytes both ways at once, many windows of them, and both ends', async () => {
    const { there, server } = openServer();
    const { child, asked } = join({ connect: () => Promise.resolve(there) });
    const client = await connected(child.connect(REMOTE));
    const count = 300_000;
    const [, , up, down] = await Promise.all([pump(client, count), pump(server, count), drain(server), drain(client)]);
    expect([up, down, asked]).toEqual([count, count, ['192.0.2.1 5432']]);
    expect([client.source.state, server.source.state]).toEqual(['ended', 'ended']);
  });

  it('stops a writer whose reader does not read', async () => {
    const { there, server } = openServer();
    const { child } = join({ connect: () => Promise.resolve(there) });
    const client = await connected(child.connect(REMOTE));
    let sent = 0;
    for (let turn = 0; turn < 2000; turn += 1) {
      const { room } = client.sink;
      if (room > 0) client.sink.write(new Uint8Array(room));
      sent += room;
      await Promise.resolve();
    }
    expect(sent).toBeLessThan(1_000_000);
    expect(client.sink.room).toBe(0);
    expect(server.source.available).toBe(1000);
  });

  it('passes on what breaks off, in either direction', async () => {
    const first = openServer();
    const second = openServer();
    const servers = [first, second];
    const { child } = join({ connect: () => Promise.resolve((servers.shift() ?? first).there) });
    const one = await connected(child.connect(REMOTE));
    first.server.sink.abort();
    expect(await drain(one)).toBe(0);
    expect(one.source.state).toBe('failed');
    const two = await connected(child.connect(REMOTE));
    two.sink.abort();
    expect(await drain(second.server)).toBe(0);
    expect(second.server.source.state).toBe('failed');
  });

  it('passes on that nobody reads any more, in either direction', async () => {
    const { there, server } = openServer();
    const { child } = join({ connect: () => Promise.resolve(there) });
    const client = await connected(child.connect(REMOTE));
    client.source.cancel();
    server.source.cancel();
    client.sink.write(Uint8Array.of(1));
    while (client.sink.state === 'open') await client.sink.changed();
    while (server.sink.state === 'open') await server.sink.changed();
    expect([client.sink.state, server.sink.state]).toEqual(['closed', 'closed']);
  });

  it('refuses more at the same time than there may be, and takes another when one is over', async () => {
    const open: Connection[] = [];
    const connect = (): Promise<Connection> => {
      const { there, server } = openServer();
      open.push(server);
      return Promise.resolve(there);
    };
    const { child, asked } = join({ connect }, 1);
    const client = await connected(child.connect(REMOTE));
    expect([await child.connect(REMOTE), await child.resolve('x.example')]).toEqual([
      'new-socket-limit',
      'new-socket-limit',
    ]);
    expect(asked.length).toBe(1);
    client.sink.end();
    open[0]?.sink.end();
    await drain(client);
    await expect.poll(async () => typeof (await child.connect(REMOTE))).toBe('object');
  });

  it('still brings what was ended before the call was over', async () => {
    const { there, server } = openServer();
    const { child, end } = join({ connect: () => Promise.resolve(there) });
    const client = await connected(child.connect(REMOTE));
    await pump(client, 3000);
    for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
    end();
    expect([await drain(server), server.source.state]).toEqual([3000, 'ended']);
  });

  it('ends everything with the call, and gives up what comes after it', async () => {
    const late = openServer();
    const { promise, resolve } = Promise.withResolvers<Connection>();
    const now = openServer();
    const answers = [Promise.resolve(now.there), promise];
    const { child, end } = join({ connect: () => answers.shift() ?? promise });
    const client = await connected(child.connect(REMOTE));
    const waiting = child.connect(REMOTE);
    await Promise.resolve();
    end();
    resolve(late.there);
    expect(await drain(client)).toBe(0);
    expect(client.source.state).toBe('failed');
    await drain(now.server);
    await drain(late.server);
    expect([now.server.source.state, late.server.source.state, late.server.sink.state]).toEqual([
      'failed',
      'failed',
      'closed',
    ]);
    expect(await waiting).toBe('access-denied');
  });

  it('lets a child wait for so many answers and no more, whoever asks', async () => {
    let [last, sent] = [0, 0];
    const child = new ChildSockets({
      nextNumber: () => (last += 1),
      send: () => void (sent += 1),
      bodies: () => openBodies(CALL, () => undefined),
    });
    const first = child.resolve('x');
    for (let i = 1; i < 255; i++) void child.resolve('x');
    void child.connect(REMOTE);
    expect([await child.resolve('x'), await child.connect(REMOTE)]).toEqual(['new-socket-limit', 'new-socket-limit']);
    expect([last, sent]).toEqual([256, 256]);
    child.takeLookup({ number: 1, answer: 'timeout' });
    expect(await first).toBe('timeout');
    void child.resolve('x');
    expect(sent).toBe(257);
    child.end();
  });

  it('answers a child that asks after its call as a refusal', async () => {
    const child = new ChildSockets({
      nextNumber: () => null,
      send: () => {
        throw new Error('sent');
      },
      bodies: () => openBodies(CALL, () => undefined),
    });
    expect([await child.resolve('x'), await child.connect(REMOTE)]).toEqual(['access-denied', 'access-denied']);
  });
});
