/**
 * The image as clients meet it: the worker in a booted machine, its reports through the kernel's own interface, a client outside. The firmware is a
 * simulated AMD behind the second serial port; all else is the image, with the test module appended to the initrd. What a client refuses, it refuses
 * of this machine, of which only the named thing differs.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { afterAll, beforeAll, describe, expect, vi } from 'vitest';
import type { TrustFile } from '../../src/attestation/trust-file.ts';
import { launchDigest } from '../../src/image/boot-folder.ts';
import type { GuestMachine } from '../../src/image/qemu-options.ts';
import { certificateCredential, SecureSession } from '../../src/index.ts';
import type { MachineOptions, SimulatedAmd } from '../../src/testing/index.ts';
import { sharedAmd } from '../e2e/worker.ts';
import { skipUnless } from '../skips.ts';
import { openSerialFirmware, type SerialFirmware } from './firmware.ts';
import { type GuestConfig, trustFor, trustWith, writeGuestConfig } from './guest-config.ts';
import { describeMachine, moduleFiles, startImageMachine, testCommandLine } from './image-machine.ts';
import type { Machine } from './machine.ts';
import { BOOT_TIMEOUTS, lackOf } from './needs.ts';

const lack = lackOf(['image', 'qemu', 'programs']);
const test = skipUnless(lack === null, lack ?? '');
vi.setConfig(BOOT_TIMEOUTS);

/** Debugging allowed by the host. [SNP-ABI 1.58 Table 9] */
const DEBUG_POLICY = 0xb0000n;

const folder = mkdtempSync(join(tmpdir(), 'anchorhold-verified-'));
let amd: SimulatedAmd;
let config: GuestConfig;
let guest: GuestMachine;
let firmware: SerialFirmware;
let machine: Machine;
let trust: TrustFile;
/** What the machine's report shows when nothing is wrong. */
let genuine: MachineOptions;

/** Asks the function in the machine, with what the machine's reports shall differ in. */
async function ask(
  difference: MachineOptions = {},
  change: Partial<Record<keyof TrustFile, unknown>> = {},
): Promise<string> {
  firmware.machine = await amd.openMachine({ ...genuine, ...difference });
  await using session = new SecureSession(`https://127.0.0.1:${guest.port}`, {
    trust: trustWith(trust, change),
    credential: certificateCredential({ certPem: config.caller.pem, keyPem: config.caller.privateKeyPem }),
  });
  return await (await session.post('/upper', 'hello')).text();
}

beforeAll(async () => {
  if (lack !== null) return;
  amd = await sharedAmd();
  config = await writeGuestConfig(folder);
  guest = await describeMachine({ folder, config, files: moduleFiles(), commandLine: testCommandLine });
  trust = await trustFor(guest, config, amd);
  genuine = {
    product: 'Genoa',
    measurement: await launchDigest(guest.files, guest.vcpus, guest.cpu),
    hostData: config.digest,
  };
  firmware = await openSerialFirmware(join(folder, 'firmware'), await amd.openMachine(genuine));
  const start = performance.now();
  machine = await startImageMachine(guest, join(folder, 'firmware'));
  await machine.said(/"listening"/);
  const listening = performance.now();
  expect(await ask()).toBe('HELLO');
  const answered = performance.now();
  const seconds = (ms: number): string => `${((ms - start) / 1000).toFixed(1)} s`;
  const [cpu] = cpus();
  process.stderr.write(
    `boot: first verified answer ${seconds(answered)} after QEMU's start (worker listens at ${seconds(listening)}), ` +
      `emulated, 1 vCPU, ${guest.memoryMb} MB, on ${cpus().length} x ${cpu?.model}\n`,
  );
});
afterAll(async () => {
  await machine?.[Symbol.asyncDispose]();
  await firmware?.[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

describe('a worker in a booted machine', () => {
  test('is verified through the kernel interface, and answers', async () => {
    const before = firmware.asked.length;
    expect(await ask()).toBe('HELLO');
    expect(firmware.asked.length).toBeGreaterThan(before);
    expect(new Set(firmware.asked)).toEqual(new Set([0]));
  });

  test('with another launch measurement is not the code that was asked for', async () => {
    const measurement = new Uint8Array(48).fill(1);
    await expect(ask({ measurement })).rejects.toMatchObject({
      name: 'InvalidEnclaveCodeError',
      code: 'ERR_INVALID_ENCLAVE_CODE_MEASUREMENT',
    });
  });

  test('that its host may debug is not isolated', async () => {
    await expect(ask({ guestPolicy: DEBUG_POLICY })).rejects.toMatchObject({
      name: 'NotIsolatedEnclaveError',
      code: 'ERR_NOT_ISOLATED_GUEST_POLICY',
    });
  });

  test('at another privilege level is not isolated', async () => {
    await expect(ask({ vmpl: 1 })).rejects.toMatchObject({
      name: 'NotIsolatedEnclaveError',
      code: 'ERR_NOT_ISOLATED_VMPL',
    });
  });

  test('with the configuration of somebody else is not isolated', async () => {
    await expect(ask({ hostData: new Uint8Array(32).fill(1) })).rejects.toMatchObject({
      name: 'NotIsolatedEnclaveError',
      code: 'ERR_NOT_ISOLATED_IDENTITY',
    });
  });

  test("is no enclave for a client that trusts AMD's root only", async () => {
    await expect(ask({}, { roots: 'amd' })).rejects.toMatchObject({
      name: 'NotAnEnclaveError',
      code: 'ERR_NOT_AN_ENCLAVE_CHAIN',
    });
  });

  test('whose kernel takes any module is not locked down as the strict preset demands', async () => {
    const { policies } = trust.isolation;
    await expect(ask({}, { isolation: { policies, lockdown: 'strict-2026-11' } })).rejects.toMatchObject({
      name: 'NotIsolatedEnclaveError',
      code: 'ERR_NOT_ISOLATED_LOCKDOWN',
    });
  });

  test('refuses a caller whom the policy does not know', async () => {
    firmware.machine = await amd.openMachine(genuine);
    await using session = new SecureSession(`https://127.0.0.1:${guest.port}`, { trust: trustWith(trust) });
    const { status, headers } = await session.post('/upper', 'hello');
    expect([status, headers.get('anchorhold-refused-by')]).toEqual([403, 'gate']);
  });
});
