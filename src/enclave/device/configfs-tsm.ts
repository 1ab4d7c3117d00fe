/**
 * The real device: reports from the SEV-SNP firmware through Linux's configfs-tsm (6.7 or later). Each request has a directory of its own, or
 * its turn with the one that the image's init made for this user; the kernel's generation counter shows that nobody else wrote to it. It judges nothing about the report, and asks no SVSM for services.
 * (Linux, Documentation/ABI/testing/configfs-tsm-report.)
 */
import { constants } from 'node:fs';
import { mkdir, open, readFile, rmdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseCertificateTable } from '../../attestation/snp/certificate-table.ts';
import { REPORT_SIZE } from '../../attestation/snp/layout.ts';
import { encodeHex, encodeUtf8 } from '../../base/bytes.ts';
import { ConfigurationError } from '../../errors.ts';
import { randomBytes } from '../../io/random.ts';
import { deviceError, explainKernelError, kernelCode } from './device-error.ts';
import type { DeviceEvidence, ReportDevice } from './report-device.ts';

const PROVIDER = 'sev_guest';
/** The directory that the image's init hands over: to make one takes root. */
const HANDED_OVER = 'anchorhold';
const REPORT_DATA_SIZE = 64;
const LOWEST_PRIVILEGE = 3;

/** The firmware is shared by all guests of a host and may be busy for a while; then it is. */
const MAX_ATTEMPTS = 6;
const FIRST_PAUSE_MS = 20;
/** EWOULDBLOCK is another name for EAGAIN on Linux. */
const PASSING: ReadonlySet<string> = new Set(['EBUSY', 'EINTR', 'EAGAIN', 'EWOULDBLOCK']);

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
  /** VMPL to ask a report for, 0 to 3; the highest privilege that the kernel lets this guest name when it is left out. */
  readonly privilegeLevel?: number;
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

function isPassing(error: unknown): boolean {
  return error instanceof PassingError || PASSING.has(kernelCode(error) ?? '');
}

/**
 * Opens the SEV-SNP report device of this guest.
 * @throws ConfigurationError ERR_CONFIGURATION_DEVICE when there is none, when the guest is not an SEV-SNP guest, or when the privilege level
 * is closed to it.
 */
export async function openConfigfsTsm(options: ConfigfsTsmOptions = {}): Promise<ReportDevice> {
  const { root = '/sys/kernel/config/tsm/report', files = kernelFiles, pause = (ms) => sleep(ms) } = options;

  /** Tries again while the error is one that passes; says in plain words when it does not. */
  async function attempt<T>(what: string, run: () => Promise<T>): Promise<T> {
    for (let made = 1; ; made += 1) {
      try {
        return await run();
      } catch (cause) {
        if (cause instanceof ConfigurationError) throw cause;
        if (!isPassing(cause) || made === MAX_ATTEMPTS) {
          const why = cause instanceof PassingError ? cause.message : explainKernelError(cause);
          const tries = made === 1 ? '' : ` (tried ${made} times)`;
          throw deviceError(`${what} at ${root}${tries}: ${why}`, cause);
        }
        await pause(FIRST_PAUSE_MS * 2 ** (made - 1));
      }
    }
  }

  /** Runs with a directory of its own; the directory is removed whatever happens. */
  async function withDirectory<T>(run: (path: (name: string) => string) => Promise<T>): Promise<T> {
    const directory = join(root, `anchorhold-${encodeHex(randomBytes(8))}`);
    const remove = (): Promise<void> => attempt(`cannot remove ${directory}`, () => files.removeDirectory(directory));
    await files.makeDirectory(directory);
    let result: T;
    try {
      await checkProvider(join(directory, 'provider'));
      result = await run((name) => join(directory, name));
    } catch (cause) {
      // Why the request failed is worth more than why the directory stays.
      await remove().catch(() => {});
      throw cause;
    }
    await remove();
    return result;
  }

  /** The end of the requests that wait for the one directory there is. */
  let turn: Promise<unknown> = Promise.resolve();

  /** Runs in the directory that was handed over, one request after the other. */
  async function inTurn<T>(directory: string, run: (path: (name: string) => string) => Promise<T>): Promise<T> {
    const before = turn;
    const mine = before.then(async () => {
      await checkProvider(join(directory, 'provider'));
      return await run((name) => join(directory, name));
    });
    turn = mine.catch(() => undefined);
    return await mine;
  }

  async function readText(path: string): Promise<string> {
    return new TextDecoder().decode(await files.read(path)).trim();
  }

  async function readNumber(path: string): Promise<number> {
    const text = await readText(path);
    if (!/^\d{1,15}$/.test(text)) throw deviceError(`the kernel's ${basename(path)} is no number`);
    return Number(text);
  }

  async function checkProvider(path: string): Promise<void> {
    const provider = await readText(path);
    if (provider !== PROVIDER) {
      throw deviceError(`the kernel's reports are from ${JSON.stringify(provider.slice(0, 40))}, not ${PROVIDER}`);
    }
  }

  /** Decides which VMPL to ask for: the kernel's own default is 0, which a guest below an SVSM may not name. */
  async function choosePrivilegeLevel(path: string): Promise<number> {
    const floor = await readNumber(path);
    const { privilegeLevel = floor } = options;
    if (!Number.isInteger(privilegeLevel) || privilegeLevel < floor || privilegeLevel > LOWEST_PRIVILEGE) {
      throw deviceError(
        `this guest may ask for privilege levels ${floor} to ${LOWEST_PRIVILEGE}, not ${privilegeLevel}`,
      );
    }
    return privilegeLevel;
  }

  const handedOver = join(root, HANDED_OVER);
  const isHandedOver = await files.read(join(handedOver, 'provider')).then(
    () => true,
    () => false,
  );
  const withEntry = <T>(run: (path: (name: string) => string) => Promise<T>): Promise<T> =>
    isHandedOver ? inTurn(handedOver, run) : withDirectory(run);

  const level = await attempt('there is no report device', () =>
    withEntry((path) => choosePrivilegeLevel(path('privlevel_floor'))),
  );

  async function request(reportData: Uint8Array): Promise<DeviceEvidence> {
    return await withEntry(async (path) => {
      const before = await readNumber(path('generation'));
      const writes: readonly [string, Uint8Array][] = [
        ['privlevel', encodeUtf8(String(level))],
        ['inblob', reportData],
      ];
      for (const [name, bytes] of writes) await files.write(path(name), bytes);
      const report = await files.read(path('outblob'));
      const table = await files.read(path('auxblob'));
      // configfs hides a failed write of `inblob`, and someone with the same rights could write in between: both show here.
      const made = (await readNumber(path('generation'))) - before;
      if (made !== writes.length) {
        throw new PassingError(`the kernel counted ${made} writes for a request that takes ${writes.length}`);
      }
      if (report.length !== REPORT_SIZE) throw deviceError(`the report has ${report.length} bytes, not ${REPORT_SIZE}`);
      const parsed = parseCertificateTable(Uint8Array.from(table));
      if ('problem' in parsed) throw deviceError(`the host's certificate table is broken: ${parsed.problem}`);
      return { report: Uint8Array.from(report), ...parsed.value };
    });
  }

  return {
    kind: 'sev-snp',
    async getReport(reportData) {
      if (reportData.length !== REPORT_DATA_SIZE) {
        throw deviceError(`report data are ${REPORT_DATA_SIZE} bytes, not ${reportData.length}`);
      }
      // What the caller does with its bytes meanwhile is not in the report.
      const data = Uint8Array.from(reportData);
      return await attempt('the device gave no report', () => request(data));
    },
  };
}
