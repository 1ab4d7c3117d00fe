/** What a worker claims of its isolation, for each thing that steers it. */
import { describe, expect, it } from 'vitest';
import { lockdownClaims } from '../../src/enclave/lockdown.ts';

const STORE = { counters: 'durable', storage: 'sealed', keys: 'simulated-file' } as const;
const STRICT = { fixedNames: {}, roots: 'system', groups: 'cgroup', store: STORE, owners: {} } as const;

describe('the lockdown claims', () => {
  it('are the strict ones where nothing is weakened', () => {
    expect(lockdownClaims(STRICT)).toMatchObject({
      names: 'dns',
      roots: 'system',
      memory: 'cgroup',
      processor: 'cgroup',
      owners: 'closed',
    });
  });

  it('say what outlives the worker, and under whose key', () => {
    expect(lockdownClaims(STRICT)).toMatchObject(STORE);
    const none = { counters: 'memory', storage: 'memory', keys: 'none' } as const;
    expect(lockdownClaims({ ...STRICT, store: none })).toMatchObject(none);
  });

  it('say that the kernel caps no group of processes where the machine offers none', () => {
    const { memory, processor } = lockdownClaims({ ...STRICT, groups: 'none' });
    expect([memory, processor]).toEqual([process.platform === 'linux' ? 'rlimit' : 'none', 'none']);
  });

  it.each([
    ['names', { ...STRICT, fixedNames: { 'a.test': '10.0.0.1' } }],
    ['roots', { ...STRICT, roots: ['a root'] }],
    ['owners', { ...STRICT, owners: { b: { keys: [new Uint8Array(44)], needed: 1 } } }],
  ])('name by digest what replaced %s', (name, facts) => {
    expect(lockdownClaims(facts)[name]).toMatch(/^sha256:[0-9a-f]{64}$/);
  });
});
