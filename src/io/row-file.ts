/**
 * Rows of a name and a value in one SQLite file that one process holds: what is written together is there together or not at all. The only file
 * that speaks to node:sqlite; judges nothing of what is in the rows. [SQLite write-ahead log]
 */
import { closeSync, fchmodSync, openSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { ConfigurationError } from '../errors.ts';

export interface Row {
  readonly name: Uint8Array;
  readonly value: Uint8Array;
}

export interface RowFile {
  /** Gives all rows, in no order that means anything. */
  rows(): IterableIterator<Row>;
  /** Writes rows, and removes those without a value. It outlives this process at once, and the machine after `settle`. */
  write(rows: readonly { readonly name: Uint8Array; readonly value: Uint8Array | null }[]): void;
  /** Forces to the disk what was written. */
  settle(): void;
  /** Closes the file; what is in the log beside it is moved into it. */
  close(): void;
}

export interface RowFileLimits {
  readonly rows: number;
  /** Bytes of one value. */
  readonly valueBytes: number;
}

/** The one table; a file that has anything else in it, such as a trigger, is not ours. */
const TABLE = 'CREATE TABLE rows (name BLOB PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID';

/** One writer, so that the log needs no shared memory; and nothing that a file says of itself is believed. */
const SETTINGS = [
  'PRAGMA locking_mode = EXCLUSIVE',
  'PRAGMA journal_mode = WAL',
  'PRAGMA synchronous = NORMAL',
  'PRAGMA trusted_schema = OFF',
  'PRAGMA cell_size_check = ON',
  'PRAGMA mmap_size = 0',
];

/** Makes the file with mode 0600 before SQLite can make it with another. */
function makePrivate(path: string): void {
  const file = openSync(path, 'a', 0o600);
  try {
    fchmodSync(file, 0o600);
  } finally {
    closeSync(file);
  }
}

function openDatabase(path: string, limits: RowFileLimits): DatabaseSync {
  makePrivate(path);
  const database = new DatabaseSync(path, { allowExtension: false, defensive: true, timeout: 0 });
  try {
    for (const setting of SETTINGS) database.exec(setting);
    const tables = database.prepare('SELECT sql FROM sqlite_schema').all();
    if (tables.length === 0) database.exec(TABLE);
    else if (tables.length > 1 || tables[0]?.['sql'] !== TABLE) throw new Error('it is not a file of this worker');
    const { count, longest } = database
      .prepare('SELECT count(*) AS count, max(length(value)) AS longest FROM rows')
      .get() as { count: number; longest: number | null };
    if (count > limits.rows || (longest ?? 0) > limits.valueBytes) throw new Error('it is over the cap');
    return database;
  } catch (cause) {
    database.close();
    throw cause;
  }
}

/**
 * Opens the file, and makes it when it is not there.
 * @throws ConfigurationError ERR_CONFIGURATION_FILE when it cannot be opened, is over a cap, or another process holds it; so do all its methods
 */
export function openRowFile(path: string, limits: RowFileLimits): RowFile {
  const unusable = (why: string, cause?: unknown): ConfigurationError =>
    new ConfigurationError('ERR_CONFIGURATION_FILE', `${path} cannot be used: ${why}`, { cause });
  function attempt<T>(step: () => T): T {
    try {
      return step();
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw unusable(why.includes('locked') ? `${why} (does another worker use it?)` : why, cause);
    }
  }
  const database = attempt(() => openDatabase(path, limits));
  const all = database.prepare('SELECT name, value FROM rows');
  const put = database.prepare('INSERT OR REPLACE INTO rows (name, value) VALUES (?, ?)');
  const remove = database.prepare('DELETE FROM rows WHERE name = ?');
  const begin = database.prepare('BEGIN IMMEDIATE');
  const commit = database.prepare('COMMIT');
  let isSettled = true;
  return {
    *rows() {
      for (const { name, value } of attempt(() => all.all())) {
        // A damaged page can give what the table's own definition rules out.
        if (!(name instanceof Uint8Array && value instanceof Uint8Array)) throw unusable('it is damaged');
        yield { name, value };
      }
    },
    write: (rows) =>
      attempt(() => {
        isSettled = false;
        begin.run();
        try {
          for (const { name, value } of rows) {
            if (value === null) remove.run(name);
            else put.run(name, value);
          }
          commit.run();
        } catch (cause) {
          if (database.isTransaction) database.exec('ROLLBACK');
          throw cause;
        }
      }),
    settle: () =>
      attempt(() => {
        if (!isSettled) database.exec('PRAGMA wal_checkpoint(PASSIVE)');
        isSettled = true;
      }),
    close: () => attempt(() => void (database.isOpen && database.close())),
  };
}
