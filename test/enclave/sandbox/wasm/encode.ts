/** Writes core modules byte by byte, for what no text form says: forms that are wrong, and single opcodes. */
import { concatBytes, encodeUtf8 } from '../../../../src/base/bytes.ts';

const HEADER = Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0);

interface Wasm {
  validate(bytes: Uint8Array): boolean;
}
/** Asks V8 whether a module is valid. */
export const validate = (bytes: Uint8Array): boolean =>
  (globalThis as unknown as { WebAssembly: Wasm }).WebAssembly.validate(bytes);

/** Writes an unsigned LEB128 number. */
export function leb(value: number): number[] {
  const bytes: number[] = [];
  for (let left = value; ; left = Math.floor(left / 128)) {
    if (left < 128) return [...bytes, left];
    bytes.push((left % 128) + 128);
  }
}

/** Writes items after their count. */
export function vector(...items: readonly (readonly number[])[]): number[] {
  return [...leb(items.length), ...items.flat()];
}

/** Writes a name. */
export const text = (name: string): number[] => [...leb(name.length), ...encodeUtf8(name)];

/** Writes a section. */
export function section(id: number, content: readonly number[]): Uint8Array {
  return Uint8Array.from([id, ...leb(content.length), ...content]);
}

/** Writes a module. */
export function moduleOf(...sections: readonly Uint8Array[]): Uint8Array {
  return concatBytes(HEADER, ...sections);
}

/** Writes the body of a function without locals. */
export function body(code: readonly number[]): number[] {
  const content = [0, ...code, 0x0b];
  return [...leb(content.length), ...content];
}
