/**
 * What a guest needs in which a worker is to be appraised, one check each. Judges what the view shows; a client judges by the report and not by this.
 * (Linux, Documentation/ABI/testing/configfs-tsm-report, sysfs-devices-system-cpu; Documentation/admin-guide/sysctl/kernel.rst.)
 */
import { type DoctorCheck, type Finding, missing, ok, unknown } from './finding.ts';
import { lookAtKds } from './host-checks.ts';
import type { MachineView } from './machine-view.ts';
import { readProcessor } from './processor.ts';

/** Where a guest of SEV-SNP finds its firmware; no host has it. */
export const GUEST_DEVICE = '/dev/sev-guest';
const TSM = '/sys/kernel/config/tsm/report';
const PROVIDER = 'sev_guest';
const VMPL = '/sys/devices/system/cpu/sev/vmpl';
/** What the image's init leaves, and the kernel's own list. */
const RULES = '/run/anchorhold/nftables.json';

/** Bits of the kernel's pool when it is full, which is when it was seeded. */
const SEEDED_BITS = 256;

/** No machine that runs this is before its writing, and certificates that are shown now end within some years. */
const EARLIEST = new Date('2026-11-01T00:00:00Z');
const LATEST = new Date('2056-11-01T00:00:00Z');

function lookAtDevice(view: MachineView): Finding {
  if (view.exists(GUEST_DEVICE)) return ok(`This is a SEV-SNP guest: ${GUEST_DEVICE} is there.`);
  return missing(
    `${GUEST_DEVICE} is not there.`,
    'Load the module sev-guest; "No such device" then says that this machine is no SEV-SNP guest, so look at its host.',
  );
}

async function lookAtProvider(view: MachineView): Promise<Finding> {
  if (!view.exists(TSM))
    return missing(
      `${TSM} is not there.`,
      'Mount configfs at /sys/kernel/config and load the modules tsm and sev-guest (Linux 6.7 or later).',
    );
  const entry = await view.readTsm();
  if (entry === null)
    return unknown(
      `${TSM} is there, but this user cannot make an entry in it.`,
      'Run this as root, or as the user of the worker.',
    );
  return entry.provider === PROVIDER
    ? ok(`Reports come from ${PROVIDER}, the firmware of the processor.`)
    : missing(
        `Reports come from ${entry.provider}, and workers take those of ${PROVIDER} only.`,
        'Load the module sev-guest, and no other provider.',
      );
}

async function lookAtPrivilege(view: MachineView): Promise<Finding> {
  const level = (await view.readTsm())?.privilegeFloor ?? view.readFile(VMPL)?.trim() ?? '';
  if (!/^[0-3]$/.test(level))
    return unknown(
      'The kernel does not say at which privilege level (VMPL) it runs.',
      'The report says it; `anchorhold verify` shows it.',
    );
  if (level === '0') return ok('The guest runs at VMPL 0: nothing in the machine stands above it.');
  return missing(
    `The guest runs at VMPL ${level}: something else in the machine stands above it.`,
    'Start it without SVSM or paravisor, or have clients list this level under `vmpl` and trust what stands above.',
  );
}

/** Tells whether a listing of nftables has the table of Anchorhold; null where it is no listing. [libnftables-json(5)] */
function hasTable(listing: string): boolean | null {
  try {
    const { nftables } = JSON.parse(listing) as { readonly nftables?: unknown };
    if (!Array.isArray(nftables)) return null;
    return nftables.some(({ table }: { readonly table?: { readonly name?: unknown } }) => table?.name === 'anchorhold');
  } catch {
    return null;
  }
}

async function lookAtRules(view: MachineView): Promise<Finding> {
  const listing = (await view.run('nft', ['-j', 'list', 'ruleset'])) ?? view.readFile(RULES);
  const isLoaded = listing === null ? null : hasTable(listing);
  const load =
    '`make packet-rules` prints them, and docs/worker.md says how to load them; in the image the init does so, or powers off.';
  if (isLoaded === null)
    return unknown('Whether the kernel has the packet rules cannot be seen by this user.', `Run this as root. ${load}`);
  return isLoaded
    ? ok('The kernel has the packet rules (table anchorhold).')
    : missing('The kernel has not the packet rules: other processes than the worker may connect to anything.', load);
}

function lookAtInstructions(view: MachineView): Finding {
  const flags = readProcessor(view)?.flags;
  if (flags === undefined) return unknown('/proc/cpuinfo cannot be read.', 'Run this on Linux.');
  const absent = ['rdrand', 'rdseed'].filter((flag) => !flags.has(flag));
  if (absent.length === 0) return ok('The processor gives randomness itself (RDRAND and RDSEED).');
  return missing(
    `The processor shows no ${absent.join(' and no ')}: randomness would come from devices, which are the host's.`,
    'Start the machine with a CPU type that has them, such as EPYC-v4.',
  );
}

function lookAtPool(view: MachineView): Finding {
  const text = view.readFile('/proc/sys/kernel/random/entropy_avail')?.trim() ?? '';
  if (!/^\d{1,9}$/.test(text))
    return unknown("The state of the kernel's random numbers cannot be read.", 'Run this on Linux.');
  return Number(text) >= SEEDED_BITS
    ? ok("The kernel's random numbers were seeded.")
    : missing(
        "The kernel's random numbers were not seeded yet.",
        'Wait some seconds; if it stays so, start the kernel with random.trust_cpu=1 on a processor with RDRAND.',
      );
}

function lookAtTime({ now }: MachineView): Finding {
  const shown = Number.isNaN(now.getTime()) ? 'no time at all' : now.toISOString();
  // Written so that a clock that shows no time is in no range.
  return now >= EARLIEST && now < LATEST
    ? ok(`The clock shows ${shown}, which can be.`)
    : missing(
        `The clock shows ${shown}, which cannot be.`,
        "Set the host's clock: certificates, policies and tokens are judged by it. It is the host's word all the same.",
      );
}

/** Lists what a guest needs. */
export const GUEST_CHECKS: readonly DoctorCheck[] = [
  { id: 'guest-device', look: lookAtDevice },
  { id: 'report-provider', look: lookAtProvider },
  { id: 'privilege-level', look: lookAtPrivilege },
  { id: 'packet-rules', look: lookAtRules },
  { id: 'random-instructions', look: lookAtInstructions },
  { id: 'random-pool', look: lookAtPool },
  { id: 'clock', look: lookAtTime },
  { id: 'kds', look: lookAtKds },
];
