/** A core module's memory by addresses and lengths that the guest says: what lies outside is a RangeError, and lengths have caps. */
import { parseUtf8 } from '../../../base/bytes.ts';
import type { WasmMemory } from '../engine.ts';

/** Gives the bytes at an address, in place; they are gone when the memory grows. @throws RangeError outside of the memory */
export function bytesAt(memory: WasmMemory, at: number, length: number): Uint8Array {
  return new Uint8Array(memory.buffer, at >>> 0, length >>> 0);
}

/** Writes a number of 32 bits. @throws RangeError outside of the memory */
export function writeU32(memory: WasmMemory, at: number, value: number): void {
  new DataView(memory.buffer).setUint32(at >>> 0, value, true);
}

/** Reads text; null when it is longer than `maxBytes` or no UTF-8. @throws RangeError outside of the memory */
export function textAt(memory: WasmMemory, at: number, length: number, maxBytes: number): string | null {
  const bytes = bytesAt(memory, at, length);
  // A copy: decoders do not take memory that may move.
  return bytes.length > maxBytes ? null : parseUtf8(Uint8Array.from(bytes));
}
