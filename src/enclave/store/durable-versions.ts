/** Remembers across restarts which version of each owner's policy was in force, so that no older one comes back with the operator's files. */
import type { VersionMemory } from '../policy-register.ts';
import type { SealedRows } from './sealed-rows.ts';

const PREFIX = 'version\0';
const VALUE_BYTES = 8;

/** Opens the memory of a store. */
export function openDurableVersions(rows: SealedRows): VersionMemory {
  const versions = new Map<string, number>();
  for (const [name, value] of rows.take(PREFIX)) {
    if (value.length !== VALUE_BYTES) continue;
    versions.set(name.slice(PREFIX.length), new DataView(value.buffer, value.byteOffset).getFloat64(0));
  }
  const last = (owner: string): number => versions.get(owner) ?? 0;
  return {
    last,
    remember(owner, version) {
      if (version <= last(owner)) return;
      const value = new DataView(new ArrayBuffer(VALUE_BYTES));
      value.setFloat64(0, version);
      rows.write([[PREFIX + owner, new Uint8Array(value.buffer)]]);
      versions.set(owner, version);
    },
  };
}
