/**
 * What a host needs that starts SEV-SNP machines with QEMU, one check each, in the order in which one rests on the other. Judges what the view shows.
 * (Linux, Documentation/virt/kvm/x86/amd-memory-encryption.rst; QEMU 10, docs/system/i386/amd-memory-encryption.rst.)
 */
import { ENFORCING_FIRMWARE } from '../../attestation/measurement/enforcing-firmware.ts';
import { QEMU } from '../qemu.ts';
import { type DoctorCheck, type Finding, missing, ok, unknown } from './finding.ts';
import type { MachineView } from './machine-view.ts';
import { isAtLeast, readProcessor } from './processor.ts';

/** Boot parameters under which the kernel turns SEV-SNP off again: it needs the IOMMU, and not passed through. */
const IOMMU_OFF = /(?:^|\s)(iommu=(?:pt|off)|amd_iommu=off|iommu\.passthrough=1)(?=\s|$)/;

/** Looks at a device that QEMU opens. */
function lookAtDevice(view: MachineView, path: string, what: string, load: string): Finding {
  if (!view.exists(path)) return missing(`${path}, ${what}, is not there.`, load);
  if (view.mayUse(path)) return ok(`${path}, ${what}, may be used.`);
  return missing(
    `${path}, ${what}, is there, but this user may not use it.`,
    `Add the user that runs QEMU to the group of ${path} (see \`ls -l ${path}\`), or run it as root.`,
  );
}

function lookAtProcessor(view: MachineView): Finding {
  const processor = readProcessor(view);
  if (processor === null) return unknown('/proc/cpuinfo cannot be read.', 'Run this on Linux.');
  const { vendor, name, flags } = processor;
  if (flags.has('sev_snp'))
    return ok(`The processor (${name}) has SEV-SNP, and firmware and kernel have turned it on.`);
  if (vendor !== 'AuthenticAMD')
    return missing(
      `The processor (${name}) is not AMD's.`,
      'SEV-SNP needs an AMD EPYC processor of the third generation (Milan) or later.',
    );
  return missing(
    `The processor (${name}) shows no SEV-SNP.`,
    'It needs an EPYC of the third generation or later. In the BIOS turn on SMEE, SEV-SNP support and RMP coverage, with an SEV-ES ASID limit above 1; `dmesg | grep -i -e sev -e rmp` says what the kernel missed.',
  );
}

function lookAtKernel(view: MachineView): Finding {
  const release = view.readFile('/proc/sys/kernel/osrelease')?.trim() ?? '';
  const recent = isAtLeast(release, 6, 11);
  if (recent === null) return unknown('The version of the kernel cannot be read.', 'Run this on Linux.');
  if (recent) return ok(`The kernel is ${release}; KVM starts SEV-SNP machines from 6.11 on.`);
  return missing(
    `The kernel is ${release}, and KVM starts SEV-SNP machines from 6.11 on.`,
    'Install a newer kernel, such as that of Debian 13.',
  );
}

function lookAtIommu(view: MachineView): Finding {
  const line = view.readFile('/proc/cmdline');
  if (line === null) return unknown('/proc/cmdline cannot be read.', 'Run this on Linux.');
  const parameter = IOMMU_OFF.exec(line)?.[1];
  if (parameter !== undefined)
    return missing(
      `The kernel was started with ${parameter}, under which it turns SEV-SNP off.`,
      `Take ${parameter} out of the boot parameters.`,
    );
  if (view.exists('/sys/class/iommu/ivhd0')) return ok('The IOMMU is on, as SEV-SNP needs it.');
  return missing('The kernel shows no AMD IOMMU, which SEV-SNP needs.', 'Turn the IOMMU on in the BIOS.');
}

function lookAtKvmParameter(view: MachineView): Finding {
  const text = view.readFile('/sys/module/kvm_amd/parameters/sev_snp')?.trim();
  if (text === 'Y' || text === '1') return ok('KVM (kvm_amd) has SEV-SNP turned on.');
  if (text !== undefined)
    return missing(
      'KVM (kvm_amd) has SEV-SNP turned off.',
      'Put `options kvm_amd sev=1 sev_es=1 sev_snp=1` into /etc/modprobe.d/kvm.conf and load the module again; if it stays off, look at the processor first.',
    );
  return missing(
    'KVM (kvm_amd) is not loaded, or does not know SEV-SNP.',
    'Load it with `modprobe kvm_amd`; kernels before 6.11 do not know SEV-SNP.',
  );
}

async function lookAtQemu(view: MachineView): Promise<Finding> {
  const version = /version (\d+\.\d+\S*)/.exec((await view.run(QEMU, ['--version'])) ?? '')?.[1];
  const install = 'Install qemu-system-x86 of Debian 13 or later, or 9.1 or later from elsewhere.';
  if (version === undefined) return missing(`There is no ${QEMU}.`, install);
  const recent = isAtLeast(version, 9, 1) === true;
  return recent
    ? ok(`QEMU is ${version}; it starts SEV-SNP machines from 9.1 on.`)
    : missing(`QEMU is ${version}, and starts SEV-SNP machines from 9.1 on.`, install);
}

async function lookAtQemuObject(view: MachineView): Promise<Finding> {
  const objects = await view.run(QEMU, ['-object', 'help']);
  if (objects === null) return unknown('QEMU lists no objects.', 'Install QEMU first.');
  return /^\s*sev-snp-guest$/m.test(objects)
    ? ok('QEMU has the object sev-snp-guest.')
    : missing('QEMU was built without the object sev-snp-guest.', 'Install a QEMU that was built for x86 with KVM.');
}

function lookAtFirmware({ firmware: { path, sha256 } }: MachineView): Finding {
  const get =
    'Take OVMF.amdsev.fd that `anchorhold image build` put beside the image, and name another with --firmware FILE.';
  if (sha256 === null) return missing(`There is no firmware at ${path}.`, get);
  const known = ENFORCING_FIRMWARE.find((firmware) => firmware.sha256 === sha256);
  if (known !== undefined)
    return ok(`The firmware at ${path} is ${known.name}, which starts no other kernel than the measured one.`);
  return missing(
    `The firmware at ${path} (SHA-256 ${sha256}) is not known to hold to the hashes of the kernel: digests with it would prove nothing.`,
    `${get} docs/measure.md says which firmware is known.`,
  );
}

/** Asks the certificate service, where one may be asked. */
export async function lookAtKds({ kds }: MachineView): Promise<Finding> {
  if (kds === null)
    return unknown(
      'The certificate service of AMD was not asked.',
      'Add --kds to ask it, or give workers their certificates as `endorsements`.',
    );
  return (await kds.answers())
    ? ok(`The certificate service at ${kds.url} answers.`)
    : missing(
        `The certificate service at ${kds.url} does not answer.`,
        'Let this machine reach it (HTTPS, no proxy), name a mirror with --kds-url, or fetch the certificates elsewhere and give them as `endorsements`.',
      );
}

/** Lists what a host needs. */
export const HOST_CHECKS: readonly DoctorCheck[] = [
  { id: 'processor', look: lookAtProcessor },
  { id: 'iommu', look: lookAtIommu },
  { id: 'kernel', look: lookAtKernel },
  {
    id: 'kvm',
    look: (view) =>
      lookAtDevice(view, '/dev/kvm', 'the door to KVM', 'Turn virtualization (SVM) on in the BIOS and load kvm_amd.'),
  },
  { id: 'kvm-snp', look: lookAtKvmParameter },
  {
    id: 'sev-device',
    look: (view) =>
      lookAtDevice(
        view,
        '/dev/sev',
        "the door to the processor's firmware",
        'Load the module ccp; without SEV in the BIOS there is no such device.',
      ),
  },
  { id: 'qemu', look: lookAtQemu },
  { id: 'qemu-snp', look: lookAtQemuObject },
  { id: 'firmware', look: lookAtFirmware },
  { id: 'kds', look: lookAtKds },
];
