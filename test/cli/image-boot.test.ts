/** `anchorhold image boot` up to the machine itself: what it refuses before anything is started. The machine is started in test/boot. */
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { main } from '../../src/cli/main.ts';
import { checkConfigDigest } from '../../src/image/boot-folder.ts';
import { memoryIo } from './memory-io.ts';

const folder = mkdtempSync(join(tmpdir(), 'anchorhold-image-boot-'));
afterAll(() => rmSync(folder, { recursive: true }));

const CONFIG = Buffer.from('AHCONFIG and so on');
const DIGEST = createHash('sha256').update(CONFIG).digest();

beforeAll(() => {
  mkdirSync(join(folder, 'image'));
  writeFileSync(join(folder, 'machine.config'), CONFIG);
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

  it('that was measured with another configuration is not started', async () => {
    expect(await boot(`anchorhold.config=sha256:${'00'.repeat(32)}`, '--config', 'machine.config')).toMatchObject({
      code: 'ERR_CONFIGURATION_MACHINE',
      out: '',
    });
  });
});

describe('the configuration of a command line', () => {
  const refused = expect.objectContaining({ code: 'ERR_CONFIGURATION_MACHINE' }) as Error;

  it('is any in HOST_DATA, or the one with that digest', () => {
    expect(() => checkConfigDigest('quiet anchorhold.config=host-data', DIGEST)).not.toThrow();
    expect(() => checkConfigDigest(`anchorhold.config=sha256:${DIGEST.toString('hex')} quiet`, DIGEST)).not.toThrow();
  });

  it.each([
    ['another digest', `anchorhold.config=sha256:${'ab'.repeat(32)}`],
    ['none at all', 'quiet panic=1'],
    ['a word that only begins so', 'anchorhold.config=host-data2'],
    ['a word that only ends so', 'xanchorhold.config=host-data'],
    ['a digest that goes on', `anchorhold.config=sha256:${'ab'.repeat(33)}`],
  ])('that is %s would power the machine off', (_name, commandLine) => {
    expect(() => checkConfigDigest(commandLine, DIGEST)).toThrow(refused);
  });
});
