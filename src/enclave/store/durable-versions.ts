/** Remembers across restarts which version of each owner's policy was in force, so that no older or withdrawn one comes back with the operator's files. */
import { type LastVersion, NO_VERSION, newerVersion, type VersionMemory } from '../policy-register.ts';
import type { SealedRows } from './sealed-rows.ts';

const PREFIX = 'version\0';
/** The version as a number of 64 bits, and 1 when it was withdrawn. */
const VALUE_BYTES = 9;
const WITHDRAWN_AT = 8;

function encode({ version, withdrawn }: LastVersion): Uint8Array {
  const value = new DataView(new ArrayBuffer(VALUE_BYTES));
  value.setFloat64(0, version);
  value.setUint8(WITHDRAWN_AT, withdrawn ? 1 : 0);
  return new Uint8Array(value.buffer);
}

function decode(value: Uint8Array): LastVersion {
  const view = new DataView(value.buffer, value.byteOffset);
  return { version: view.getFloat64(0), withdrawn: view.getUint8(WITHDRAWN_AT) !== 0 };
}

/** Opens the memory of a store. */
export function openDurableVersions(rows: SealedRows): VersionMemory {
  const versions = new Map<string, LastVersion>();
  for (const [name, value] of rows.take(PREFIX))
    if (value.length === VALUE_BYTES) versions.set(name.slice(PREFIX.length), decode(value));
  const last = (owner: string): LastVersion => versions.get(owner) ?? NO_VERSION;
  return {
    last,
    remember(owner, seen) {
      const newer = newerVersion(last(owner), seen);
      if (newer === null) return;
      rows.write([[PREFIX + owner, encode(newer)]]);
      versions.set(owner, newer);
    },
  };
}
