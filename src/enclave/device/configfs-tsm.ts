/**
 * The real device: reports from the SEV-SNP firmware through Linux's configfs-tsm (6.7 or later). Each request has a directory of its own,
 * and the kernel's generation counter shows that nobody else wrote to it. It judges nothing about the report.
 * (Linux, Documentation/ABI/testing/configfs-tsm-report.)
 */
import { constants } from 'node:fs';
import { mkdir, open, readFile, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseCertificateTable } from '../../attestation/snp/certificate-table.ts';
import { REPORT_SIZE } from '../../attestation/snp/layout.ts';
import { encodeHex } from '../../base/bytes.ts';
import { ConfigurationError } from '../../errors.ts';
import { randomBytes } from '../../io/random.ts';
import type { DeviceEvidence, ReportDevice } from './report-device.ts';

const PROVIDER = 'sev_guest';
const REPORT_DATA_SIZE = 64;

/** The firmware is shared by all guests of a host and may be busy for a while; then it is. */
const MAX_ATTEMPTS = 6;
const FIRST_PAUSE_MS = 20;
const PASSING: ReadonlySet<string> = new Set(['EBUSY', 'EINTR', 'EAGAIN']);

/** The operations on configfs that a device needs; errors have the `code` of node:fs. */
export interface TsmFiles {
  makeDirectory(path: string): Promise<void>;
  removeDirectory(path: string): Promise<void>;
  read(path: string): Promise<Uint8Array>;
  write(path: string, bytes: Uint8Array): Promise<void>;
}

export interface ConfigfsTsmOptions {
  /** Where configfs keeps reports. */
  readonly root?: string;
  readonly files?: TsmFiles;
  /** Waits before another attempt. */
  readonly pause?: (ms: number) => Promise<unknown>;
}

/** The kernel's own. */
export const kernelFiles: TsmFiles = {
  makeDirectory: async (path) => {
    await mkdir(path, { mode: 0o700 });
  },
  // The files in it are the kernel's and go with it.
  removeDirectory: (path) => rmdir(path),
  read: (path) => readFile(path),
  write: async (path, bytes) => {
    // `inblob` cannot be read, so it cannot be opened for more than writing; the kernel takes the bytes when it is closed.
    const file = await open(path, constants.O_WRONLY);
    try {
      await file.writeFile(bytes);
    } finally {
      await file.close();
    }
  },
};

/** Says that another attempt may succeed. */
class PassingError extends Error {}

function deviceError(message: string, cause?: unknown): ConfigurationError {
  return new ConfigurationError('ERR_CONFIGURATION_DEVICE', message, { cause });
}

function isPassing(error: unknown): boolean {
  if (error instanceof PassingError) return true;
  return error instanceof Error && 'code' in error && typeof error.code === 'string' && PASSING.has(error.code);
}

/**
 * Opens the SEV-SNP report device of this guest.
 * @throws ConfigurationError ERR_CONFIGURATION_DEVICE when there is none, or when the guest is not an SEV-SNP guest.
 */
export async function openConfigfsTsm(options: ConfigfsTsmOptions = {}): Promise<ReportDevice> {
  const { root = '/sys/kernel/config/tsm/report', files = kernelFiles, pause = (ms) => sleep(ms) } = options;

  /** Runs with a directory of its own; the directory is removed whatever happens. */
  async function withDirectory<T>(run: (path: (name: string) => string) => Promise<T>): Promise<T> {
    const directory = join(root, `anchorhold-${encodeHex(randomBytes(8))}`);
    await files.makeDirectory(directory);
    try {
      await checkProvider(join(directory, 'provider'));
      return await run((name) => join(directory, name));
    } finally {
      await files.removeDirectory(directory);
    }
  }

  async function readText(path: string): Promise<string> {
    return new TextDecoder().decode(await files.read(path)).trim();
  }

  async function checkProvider(path: string): Promise<void> {
    const provider = await readText(path);
    if (provider !== PROVIDER) throw deviceError(`the report provider is "${provider.slice(0, 40)}", not ${PROVIDER}`);
  }

  async function request(reportData: Uint8Array): Promise<DeviceEvidence> {
    return await withDirectory(async (path) => {
      const before = Number(await readText(path('generation')));
      await files.write(path('inblob'), reportData);
      const report = await files.read(path('outblob'));
      const table = await files.read(path('auxblob'));
      // configfs hides a failed write, and someone with the same rights could write in between: both show here.
      const after = Number(await readText(path('generation')));
      if (after !== before + 1) throw new PassingError(`generation went from ${before} to ${after}, not up by one`);
      if (report.length !== REPORT_SIZE) throw deviceError(`the report has ${report.length} bytes, not ${REPORT_SIZE}`);
      const parsed = parseCertificateTable(Uint8Array.from(table));
      if ('problem' in parsed) throw deviceError(`the host's certificate table is broken: ${parsed.problem}`);
      return { report: Uint8Array.from(report), ...parsed.value };
    });
  }

  /** Tries again while the error is one that passes. */
  async function attempt<T>(what: string, run: () => Promise<T>): Promise<T> {
    for (let made = 1; ; made += 1) {
      try {
        return await run();
      } catch (cause) {
        if (cause instanceof ConfigurationError) throw cause;
        if (!isPassing(cause) || made === MAX_ATTEMPTS) {
          throw deviceError(`${what} at ${root} after ${made} attempts: ${String(cause)}`, cause);
        }
        await pause(FIRST_PAUSE_MS * 2 ** (made - 1));
      }
    }
  }

  await attempt('no report device', () => withDirectory(() => Promise.resolve()));
  return {
    kind: 'sev-snp',
    async getReport(reportData) {
      if (reportData.length !== REPORT_DATA_SIZE) {
        throw deviceError(`report data are ${REPORT_DATA_SIZE} bytes, not ${reportData.length}`);
      }
      return await attempt('the device gave no report', () => request(reportData));
    },
  };
}
