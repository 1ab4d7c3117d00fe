/**
 * The image's launcher with the gate's own way to it, as root on this machine: what a process is that it started, and that it is gone when the
 * gate hangs up. The same calls go through a function as in a worker.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, realpathSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import type { ConfinedProcess } from '../../../src/enclave/sandbox/confined-process.ts';
import { startLaunched } from '../../../src/enclave/sandbox/start-launched.ts';
import { skipUnless } from '../../skips.ts';
import { HAS_COMPILER, openWorkshop } from './compile.ts';

function missing(): string | null {
  if (!HAS_COMPILER) return 'no C compiler is here';
  return process.getuid?.() === 0 ? null : 'takes root';
}

const lack = missing();
const test = skipUnless(lack === null, lack ?? '');
const workshop = openWorkshop();
/** Below /run, where every user may walk: a temporary folder may be closed to the users of functions. */
const folder = lack === null ? mkdtempSync('/run/anchorhold-launch-') : '';
const socket = join(folder, 'launch.sock');
const start = startLaunched(socket);
const CAPS = { dataMiB: 2048, group: null };
const FIRST_USER = 10_000;
let server: ChildProcess | null = null;

beforeAll(async () => {
  if (lack !== null) return;
  const places = [
    ['LAUNCH_SOCKET', socket],
    ['NODE', realpathSync(process.execPath)],
  ].map(([name, path]) => `-D${name}="${path}"`);
  const sources = ['launch.c', 'confinement.c', 'seccomp.c', join(import.meta.dirname, 'launch-server.c')];
  server = spawn(workshop.compile('launch-server', sources, ['-DGATE_ID=0', ...places]), {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  if (server.stdout !== null) await once(server.stdout, 'data');
});
afterAll(() => {
  server?.kill('SIGKILL');
  workshop.remove();
  if (folder !== '') rmSync(folder, { recursive: true });
});

/** Starts Node on a program that ends with its pipe. */
function run(source: string, group: string | null = null): ConfinedProcess {
  return start(['-e', `const pipe = new (require('node:net').Socket)({ fd: 3 }); ${source}`], { ...CAPS, group });
}

const isThere = (pid: number | undefined): boolean => pid !== undefined && readdirSync('/proc').includes(String(pid));

function pipeOf({ pipe }: ConfinedProcess): Duplex {
  if (pipe === undefined) throw new TypeError('it has no pipe');
  return pipe;
}

async function firstWord(child: ConfinedProcess): Promise<string> {
  const [chunk] = (await once(pipeOf(child), 'data')) as [Buffer];
  return chunk.toString();
}

/** What the kernel says of a process. */
function statusOf(pid: number | undefined): Readonly<Record<string, string>> {
  const rows = readFileSync(`/proc/${pid}/status`, 'utf8').trim().split('\n');
  return Object.fromEntries(rows.map((row) => row.split(/:\s*/, 2) as [string, string]));
}

describe('a process that the launcher of the image started', () => {
  test('has the pipe, nothing else, no right to anything, and a user of its own', async () => {
    const [first, second] = [run(`pipe.write('up')`), run(`pipe.write('up')`)];
    expect([await firstWord(first), await firstWord(second)]).toEqual(['up', 'up']);
    const [one, two] = [statusOf(first.pid), statusOf(second.pid)];
    const uid = Number(one['Uid']?.split('\t')[0]);
    expect(uid).toBeGreaterThanOrEqual(FIRST_USER);
    const four = (id: number): string => Array.from({ length: 4 }, () => id).join('\t');
    expect(one).toMatchObject({ Uid: four(uid), Gid: four(uid), Groups: '', NoNewPrivs: '1', Seccomp: '2' });
    expect(two).toMatchObject({ Uid: four(uid + 1), Gid: four(uid + 1) });
    for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb']) expect(one[set]).toMatch(/^0+$/);
    const limits = readFileSync(`/proc/${first.pid}/limits`, 'utf8');
    expect(limits).toMatch(/^Max core file size +0 +0 /m);
    expect(limits).toMatch(
      new RegExp(`^Max data size +${CAPS.dataMiB * 1024 * 1024} +${CAPS.dataMiB * 1024 * 1024} `, 'm'),
    );
    expect(readFileSync(`/proc/${first.pid}/environ`, 'utf8')).toBe('');
    const fds = readdirSync(`/proc/${first.pid}/fd`).map((fd) => [fd, readlinkSync(`/proc/${first.pid}/fd/${fd}`)]);
    const printing = fds.filter(([fd]) => Number(fd) < 3).map(([, to]) => to);
    expect(printing).toEqual(['/dev/null', '/dev/null', '/dev/null']);
    expect(fds.filter(([, to]) => to?.startsWith('socket:') === true).map(([fd]) => fd)).toEqual(['3']);
    first.kill();
    second.kill();
    await Promise.all([first.ended, second.ended]);
  });

  test('reads what the gate sends behind the request, and the gate reads what it answers', async () => {
    const child = run(`pipe.pipe(pipe)`);
    const sent = Buffer.alloc(300_000, 'x');
    child.pipe?.write(sent);
    child.pipe?.end();
    expect((await buffer(pipeOf(child))).equals(sent)).toBe(true);
    await child.ended;
  });

  test('is gone when it was killed, although it computes and reads nothing', async () => {
    const child = run(`pipe.write('up'); setImmediate(() => { for (;;); })`);
    await firstWord(child);
    const { pid } = child;
    child.pipe?.write(Buffer.alloc(4_000_000));
    expect(isThere(pid)).toBe(true);
    child.kill();
    child.pipe?.destroy();
    await child.ended;
    expect(isThere(pid)).toBe(false);
  });

  test('is gone at last when it was killed before anybody knew of it', async () => {
    const child = run(`setInterval(() => {}, 1000)`);
    child.kill();
    await child.ended;
    expect(isThere(child.pid)).toBe(false);
  });

  test('tells the gate of its end by the end of its pipe', async () => {
    const child = run(`pipe.write('up'); setTimeout(() => process.abort(), 1)`);
    const { pipe } = child;
    pipe?.resume();
    await child.ended;
    expect(isThere(child.pid)).toBe(false);
    if (pipe?.closed === false) await once(pipe, 'close');
  });

  const attempt = (call: string): string => `try { ${call}; pipe.end('open'); } catch (e) { pipe.end(e.code); }`;
  const CALLS: Readonly<Record<string, string>> = {
    'start a process': `pipe.end(require('node:child_process').spawnSync('/bin/true').error.code)`,
    'open a socket': `require('node:net').connect(9, '127.0.0.1').on('error', (e) => pipe.end(e.code))`,
    'make a folder': attempt(`require('node:fs').mkdirSync('/run/anchorhold-made')`),
    'signal another one': attempt(`process.kill(process.ppid, 0)`),
    'change how important it is': attempt(`require('node:os').setPriority(0, 1)`),
  };
  for (const [what, source] of Object.entries(CALLS))
    test(`cannot ${what}: to it the kernel has no such call`, async () => {
      const child = run(source);
      expect((await buffer(pipeOf(child))).toString()).toMatch(/^(?:ENOSYS|ERR_SYSTEM_ERROR)$/);
      await child.ended;
    });
});

describe('the launcher of the image', () => {
  /** Sends bytes as they are, and gives what came back when the launcher has hung up; it may do so before it has read all of them. */
  async function say(bytes: Uint8Array): Promise<string> {
    const line = connect(socket);
    const said: Buffer[] = [];
    line.on('data', (chunk: Buffer) => said.push(chunk));
    line.on('error', () => undefined);
    line.write(bytes);
    await new Promise((resolve) => line.once('close', resolve));
    return Buffer.concat(said).toString();
  }
  const framed = (...bytes: number[]): Uint8Array =>
    Uint8Array.of(0, 0, bytes.length >> 8, bytes.length & 255, ...bytes);
  const texts = (...list: string[]): number[] => [...Buffer.from(list.map((text) => `${text}\0`).join(''))];
  const MIB = [0, 0, 8, 0];

  const WRONG: Readonly<Record<string, Uint8Array>> = {
    'has no length': Uint8Array.of(0, 0, 0, 0),
    'has a length over the cap': Uint8Array.of(0, 0, 0x20, 0x01, 1, 0, 0),
    'is shorter than its head': framed(1, 0),
    'is of an unknown kind': framed(3, 0, 9),
    'watches a slot that is free': framed(2, 0, 9),
    'watches a slot that there is not': framed(2, 255, 255),
    'starts in a slot that there is not': framed(1, 1, 0, ...MIB, ...texts('', '-v')),
    'has no room for its numbers': framed(1, 0, 9, 0, 0),
    'has no arguments': framed(1, 0, 9, ...MIB, ...texts('')),
    'has a text without an end': framed(1, 0, 9, ...MIB, ...texts(''), 45, 118),
    'has no cap on memory': framed(1, 0, 9, 0, 0, 0, 0, ...texts('', '-v')),
    'has too many arguments': framed(1, 0, 9, ...MIB, ...texts('', ...Array.from({ length: 70 }, () => '-v'))),
    'names a control group of others': framed(1, 0, 9, ...MIB, ...texts('/sys/fs/cgroup/other', '-v')),
    'names a control group by dots': framed(
      1,
      0,
      9,
      ...MIB,
      ...texts('/sys/fs/cgroup/anchorhold/function-/../../x', '-v'),
    ),
  };
  for (const [what, bytes] of Object.entries(WRONG))
    test(`hangs up on a request that ${what}`, async () => {
      expect(await say(bytes)).toBe('');
      // It goes on, and nobody is in that slot.
      expect(await say(framed(2, 0, 9))).toBe('');
    });

  test('answers nobody but the gate', async () => {
    const script = `const line = require('node:net').connect(${JSON.stringify(socket)}); line.write(Buffer.from([0,0,0,3,2,0,9]));
      line.on('error', () => {}); line.on('close', () => console.log('closed'));`;
    const other = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
    expect((await buffer(other.stdout)).toString()).toBe('closed\n');
  });

  test('ends what it started when the gate ends without a word', async () => {
    const child = run(`pipe.write('up'); setInterval(() => {}, 1000)`);
    await firstWord(child);
    child.pipe?.destroy();
    child.kill();
    await child.ended;
    expect(isThere(child.pid)).toBe(false);
  });
});
