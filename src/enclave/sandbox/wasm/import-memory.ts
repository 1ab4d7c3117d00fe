/**
 * Writes a core module that is given its memory instead of making it, so that one memory can serve many instances, one after another. The
 * memory keeps its place and its limits; nothing else of the module changes. [WebAssembly core 5.5.5, 5.5.8]
 */
import { concatBytes, encodeUtf8 } from '../../../base/bytes.ts';
import { readCount } from '../component/cursor.ts';
import { readOwnMemory } from './cap-memory.ts';
import { openSection, readSections, SECTION, writeSections, writeU32 } from './sections.ts';

/** The names that such a module imports its memory by. */
export const OWN_MEMORY = { module: 'anchorhold:own-memory', name: 'memory' } as const;

/** Pages of 64 KiB. */
export interface MemoryLimits {
  readonly initial: number;
  readonly maximum: number;
}

const MEMORY_WITH_MAX = [0x02, 0x01];

function writeName(name: string): Uint8Array {
  const bytes = encodeUtf8(name);
  return concatBytes(writeU32(bytes.length), bytes);
}

/** Gives the module and the limits of its memory; null for one that makes none, or one whose memory has no maximum. @throws Malformed */
export function importMemory(bytes: Uint8Array): { readonly module: Uint8Array; readonly limits: MemoryLimits } | null {
  const memory = readOwnMemory(bytes);
  if (memory === null || memory.max === null) return null;
  const { sections, min, max } = memory;
  const section = readSections(bytes).find(({ id }) => id === SECTION.import);
  const imports = section === undefined ? null : openSection(bytes, section, { left: Number.POSITIVE_INFINITY });
  const count = imports === null ? 0 : readCount(imports);
  const others = imports === null ? new Uint8Array(0) : bytes.subarray(imports.at, imports.end);
  const own = concatBytes(
    writeName(OWN_MEMORY.module),
    writeName(OWN_MEMORY.name),
    Uint8Array.from(MEMORY_WITH_MAX),
    writeU32(min),
    writeU32(max),
  );
  // At the end, so that nothing before it changes its place.
  const content = concatBytes(writeU32(count + 1), others, own);
  const kept = sections.filter(({ id }) => id !== SECTION.memory);
  return {
    module: writeSections(bytes, kept, new Map([[SECTION.import, content]]), true),
    limits: { initial: min, maximum: max },
  };
}
