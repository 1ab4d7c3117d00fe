/** The gate's way to the image's launcher, over a launcher in the test's hands: what it asks, and how each end learns of the other's. */
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { ConfinedProcess, StartConfined } from '../../../src/enclave/sandbox/confined-process.ts';
import { startLaunched } from '../../../src/enclave/sandbox/start-launched.ts';

const START = 1;
const WATCH = 2;
const CAPS = { dataMiB: 1664, group: '/sys/fs/cgroup/anchorhold/function-f' };

/** A request as it came, on the connection that it came on; `behind` is what came after it. */
interface Request {
  readonly kind: number;
  readonly slot: number;
  readonly rest: Buffer;
  readonly line: Socket;
  behind: Buffer;
}

const folder = mkdtempSync(join(tmpdir(), 'anchorhold-launched-'));
const socket = join(folder, 'launch.sock');
const requests: Request[] = [];
let onRequest: ((request: Request) => void) | null = null;
const waiting: Request[] = [];

/** The next request, in the order in which they came. */
async function next(): Promise<Request> {
  const first = waiting.shift();
  return first ?? (await new Promise((resolve) => void (onRequest = resolve)));
}

const server = createServer({ allowHalfOpen: true }, (line) => {
  let have = Buffer.alloc(0);
  let request: Request | null = null;
  line.on('error', () => undefined);
  line.on('data', (chunk: Buffer) => {
    if (request !== null) {
      request.behind = Buffer.concat([request.behind, chunk]);
      return;
    }
    have = Buffer.concat([have, chunk]);
    const length = have.length < 4 ? Number.POSITIVE_INFINITY : have.readUInt32BE(0);
    if (have.length < 4 + length) return;
    const [body, behind] = [have.subarray(4, 4 + length), have.subarray(4 + length)];
    request = { kind: body.readUInt8(0), slot: body.readUInt16BE(1), rest: body.subarray(3), line, behind };
    requests.push(request);
    const hear = onRequest;
    onRequest = null;
    if (hear === null) waiting.push(request);
    else hear(request);
  });
});

const start: StartConfined = startLaunched(socket);
beforeAll(async () => {
  server.listen(socket);
  await once(server, 'listening');
});
afterEach(() => {
  for (const { line } of requests.splice(0)) line.destroy();
  waiting.length = 0;
});
afterAll(() => {
  server.close();
  rmSync(folder, { recursive: true });
});

interface Started {
  readonly child: ConfinedProcess;
  readonly asked: Request;
  readonly watched: Request;
}

async function started(): Promise<Started> {
  const child = start(['--permission', 'x.js'], CAPS);
  const asked = await next();
  return { child, asked, watched: await next() };
}

const pidBytes = (pid: number): Buffer => Buffer.from([pid >> 24, pid >> 16, pid >> 8, pid].map((byte) => byte & 255));

describe('a process that is asked of the launcher', () => {
  it('is asked for with its slot, caps, group and arguments, and watched on another connection', async () => {
    const { child, asked, watched } = await started();
    expect([asked.kind, watched.kind, watched.slot, watched.rest.length]).toEqual([START, WATCH, asked.slot, 0]);
    expect(asked.rest.readUInt32BE(0)).toBe(CAPS.dataMiB);
    expect(asked.rest.subarray(4).toString()).toBe(`${CAPS.group}\0--permission\0x.js\0`);
    watched.line.destroy();
    await child.ended;
  });

  it('gets what is written to its pipe behind the request, and nothing of it is lost', async () => {
    const child = start(['x.js'], { dataMiB: 1, group: null });
    child.pipe?.write('first');
    const asked = await next();
    const watched = await next();
    child.pipe?.write('second');
    while (asked.behind.length < 11) await once(asked.line, 'data');
    expect([asked.rest.subarray(4).toString(), asked.behind.toString()]).toEqual(['\0x.js\0', 'firstsecond']);
    asked.line.write('answer');
    expect(String((await once(child.pipe as Socket, 'data'))[0])).toBe('answer');
    watched.line.destroy();
    await child.ended;
  });

  it('has the number that the launcher says, once it has said all of it', async () => {
    const { child, watched } = await started();
    expect(child.pid).toBeUndefined();
    for (const byte of pidBytes(0x01020304)) {
      watched.line.write(Uint8Array.of(byte));
      await new Promise((resolve) => setImmediate(resolve));
    }
    watched.line.end();
    await child.ended;
    expect(child.pid).toBe(0x01020304);
  });

  it('is killed by hanging up, and has ended only when the launcher hangs up, too', async () => {
    const { child, watched } = await started();
    let hasEnded = false;
    void child.ended.then(() => void (hasEnded = true));
    const hungUp = once(watched.line, 'end');
    child.kill();
    child.kill();
    child.pipe?.destroy();
    await hungUp;
    await new Promise((resolve) => setImmediate(resolve));
    expect(hasEnded).toBe(false);
    watched.line.end();
    await child.ended;
  });

  it('is killed as soon as it is known when it was killed before', async () => {
    const child = start(['x.js'], CAPS);
    child.kill();
    await next();
    const watched = await next();
    if (!watched.line.readableEnded) await once(watched.line, 'end');
    watched.line.end();
    await child.ended;
  });

  it('has a slot that nobody else has, and one that is free again comes last', async () => {
    const [a, b] = [await started(), await started()];
    expect(b.asked.slot).toBe(a.asked.slot + 1);
    a.watched.line.end();
    await a.child.ended;
    const c = await started();
    expect(c.asked.slot).toBe(b.asked.slot + 1);
    for (const { child, watched } of [b, c]) {
      watched.line.end();
      await child.ended;
    }
  });
});

describe('a launcher that starts nothing', () => {
  it('because it is not there: the process has ended, and its slot is free', async () => {
    const absent = startLaunched(join(folder, 'absent.sock'));
    for (let i = 0; i < 300; i++) {
      const child = absent(['x.js'], CAPS);
      child.pipe?.on('error', () => undefined);
      await child.ended;
    }
  });

  it('because it refused: the process has ended', async () => {
    const child = start(['x.js'], CAPS);
    const asked = await next();
    const watched = await next();
    asked.line.destroy();
    watched.line.destroy();
    await child.ended;
  });

  it('because all slots are taken: that is said at once', async () => {
    const full = startLaunched(socket);
    const children = Array.from({ length: 256 }, () => full(['x.js'], CAPS));
    for (const { pipe } of children) pipe?.on('error', () => undefined);
    expect(() => full(['x.js'], CAPS)).toThrow(RangeError);
    for (let i = 0; i < 512; i++) (await next()).line.destroy();
    await Promise.all(children.map(({ ended }) => ended));
    const later = full(['x.js'], CAPS);
    for (let i = 0; i < 2; i++) (await next()).line.end();
    await later.ended;
  });
});
