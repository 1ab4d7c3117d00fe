/**
 * Changes of WASM binaries: one part of one section (a number, an instruction, a function's body, a nested module), with the sizes around it
 * put right, so that the change is reached.
 */
import { concatBytes } from '../src/base/bytes.ts';
import { leb } from '../test/enclave/sandbox/wasm/encode.ts';
import { changeBytes, type Mutator } from './mutate.ts';
import type { Random } from './random.ts';

const HEADER_BYTES = 8;
const CODE = 10;
/** Sections of a component that hold binaries: a core module, a component. */
const NESTED: readonly number[] = [1, 4];
const NUMBERS = [0, 1, 2, 3, 0x40, 0x7f, 0x80, 0xff, 0x100, 0x3fff, 0x7fff_ffff, 0xffff_ffff];

interface Part {
  readonly id: number;
  readonly content: Uint8Array;
}

/** Reads an unsigned LEB128 number, or gives null when there is none of 32 bits. */
function readLeb(bytes: Uint8Array, start: number): { readonly value: number; readonly end: number } | null {
  let value = 0;
  for (let i = 0; i < 5; i++) {
    const byte = bytes[start + i];
    if (byte === undefined) return null;
    value += (byte & 0x7f) * 2 ** (7 * i);
    if (byte < 0x80) return { value, end: start + i + 1 };
  }
  return null;
}

/** Splits a binary into its sections, as far as it has any. */
function split(bytes: Uint8Array): readonly Part[] {
  const parts: Part[] = [];
  for (let at = HEADER_BYTES; at < bytes.length; ) {
    const size = readLeb(bytes, at + 1);
    if (size === null) break;
    parts.push({ id: bytes[at] ?? 0, content: bytes.subarray(size.end, size.end + size.value) });
    at = size.end + size.value;
  }
  return parts;
}

function join(header: Uint8Array, parts: readonly Part[]): Uint8Array {
  return concatBytes(
    header,
    ...parts.flatMap(({ id, content }) => [Uint8Array.of(id, ...leb(content.length)), content]),
  );
}

/** Changes a few bytes: mostly one for one, because an instruction more or less is seldom valid. */
function changeSome(content: Uint8Array, random: Random): Uint8Array {
  if (content.length === 0 || random.chance(0.3)) return changeBytes(content, random, [content]);
  const out = Uint8Array.from(content);
  const at = random.below(out.length);
  const old = out[at] ?? 0;
  if (random.chance(0.25)) {
    const number = Uint8Array.from(leb(random.pick(NUMBERS)));
    return concatBytes(out.subarray(0, at), number, out.subarray(at + 1));
  }
  out[at] = random.pick([old ^ 1, old + 1, old - 1, random.below(0x100), random.below(0x20), 0x41, 0x0b, 0x20]) & 0xff;
  return out;
}

/** Changes the body of one function, and puts its size right. */
function changeBody(content: Uint8Array, random: Random): Uint8Array {
  const count = readLeb(content, 0);
  if (count === null || count.value === 0) return changeSome(content, random);
  const bodies: Uint8Array[] = [];
  for (let at = count.end; at < content.length; ) {
    const size = readLeb(content, at);
    if (size === null) break;
    bodies.push(content.subarray(size.end, size.end + size.value));
    at = size.end + size.value;
  }
  const at = random.below(bodies.length);
  bodies[at] = changeSome(bodies[at] ?? content, random);
  const sized = bodies.flatMap((body) => [Uint8Array.from(leb(body.length)), body]);
  return concatBytes(content.subarray(0, count.end), ...sized);
}

/** Changes one section of a module or component, or moves, doubles, drops or exchanges one. */
export const changeWasm: Mutator = (input, random, others) => {
  const parts = [...split(input)];
  const at = random.below(parts.length);
  const part = parts[at];
  if (part === undefined) return changeBytes(input, random, others);
  const { id, content } = part;
  const isComponent = input[4] !== 1;
  const replace = (bytes: Uint8Array): void => void (parts[at] = { id, content: bytes });
  switch (random.below(24)) {
    case 0: {
      const other = random.pick(split(random.pick(others)));
      parts[at] = other.id === id || random.chance(0.2) ? other : part;
      break;
    }
    case 1:
      parts.splice(at, 1);
      break;
    case 2:
      parts.splice(random.below(parts.length), 0, part);
      break;
    case 3:
      parts[at] = { id: random.below(15), content };
      break;
    default:
      if (isComponent && NESTED.includes(id)) replace(changeWasm(content, random, [content]));
      else if (!isComponent && id === CODE) replace(changeBody(content, random));
      else replace(changeSome(content, random));
  }
  return join(input.subarray(0, HEADER_BYTES), parts);
};
