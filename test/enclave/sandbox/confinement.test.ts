/** What a confined process can do, tried from inside with the very arguments that functions get. */
import { once } from 'node:events';
import {
  closeSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ConfinedProcess } from '../../../src/enclave/sandbox/confined-process.ts';
import { spawnConfined, writeConfinedArguments } from '../../../src/enclave/sandbox/confinement.ts';

/** Tries each door and prints what came of it; \`open\` means that it worked. */
const PROBE = `
import { readFileSync, symlinkSync, writeFileSync, readdirSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { Worker } from 'node:worker_threads';
import { connect, createServer } from 'node:net';
import { createSocket } from 'node:dgram';
import { lookup } from 'node:dns/promises';
import { createRequire } from 'node:module';
import { findOpenDoor, removeSignals } from 'LOCKDOWN';
const results = {};
if (SIGNALS) removeSignals();
const attempt = async (name, f) => {
  try { await f(); results[name] = 'open'; } catch (e) { results[name] = e.code ?? e.name; }
};
const settled = (emitter, good) => new Promise((resolve, reject) => { emitter.on(good, resolve); emitter.on('error', reject); });
await attempt('connect', () => settled(connect(PORT, '127.0.0.1'), 'connect'));
await attempt('listen', () => settled(createServer().listen(0), 'listening'));
await attempt('udp', () => { const s = createSocket('udp4'); const p = settled(s, 'listening'); s.bind(0); return p; });
await attempt('names', () => lookup('localhost'));
await attempt('fetch', () => fetch('http://127.0.0.1:PORT').catch((e) => { throw e.cause ?? e; }));
await attempt('read', () => readFileSync('/etc/passwd'));
await attempt('list', () => readdirSync('/'));
await attempt('write', () => writeFileSync('FOLDER/x', 'x'));
await attempt('spawn', () => { const r = spawnSync('/bin/true'); if (r.error) throw r.error; });
await attempt('worker', () => new Worker('1', { eval: true }));
await attempt('eval', () => (0, eval)('1'));
await attempt('function', () => new Function('return 1'));
await attempt('memory', () => new WebAssembly.Memory({ initial: 4097 }));
await attempt('sqlite', () => import('node:sqlite').then((m) => new m.DatabaseSync('FOLDER/db')));
await attempt('ffi', () => import('node:ffi').then((m) => m.dlopen('libc.so.6', {})));
await attempt('signal', () => process.kill(process.ppid, 0));
if (SIGNALS) await attempt('debug', () => process._debugProcess(process.ppid));
await attempt('priority', () => import('node:os').then((m) => m.setPriority(process.ppid, m.getPriority(process.ppid))));
await attempt('own memory', () => readFileSync('/proc/self/mem'));
await attempt('own environment', () => readFileSync('/proc/self/environ'));
await attempt('the gate', () => readFileSync('/proc/' + process.ppid + '/environ'));
await attempt('dots', () => readFileSync('FOLDER/../../etc/passwd'));
await attempt('bytes as path', () => readFileSync(Buffer.from('FOLDER/../../etc/passwd')));
await attempt('new link', () => symlinkSync('/etc/passwd', 'FOLDER/link'));
await attempt('require', () => createRequire('FOLDER/x.cjs')('/etc/hostname'));
await attempt('import', () => import('/etc/hostname'));
await attempt('binding', () => process.binding('tcp_wrap'));
await attempt('addon', () => process.dlopen({ exports: {} }, '/lib/x86_64-linux-gnu/libc.so.6'));
await attempt('engine', () => import('node:crypto').then((m) => m.setEngine('FOLDER/engine.so')));
// Where it is allowed it would leave nobody to report.
if (process.permission?.has('child') === false) await attempt('execve', () => process.execve('/bin/true', ['/bin/true'], {}));
await attempt('inspector', () => import('node:inspector').then((m) => new m.Session().connect()));
await attempt('wasi', () => import('node:wasi').then((m) => new m.WASI({ version: 'preview1', preopens: { '/': '/' } })));
await attempt('snapshot', () => import('node:v8').then((m) => m.writeHeapSnapshot('FOLDER/heap')));
await attempt('tracing', () => import('node:trace_events').then((m) => m.createTracing({ categories: ['node'] }).enable()));
await attempt('unix socket', () => settled(connect('FOLDER/socket'), 'connect'));
await attempt('abstract socket', () => settled(connect('\\0anchorhold-probe'), 'connect'));
results.environment = Object.keys(process.env).length;
results.cwd = process.cwd();
results.door = findOpenDoor();
console.log(JSON.stringify(results));
process.exit(0);
`;

/** Room for a second engine: a thread that a broken confinement lets through must come up. */
const CAPS = { dataMiB: 4096, group: null };
const FOLDER = realpathSync(mkdtempSync(join(tmpdir(), 'anchorhold-probe-')));
const SANDBOX = realpathSync(join(import.meta.dirname, '../../../src/enclave/sandbox'));
const server = createServer((socket) => socket.end());
let port = 0;
let connections = 0;
server.on('connection', () => {
  connections += 1;
});

beforeAll(async () => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  port = address !== null && typeof address === 'object' ? address.port : 0;
});
afterAll(() => {
  server.close();
  rmSync(FOLDER, { recursive: true });
});

/** What it writes to stdout. */
function outputOf({ output }: ConfinedProcess): Readable {
  const [stdout] = output;
  if (stdout === undefined) throw new TypeError('it prints nowhere');
  return stdout;
}

async function probe(
  change: (args: readonly string[]) => readonly string[],
  signalsRemoved = true,
): Promise<Record<string, unknown>> {
  const script = join(FOLDER, 'probe.mjs');
  const source = PROBE.replaceAll('PORT', String(port))
    .replaceAll('FOLDER', FOLDER)
    .replaceAll('SIGNALS', String(signalsRemoved))
    .replace('LOCKDOWN', join(SANDBOX, 'lockdown.ts'));
  writeFileSync(script, source);
  const args = writeConfinedArguments(script, [FOLDER, SANDBOX], { heapMiB: 64, memoryPages: 64, processMiB: 256 }, []);
  const child = spawnConfined(change(args), CAPS);
  const [out, printed] = await Promise.all(child.output.map((stream) => text(stream)));
  expect(printed).toBe('');
  return JSON.parse(out ?? '') as Record<string, unknown>;
}

describe('a confined process', () => {
  it('finds every door shut', async () => {
    const before = connections;
    expect(await probe((args) => args)).toEqual({
      connect: 'ERR_ACCESS_DENIED',
      listen: 'ERR_ACCESS_DENIED',
      udp: 'ERR_ACCESS_DENIED',
      names: 'ERR_ACCESS_DENIED',
      fetch: 'ERR_ACCESS_DENIED',
      read: 'ERR_ACCESS_DENIED',
      list: 'ERR_ACCESS_DENIED',
      write: 'ERR_ACCESS_DENIED',
      spawn: 'ERR_ACCESS_DENIED',
      worker: 'ERR_ACCESS_DENIED',
      eval: 'EvalError',
      function: 'EvalError',
      memory: 'RangeError',
      sqlite: 'ERR_UNKNOWN_BUILTIN_MODULE',
      ffi: 'ERR_ACCESS_DENIED',
      signal: 'TypeError',
      debug: 'TypeError',
      priority: 'TypeError',
      'own memory': 'ERR_ACCESS_DENIED',
      'own environment': 'ERR_ACCESS_DENIED',
      'the gate': 'ERR_ACCESS_DENIED',
      dots: 'ERR_ACCESS_DENIED',
      'bytes as path': 'ERR_ACCESS_DENIED',
      'new link': 'ERR_ACCESS_DENIED',
      require: 'ERR_ACCESS_DENIED',
      import: 'ERR_ACCESS_DENIED',
      binding: 'ERR_ACCESS_DENIED',
      addon: 'ERR_DLOPEN_DISABLED',
      engine: 'ERR_CRYPTO_CUSTOM_ENGINE_NOT_SUPPORTED',
      execve: 'ERR_ACCESS_DENIED',
      inspector: 'ERR_ACCESS_DENIED',
      wasi: 'ERR_ACCESS_DENIED',
      snapshot: 'ERR_ACCESS_DENIED',
      tracing: 'ERR_ACCESS_DENIED',
      'unix socket': 'ERR_ACCESS_DENIED',
      'abstract socket': 'ERR_ACCESS_DENIED',
      environment: 0,
      cwd: '/',
      door: null,
    });
    expect(connections).toBe(before);
  });

  it.each([
    ['no permission model', '--permission', 'no permission model'],
    ['the network', '--allow-net', 'net'],
    ['child processes', '--allow-child-process', 'child'],
    ['workers', '--allow-worker', 'worker'],
    ['addons', '--allow-addons', 'addon'],
    ['foreign functions', '--allow-ffi', 'ffi'],
    ['the inspector', '--allow-inspector', 'inspector'],
    ['WASI of Node', '--allow-wasi', 'wasi'],
    ['writing files', '--allow-fs-write=*', 'fs.write'],
    ['reading every file', '--allow-fs-read=*', 'fs.read'],
  ])('notices that it has %s, and would refuse to serve', async (_, flag, door) => {
    const results = await probe((args) =>
      flag === '--permission' ? args.filter((a) => a !== flag && !a.startsWith('--allow')) : [flag, ...args],
    );
    expect(results['door']).toBe(door);
  });

  it('notices that SQLite is there, which does not ask the permission model', async () => {
    const results = await probe((args) => args.filter((a) => a !== '--no-experimental-sqlite'));
    expect(results['door']).toBe('sqlite');
  });

  it('ends when it changes a flag of V8, whose traces are files that the permission model does not hear of', async () => {
    const script = join(FOLDER, 'flags.mjs');
    writeFileSync(
      script,
      `process.getBuiltinModule('node:v8').setFlagsFromString('--redirect-code-traces-to=${FOLDER}/trace'); console.log('open');`,
    );
    const child = spawnConfined(
      writeConfinedArguments(script, [FOLDER], { heapMiB: 64, memoryPages: 64, processMiB: 256 }, []),
      CAPS,
    );
    const [out, printed] = await Promise.all(child.output.map((stream) => text(stream)));
    await child.ended;
    // V8 says why it ends the process; one that ended well would have said nothing.
    expect(printed).not.toBe('');
    expect(out).not.toContain('open');
  });

  it('notices that V8 would take flags', async () => {
    const results = await probe((args) => args.filter((a) => a !== '--freeze-flags-after-init'));
    expect(results['door']).toBe('flags of V8');
  });

  it('inherits no descriptors but its output and the pipe', async () => {
    const script = join(FOLDER, 'wait.mjs');
    writeFileSync(script, `console.log('up'); setInterval(() => {}, 1000);`);
    const kept = openSync('/dev/null', 'r');
    const child = spawnConfined(
      writeConfinedArguments(script, [FOLDER], { heapMiB: 64, memoryPages: 64, processMiB: 256 }, []),
      CAPS,
    );
    await once(outputOf(child), 'data');
    const folder = `/proc/${child.pid}/fd`;
    const targets = readdirSync(folder).map((fd) => [fd, readlinkSync(join(folder, fd))] as const);
    child.kill();
    closeSync(kept);
    const foreign = targets.filter(([fd, to]) => Number(fd) > 3 && !/^(?:anon_inode:|pipe:|\/dev\/null$)/.test(to));
    expect(foreign).toEqual([]);
    // The pipes and the one /dev/null above 3 are the event loop's own; ours are sockets and end at 3.
    expect(targets.filter(([, to]) => to.startsWith('socket:')).map(([fd]) => fd)).toEqual(['1', '2', '3']);
  });

  it('is held to its memory by the kernel, and leaves no core file', async () => {
    const script = join(FOLDER, 'grow.mjs');
    writeFileSync(
      script,
      `const kept = [];
      try { for (;;) { const m = new WebAssembly.Memory({ initial: 64 }); new Uint8Array(m.buffer).fill(1); kept.push(m); } }
      catch (e) { console.log(e.name, kept.length * 4); }
      setInterval(() => {}, 1000);`,
    );
    const child = spawnConfined(
      writeConfinedArguments(script, [FOLDER], { heapMiB: 64, memoryPages: 64, processMiB: 0 }, []),
      { dataMiB: 900, group: null },
    );
    const [line] = (await once(outputOf(child), 'data')) as [Buffer];
    const [name, mebibytes] = line.toString().split(' ');
    const limits = readFileSync(`/proc/${child.pid}/limits`, 'utf8');
    child.kill();
    expect(name).toBe('RangeError');
    expect(Number(mebibytes)).toBeGreaterThan(100);
    expect(Number(mebibytes)).toBeLessThan(400);
    expect(limits).toMatch(new RegExp(`^Max data size +${900 * 1024 * 1024} +${900 * 1024 * 1024} `, 'm'));
    expect(limits).toMatch(/^Max core file size +0 +0 /m);
  });

  it('notices that it could send signals', async () => {
    const results = await probe((args) => args, false);
    expect(results['door']).toBe('signals');
  });
});
