/**
 * What a program reaches that took over a function's process, or the gate: a probe takes the place of Node in the image's own initrd, so users,
 * capabilities, seccomp filters and packet rules are those of the image.
 */
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, vi } from 'vitest';
import { encodeUtf8 } from '../../src/base/bytes.ts';
import { treeFile } from '../../src/image/tree.ts';
import { skipUnless } from '../skips.ts';
import { describeMachine, startImageMachine, testPrograms } from './image-machine.ts';
import { BOOT_TIMEOUTS, lackOf } from './needs.ts';

const lack = lackOf(['image', 'qemu', 'programs']);
const test = skipUnless(lack === null, lack ?? '');
vi.setConfig(BOOT_TIMEOUTS);

const ERRORS = new Map(Object.entries(constants.errno).map(([name, number]) => [number, name]));
/** Rows of the kernel's own status, whose values are no errors. */
const STATUS = new Set(['NoNewPrivs', 'CapEff', 'CapPrm', 'CapBnd', 'Seccomp']);

/** What each user could do: by what was tried, `reached` or the error. */
let outcomes: Record<'gate' | 'function', Record<string, string>>;
let connections = 0;
let server: Server;
const folder = mkdtempSync(join(tmpdir(), 'anchorhold-reach-'));

function readOutcomes(lines: readonly string[]): typeof outcomes {
  const found: typeof outcomes = { gate: {}, function: {} };
  for (const line of lines) {
    const [, user, what = '', value = ''] = /^probe: (gate|function): (.+): (-?\d+)$/.exec(line) ?? [];
    if (user !== 'gate' && user !== 'function') continue;
    found[user][what] = STATUS.has(what) ? value : value === '0' ? 'reached' : (ERRORS.get(Number(value)) ?? value);
  }
  return found;
}

beforeAll(async () => {
  if (lack !== null) return;
  server = createServer((socket) => {
    connections += 1;
    socket.on('error', () => undefined).end();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  const path = join(folder, 'machine.config');
  // Init looks at no more than this; the probe reads none of it.
  writeFileSync(path, 'AHCONFIG'.padEnd(512, '.'));
  const machine = await describeMachine({
    folder,
    config: { path, digest: new Uint8Array(32) },
    files: [
      treeFile('bin/node', testPrograms().probe, 0o755),
      treeFile('etc/anchorhold/probe.port', encodeUtf8(`${port}\n`)),
    ],
  });
  await using running = await startImageMachine(machine, null);
  await running.said(/^probe: gate: end: 0$/);
  outcomes = readOutcomes(running.lines);
});
afterAll(() => {
  server?.close();
  rmSync(folder, { recursive: true });
});

/** Everything that was tried, with one outcome for all of it. */
const each = (names: string, outcome: string): object =>
  Object.fromEntries(names.split(', ').map((name) => [name, outcome]));

const SOCKETS =
  'socket tcp, socket udp, socket tcp6, socket raw, socket packet, socket netlink, socket vsock, socket unix, connect to the host';
const CALLS =
  'kill init, kill all, fork, ptrace, read another process, become root, mount, namespace, module, bpf, io_uring, perf, key, clock, power off';

describe('a program in the place of a function', () => {
  test('has no right, can gain none, and runs behind a filter', () => {
    expect(outcomes.function).toMatchObject({ NoNewPrivs: '1', CapEff: '0', CapPrm: '0', CapBnd: '0', Seccomp: '2' });
  });

  test('has no socket of any kind', () => {
    expect(outcomes.function).toMatchObject(each(SOCKETS, 'ENOSYS'));
  });

  test('makes no process, signals nobody, and changes nothing in the kernel', () => {
    expect(outcomes.function).toMatchObject(each(CALLS, 'ENOSYS'));
  });

  test('reads nothing of the gate and of the machine, and writes nowhere', () => {
    const { function: reached } = outcomes;
    const files = Object.entries(reached).filter(([what]) => what.startsWith('/'));
    expect(files.length).toBe(16);
    expect(files.filter(([, outcome]) => outcome === 'reached')).toEqual([]);
  });
});

describe('a program in the place of the gate', () => {
  test('reaches the network, so the probe would have seen a way', () => {
    expect(outcomes.gate).toMatchObject({ 'socket tcp': 'reached', 'connect to the host': 'reached' });
    expect(connections).toBe(1);
  });

  test('has its configuration, and is no more than its user', () => {
    expect(outcomes.gate).toMatchObject({
      '/run/anchorhold/config': 'reached',
      NoNewPrivs: '1',
      CapEff: '0',
      CapPrm: '0',
      CapBnd: '0',
      Seccomp: '2',
      'kill init': 'EPERM',
      ...each('socket raw', 'EPERM'),
      ...each('socket packet, socket netlink, socket vsock', 'ENOSYS'),
      ...each('fork, ptrace, read another process, become root, mount, namespace, module, bpf', 'ENOSYS'),
      ...each('io_uring, perf, key, clock, power off', 'ENOSYS'),
      ...each('/dev/mem, /proc/sys/kernel/core_pattern, /bin/node, /new, /run/new, /dev/new', 'EACCES'),
      '/dev/kmsg': 'EPERM',
    });
  });
});
