/** Clients at the port that ask for evidence and misbehave, or are too many: nobody else is delayed, and nothing of them stays. */
import { once } from 'node:events';
import { connect, type TLSSocket } from 'node:tls';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ATTESTATION_PATH, parseEvidence } from '../../src/attestation/evidence.ts';
import { LIMITS } from '../../src/base/limits.ts';
import { type Attester, openAttester } from '../../src/enclave/attester.ts';
import { openIdentity } from '../../src/enclave/identity.ts';
import { LISTENER_TIMES, type Listener, openListener } from '../../src/enclave/listener.ts';
import type { TransportError } from '../../src/errors.ts';
import { type ManualDevice, type ManualTimer, openManualDevice, openManualTimer } from './manual-device.ts';

const ZEROS = new Uint8Array(32);
const ASK = `POST ${ATTESTATION_PATH} HTTP/1.1\r\nhost: w\r\ncontent-length: 32\r\n\r\n${'n'.repeat(32)}`;

let manual: ManualDevice;
let timers: ManualTimer;
let listener: Listener;
let attester: Attester;
let sockets: TLSSocket[] = [];
/** Outcomes of all nonces that reached the attester, in the order in which they were settled. */
let settled: string[] = [];
/** Whether their clients are gone, by the worker's own word. */
let gone: (() => boolean)[] = [];
let arrived: () => void = () => undefined;

/** Resolves when so many more nonces have reached the attester. */
async function arrivals(count: number): Promise<void> {
  let left = count;
  const { promise, resolve } = Promise.withResolvers<void>();
  arrived = () => {
    left -= 1;
    if (left === 0) resolve();
  };
  await promise;
}

/** Keeps what goes in and out of the attester. */
function watched(real: Attester): Attester {
  return {
    async answer(nonce, channel, isGone) {
      gone.push(isGone ?? (() => false));
      const answer = real.answer(nonce, channel, isGone);
      arrived();
      try {
        const evidence = await answer;
        settled.push('ok');
        return evidence;
      } catch (error) {
        settled.push((error as TransportError).code);
        throw error;
      }
    },
  };
}

beforeEach(async () => {
  [manual, timers, sockets, settled, gone] = [openManualDevice(), openManualTimer(), [], [], []];
  const identity = await openIdentity(new Date());
  attester = openAttester({
    device: manual.device,
    standing: () => ({
      instance: identity.instance,
      tls: identity.spkiDigest,
      hpke: identity.sealing.keyConfiguration,
      functions: {},
      policies: {},
      lockdown: {},
      runtime: 'test',
    }),
    checkpoint: () => ({ size: 0, root: ZEROS }),
    endorsements: [],
    timer: timers.timer,
  });
  const gate = { answer: () => Promise.reject(new TypeError('not asked')) };
  const port = { host: '127.0.0.1', port: 0 };
  listener = await openListener({
    ...port,
    identity,
    attester: watched(attester),
    gate,
    doors: new Map(),
    epoch: () => 0,
    simulated: true,
    times: LISTENER_TIMES,
  });
});
afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  await listener.close();
});

async function dial(): Promise<TLSSocket> {
  const socket = connect({ host: '127.0.0.1', port: listener.port, rejectUnauthorized: false });
  socket.on('error', () => undefined);
  sockets.push(socket);
  await once(socket, 'secureConnect');
  return socket;
}

interface Answer {
  readonly status: number;
  readonly head: string;
  readonly body: Buffer;
}

/** Reads one answer. */
async function readAnswer(socket: TLSSocket): Promise<Answer> {
  let all = Buffer.alloc(0);
  for (;;) {
    for (let chunk: unknown = socket.read(); Buffer.isBuffer(chunk); chunk = socket.read())
      all = Buffer.concat([all, chunk]);
    const end = all.indexOf('\r\n\r\n');
    const head = all.subarray(0, Math.max(end, 0)).toString('latin1').toLowerCase();
    const length = Number(/content-length: (\d+)/.exec(head)?.[1] ?? Number.NaN);
    if (all.length >= end + 4 + length) {
      const body = all.subarray(end + 4, end + 4 + length);
      socket.unshift(all.subarray(end + 4 + length));
      return { status: Number(head.slice(9, 12)), head, body };
    }
    await once(socket, 'readable');
  }
}

/** Sends a nonce, and resolves when the attester has it. */
async function ask(socket: TLSSocket): Promise<void> {
  const seen = arrivals(1);
  socket.write(ASK);
  await seen;
}

function expectEvidence(answer: Answer, size: number): void {
  expect(answer.status).toBe(200);
  const parsed = parseEvidence(new Uint8Array(answer.body));
  expect('value' in parsed && parsed.value.size).toBe(size);
}

/** Asks over a new connection with an idle device, and gets evidence for itself alone. */
async function expectWell(): Promise<void> {
  const socket = await dial();
  await ask(socket);
  manual.release();
  expectEvidence(await readAnswer(socket), 1);
}

/** Resolves when the worker knows that the client of the nonce that came as number `index` is gone. */
async function goneAtWorker(index: number): Promise<void> {
  // Each handshake is a round trip through the worker's event loop, which is where it learns of it.
  while (gone[index]?.() !== true) (await dial()).destroy();
}

describe('evidence', () => {
  it('goes to others while a client that sent half a request says nothing more', async () => {
    const half = await dial();
    half.write(ASK.slice(0, 40));
    const other = await dial();
    other.write(ASK.slice(0, -1));
    await expectWell();
    expect(settled).toEqual(['ok']);
    const seen = arrivals(1);
    other.write('n');
    await seen;
    manual.release();
    expectEvidence(await readAnswer(other), 1);
  });

  it('goes to others while a client reads nothing of its own', async () => {
    const deaf = await dial();
    const other = await dial();
    const first = await dial();
    await ask(first);
    await ask(deaf);
    await ask(other);
    manual.release();
    expectEvidence(await readAnswer(first), 1);
    manual.release();
    expectEvidence(await readAnswer(other), 2);
    await expectWell();
  });

  it('is not made for a client that left while it waited, and nothing of it stays', async () => {
    const first = await dial();
    await ask(first);
    const leaver = await dial();
    await ask(leaver);
    const other = await dial();
    await ask(other);
    leaver.destroy();
    await goneAtWorker(1);
    manual.release();
    expectEvidence(await readAnswer(first), 1);
    manual.release();
    expectEvidence(await readAnswer(other), 1);
    expect(settled.toSorted()).toEqual(['ERR_TRANSPORT_CLOSED', 'ok', 'ok']);
    expect(timers.set).toEqual([]);
    await expectWell();
  });

  it('goes to others when a client leaves during its own report', async () => {
    const leaver = await dial();
    await ask(leaver);
    const other = await dial();
    await ask(other);
    leaver.destroy();
    await goneAtWorker(0);
    manual.release();
    await manual.hasBeenAsked(2);
    manual.release();
    expectEvidence(await readAnswer(other), 1);
    await expectWell();
  });

  it('goes to one nonce of a connection at a time', async () => {
    const socket = await dial();
    const seen = arrivals(1);
    socket.write(ASK + ASK);
    await seen;
    // The second one came with the first, and has been read before another handshake is done.
    (await dial()).destroy();
    manual.release();
    expectEvidence(await readAnswer(socket), 1);
    const refused = await readAnswer(socket);
    expect(refused.status).toBe(400);
    expect(refused.body.toString()).toContain('ERR_POLICY_REQUEST');
    expect(settled).toEqual(['ok']);
    await ask(socket);
    manual.release();
    expectEvidence(await readAnswer(socket), 1);
  });

  it('is refused with 503 and Retry-After while too many wait, and is there again afterwards', async () => {
    const many = Array.from({ length: LIMITS.treeNonces + 1 }, () => attester.answer(ZEROS, ZEROS));
    const socket = await dial();
    await ask(socket);
    const refused = await readAnswer(socket);
    expect(refused.status).toBe(503);
    expect(refused.head).toMatch(/\r\nretry-after: 1(?:\r\n|$)/);
    expect(refused.body.toString()).toContain('ERR_TRANSPORT_OVERLOADED');
    manual.release();
    await manual.hasBeenAsked(2);
    manual.release();
    await Promise.all(many);
    await ask(socket);
    manual.release();
    expectEvidence(await readAnswer(socket), 1);
  });

  it('is refused with 504 when the device is silent, then with 503 and Retry-After, and is there when it answers', async () => {
    const socket = await dial();
    await ask(socket);
    timers.runOut();
    expect((await readAnswer(socket)).status).toBe(504);
    await ask(socket);
    const refused = await readAnswer(socket);
    expect(refused.status).toBe(503);
    expect(refused.head).toMatch(/\r\nretry-after: 1(?:\r\n|$)/);
    manual.release();
    await expectWell();
  });

  it('is refused with 500 when the device fails, and is there for the next nonce', async () => {
    const socket = await dial();
    await ask(socket);
    manual.fail(new TypeError('broken'));
    const refused = await readAnswer(socket);
    expect(refused.status).toBe(500);
    expect(refused.body.toString()).toContain('ERR_CONFIGURATION_DEVICE');
    expect(refused.body.toString()).not.toContain('broken');
    await ask(socket);
    manual.release();
    expectEvidence(await readAnswer(socket), 1);
  });
});
