/**
 * What a person reads when the attestation device fails: one sentence for each error of the kernel, with what to do about it. The kernel's
 * code stays at the end, in brackets, for those who look it up. (Linux, Documentation/ABI/testing/configfs-tsm-report; errno(3).)
 */
import { ConfigurationError } from '../../errors.ts';

/** Says that a device is missing or gave no report. */
export function deviceError(message: string, cause?: unknown): ConfigurationError {
  return new ConfigurationError('ERR_CONFIGURATION_DEVICE', message, { cause });
}

const MISSING =
  'there is no such folder or file: on an SEV-SNP guest with Linux 6.7 or later, load the module sev-guest and mount configfs on /sys/kernel/config';
const FORBIDDEN = 'this user may not ask for reports: run the worker as root, or give its user this folder';
const NO_PROVIDER = 'the kernel has nobody who makes reports: load the module sev-guest; this must be an SEV-SNP guest';
const BUSY = 'it was busy each time: other guests of this host share the firmware, so try again in a minute';

const SENTENCES: Readonly<Record<string, string>> = {
  ENOENT: MISSING,
  ENOTDIR: MISSING,
  ENODEV: NO_PROVIDER,
  ENXIO: NO_PROVIDER,
  ENOTTY: NO_PROVIDER,
  EACCES: FORBIDDEN,
  EPERM: FORBIDDEN,
  EROFS: FORBIDDEN,
  EBUSY: BUSY,
  EINTR: BUSY,
  EAGAIN: BUSY,
  EWOULDBLOCK: BUSY,
  EFBIG:
    'the report or its certificates are larger than the kernel hands out: ask the host for a shorter certificate table',
  EINVAL:
    'the kernel refused the request: the privilege level may be closed to this guest, or the kernel is older than 6.7',
  EIO: 'the firmware refused to make a report: look at the kernel log for the reason',
  ENOMEM: 'the machine has no memory left',
  ENOSPC: 'the machine has no memory left',
};

/** Gives the kernel's code of an error of node:fs, or null when it has none. */
export function kernelCode(error: unknown): string | null {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : null;
}

/** Says in plain words what an error of the kernel means; gives none of its own text. */
export function explainKernelError(error: unknown): string {
  const code = kernelCode(error);
  if (code === null) return 'it failed for a reason that has no name';
  return `${SENTENCES[code] ?? 'it failed: look at the kernel log for the reason'} (${code})`;
}
