/** What the doctor can see of a machine: files, programs, devices, a certificate service. Looks and judges nothing; only `readTsm` makes something, and takes it away. */
import { execFile } from 'node:child_process';
import { accessSync, constants, existsSync, readFileSync } from 'node:fs';
import { mkdir, readFile, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { certChainPath } from '../../attestation/snp/kds-urls.ts';
import { encodeHex } from '../../base/bytes.ts';
import { LIMITS } from '../../base/limits.ts';
import { EnclaveError } from '../../errors.ts';
import { openKdsClient, waitByClock } from '../../io/kds-client.ts';
import { digestFile } from '../../io/native-digest.ts';
import { randomBytes } from '../../io/random.ts';

/** What configfs says of the device that makes reports. */
export interface TsmEntry {
  /** `sev_guest` on SEV-SNP. */
  readonly provider: string;
  /** The most privileged level that this guest may ask a report for; null on a kernel that does not say. */
  readonly privilegeFloor: string | null;
}

export interface MachineView {
  /** Gives the text of a small file, or null when it cannot be read. */
  readFile(path: string): string | null;
  exists(path: string): boolean;
  /** Tells whether this user may read and write it. */
  mayUse(path: string): boolean;
  /** Runs a program and gives what it wrote to stdout; null when there is none such, or it failed. */
  run(program: string, args: readonly string[]): Promise<string | null>;
  /** Makes an entry for reports, reads what it says, and takes it away; null when that cannot be done. */
  readTsm(): Promise<TsmEntry | null>;
  /** A firmware file and its SHA-256 in hex, null when it cannot be read. */
  readonly firmware: { readonly path: string; readonly sha256: string | null };
  /** A certificate service that may be asked, and whether it answered; null where nobody may be asked. */
  readonly kds: { readonly url: string; answers(): Promise<boolean> } | null;
  readonly now: Date;
}

const TSM = '/sys/kernel/config/tsm/report';
const PROGRAM_MS = 5000;
const KDS_MS = 10_000;

function readText(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}

function run(program: string, args: readonly string[]): Promise<string | null> {
  return new Promise((resolve) => {
    execFile(program, [...args], { timeout: PROGRAM_MS, maxBuffer: LIMITS.configurationBytes }, (error, text) =>
      resolve(error === null ? text : null),
    );
  });
}

async function readTsm(): Promise<TsmEntry | null> {
  const folder = join(TSM, `anchorhold-doctor-${encodeHex(randomBytes(4))}`);
  try {
    await mkdir(folder);
  } catch {
    return null;
  }
  try {
    const provider = (await readFile(join(folder, 'provider'), 'utf8')).trim();
    const floor = await readFile(join(folder, 'privlevel_floor'), 'utf8').catch(() => null);
    return { provider, privilegeFloor: floor?.trim() ?? null };
  } catch {
    return null;
  } finally {
    await rmdir(folder).catch(() => {});
  }
}

async function digestOf(path: string): Promise<string | null> {
  try {
    return encodeHex(await digestFile(path, LIMITS.firmwareBytes));
  } catch (error) {
    if (error instanceof EnclaveError) return null;
    throw error;
  }
}

/** Asks for the certificates of a product line, which says nothing about this machine's chip. */
function openKds(url: string): NonNullable<MachineView['kds']> {
  const client = openKdsClient({
    baseUrl: url,
    roots: 'system',
    timeoutMs: KDS_MS,
    now: () => new Date(),
    wait: waitByClock,
  });
  return {
    url,
    async answers() {
      try {
        const maxBytes = LIMITS.certificates * LIMITS.certificateBytes;
        return (await client.fetch(certChainPath('VCEK', 'Genoa'), maxBytes)) !== null;
      } catch (error) {
        if (error instanceof EnclaveError) return false;
        throw error;
      }
    },
  };
}

/**
 * Opens this machine as it is now; `kdsUrl` of null asks no certificate service.
 * @throws ConfigurationError ERR_CONFIGURATION_USAGE for an address that may not be asked
 */
export async function openMachineView(firmware: string, kdsUrl: string | null): Promise<MachineView> {
  return {
    readFile: readText,
    exists: (path) => existsSync(path),
    mayUse(path) {
      try {
        accessSync(path, constants.R_OK | constants.W_OK);
        return true;
      } catch {
        return false;
      }
    },
    run,
    readTsm,
    firmware: { path: firmware, sha256: await digestOf(firmware) },
    kds: kdsUrl === null ? null : openKds(kdsUrl),
    now: new Date(),
  };
}
