/** Runs the suite for report devices on the real one, over a double of the kernel with a simulated chip behind it, and on the simulated one. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { openConfigfsTsm } from '../../../src/enclave/device/configfs-tsm.ts';
import { simulatedDevice } from '../../../src/testing/index.ts';
import { sharedAmd } from '../../testing/shared-amd.ts';
import { type DeviceUnderTest, deviceCompliance } from './compliance.ts';
import { encodeHostTable } from './host-table.ts';
import { kernelDouble, kernelError } from './kernel-double.ts';

const amd = await sharedAmd();
const machine = await amd.openMachine({ product: 'Genoa' });

/** Throws when it was told to, once. */
function fault(): { failNext: () => void; check: () => void } {
  let armed = false;
  return {
    failNext: () => {
      armed = true;
    },
    check: () => {
      if (!armed) return;
      armed = false;
      throw kernelError('EIO');
    },
  };
}

/** Throws errors that pass: at every third reading of a report, and at every second removal of a directory. */
function passingFaults(): (operation: string) => void {
  const codes = ['EBUSY', 'EINTR', 'EAGAIN', 'EWOULDBLOCK'];
  const met = { 'read outblob': 0, rmdir: 0 };
  const every = { 'read outblob': 3, rmdir: 2 };
  return (operation) => {
    if (operation !== 'read outblob' && operation !== 'rmdir') return;
    met[operation] += 1;
    const times = met[operation] / every[operation];
    if (Number.isInteger(times)) throw kernelError(codes[times % codes.length] ?? 'EBUSY');
  };
}

interface Host {
  readonly form: 'DER' | 'PEM';
  readonly busy: boolean;
}

async function openOverDouble({ form, busy }: Host): Promise<DeviceUnderTest> {
  const { failNext, check } = fault();
  const passing = passingFaults();
  const kernel = kernelDouble({
    report: machine.signReport,
    certificateTable: encodeHostTable(machine, form),
    busyWhenShared: busy,
    before: (operation) => {
      if (operation === 'read outblob') check();
      if (busy) passing(operation);
    },
  });
  const device = await openConfigfsTsm({ root: kernel.root, files: kernel.files, pause: () => nextTurn() });
  return { device, endorsements: machine, failNext, leftovers: kernel.leftovers, close: kernel.remove };
}

deviceCompliance('configfs-tsm', 'sev-snp', () => openOverDouble({ form: 'DER', busy: false }));
deviceCompliance('configfs-tsm with a table of PEM', 'sev-snp', () => openOverDouble({ form: 'PEM', busy: false }));
deviceCompliance('configfs-tsm on a busy host', 'sev-snp', () => openOverDouble({ form: 'DER', busy: true }));
deviceCompliance('simulated', 'simulated', async () => {
  const { failNext, check } = fault();
  const gate = async (): Promise<void> => check();
  const device = await simulatedDevice(amd, { product: 'Genoa' }, { gate });
  return { device, endorsements: await endorsementsOf(device), failNext, leftovers: () => [], close: () => {} };
});

/** The simulated device issues its own certificates; each report must come with the same ones. */
async function endorsementsOf(device: Awaited<ReturnType<typeof simulatedDevice>>): Promise<typeof machine> {
  return { ...machine, ...(await device.getReport(new Uint8Array(64))) };
}
