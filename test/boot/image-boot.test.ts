/** `anchorhold image boot` on a host without SEV-SNP: it says what it starts, and SIMULATED wherever it says anything, and hands on why the machine ended. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, vi } from 'vitest';
import { main } from '../../src/cli/main.ts';
import { findCarrier } from '../../src/image/qemu.ts';
import { memoryIo } from '../cli/memory-io.ts';
import { skipUnless } from '../skips.ts';
import { writeGuestConfig } from './guest-config.ts';
import { freePort } from './image-machine.ts';
import { BOOT_TIMEOUTS, IMAGE, lackOf } from './needs.ts';

const emulated = (await findCarrier()) === 'emulated';
const lack = lackOf(['image', 'qemu']) ?? (emulated ? null : 'this host has SEV-SNP: a machine would not be emulated');
const test = skipUnless(lack === null, lack ?? '');
vi.setConfig(BOOT_TIMEOUTS);

const folder = mkdtempSync(join(tmpdir(), 'anchorhold-image-boot-'));
afterAll(() => rmSync(folder, { recursive: true }));
beforeAll(async () => {
  if (lack === null) await writeGuestConfig(folder);
});

/** Runs the command, which nobody asks to stop. */
async function boot(...words: readonly string[]) {
  const io = { ...memoryIo({ cwd: folder }), untilStopped: () => new Promise<void>(() => undefined) };
  const line = ['image', 'boot', '--image', IMAGE, '--config', 'machine.config', ...words];
  return { exit: await main(line, io), out: io.out(), err: io.err() };
}

describe('anchorhold image boot', () => {
  test('without starting anything says the launch digest of the manifest, the command, and that it is SIMULATED', async () => {
    const { exit, out, err } = await boot('--dry-run', '--json');
    expect(exit).toBe(0);
    expect(err).toMatch(/^note: SIMULATED: /);
    const said = JSON.parse(out) as { simulated: boolean; launchDigest: string; command: string };
    const { measurements } = JSON.parse(readFileSync(join(IMAGE, 'manifest.json'), 'utf8')) as {
      measurements: readonly { vcpus: number; cpu: string; digest: string }[];
    };
    const row = measurements.find(({ vcpus, cpu }) => vcpus === 1 && cpu === 'EPYC-v4');
    expect(said).toMatchObject({ simulated: true, launchDigest: row?.digest });
    expect(said.command).toMatch(/^qemu-system-x86_64 -name anchorhold-SIMULATED /);
  });

  test('shows what the machine says, and fails when it powers off', async () => {
    const { exit, out, err } = await boot('--memory', '384', '--port', String(await freePort()));
    expect(exit).toBe(2);
    expect(out).toMatch(/^launch digest [0-9a-f]{96} \(SIMULATED/);
    expect(err).toContain('\nmachine: anchorhold: no report device');
    expect(err).toContain('\nanchorhold: the machine ended: anchorhold: the gate ended with exit code 2\n');
  });
});
