/**
 * A guest's memory as preview1 touches it. Every pointer and length is hostile: each range is checked against the memory as it is now, and
 * one that is outside is `fault`. [WASI snapshot-01]
 */
import { parseUtf8 } from '../../../base/bytes.ts';
import type { WasmMemory } from '../engine.ts';
import { Errno } from './preview1-errno.ts';

/** Buffers in one call: as many as Linux takes. */
const MAX_VECTORS = 1024;
const VECTOR_BYTES = 8;

export class Preview1Memory {
  #memory: WasmMemory | null = null;

  /** Tells where the memory is, once the module is instantiated. */
  bind(memory: WasmMemory): void {
    this.#memory = memory;
  }

  #check(at: number, size: number): ArrayBuffer {
    const buffer = this.#memory?.buffer;
    if (buffer === undefined || at + size > buffer.byteLength) throw new Errno('fault');
    return buffer;
  }

  /** Gives a range of the memory itself; whoever keeps it must copy it. */
  bytes(pointer: number, length: number): Uint8Array {
    const [at, size] = [pointer >>> 0, length >>> 0];
    return new Uint8Array(this.#check(at, size), at, size);
  }

  /** Gives a range to read and write numbers in, little-endian. */
  view(pointer: number, length: number): DataView {
    const at = pointer >>> 0;
    return new DataView(this.#check(at, length), at, length);
  }

  /** Gives a range of zeros, to fill in what is not zero. */
  blank(pointer: number, length: number): DataView {
    this.bytes(pointer, length).fill(0);
    return this.view(pointer, length);
  }

  setU32(pointer: number, value: number): void {
    this.view(pointer, 4).setUint32(0, value, true);
  }

  setU64(pointer: number, value: bigint): void {
    this.view(pointer, 8).setBigUint64(0, value, true);
  }

  /** Reads text; what is not UTF-8 is `ilseq`. */
  text(pointer: number, length: number): string {
    const text = parseUtf8(this.bytes(pointer, length));
    if (text === null) throw new Errno('ilseq');
    return text;
  }

  /** Gives the buffers of a list, in place. */
  vectors(pointer: number, count: number): readonly Uint8Array[] {
    if (count >>> 0 > MAX_VECTORS) throw new Errno('inval');
    const list = this.view(pointer, (count >>> 0) * VECTOR_BYTES);
    return Array.from({ length: count >>> 0 }, (_, i) =>
      this.bytes(list.getUint32(i * VECTOR_BYTES, true), list.getUint32(i * VECTOR_BYTES + 4, true)),
    );
  }
}
