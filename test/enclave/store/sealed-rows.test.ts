/** What the sealed store keeps, hides and notices. What it cannot notice, an older copy of everything, is written down here, too. */
import { readdirSync, readFileSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, it } from 'vitest';
import { encodeUtf8 } from '../../../src/base/bytes.ts';
import { openSealedRows, type SealedRows } from '../../../src/enclave/store/sealed-rows.ts';
import { openRowFile, type RowFile } from '../../../src/io/row-file.ts';
import { copyFolder, makeTestFolder } from './folder.ts';

const KEY = new Uint8Array(32).fill(7);
const LIMITS = { rows: 1000, valueBytes: 4096 };
const text = (value: string): Uint8Array => encodeUtf8(value);

function openIn(folder: string, key = KEY): SealedRows {
  const file = openRowFile(join(folder, 'rows.db'), LIMITS);
  try {
    return openSealedRows(file, key);
  } catch (error) {
    file.close();
    throw error;
  }
}

function contentOf(folder: string, prefix = ''): Record<string, string> {
  const rows = openIn(folder);
  try {
    return Object.fromEntries([...rows.take(prefix)].map(([name, value]) => [name, Buffer.from(value).toString()]));
  } finally {
    rows.close();
  }
}

/** Changes the file behind the store's back. */
function meddle(folder: string, sql: string): void {
  const database = new DatabaseSync(join(folder, 'rows.db'));
  database.exec(sql);
  database.close();
}

/** A store of three values that was closed in order. */
function closedStore(): string {
  const folder = makeTestFolder();
  const rows = openIn(folder);
  rows.write([
    ['a', text('one')],
    ['b', text('two')],
  ]);
  rows.write([['c', text('three')]]);
  rows.close();
  return folder;
}

describe('sealed rows', () => {
  it('are there again after a restart, with the same id and one generation for each write', () => {
    const folder = makeTestFolder();
    const first = openIn(folder);
    const { id } = first;
    first.write([['limit a', text('one')]]);
    first.write([
      ['limit b', text('two')],
      ['limit a', text('three')],
      ['item', text('four')],
    ]);
    first.write([['limit b', null]]);
    const generation = first.generation();
    first.close();
    const second = openIn(folder);
    expect(second.id).toEqual(id);
    expect(second.generation()).toBe(generation);
    expect([...second.take('limit ')]).toEqual([['limit a', text('three')]]);
    expect([...second.take('limit ')]).toEqual([]);
    expect([...second.take('')]).toEqual([['item', text('four')]]);
    second.close();
  });

  it('are there again after the process was killed', () => {
    const folder = makeTestFolder();
    const rows = openIn(folder);
    rows.write([['a', text('one')]]);
    const found = copyFolder(folder);
    rows.close();
    expect(contentOf(found)).toEqual({ a: 'one' });
  });

  it('show neither names nor values in any file', () => {
    const folder = makeTestFolder();
    const rows = openIn(folder);
    rows.write([['hospital-a analysts', text('patients of hospital-a')]]);
    for (const file of readdirSync(folder)) {
      const bytes = readFileSync(join(folder, file));
      for (const word of ['hospital', 'analysts', 'patients']) expect(bytes.includes(word)).toBe(false);
    }
    rows.close();
  });

  it('do not open with another key', () => {
    const folder = closedStore();
    expect(() => openIn(folder, new Uint8Array(32).fill(8))).toThrow(
      expect.objectContaining({ code: 'ERR_SECRET_STORE' }),
    );
    expect(Object.keys(contentOf(folder))).toHaveLength(3);
  });

  it('do not open when any one row is missing, changed or in the place of another', () => {
    const names = new DatabaseSync(join(closedStore(), 'rows.db')).prepare('SELECT name FROM rows').all();
    expect(names).toHaveLength(4);
    for (let i = 0; i < names.length; i++) {
      const nth = `(SELECT name FROM rows ORDER BY value LIMIT 1 OFFSET ${i})`;
      for (const sql of [
        `DELETE FROM rows WHERE name = ${nth}`,
        `UPDATE rows SET value = CAST(value || x'00' AS BLOB) WHERE name = ${nth}`,
        `UPDATE rows SET value = (SELECT value FROM rows ORDER BY value DESC LIMIT 1 OFFSET ${i}) WHERE name = ${nth}`,
      ]) {
        const folder = closedStore();
        const before = new DatabaseSync(join(folder, 'rows.db'));
        before.exec(sql);
        const same = before.prepare('SELECT changes() AS n').get() as { n: number };
        before.close();
        expect(same.n).toBe(1);
        expect(() => openIn(folder)).toThrow(expect.objectContaining({ code: 'ERR_SECRET_STORE' }));
      }
    }
  });

  it('do not open when one row is an older one of its own', () => {
    const folder = makeTestFolder();
    const rows = openIn(folder);
    rows.write([['a', text('full')]]);
    rows.write([['b', text('other')]]);
    rows.close();
    const old = copyFolder(folder);
    const again = openIn(folder);
    again.write([['a', text('spent')]]);
    again.close();
    expect(contentOf(folder)).toEqual({ a: 'spent', b: 'other' });
    meddle(
      folder,
      `ATTACH '${join(old, 'rows.db')}' AS old; UPDATE rows SET value = (SELECT value FROM old.rows WHERE old.rows.name = rows.name)
       WHERE name IN (SELECT name FROM old.rows) AND length(value) < 100`,
    );
    expect(() => openIn(folder)).toThrow(expect.objectContaining({ code: 'ERR_SECRET_STORE' }));
  });

  it('open when all of an older copy is put back: nothing in this machine can tell, but for the generation', () => {
    const folder = makeTestFolder();
    const rows = openIn(folder);
    rows.write([['a', text('full')]]);
    const old = copyFolder(folder);
    rows.write([['a', text('spent')]]);
    const generation = rows.generation();
    rows.close();
    const restored = openIn(old);
    expect([...restored.take('')]).toEqual([['a', text('full')]]);
    expect(restored.generation()).toBeLessThan(generation);
    restored.close();
  });

  it('are as after some earlier write when the log is cut anywhere, and never a mixture', () => {
    const folder = makeTestFolder();
    const rows = openIn(folder);
    const states = [{}];
    for (let i = 0; i < 5; i++) {
      rows.write([
        ['x', text(`${i}`)],
        [`y${i}`, text('there')],
      ]);
      states.push({ ...states.at(-1), x: `${i}`, [`y${i}`]: 'there' });
    }
    const log = 'rows.db-wal';
    const { length } = readFileSync(join(folder, log));
    for (let cut = 0; cut < length; cut += 997) {
      const copy = copyFolder(folder);
      truncateSync(join(copy, log), cut);
      expect(states).toContainEqual(contentOf(copy));
    }
    rows.close();
  });

  it('are not opened by two at the same time', () => {
    const folder = makeTestFolder();
    const rows = openIn(folder);
    expect(() => openIn(folder)).toThrow(expect.objectContaining({ code: 'ERR_CONFIGURATION_FILE' }));
    rows.close();
  });

  it.each([
    ['no database', (folder: string) => truncateSync(join(folder, 'rows.db'), 5000)],
    ['more than the one table', (folder: string) => meddle(folder, 'CREATE TABLE more (a)')],
    [
      'a trigger',
      (folder: string) => meddle(folder, 'CREATE TRIGGER t AFTER INSERT ON rows BEGIN DELETE FROM rows; END'),
    ],
    ['a value over the cap', (folder: string) => meddle(folder, "INSERT INTO rows VALUES (x'00', zeroblob(5000))")],
  ])('are not opened from a file with %s', (_, spoil) => {
    const folder = closedStore();
    spoil(folder);
    expect(() => openIn(folder)).toThrow(expect.objectContaining({ code: 'ERR_CONFIGURATION_FILE' }));
  });

  it('stay as they were when a write fails', () => {
    const folder = makeTestFolder();
    const file = openRowFile(join(folder, 'rows.db'), LIMITS);
    let isFull = false;
    const failing: RowFile = {
      ...file,
      rows: () => file.rows(),
      write: (rows) => {
        if (isFull) throw new Error('the disk is full');
        file.write(rows);
      },
    };
    const rows = openSealedRows(failing, KEY);
    rows.write([['a', text('one')]]);
    isFull = true;
    expect(() =>
      rows.write([
        ['a', text('two')],
        ['b', text('three')],
        ['a', null],
      ]),
    ).toThrow('the disk is full');
    isFull = false;
    rows.write([['c', text('four')]]);
    rows.close();
    expect(contentOf(folder)).toEqual({ a: 'one', c: 'four' });
  });
});
