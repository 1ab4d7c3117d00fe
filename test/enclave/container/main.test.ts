/** The worker's process in a container, where it ends before it listens; `make test-containers` has one that answers. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { ERRORS } from '../../../src/errors.ts';
import { skipUnless } from '../../skips.ts';

const MAIN = join(import.meta.dirname, '../../../src/enclave/container/main.ts');
const folder = mkdtempSync(join(tmpdir(), 'anchorhold-container-'));
afterAll(() => rmSync(folder, { recursive: true }));

const GOOD = {
  anchorhold: 'anchorhold-worker/1',
  listen: { host: '127.0.0.1', port: 0 },
  policies: [],
  functions: {},
  endorsements: [],
  deadlineMs: 10_000,
  egress: { names: {}, roots: 'system' },
};

function start(name: string) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, join(folder, name)], { encoding: 'utf8' });
  return { status, stdout, hint: /^hint: (.*)$/m.exec(stderr)?.[1] };
}

describe('the process of a container', () => {
  it('ends where no configuration is mounted', () => {
    const { hint, ...rest } = start('none.json');
    expect(rest).toEqual({ status: 2, stdout: '' });
    expect(hint).toBe(ERRORS.ERR_CONFIGURATION_FILE.action);
  });

  const noDevice = skipUnless(!existsSync('/sys/kernel/config/tsm/report'), 'this machine has a report device');
  noDevice('ends where the machine has no report device', () => {
    writeFileSync(join(folder, 'worker.json'), JSON.stringify(GOOD));
    const { hint, ...rest } = start('worker.json');
    expect(rest).toEqual({ status: 2, stdout: '' });
    expect(hint).toBe(ERRORS.ERR_CONFIGURATION_DEVICE.action);
  });
});
