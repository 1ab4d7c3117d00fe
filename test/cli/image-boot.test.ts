/** `anchorhold image boot` up to the machine itself: what it refuses before anything is started. The machine is started in test/boot. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { main } from '../../src/cli/main.ts';
import { encodeConfigBundle } from '../../src/enclave/image/config-bundle.ts';
import { memoryIo } from './memory-io.ts';

const folder = mkdtempSync(join(tmpdir(), 'anchorhold-image-boot-'));
afterAll(() => rmSync(folder, { recursive: true }));

beforeAll(() => {
  mkdirSync(join(folder, 'image'));
  writeFileSync(join(folder, 'machine.config'), encodeConfigBundle(new Map([['worker.json', new Uint8Array(2)]])));
  for (const name of ['vmlinuz', 'initrd.img', 'OVMF.amdsev.fd']) writeFileSync(join(folder, 'image', name), name);
});

/** Runs the command on an image with this command line, and gives its exit code and the code of its error. */
async function boot(commandLine: string, ...more: string[]): Promise<{ exit: number; code: string; out: string }> {
  writeFileSync(join(folder, 'image/cmdline'), commandLine);
  const io = memoryIo({ cwd: folder });
  const exit = await main(['image', 'boot', '--image', 'image', '--json', ...more], io);
  return { exit, code: (JSON.parse(io.err().split('\n')[0] ?? '') as { code: string }).code, out: io.out() };
}

describe('a machine of an image', () => {
  it.each([
    ['no configuration', []],
    ['too little memory', ['--config', 'machine.config', '--memory', '383']],
    ['no vCPU', ['--config', 'machine.config', '--vcpus', '0']],
    ['a port that is none', ['--config', 'machine.config', '--port', '65536']],
    ['a CPU type that nobody knows', ['--config', 'machine.config', '--cpu', 'EPYC-v99']],
    ['a raw signature, which QEMU cannot start', ['--config', 'machine.config', '--cpu', '0x800f12']],
  ])('with %s is not started', async (_name, words) => {
    expect(await boot('anchorhold.config=host-data', ...words)).toEqual({
      exit: 2,
      code: 'ERR_CONFIGURATION_USAGE',
      out: '',
    });
  });

  it('with firmware that may boot another kernel than the measured one is not started', async () => {
    expect(await boot('anchorhold.config=host-data', '--config', 'machine.config')).toMatchObject({
      code: 'ERR_CONFIGURATION_FILE',
      out: '',
    });
  });

  it('without a place for the digest of its configuration is not started', async () => {
    expect(await boot('quiet panic=1', '--config', 'machine.config')).toMatchObject({
      code: 'ERR_CONFIGURATION_FILE',
      out: '',
    });
  });

  it('that was measured with another configuration is not started', async () => {
    expect(await boot(`anchorhold.config=sha256:${'00'.repeat(32)}`, '--config', 'machine.config')).toMatchObject({
      code: 'ERR_CONFIGURATION_MACHINE',
      out: '',
    });
  });
});
