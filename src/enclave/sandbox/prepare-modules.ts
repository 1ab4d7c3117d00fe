/**
 * Changes a function's core modules before they are compiled, in its own process: memories and tables get a maximum, and code counts gas
 * where it has to. The digest was checked over the bytes as they were.
 */
import { LIMITS } from '../../base/limits.ts';
import { Malformed } from './component/cursor.ts';
import { at } from './component/scope.ts';
import { ENGINE } from './engine.ts';
import { capMemory, makesMemory } from './wasm/cap-memory.ts';
import { capTables, tableSizes } from './wasm/cap-tables.ts';
import { meterModule } from './wasm/meter.ts';

/** What a function's modules are held to. */
export interface ModuleRules {
  /** Pages of 64 KiB that all memories of one instance may have together. */
  readonly memoryPages: number;
  /** Gas of one instance, for a function whose answers must be the same everywhere; null for any other. */
  readonly gas: number | null;
}

/** Gives how much each table of one instance may grow; @throws Malformed when they begin with more entries than they may have together. */
function growthOfTables(modules: readonly Uint8Array[], made: readonly number[]): number {
  const sizes = modules.map(tableSizes);
  let [count, left] = [0, LIMITS.guestTableEntries];
  for (const place of made) {
    for (const size of at(sizes, place, 'module')) {
      count += 1;
      left -= size;
    }
  }
  if (left < 0) throw new Malformed(`its tables begin with more than ${LIMITS.guestTableEntries} entries`);
  return Math.floor(left / Math.max(count, 1));
}

/**
 * Gives the modules as they are to be compiled; `made` lists the place of a module for each time that one instance makes it. Several
 * memories or tables share what there is evenly, because nobody else adds them up.
 * @throws Malformed when a memory begins with more than its share, tables with more than there is, or when gas cannot be counted
 */
export function prepareModules(
  modules: readonly Uint8Array[],
  made: readonly number[],
  rules: ModuleRules,
): readonly Uint8Array[] {
  const memories = modules.map(makesMemory);
  const count = made.filter((place) => at(memories, place, 'module')).length;
  const pages = Math.floor(rules.memoryPages / Math.max(count, 1));
  const growth = growthOfTables(modules, made);
  const { gas } = rules;
  return modules.map((bytes) => {
    const capped = capTables(capMemory(bytes, pages), growth);
    if (gas === null) return capped;
    // What has no counter yet must be valid as it is: a place beyond its globals would be the counter's.
    if (!ENGINE.validate(bytes)) throw new Malformed('a module is not valid');
    return meterModule(capped, gas);
  });
}
