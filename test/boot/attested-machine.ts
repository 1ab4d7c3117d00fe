/** A booted machine of the image with its firmware, and a client outside that asks its function: what is measured, and what tests make different. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import type { TrustFile } from '../../src/attestation/trust-file.ts';
import { launchDigest } from '../../src/image/boot-folder.ts';
import type { GuestMachine } from '../../src/image/qemu-options.ts';
import { certificateCredential, SecureSession } from '../../src/index.ts';
import type { MachineOptions, SimulatedAmd } from '../../src/testing/index.ts';
import { sharedAmd } from '../e2e/worker.ts';
import { openSerialFirmware, type SerialFirmware } from './firmware.ts';
import { trustFor, trustWith, writeGuestConfig } from './guest-config.ts';
import {
  describeMachine,
  type MachineClock,
  moduleFiles,
  startImageMachine,
  testCommandLine,
} from './image-machine.ts';

export interface AttestedMachine extends AsyncDisposable {
  readonly amd: SimulatedAmd;
  readonly guest: GuestMachine;
  readonly firmware: SerialFirmware;
  /** The trust file that fits it. */
  readonly trust: TrustFile;
  /** What its report shows when nothing is wrong. */
  readonly genuine: MachineOptions;
  /** From QEMU's start until its worker listens, in milliseconds of this host. */
  readonly listeningMs: number;
  /** From QEMU's start until a client had verified it and had its answer. */
  readonly answeredMs: number;
  /** Asks its function, with what its reports and the trust file shall differ in. */
  ask(difference?: MachineOptions, change?: Partial<Record<keyof TrustFile, unknown>>): Promise<string>;
}

/** What the function answers. */
const ANSWER = 'HELLO';

/** Boots a machine and asks it once; `clock` is what its time is. */
export async function bootAttestedMachine(clock: MachineClock): Promise<AttestedMachine> {
  const folder = mkdtempSync(join(tmpdir(), 'anchorhold-attested-'));
  await using opened = new AsyncDisposableStack();
  opened.defer(() => rmSync(folder, { recursive: true }));
  const amd = await sharedAmd();
  const config = await writeGuestConfig(folder);
  const guest = await describeMachine({ folder, config, files: moduleFiles(), commandLine: testCommandLine });
  const trust = await trustFor(guest, config, amd);
  const measurement = await launchDigest(guest.files, guest.vcpus, guest.cpu);
  const genuine: MachineOptions = { product: 'Genoa', measurement, hostData: config.digest };
  const path = join(folder, 'firmware');
  const firmware = opened.use(await openSerialFirmware(path, await amd.openMachine(genuine)));
  const ask: AttestedMachine['ask'] = async (difference = {}, change = {}) => {
    firmware.machine = await amd.openMachine({ ...genuine, ...difference });
    await using session = new SecureSession(trust.url, {
      trust: trustWith(trust, change),
      credential: certificateCredential({ certPem: config.caller.pem, keyPem: config.caller.privateKeyPem }),
    });
    return await (await session.post('/upper', 'hello')).text();
  };
  const start = performance.now();
  const machine = opened.use(await startImageMachine(guest, path, clock));
  await machine.said(/"listening"/);
  const listening = performance.now();
  const answer = await ask();
  if (answer !== ANSWER) throw new Error(`the machine answered ${answer}`);
  const parts = opened.move();
  return {
    amd,
    guest,
    firmware,
    trust,
    genuine,
    listeningMs: listening - start,
    answeredMs: performance.now() - start,
    ask,
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  };
}
