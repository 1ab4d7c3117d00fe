/** `anchorhold worker` on a machine that is no confidential VM: it says so, after all that it can say about the configuration. */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { main } from '../../src/cli/main.ts';
import { skipUnless } from '../skips.ts';
import { memoryIo } from './memory-io.ts';

const folder = mkdtempSync(join(tmpdir(), 'anchorhold-worker-'));
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

async function run(config: object | null, ...more: string[]) {
  const path = join(folder, 'worker.json');
  if (config !== null) writeFileSync(path, JSON.stringify(config));
  const io = memoryIo({ cwd: folder });
  const exit = await main(['worker', ...(config === null ? [] : ['--config', 'worker.json']), ...more], io);
  return { exit, out: io.out(), err: io.err() };
}

describe('a worker', () => {
  const noDevice = skipUnless(!existsSync('/sys/kernel/config/tsm/report'), 'this machine has a report device');
  noDevice('without a report device ends, and says what is missing', async () => {
    const { exit, out, err } = await run(GOOD, '--json');
    expect([exit, out]).toEqual([2, '']);
    expect(JSON.parse(err)).toMatchObject({
      error: 'ConfigurationError',
      code: 'ERR_CONFIGURATION_DEVICE',
      hint: expect.stringContaining('SEV-SNP guest') as string,
    });
    expect((await run(GOOD)).err).toMatch(/^anchorhold: there is no report device .*\nhint: .*SEV-SNP guest.*\n$/);
  });

  it.each<[string, object | null, string]>([
    ['no configuration', null, 'ERR_CONFIGURATION_USAGE'],
    ['a configuration without a field', { ...GOOD, deadlineMs: undefined }, 'ERR_CONFIGURATION_FILE'],
    ['a policy that is not there', { ...GOOD, policies: ['none.yaml'] }, 'ERR_CONFIGURATION_FILE'],
  ])('with %s ends before it looks for a device', async (_name, config, code) => {
    const { exit, err } = await run(config, '--json');
    expect([exit, (JSON.parse(err) as { code: string }).code]).toEqual([2, code]);
  });
});
