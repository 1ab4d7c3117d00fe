/**
 * Dated tables of the lowest TCB levels that hold known attacks off. Data, not judgement: a table is never changed (a test holds its
 * digest), a new one gets a new date. Keyed by family, model and stepping, because microcode levels of different steppings cannot be
 * compared; a CPU without a row has no floor that we know, and is refused. docs/trust.md says how a table is added.
 */
import { deepFreeze } from '../../base/freeze.ts';
import type { FloorTableName } from '../requirements.ts';
import type { Cpuid } from './product.ts';
import type { Tcb } from './tcb.ts';

/** The floor of one CPU. */
export interface FloorRow {
  readonly name: string;
  readonly cpuid: Cpuid;
  readonly floor: Tcb;
  /** Where the numbers come from, and year and month in which they were read there. */
  readonly source: string;
  readonly readIn: string;
}

/** RMPocalypse gives the SNP level, StackWarp that of the microcode. AMD withdrew values from some bulletins in 2026-09. */
const SOURCE_2026_09 = 'AMD-SB-3020 (snp), AMD-SB-3027 (microcode), as published by third parties';

/** The tables by date. */
export const FLOORS: Readonly<Record<FloorTableName, readonly FloorRow[]>> = deepFreeze({
  '2026-09': [
    {
      name: 'Genoa B1',
      cpuid: { family: 0x19, model: 0x11, stepping: 0x01 },
      floor: { fmc: null, bootloader: 0, tee: 0, snp: 0x1b, microcode: 0x56 },
      source: SOURCE_2026_09,
      readIn: '2026-09',
    },
    {
      name: 'Genoa-X B2',
      cpuid: { family: 0x19, model: 0x11, stepping: 0x02 },
      floor: { fmc: null, bootloader: 0, tee: 0, snp: 0x1b, microcode: 0x51 },
      source: SOURCE_2026_09,
      readIn: '2026-09',
    },
    {
      name: 'Turin C1',
      cpuid: { family: 0x1a, model: 0x02, stepping: 0x01 },
      floor: { fmc: 0, bootloader: 0, tee: 0, snp: 0x04, microcode: 0x51 },
      source: SOURCE_2026_09,
      readIn: '2026-09',
    },
  ],
});

/** Finds the floor of a CPU; gives null for one that the table does not list, and for a report that names no CPU. */
export function findFloor(table: FloorTableName, cpuid: Cpuid | null): Tcb | null {
  const rows: readonly FloorRow[] = Object.hasOwn(FLOORS, table) ? FLOORS[table] : [];
  const row = rows.find(
    ({ cpuid: c }) => c.family === cpuid?.family && c.model === cpuid.model && c.stepping === cpuid.stepping,
  );
  return row?.floor ?? null;
}
