/** Machines of the image that must not run: each says why on its serial line and powers off, and nobody outside reaches a worker. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, vi } from 'vitest';
import { encodeUtf8 } from '../../src/base/bytes.ts';
import { PRODUCTION_COMMAND_LINE } from '../../src/image/command-line.ts';
import { treeFile } from '../../src/image/tree.ts';
import { SecureSession } from '../../src/index.ts';
import type { MachineOptions, SimulatedAmd } from '../../src/testing/index.ts';
import { sharedAmd } from '../e2e/worker.ts';
import { skipUnless } from '../skips.ts';
import { openSerialFirmware } from './firmware.ts';
import { type GuestConfig, trustFor, trustWith, writeGuestConfig } from './guest-config.ts';
import {
  describeMachine,
  type ImageMachineOptions,
  moduleFiles,
  startImageMachine,
  testCommandLine,
} from './image-machine.ts';
import { BOOT_TIMEOUTS, lackOf } from './needs.ts';

const lack = lackOf(['image', 'qemu', 'programs']);
const test = skipUnless(lack === null, lack ?? '');
vi.setConfig(BOOT_TIMEOUTS);

const folder = mkdtempSync(join(tmpdir(), 'anchorhold-refusals-'));
let config: GuestConfig;
let amd: SimulatedAmd;
beforeAll(async () => {
  if (lack !== null) return;
  config = await writeGuestConfig(folder);
  amd = await sharedAmd();
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Runs a machine until it has powered off, and gives what it said; `report` is what its reports show beside what is healthy. */
async function runToEnd(
  options: Partial<ImageMachineOptions>,
  report: MachineOptions | null = null,
): Promise<readonly string[]> {
  const guest = await describeMachine({ folder, config, ...options });
  const path = join(folder, 'firmware');
  await using _firmware =
    report === null ? null : await openSerialFirmware(path, await amd.openMachine({ product: 'Genoa', ...report }));
  await using machine = await startImageMachine(guest, report === null ? null : path);
  const { code } = await machine.ended;
  expect(code).toBe(0);
  expect(machine.lines.filter((line) => line.includes('"listening"'))).toEqual([]);
  return machine.lines;
}

const fixed = (digest: string) => (production: string) =>
  testCommandLine(production).replace('anchorhold.config=host-data', `anchorhold.config=sha256:${digest}`);

describe('a machine of the image powers off', () => {
  test('with its own command line, when something else than what Debian signed is to be loaded', async () => {
    const lines = await runToEnd({ files: moduleFiles() }, { hostData: config.digest });
    // EPERM by the kernel's lockdown, or EKEYREJECTED.
    expect(lines).toContainEqual(
      expect.stringMatching(/^anchorhold: the kernel refused the module serial_tsm \((1|129)\)$/),
    );
  });

  test('where it finds no report device', async () => {
    const lines = await runToEnd({});
    expect(lines).toContainEqual(expect.stringContaining('no report device'));
    expect(lines).toContainEqual(expect.stringContaining('ERR_CONFIGURATION_DEVICE'));
    expect(lines.at(-1)).toBe('anchorhold: the gate ended with exit code 2');
  });

  test('so that a client finds nobody, and judges nobody', async () => {
    // What does not answer is not refused as an enclave; it is not there.
    const guest = await describeMachine({ folder, config });
    const trust = trustWith(await trustFor(guest, config, amd));
    await using session = new SecureSession(`https://127.0.0.1:${guest.port}`, { trust });
    await using machine = await startImageMachine(guest, null);
    await machine.said(/^anchorhold: no report device/);
    await expect(session.attest()).rejects.toMatchObject({ name: 'TransportError' });
    expect(await machine.ended).toMatchObject({ code: 0 });
  });

  test('when its packet rules do not load', async () => {
    // `fwd` is a word of the language of rules, so no chain has that name.
    const rules = 'table inet anchorhold { chain fwd { type filter hook forward priority 0; policy drop; } }\n';
    const lines = await runToEnd({ files: [treeFile('etc/anchorhold/nftables.conf', encodeUtf8(rules))] });
    expect(lines.at(-1)).toBe('anchorhold: the packet rules cannot be loaded');
  });

  test('with another configuration than HOST_DATA names', async () => {
    const machine = { files: moduleFiles(), commandLine: testCommandLine };
    const lines = await runToEnd(machine, { hostData: new Uint8Array(32).fill(1) });
    expect(lines).toContainEqual(expect.stringContaining('ERR_CONFIGURATION_FILE'));
    expect(lines.at(-1)).toBe('anchorhold: the gate ended with exit code 2');
  });

  test('with another configuration than its command line names', async () => {
    const machine = { files: moduleFiles(), commandLine: fixed('ab'.repeat(32)) };
    const lines = await runToEnd(machine, { hostData: config.digest });
    expect(lines).toContainEqual(expect.stringContaining('ERR_CONFIGURATION_FILE'));
    expect(lines.at(-1)).toBe('anchorhold: the gate ended with exit code 2');
  });

  test('when its worker has crashed five times', async () => {
    const lines = await runToEnd({ files: [treeFile('lib/anchorhold/image.js', encodeUtf8('process.exit(1);\n'))] });
    const crashes = lines.filter((line) => line === 'anchorhold: the gate crashed (exit code 1)');
    expect([crashes.length, lines.at(-1)]).toEqual([5, 'anchorhold: the gate keeps crashing']);
  });

  test('without a configuration', async () => {
    const path = join(folder, 'empty.config');
    writeFileSync(path, new Uint8Array(512));
    const lines = await runToEnd({ config: { path, digest: new Uint8Array(32) } });
    expect(lines.at(-1)).toMatch(/^anchorhold: no disk holds a configuration/);
  });
});

describe('the command line that these machines run with', () => {
  test('is the production one, but for what a test takes out', async () => {
    expect((await describeMachine({ folder, config })).files.commandLine).toBe(PRODUCTION_COMMAND_LINE);
    expect(testCommandLine(PRODUCTION_COMMAND_LINE)).not.toContain('sig_enforce');
  });
});
