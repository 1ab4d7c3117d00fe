/**
 * The image as clients meet it: the worker in a booted machine, its reports through the kernel's own interface, a client outside. The firmware is a
 * simulated AMD behind the second serial port; all else is the image, with the test module appended to the initrd. What a client refuses, it refuses
 * of this machine, of which only the named thing differs.
 */
import { cpus } from 'node:os';
import { afterAll, beforeAll, describe, expect, vi } from 'vitest';
import { SecureSession } from '../../src/index.ts';
import { skipUnless } from '../skips.ts';
import { type AttestedMachine, bootAttestedMachine } from './attested-machine.ts';
import { trustWith } from './guest-config.ts';
import { BOOT_TIMEOUTS, lackOf } from './needs.ts';

const lack = lackOf(['image', 'qemu', 'programs']);
const test = skipUnless(lack === null, lack ?? '');
vi.setConfig(BOOT_TIMEOUTS);

/** Debugging allowed by the host. [SNP-ABI 1.58 Table 9] */
const DEBUG_POLICY = 0xb0000n;

let machine: AttestedMachine;
const ask: AttestedMachine['ask'] = (...parts) => machine.ask(...parts);

beforeAll(async () => {
  if (lack !== null) return;
  machine = await bootAttestedMachine('instructions');
  const { guest, listeningMs, answeredMs } = machine;
  const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;
  const [cpu] = cpus();
  process.stderr.write(
    `boot: first verified answer ${seconds(answeredMs)} after QEMU's start (worker listens at ${seconds(listeningMs)}), ` +
      `emulated with its instructions counted, 1 vCPU, ${guest.memoryMb} MB, on ${cpus().length} x ${cpu?.model}; ` +
      '`make bench CASES=boot` measures it\n',
  );
});
afterAll(async () => {
  await machine?.[Symbol.asyncDispose]();
});

describe('a worker in a booted machine', () => {
  test('is verified through the kernel interface, and answers', async () => {
    const { firmware } = machine;
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
    const { policies } = machine.trust.isolation;
    await expect(ask({}, { isolation: { policies, lockdown: 'strict-2026-11' } })).rejects.toMatchObject({
      name: 'NotIsolatedEnclaveError',
      code: 'ERR_NOT_ISOLATED_LOCKDOWN',
    });
  });

  test('refuses a caller whom the policy does not know', async () => {
    const { amd, firmware, genuine, trust } = machine;
    firmware.machine = await amd.openMachine(genuine);
    await using session = new SecureSession(trust.url, { trust: trustWith(trust) });
    const { status, headers } = await session.post('/upper', 'hello');
    expect([status, headers.get('anchorhold-refused-by')]).toEqual([403, 'gate']);
  });
});
