/**
 * The image as clients meet it: the worker in a booted machine, its reports through the kernel's own interface, a client outside. The firmware is a
 * simulated AMD behind the second serial port; all else is the image, with the test module appended to the initrd. What a client refuses, it refuses
 * of this machine, of which only the named thing differs.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { LOCKDOWN_PRESETS } from '../../src/attestation/lockdown.ts';
import { PRESETS } from '../../src/attestation/requirements.ts';
import { formatTrustFile, type TrustFile } from '../../src/attestation/trust-file.ts';
import { encodeHex } from '../../src/base/bytes.ts';
import { formatDigest, sha256 } from '../../src/base/digest.ts';
import { launchDigest } from '../../src/image/boot-folder.ts';
import type { GuestMachine } from '../../src/image/qemu-options.ts';
import { keyCredential, SecureSession } from '../../src/index.ts';
import type { MachineOptions, SimulatedAmd } from '../../src/testing/index.ts';
import { functions, sharedAmd } from '../e2e/worker.ts';
import { skipUnless } from '../skips.ts';
import { openSerialFirmware, type SerialFirmware } from './firmware.ts';
import { type GuestConfig, writeGuestConfig } from './guest-config.ts';
import { describeMachine, moduleFiles, startImageMachine, testCommandLine } from './image-machine.ts';
import type { Machine } from './machine.ts';
import { lackOf } from './needs.ts';

const lack = lackOf(['image', 'qemu', 'programs']);
const test = skipUnless(lack === null, lack ?? '');

const BOOT_MS = 240_000;
/** Debugging allowed by the host. [SNP-ABI 1.58 Table 9] */
const DEBUG_POLICY = 0xb0000n;

const folder = mkdtempSync(join(tmpdir(), 'anchorhold-verified-'));
let amd: SimulatedAmd;
let config: GuestConfig;
let guest: GuestMachine;
let firmware: SerialFirmware;
let machine: Machine;
/** What the machine's report shows when nothing is wrong. */
let genuine: MachineOptions;

/** The trust file that fits the machine, with changes at the top level. */
async function trustWith(change: object = {}): Promise<object> {
  const trust: TrustFile = {
    url: `https://127.0.0.1:${guest.port}`,
    roots: { simulated: [await amd.rootFingerprint('Genoa')] },
    machine: { ...PRESETS['strict-2026-11'], hostData: encodeHex(config.digest) },
    code: {
      measurements: [encodeHex(await launchDigest(guest.files, guest.vcpus, guest.cpu))],
      functions: { upper: formatDigest(sha256(functions.get('upper') ?? new Uint8Array())) },
    },
    isolation: {
      policies: { 'hospital-a': config.policy.digest },
      others: 'refused',
      // The kernel of this machine takes the test module, so it is not locked down, and says so.
      lockdown: { ...LOCKDOWN_PRESETS['strict-2026-11'], kernel: 'none' },
    },
    freshness: { reattest: 'connection' },
  };
  return { ...(JSON.parse(formatTrustFile(trust)) as object), ...change };
}

/** Asks the function in the machine, with what the machine's reports shall differ in. */
async function ask(difference: MachineOptions = {}, trust?: object): Promise<string> {
  firmware.machine = await amd.openMachine({ ...genuine, ...difference });
  await using session = new SecureSession(`https://127.0.0.1:${guest.port}`, {
    trust: trust ?? (await trustWith()),
    credential: keyCredential(config.caller),
  });
  return await (await session.post('/upper', 'hello')).text();
}

beforeAll(async () => {
  if (lack !== null) return;
  amd = await sharedAmd();
  config = await writeGuestConfig(folder);
  guest = await describeMachine({ folder, config, files: moduleFiles(), commandLine: testCommandLine });
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
  await ask();
  const answered = performance.now();
  const seconds = (ms: number): string => `${((ms - start) / 1000).toFixed(1)} s`;
  const [cpu] = cpus();
  process.stderr.write(
    `boot: first verified answer ${seconds(answered)} after QEMU's start (worker listens at ${seconds(listening)}), ` +
      `emulated, 1 vCPU, ${guest.memoryMb} MB, on ${cpus().length} x ${cpu?.model}\n`,
  );
}, BOOT_MS);
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
    await expect(ask({}, await trustWith({ roots: 'amd' }))).rejects.toMatchObject({
      name: 'NotAnEnclaveError',
      code: 'ERR_NOT_AN_ENCLAVE_CHAIN',
    });
  });

  test('whose kernel takes any module is not locked down as the strict preset demands', async () => {
    const { isolation } = (await trustWith()) as TrustFile;
    const lockdown = 'strict-2026-11';
    await expect(ask({}, await trustWith({ isolation: { ...isolation, lockdown } }))).rejects.toMatchObject({
      name: 'NotIsolatedEnclaveError',
      code: 'ERR_NOT_ISOLATED_LOCKDOWN',
    });
  });

  test('refuses a caller whom the policy does not know', async () => {
    firmware.machine = await amd.openMachine(genuine);
    await using session = new SecureSession(`https://127.0.0.1:${guest.port}`, { trust: await trustWith() });
    const { status, headers } = await session.post('/upper', 'hello');
    expect([status, headers.get('anchorhold-refused-by')]).toEqual([403, 'gate']);
  });
});
