/** What a worker keeps between its runs, and under whose key: the store as a whole, or none. What the lockdown claims say of it is made here. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { ConfigurationError, SecretError } from '../../errors.ts';
import { openRowFile } from '../../io/row-file.ts';
import { type Budget, MAX_BUDGETS, openBudget, openKeptBudget } from '../budget.ts';
import { readOwnReport } from '../device/own-report.ts';
import type { ReportDevice } from '../device/report-device.ts';
import { openDurableLedger } from '../durable-ledger.ts';
import type { KeySource } from '../keys/key-source.ts';
import { openVersionMemory, type VersionMemory } from '../policy-register.ts';
import { openDurableVersions } from './durable-versions.ts';
import { openSealedFiles, type SealedFiles } from './sealed-files.ts';
import { openSealedRows, type SealedRows } from './sealed-rows.ts';

/** Where a worker may keep what shall outlive it; `memory` is nowhere. */
export type StorePlace = 'memory' | { readonly folder: string; readonly keySource: KeySource };

/** What the lockdown claims say of the store. */
export interface StoreFacts {
  readonly counters: 'memory' | 'durable';
  readonly storage: 'memory' | 'sealed';
  readonly keys: 'none' | KeySource['kind'];
}

/** What is kept sealed on disk. */
export interface SealedStore {
  readonly rows: SealedRows;
  readonly files: SealedFiles;
}

export interface WorkerStore {
  readonly facts: StoreFacts;
  readonly budget: Budget;
  readonly versions: VersionMemory;
  /** null where everything is in memory. */
  readonly sealed: SealedStore | null;
  /** Writes what is left to write. */
  close(): void;
}

/** Budgets, and what owners load beside them; a value is a count, or what is known of one file. */
const ROW_LIMITS = { rows: MAX_BUDGETS + 10_000, valueBytes: 32 * 1024 };
/** What was written is on the disk after this time, if the machine loses its power. */
const SETTLE_MS = 1000;

function openInMemory(): WorkerStore {
  const facts: StoreFacts = { counters: 'memory', storage: 'memory', keys: 'none' };
  const budget = openBudget(MAX_BUDGETS);
  return { facts, budget, versions: openVersionMemory(), sealed: null, close: () => undefined };
}

/**
 * Opens a worker's store; the key is bound to what the device reports. `onUnsettled` hears that the disk did not take what was written.
 * @throws SecretError ERR_SECRET_STORE, ERR_SECRET_UNREADABLE; ConfigurationError ERR_CONFIGURATION_FILE
 */
export async function openWorkerStore(
  place: StorePlace,
  device: ReportDevice,
  onUnsettled: (why: unknown) => void,
): Promise<WorkerStore> {
  if (place === 'memory') return openInMemory();
  const { folder, keySource } = place;
  await mkdir(folder, { recursive: true, mode: 0o700 }).catch((cause: NodeJS.ErrnoException) => {
    const why = cause.code ?? cause.message;
    throw new ConfigurationError('ERR_CONFIGURATION_FILE', `${folder} cannot be made (${why})`, { cause });
  });
  const report = await readOwnReport(device);
  if (report === null)
    throw new SecretError('ERR_SECRET_STORE', 'this machine gives no report that a key could be bound to');
  const storageKey = await keySource.storageKey({ measurement: report.measurement });
  const file = openRowFile(join(folder, 'rows.db'), ROW_LIMITS);
  try {
    const rows = openSealedRows(file, storageKey);
    const files = await openSealedFiles(join(folder, 'files'), storageKey);
    const ledger = openDurableLedger(rows);
    const settle = (): void => {
      try {
        rows.settle();
      } catch (error) {
        onUnsettled(error);
      }
    };
    const settling = setInterval(settle, SETTLE_MS).unref();
    return {
      facts: { counters: 'durable', storage: 'sealed', keys: keySource.kind },
      budget: openKeptBudget(MAX_BUDGETS, ledger),
      versions: openDurableVersions(rows),
      sealed: { rows, files },
      close() {
        clearInterval(settling);
        ledger.close();
        rows.close();
      },
    };
  } catch (error) {
    file.close();
    throw error;
  } finally {
    storageKey.fill(0);
  }
}
