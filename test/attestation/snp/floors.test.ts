/** The floor tables are data that never changes: whoever named one in a trust file gets the same demands for ever. */
import { describe, expect, it } from 'vitest';
import { type FloorTableName, PRESETS, type PresetName } from '../../../src/attestation/requirements.ts';
import { FLOORS, type FloorRow, findFloor } from '../../../src/attestation/snp/floors.ts';
import { findProduct } from '../../../src/attestation/snp/product.ts';
import { encodeUtf8 } from '../../../src/base/bytes.ts';
import { encodeCanonicalJson, type Json } from '../../../src/base/canonical-json.ts';
import { formatDigest, sha256 } from '../../../src/base/digest.ts';

/** SHA-256 of each table's rows in canonical JSON. A table that was released is never edited; a new one gets its own line. */
const DIGESTS: Readonly<Record<FloorTableName, string>> = {
  '2026-09': 'sha256:3d35757ba624df912a31feeca3ea57ea167ea991d085b3abc85a79d2ab28dfac',
};

/** The same for presets, which never change either. */
const PRESET_DIGESTS: Readonly<Record<PresetName, string>> = {
  'strict-2026-11': 'sha256:18493ac20b43ab2144f1a2a54e30d227638812df32205755f67d618eb69e4c20',
};

const digestOf = (data: unknown): string =>
  formatDigest(sha256(encodeUtf8(encodeCanonicalJson(JSON.parse(JSON.stringify(data)) as Json))));

const tables = Object.entries(FLOORS) as [FloorTableName, readonly FloorRow[]][];

describe.each(tables)('the floor table %s', (name, rows) => {
  it('is what it was when it was released', () => {
    expect(digestOf(rows)).toBe(DIGESTS[name]);
  });

  it('has one row for each CPU, in the layout of its product line, with source and month', () => {
    expect(rows.length).toBeGreaterThan(0);
    for (const { name: cpu, cpuid, floor, source, readIn } of rows) {
      const product = findProduct(cpuid);
      expect([cpu, product]).toEqual([cpu, cpu.startsWith('Turin') ? 'Turin' : 'Genoa']);
      expect([cpu, floor.fmc !== null]).toEqual([cpu, product === 'Turin']);
      expect(source).toMatch(/AMD-SB-\d{4}/);
      expect(readIn).toMatch(/^20\d\d-(0[1-9]|1[0-2])$/);
      expect(readIn <= name).toBe(true);
      expect(findFloor(name, cpuid)).toEqual(floor);
    }
    const cpus = rows.map(({ cpuid }) => `${cpuid.family}/${cpuid.model}/${cpuid.stepping}`);
    expect(new Set(cpus).size).toBe(rows.length);
  });

  it('knows no floor for another stepping, and none for a report without CPU', () => {
    expect(findFloor(name, { family: 0x19, model: 0x11, stepping: 0x0f })).toBeNull();
    expect(findFloor(name, null)).toBeNull();
  });
});

it('each table is pinned, and each preset names one that exists', () => {
  expect(Object.keys(DIGESTS).toSorted()).toEqual(tables.map(([name]) => name).toSorted());
  for (const { tcb } of Object.values(PRESETS)) expect(tables.map(([name]) => name)).toContain(tcb);
});

it.each(Object.entries(PRESETS) as [PresetName, unknown][])('the preset %s is what it was', (name, machine) => {
  expect(digestOf(machine)).toBe(PRESET_DIGESTS[name]);
});
