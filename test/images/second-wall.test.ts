/**
 * The packet rules of the image, loaded in a network namespace of their own: what they let each user reach, and what the same user reaches
 * without them. Root, `ip`, `nft`, `setpriv` and `perl` are needed.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeRuleset } from '../../src/image/packet-rules.ts';
import { skipUnless } from '../skips.ts';

const PROBE = readFileSync(join(import.meta.dirname, 'probe.pl'), 'utf8');
const BROKER = 990;
const FUNCTION = 10_000;
const OTHER_FUNCTION = 10_255;
const GATE_PORT = 8443;
const OTHER_PORT = 9000;
const MACHINE = `anchorhold-in-${process.pid}`;
const OUTSIDE = `anchorhold-out-${process.pid}`;
const HERE = { four: '10.77.0.2', six: 'fd77::2' };
const THERE = { four: '10.77.0.1', six: 'fd77::1' };

function run(command: string, args: readonly string[], input = ''): string {
  const { status, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8', input });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${stderr}`);
  return stdout;
}

const works = (command: string, ...args: string[]): boolean => spawnSync(command, args).status === 0;

/** Says what this machine lacks, or null. */
function missing(): string | null {
  if (process.getuid?.() !== 0) return 'takes root';
  const tools = [
    ['ip', '-V'],
    ['nft', '--version'],
    ['setpriv', '--version'],
    ['perl', '-MSocket', '-e', '1'],
  ] as const;
  const absent = tools.find(([command, ...args]) => !works(command, ...args));
  if (absent !== undefined) return `${absent[0]} is not here`;
  return works('unshare', '--net', 'nft', 'list', 'ruleset') ? null : 'no network namespace can be made here';
}

const lack = missing();
const test = skipUnless(lack === null, lack ?? '');

/** The command line of the probe in a namespace, as a user. */
function probeAs(namespace: string, uid: number, args: readonly string[]): readonly string[] {
  const user = uid === 0 ? [] : ['setpriv', `--reuid=${uid}`, `--regid=${uid}`, '--clear-groups'];
  return ['netns', 'exec', namespace, ...user, 'perl', '-e', PROBE, ...args];
}

/** What somebody reaches, by the kind of packet. */
function reach(namespace: string, uid: number, to: { readonly four: string; readonly six: string }, port = GATE_PORT) {
  const lines = run('ip', probeAs(namespace, uid, ['reach', to.four, to.six, String(port)]))
    .trim()
    .split('\n');
  return Object.fromEntries(lines.map((line) => line.split(': ') as [string, string]));
}

const load = (rules: string): string => run('ip', ['netns', 'exec', MACHINE, 'nft', '-f', '-'], rules);

/** Every kind of packet that the probe tries. */
const EVERY_KIND =
  'tcp;tcp, IPv6;tcp, another port;dns;dns, IPv6;udp;dhcp;dhcp, another port;ping;ping, IPv6;raw;raw, IPv6;this machine;this machine, IPv6'.split(
    ';',
  );
const all = (outcome: string, kinds = EVERY_KIND): object => Object.fromEntries(kinds.map((kind) => [kind, outcome]));
/** Only root may open raw sockets, whatever the rules are. */
const RAW_FORBIDDEN = { raw: 'forbidden', 'raw, IPv6': 'forbidden' };

describe('the packet rules of the image', () => {
  const started: ChildProcess[] = [];

  async function start(namespace: string, uid: number, args: readonly string[]): Promise<void> {
    const child = spawn('ip', probeAs(namespace, uid, args), { stdio: ['ignore', 'pipe', 'inherit'] });
    started.push(child);
    await once(child.stdout, 'data');
  }

  const from = (port: number): string =>
    run('ip', probeAs(OUTSIDE, 0, ['connect', HERE.four, HERE.six, String(port)])).trim();

  beforeAll(async () => {
    if (lack !== null) return;
    for (const namespace of [MACHINE, OUTSIDE]) {
      run('ip', ['netns', 'add', namespace]);
      run('ip', ['-n', namespace, 'link', 'set', 'lo', 'up']);
      // So that a user without rights can ping and take any port, and the rules have something to stop.
      run('ip', ['netns', 'exec', namespace, 'sysctl', '-qw', 'net.ipv4.ping_group_range=0 2147483647']);
      run('ip', ['netns', 'exec', namespace, 'sysctl', '-qw', 'net.ipv4.ip_unprivileged_port_start=0']);
    }
    run('ip', ['-n', MACHINE, 'link', 'add', 'wire', 'type', 'veth', 'peer', 'name', 'wire', 'netns', OUTSIDE]);
    for (const [namespace, { four, six }] of [
      [MACHINE, HERE],
      [OUTSIDE, THERE],
    ] as const) {
      run('ip', ['-n', namespace, 'address', 'add', `${four}/24`, 'dev', 'wire']);
      run('ip', ['-n', namespace, 'address', 'add', `${six}/64`, 'dev', 'wire', 'nodad']);
      run('ip', ['-n', namespace, 'link', 'set', 'wire', 'up']);
    }
    await start(OUTSIDE, 0, ['answer']);
    await start(MACHINE, BROKER, ['listen', String(GATE_PORT)]);
    await start(MACHINE, FUNCTION, ['listen', String(OTHER_PORT)]);
    // A wire that has just come up loses its first packets.
    for (let left = 20; left > 0 && from(OTHER_PORT) !== 'reached reached'; left--);
  });
  afterAll(() => {
    for (const child of started) child.kill('SIGKILL');
    if (lack === null) for (const namespace of [MACHINE, OUTSIDE]) spawnSync('ip', ['netns', 'delete', namespace]);
  });

  test('are what stops a program: without them, every user reaches everything', () => {
    load('flush ruleset');
    expect(reach(MACHINE, FUNCTION, THERE)).toEqual({ ...all('reached'), ...RAW_FORBIDDEN });
    expect(reach(MACHINE, 0, THERE)).toEqual(all('reached'));
  });

  test('let the user of a function reach nothing, over any protocol, DNS and the machine itself included', () => {
    load(writeRuleset({ brokerUid: BROKER, listenPort: GATE_PORT }));
    expect(reach(MACHINE, FUNCTION, THERE)).toEqual({ ...all('nothing'), ...RAW_FORBIDDEN });
    expect(reach(MACHINE, FUNCTION, HERE, OTHER_PORT)).toEqual({ ...all('nothing'), ...RAW_FORBIDDEN });
    expect(reach(MACHINE, OTHER_FUNCTION, THERE, OTHER_PORT)).toEqual({ ...all('nothing'), ...RAW_FORBIDDEN });
  });

  test('let root ask for an address, from the one port to the other, and reach nothing else, with raw sockets either', () => {
    load(writeRuleset({ brokerUid: BROKER, listenPort: GATE_PORT }));
    expect(reach(MACHINE, 0, THERE)).toEqual({ ...all('nothing'), dhcp: 'reached' });
  });

  test('let the broker reach TCP and DNS, and nothing else', () => {
    load(writeRuleset({ brokerUid: BROKER, listenPort: GATE_PORT }));
    expect(reach(MACHINE, BROKER, THERE)).toEqual({
      ...all('nothing'),
      ...all('reached', ['tcp', 'tcp, IPv6', 'tcp, another port', 'dns', 'dns, IPv6']),
      ...all('reached', ['this machine', 'this machine, IPv6']),
      ...RAW_FORBIDDEN,
    });
  });

  test('let in what asks for the gate, and nothing else', () => {
    load(writeRuleset({ brokerUid: BROKER, listenPort: GATE_PORT }));
    expect(from(GATE_PORT)).toBe('reached reached');
    expect(from(OTHER_PORT)).toBe('nothing nothing');
    expect(reach(OUTSIDE, 0, HERE, 1)).toEqual(all('nothing'));
    load('flush ruleset');
    expect(from(OTHER_PORT)).toBe('reached reached');
  });

  test('can be loaded again over themselves, and are the same then', () => {
    const list = (): string => run('ip', ['netns', 'exec', MACHINE, 'nft', '--stateless', 'list', 'ruleset']);
    load('flush ruleset');
    load(writeRuleset({ brokerUid: BROKER, listenPort: GATE_PORT }));
    const once = list();
    expect(once).toContain('policy drop');
    load(writeRuleset({ brokerUid: BROKER, listenPort: GATE_PORT }));
    expect(list()).toBe(once);
    load(writeRuleset({ brokerUid: BROKER + 5, listenPort: GATE_PORT }));
    expect(list()).not.toBe(once);
  });

  it.each([
    [0, GATE_PORT],
    [-1, GATE_PORT],
    [1.5, GATE_PORT],
    [2 ** 32 - 1, GATE_PORT],
    [Number.NaN, GATE_PORT],
    [BROKER, 0],
    [BROKER, 65_536],
    [BROKER, 1.5],
  ])('are not written for the user %d and the port %d', (brokerUid, listenPort) => {
    expect(() => writeRuleset({ brokerUid, listenPort })).toThrow(RangeError);
    expect(writeRuleset({ brokerUid: BROKER, listenPort: GATE_PORT })).toContain(`meta skuid ${BROKER}`);
  });
});
