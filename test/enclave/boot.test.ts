/** A worker stands whole or not at all: what was opened before the part that fails is closed again, child processes too. */
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { describe, expect, it } from 'vitest';
import { bootTestWorker, policyOf } from '../e2e/worker.ts';

/** The processes of functions that this process started and that still run. */
function functionProcesses(): number {
  const rows = execFileSync('ps', ['--ppid', String(process.pid), '-o', 'args='], { encoding: 'utf8' }).split('\n');
  return rows.filter((row) => row.includes('--permission')).length;
}

const two = policyOf(['upper', 'fetcher'], 'queries: []');
const onlyUpper = policyOf(['upper'], 'queries: []');

describe('a worker', () => {
  it('has a process for each function, and none when it is closed', async () => {
    const worker = await bootTestWorker({ policies: [two], functions: ['upper', 'fetcher'] });
    expect(functionProcesses()).toBe(2);
    await worker[Symbol.asyncDispose]();
    expect(functionProcesses()).toBe(0);
  });

  it('leaves no process behind when a later function is not listed', async () => {
    await expect(bootTestWorker({ policies: [onlyUpper], functions: ['upper', 'fetcher'] })).rejects.toMatchObject({
      code: 'ERR_FUNCTION_DIGEST',
    });
    expect(functionProcesses()).toBe(0);
  });

  it('leaves no process behind when its port is taken', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const listen = { host: '127.0.0.1', port };
    await expect(bootTestWorker({ policies: [onlyUpper], functions: ['upper'], listen })).rejects.toMatchObject({
      code: 'ERR_CONFIGURATION_USAGE',
    });
    expect(functionProcesses()).toBe(0);
    server.close();
  });

  it('leaves no process behind when a fixed name has no address', async () => {
    const egress = { names: { 'api.example.com': 'nonsense' }, roots: 'system' as const };
    await expect(bootTestWorker({ policies: [onlyUpper], functions: ['upper'], egress })).rejects.toMatchObject({
      code: 'ERR_CONFIGURATION_FILE',
    });
    expect(functionProcesses()).toBe(0);
  });

  it('starts no function when a policy is not in force', async () => {
    const expired = { ...onlyUpper, valid: { from: new Date(0), until: new Date(1) } };
    await expect(bootTestWorker({ policies: [expired], functions: ['upper'] })).rejects.toMatchObject({
      code: 'ERR_POLICY_NOT_IN_FORCE',
    });
    expect(functionProcesses()).toBe(0);
  });
});
