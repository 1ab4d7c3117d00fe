/** What a worker claims of its isolation: each claim on a strict machine, and on one that differs in exactly that. */
import { describe, expect, it } from 'vitest';
import {
  checkLockdown,
  LOCKDOWN_CLAIMS,
  LOCKDOWN_PRESETS,
  type LockdownClaim,
} from '../../../src/attestation/lockdown.ts';
import { type LockdownFacts, lockdownClaims } from '../../../src/enclave/lockdown/claims.ts';
import { openHost } from '../../../src/enclave/lockdown/host.ts';
import { fakeHost, type HostChanges, RULESET, STRICT_FILES } from './fake-host.ts';

const STRICT: LockdownFacts = {
  fixedNames: {},
  roots: 'system',
  groups: 'cgroup',
  counters: 'durable',
  storage: 'sealed',
  keys: 'kms',
  owners: {},
};
const DIGEST = /^sha256:[0-9a-f]{64}$/;
const strict = await lockdownClaims(STRICT, fakeHost());

/** The claims that differ from the strict ones. */
async function differences(facts: Partial<LockdownFacts>, changes: HostChanges): Promise<Partial<typeof strict>> {
  const claims = await lockdownClaims({ ...STRICT, ...facts }, fakeHost(changes));
  const names = LOCKDOWN_CLAIMS.filter((name) => claims[name] !== strict[name]);
  return Object.fromEntries(names.map((name) => [name, claims[name]]));
}
const file = (path: string, text: string | null): HostChanges => ({ files: { [path]: text } });
const status = (from: string, to: string): HostChanges =>
  file('/proc/self/status', STRICT_FILES['/proc/self/status']?.replace(from, to) ?? null);

describe('the lockdown claims', () => {
  it('are the strict ones where nothing is weakened, and meet the strict preset', () => {
    expect(strict).toEqual({
      egress: 'policy',
      sandbox: 'node-permission',
      memory: 'cgroup',
      processor: 'cgroup',
      counters: 'durable',
      storage: 'sealed',
      keys: 'kms',
      owners: 'closed',
      names: 'dns',
      roots: 'system',
      firewall: expect.stringMatching(DIGEST),
      console: 'none',
      debugger: 'none',
      environment: 'clean',
      privileges: 'none',
      seccomp: 'filter',
      core: 'none',
      swap: 'none',
      kernel: 'confidentiality',
    });
    const checks = checkLockdown(strict, LOCKDOWN_PRESETS['strict-2026-11']);
    expect(checks.filter(({ outcome }) => outcome === 'fail')).toEqual([]);
  });

  it('say that the kernel caps no group of processes where the machine offers none', async () => {
    expect(await differences({ groups: 'none' }, {})).toEqual({
      memory: process.platform === 'linux' ? 'rlimit' : 'none',
      processor: 'none',
    });
  });

  it.each<[LockdownClaim, string | RegExp, Partial<LockdownFacts>, HostChanges]>([
    ['names', DIGEST, { fixedNames: { 'a.test': '10.0.0.1' } }, {}],
    ['roots', DIGEST, { roots: ['a root'] }, {}],
    ['owners', DIGEST, { owners: { b: { keys: [new Uint8Array(44)], needed: 1 } } }, {}],
    ['counters', 'memory', { counters: 'memory' }, {}],
    ['storage', 'memory', { storage: 'memory' }, {}],
    ['keys', 'none', { keys: 'none' }, {}],
    ['sandbox', 'open: net', {}, { open: 'net' }],
    ['console', 'ttyS0', {}, file('/proc/consoles', 'ttyS0                -W- (EC  p a)    4:64\n')],
    ['console', 'hvc0+ttyS0', {}, file('/proc/consoles', 'ttyS0 -W- (EC p a) 4:64\nhvc0 -W- (E  p) 229:0\n')],
    ['console', 'shell', {}, file('/proc/cmdline', 'quiet systemd.debug_shell=1')],
    ['console', 'shell', {}, file('/proc/cmdline', 'quiet init=/bin/sh')],
    ['console', 'shell', {}, file('/proc/cmdline', 'rd.break quiet')],
    ['console', 'shell', {}, file('/proc/cmdline', 'systemd.unit=rescue.target')],
    ['console', 'shell', {}, file('/proc/cmdline', 'kgdboc=ttyS0')],
    ['console', 'unknown', {}, file('/proc/consoles', null)],
    ['console', 'unknown', {}, file('/proc/cmdline', null)],
    ['debugger', 'open', {}, { process: { flags: ['--disable-sigusr1', '--inspect=0'] } }],
    ['debugger', 'open', {}, { process: { inspectorUrl: 'ws://127.0.0.1:9229/x' } }],
    ['debugger', 'signal', {}, { process: { flags: [] } }],
    ['environment', 'LD_PRELOAD NODE_PATH', {}, { process: { environment: ['PATH', 'NODE_PATH', 'LD_PRELOAD'] } }],
    ['environment', DIGEST, {}, { process: { environment: ['X'.repeat(300)] } }],
    ['environment', DIGEST, {}, { process: { environment: ['a, b'] } }],
    ['privileges', 'open', {}, status('NoNewPrivs:\t1', 'NoNewPrivs:\t0')],
    ['privileges', 'no-new-privs', {}, status('CapEff:\t0', 'CapEff:\t1')],
    ['privileges', 'unknown', {}, status('NoNewPrivs', 'Other')],
    ['seccomp', 'none', {}, status('Seccomp:\t2', 'Seccomp:\t0')],
    ['seccomp', 'unknown', {}, status('Seccomp:\t2', 'Seccomp:\t7')],
    [
      'core',
      'possible',
      {},
      file('/proc/self/limits', 'Max core file size        0                    unlimited            bytes'),
    ],
    [
      'core',
      'possible',
      {},
      file('/proc/self/limits', 'Max core file size        1                    0                    bytes'),
    ],
    ['core', 'unknown', {}, file('/proc/self/limits', null)],
    ['swap', 'on', {}, file('/proc/swaps', `${STRICT_FILES['/proc/swaps']}/dev/sda2 partition 1 0 -2\n`)],
    ['swap', 'unknown', {}, file('/proc/swaps', null)],
    ['swap', 'unknown', {}, file('/proc/swaps', '')],
    ['kernel', 'integrity', {}, file('/sys/kernel/security/lockdown', 'none [integrity] confidentiality')],
    ['kernel', 'none', {}, file('/sys/kernel/security/lockdown', '[none] integrity confidentiality')],
    ['kernel', 'unknown', {}, file('/sys/kernel/security/lockdown', null)],
    ['firewall', 'none', {}, { nft: { kind: 'missing' } }],
    ['firewall', 'none', {}, { nft: { kind: 'output', text: '{"nftables":[{"metainfo":{}}]}' } }],
    ['firewall', 'unknown', {}, { nft: { kind: 'failed' } }],
    ['firewall', 'unknown', {}, { nft: { kind: 'output', text: 'not json' } }],
    ['firewall', 'unknown', {}, { nft: { kind: 'output', text: '{"nftables":{}}' } }],
    ['firewall', DIGEST, {}, { nft: { kind: 'output', text: RULESET.replace('drop', 'accept') } }],
  ])('differ in %s alone (%s)', async (claim, value, facts, changes) => {
    const different = await differences(facts, changes);
    expect(Object.keys(different)).toEqual([claim]);
    expect(different[claim]).toEqual(typeof value === 'string' ? value : expect.stringMatching(value));
  });

  it('name no more than two claims by NODE_OPTIONS: it is in the environment, and may hold a debugger', async () => {
    const process = { environment: ['PATH', 'NODE_OPTIONS'] };
    expect(await differences({}, { process })).toEqual({ debugger: 'open', environment: 'NODE_OPTIONS' });
  });

  it('keep the digest of packet rules when counters and handles change, and take it from the init where nobody may ask', async () => {
    const later = RULESET.replace('"packets":3,"bytes":180', '"packets":9,"bytes":9000').replace(
      '"handle":4',
      '"handle":8',
    );
    expect(later).not.toBe(RULESET);
    expect(await differences({}, { nft: { kind: 'output', text: later } })).toEqual({});
    const init = { nft: { kind: 'failed' }, files: { '/run/anchorhold/nftables.json': RULESET } } as const;
    expect(await differences({}, init)).toEqual({});
  });
});

describe('this machine', () => {
  it('is measured: a real child finds every door shut, and every claim is made', async () => {
    const claims = await lockdownClaims(STRICT, openHost());
    expect(claims.sandbox).toBe('node-permission');
    expect(Object.keys(claims).toSorted()).toEqual([...LOCKDOWN_CLAIMS].toSorted());
    expect(Object.values(claims).filter((value) => value === '' || value.length > 256)).toEqual([]);
  });
});

describe('a program that the machine is asked about', () => {
  const host = openHost();

  it('gives what it wrote, is missing, or has failed, whatever the system thinks of starting it', async () => {
    expect(await host.run('true', [])).toEqual({ kind: 'output', text: '' });
    expect(await host.run('anchorhold-is-no-program', [])).toEqual({ kind: 'missing' });
    expect(await host.run('false', [])).toEqual({ kind: 'failed' });
    // The kernel takes no argument of that size, and Node throws at once what it does not expect of a start.
    expect(await host.run('true', ['x'.repeat(4_000_000)])).toEqual({ kind: 'failed' });
  });
});
